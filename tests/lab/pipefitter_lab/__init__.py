# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on one machine, each a set of namespaces with its own Docker, Open vSwitch and SSH."""

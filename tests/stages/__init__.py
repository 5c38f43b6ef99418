# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every test of the collection and counts: the program behind scripts/test.sh.

It needs nothing but the Python of the machine; scripts/prepare.sh puts the rest
in place. Tests run on a copy of what git knows of the working tree, at a path
that ends in ansible_collections/pipefitter/container_network, because
ansible-test refuses any other; so a run leaves nothing in the working tree.
"""

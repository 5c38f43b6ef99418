#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs every test of the collection: scripts/test.sh --help
set -euo pipefail

# Not the first python3 on PATH: the stages start from the Python that hosts
# have, and a version manager's shims are refused by ansible-test. -B: a run
# leaves nothing in the working tree.
exec /usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/../tests/stages" "$@"

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine for all tests, which use what those of the lab do."""

from __future__ import annotations

import pathlib
import sys

import pytest

_TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(_TESTS / "integration"), str(_TESTS / "lab")]


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A virtual machine that has booted. What comes to port 8080 of its outside comes to its own."""
    from pipefitter_lab import virtual_machine, virtual_machine_image

    started = virtual_machine.VirtualMachine(virtual_machine_image.made(), tmp_path_factory.mktemp("vm"), [8080])
    try:
        started.wait()
        yield started
    finally:
        started.stop()

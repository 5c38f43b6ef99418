# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task costs before it looks at the host: the controller packs these files, the host compiles those lines.

A limit that is hit is a question: does every run of that module need what came with it? Import it where it is needed,
in the function, and it is loaded there. Raise a limit for what is needed each time.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).absolute()
FOLDER = next(folder.parent for folder in HERE.parents if folder.name == "ansible_collections")

# By module: files and bytes of ours that are packed, and lines that are imported until it is ready to run.
LIMITS = {
    "container_bridge": (141, 823_000, 8_420),
    "container_neighbours_info": (100, 577_000, 5_940),
    "container_network_info": (242, 1_404_000, 14_270),
    "host_nic_bridge": (124, 705_000, 10_430),
    "host_program": (270, 1_505_000, 3_680),
    "icc_policy": (141, 830_000, 9_050),
    "nic_attach": (166, 945_000, 10_300),
    "ovs_vlan_port": (133, 794_000, 8_830),
    "port_publish": (139, 834_000, 8_760),
    "veth_attach": (155, 932_000, 10_110),
    "veth_link": (144, 847_000, 9_560),
}
# What costs most: netaddr, which nothing needs, and what only changes need: pyroute2 brings multiprocessing.
LATE = {"netaddr", "pyroute2", "multiprocessing"}


def told(*words):
    command = [sys.executable, "-B", str(HERE.with_name("payloads.py")), str(FOLDER), *words]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)


def test_the_controller_packs_no_more_than_before():
    packed = told()
    assert set(packed) == set(LIMITS), "each module has a limit"
    limits = {module: limit[:2] for module, limit in LIMITS.items()}
    over = {
        module: (now, limits[module]) for module, now in packed.items() if any(map(int.__gt__, now, limits[module]))
    }
    assert over == {}


@pytest.mark.parametrize("module", LIMITS)
def test_the_host_compiles_no_more_than_before(module):
    lines, libraries = told(module)
    assert 1000 < lines <= LIMITS[module][2], lines
    assert LATE.isdisjoint(libraries)


def test_all_of_the_program_comes_to_the_host_that_it_is_made_on():
    """What is named only in a text, as the program's first lines are, is packed for nobody."""
    packed = told("--files", "host_program")
    service = FOLDER / "ansible_collections/pipefitter/container_network/plugins/module_utils/service"
    missing = {file.name for file in service.glob("*.py")} - {
        pathlib.PurePath(name).name for name in packed if "/module_utils/service/" in name
    }
    assert missing == {"nic_guard.py"}, "which is a program of its own"
    assert any(name.endswith("/service/nic_guard.py") for name in told("--files", "host_nic_bridge"))

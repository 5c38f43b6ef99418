# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the lab for the scenarios' tests, over plain SSH.

Molecule offers testinfra its own connection, which starts Ansible for every
command: 22 s for what takes 0.1 s this way.
"""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
import testinfra
import yaml
from testinfra.host import Host


def _inventory() -> dict[str, t.Any]:
    path = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["lab"]


@pytest.fixture(scope="session")
def lab() -> dict[str, Host]:
    """All hosts of the lab, by name."""
    inventory = _inventory()
    common = inventory["vars"]
    return {
        name: testinfra.get_host(
            f"ssh://{common['ansible_user']}@{variables['ansible_host']}",
            ssh_extra_args=common["ansible_ssh_common_args"],
            # One connection for all commands; the lab keeps the sockets of two labs apart.
            controlpath=f"{common['ansible_control_path_dir']}/testinfra-{name}",
        )
        for name, variables in inventory["hosts"].items()
    }


@pytest.fixture(scope="session", params=sorted(_inventory()["hosts"]))
def host(request: pytest.FixtureRequest, lab: dict[str, Host]) -> Host:
    """Each host of the lab in turn."""
    return lab[request.param]

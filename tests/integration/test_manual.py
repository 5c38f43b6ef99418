# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual page and the completion that the role host_setup installs with the service, and takes away with it."""

from __future__ import annotations

from service import PROGRAM
from wiring import attach, make_bridge, make_namespaces

_COMPLETION = "/usr/local/share/bash-completion/completions/pipefitter"
_MANUAL = "/usr/local/share/man/man8/pipefitter.8"
_FORGET = f"""
source {_COMPLETION}
COMP_WORDS=(pipefitter forget eth1) COMP_CWORD=2
PATH=$PATH:{PROGRAM.rpartition("/")[0]} _pipefitter
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def _part_of_role(name):
    return {"ansible.builtin.import_role": {"name": "pipefitter.container_network.host_setup", "tasks_from": name}}


def test_the_role_puts_them_there_once_and_takes_them_away(hosta, fleet):
    before = hosta.run("stat", "-c", "%a %U", "/usr/local/share").stdout
    assert fleet.play_tasks("hosta", _part_of_role("manual")).ok().changed["hosta"] >= 1
    assert fleet.play_tasks("hosta", _part_of_role("manual")).ok().changed["hosta"] == 0
    assert hosta.run("stat", "-c", "%a", _MANUAL, _COMPLETION).stdout.split() == ["644", "644"]
    assert hosta.run("stat", "-c", "%a %U", "/usr/local/share").stdout == before

    hosta.module("host_program")
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0")
    assert hosta.run("bash", "-c", _FORGET).stdout == "eth1\\ of\\ netns\\ /run/netns/probe\n"

    assert fleet.play_tasks("hosta", _part_of_role("no_service")).ok().changed["hosta"] >= 2
    left = hosta.run("ls", _MANUAL, _COMPLETION, PROGRAM, check=False)
    assert left.stdout == "" and left.returncode != 0
    assert fleet.play_tasks("hosta", _part_of_role("no_service")).ok().changed["hosta"] == 0

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual page and the completion that the role host_setup installs with the service, and takes away with it."""

from __future__ import annotations

from service import PROGRAM
from wiring import attach, make_bridge, make_namespaces

_COMPLETION = "/usr/local/share/bash-completion/completions/pipefitter"
_MANUAL = "/usr/local/share/man/man8/pipefitter.8"
_FOLDERS = ("/usr/local/share/man/man8", "/usr/local/share/bash-completion/completions")


def _offered(host, *words):
    """Return what is offered for the last of words."""
    completed = f"""
source {_COMPLETION}
COMP_WORDS=(pipefitter "$@") COMP_CWORD=$#
PATH=$PATH:{PROGRAM.rpartition("/")[0]} _pipefitter
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return host.run("bash", "-c", completed, "bash", *words).stdout.splitlines()


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
    attach(hosta, container="web1", bridge="br0", wait=False)
    attach(hosta, container="web2", bridge="br0", runtime="docker", interface="lan", wait=False)
    assert _offered(hosta, "forget", "eth1 of n") == ["eth1\\ of\\ netns\\ /run/netns/probe"]
    assert _offered(hosta, "wait", "--container", "") == ["web1", "web2"]
    assert _offered(hosta, "wait", "--container", "web2") == ["web2"]

    assert fleet.play_tasks("hosta", _part_of_role("no_service")).ok().changed["hosta"] >= 2
    left = hosta.run("ls", _MANUAL, _COMPLETION, PROGRAM, check=False)
    assert left.stdout == "" and left.returncode != 0
    left = hosta.run("ls", "-d", *_FOLDERS, check=False).stdout.split()
    assert not [folder for folder in left if not hosta.run("ls", folder).stdout], "empty folders are left"
    assert fleet.play_tasks("hosta", _part_of_role("no_service")).ok().changed["hosta"] == 0

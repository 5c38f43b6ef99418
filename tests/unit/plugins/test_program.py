# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""That what is said of the program ``pipefitter`` in several places is the same."""

from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import subprocess

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import command_line
from ansible_collections.pipefitter.container_network.plugins.module_utils.version import VERSION

ROOT = pathlib.Path(__file__).resolve().parents[3]
MANUAL = ROOT / "roles/host_setup/files/pipefitter.8"
COMPLETION = ROOT / "roles/host_setup/files/pipefitter.bash-completion"


def test_the_version_is_that_of_the_collection():
    assert re.findall(r"^version: (\S+)$", (ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE) == [VERSION]


def _options(parser):
    """Return the long options of a parser, and as ``WHAT`` what stands without one."""
    told = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return {(action.option_strings or [action.metavar])[-1] for action in told} - {"--help"}


def _commands():
    """Return the commands that --help tells of, with their options."""
    (commands,) = [
        action for action in command_line._parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return {action.dest: _options(commands.choices[action.dest]) for action in commands._choices_actions}


def _section(name):
    text = MANUAL.read_text(encoding="utf-8").replace(r"\-", "-")
    (section,) = re.findall(rf"^\.SH {name}\n(.*?)(?=^\.SH|\Z)", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"\\f[BIR]", "", line) for line in re.findall(r"^\.TP\n\.B (.*)$", section, re.MULTILINE)]


def test_the_manual_page_names_the_commands_and_options_of_help():
    manual = {}
    for line in _section("COMMANDS"):
        name, *words = re.findall(r"--[a-z]+ [A-Z]+|--[a-z]+|[a-z]+|[A-Z]+", line)
        manual[name] = {word.partition(" ")[0] for word in words}
    assert manual == _commands()
    assert {word for line in _section("OPTIONS") for word in re.findall(r"--[a-z]+", line)} == {
        "--help",
        "--version",
    }
    assert _options(command_line._parser()) - {"COMMAND"} == {"--version"}


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_sound():
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", MANUAL], capture_output=True, check=True, timeout=60)
    assert done.stderr == b"" and b"PIPEFITTER(8)" in done.stdout


NAMES = ["bridge br0", "eth1 of container web1", "eth1 of container web2", "eth1 of netns /run/netns/it's $a"]


def completed(*words):
    """Return what bash offers for the last of the words of a line, as it was typed."""
    script = """
        source "$1"; shift
        pipefitter() { [ "$*" = "status --names" ] && printf '%s\\n' "${names[@]}"; }
        mapfile -t names <<<"$1"; shift
        COMP_WORDS=(pipefitter "$@") COMP_CWORD=$#
        _pipefitter
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    arguments = ["bash", "-c", script, "bash", str(COMPLETION), "\n".join(NAMES), *words]
    done = subprocess.run(arguments, capture_output=True, check=True, timeout=60, encoding="utf-8")
    assert done.stderr == ""
    return set(done.stdout.splitlines()) - {""}


def test_bash_offers_the_commands_and_options_of_help():
    commands = _commands()
    assert completed("") == {*commands, "--help", "--version"}
    for command, options in commands.items():
        expected = {option for option in options if option.startswith("--")} | {"--help"}
        assert completed(command, "-") == expected, command
    assert completed("re") == {"reconcile"}


def test_bash_offers_what_is_recorded_as_it_is_to_be_typed():
    assert completed("forget", "") == {
        r"bridge\ br0",
        r"eth1\ of\ container\ web1",
        r"eth1\ of\ container\ web2",
        r"eth1\ of\ netns\ /run/netns/it\'s\ \$a",
    }
    assert completed("forget", "eth1\\ of\\ c") == {r"eth1\ of\ container\ web1", r"eth1\ of\ container\ web2"}
    assert completed("forget", r"bridge\ br0", '"eth1 of n') == {r"eth1 of netns /run/netns/it's \$a"}
    assert completed("forget", "'eth1 of") == {"eth1 of container web1", "eth1 of container web2"}
    assert completed("export", "--bridge", "") == {"br0"}
    assert completed("wait", "--container", "") == {"web1", "web2"}

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of ansible-test."""

from __future__ import annotations

import ast
import configparser
import json
import os
import subprocess
import typing as t

from .bench import Bench
from .results import Result, count_junit
from .selection import files

# ansible-test runs this where it would run the get-pip script of a site of its
# own, with what it would give that script: packages, and two options that pip
# does not have. The wheel comes from the package index (scripts/prepare.sh).
GET_PIP = """\
import sys

sys.path.insert(0, {wheel!r})

from pip._internal.cli.main import main

packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--no-index", "--find-links", {folder!r}, *packages]))
"""


def sanity(bench: Bench) -> Result:
    """every sanity test of ansible-test"""
    write_get_pip(bench)
    write_pip_settings(bench)
    # pslint looks at PowerShell, of which there is none.
    words = ("--python", "3.11", "--skip-test", "pslint", "--color", "no", "--junit")
    status = bench.run("ansible-test", "sanity", *words)
    result = Result()
    reports = (bench.collection / "tests/output/junit").glob("ansible-test-sanity-*.xml")
    count_junit(result, "ansible-test sanity", reports, status)
    return result


def write_get_pip(bench: Bench) -> None:
    folder = bench.venv / "share/pip-for-sanity"
    (wheel,) = folder.glob("pip-*.whl")
    version = wheel.name.split("-")[1].replace(".", "_")
    script = bench.home / f".ansible/test/cache/get_pip_{version}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(wheel=str(wheel), folder=str(folder)), encoding="utf-8")


def write_pip_settings(bench: Bench) -> None:
    """Hands this machine's index, proxy and certificates to ansible-test, which drops the variables that name them."""
    command = [str(bench.venv / "bin/pip"), "config", "list"]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=bench.clock.left()).stdout
    settings = configparser.RawConfigParser()
    settings["global"] = {}
    for variable, name in (("REQUESTS_CA_BUNDLE", "cert"), ("https_proxy", "proxy"), ("HTTPS_PROXY", "proxy")):
        if variable in os.environ:
            settings["global"][name] = os.environ[variable]
    for line in listed.splitlines():
        key, value = line.split("=", 1)
        section, name = key.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][name] = "\n".join(str(ast.literal_eval(value)).split())
    target = bench.home / ".config/pip/pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as file:
        settings.write(file)


def ask_of_units(bench: Bench, **asked: t.Any) -> None:
    """Says to tests/unit/conftest.py what ansible-test hands on in no other way."""
    file = bench.collection / "tests/output/asked-of-units.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asked), encoding="utf-8")


def units(bench: Bench) -> Result:
    """model, plan and engine, without touching the machine"""
    chosen = bench.chosen.get("units", [])
    ask_of_units(bench, tests=chosen, environment=bench.effort)
    words = ("--python", "3.11", "--color", "no")
    status = bench.run("ansible-test", "units", *words, *files(chosen, bench.collection))
    result = Result()
    reports = (bench.collection / "tests/output/junit").glob("python*-units.xml")
    count_junit(result, "ansible-test units", reports, status)
    return result

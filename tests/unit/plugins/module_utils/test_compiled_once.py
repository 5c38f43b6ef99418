# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules in a zip archive, imported as AnsiballZ has them.

Each is compiled once, and knows of itself what it always does.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import zipfile

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils import compiled_once

PACKAGE = "ansible_collections.pipefitter.container_network.plugins.module_utils"
MODULES = ("plain", "room.one", "room.two")

# What the process tells: how often each file was compiled, and what each module says of itself.
PROGRAM = f"""
import collections, importlib, json, sys
compiled = collections.Counter()
sys.addaudithook(lambda event, arguments: event == "compile" and compiled.update([str(arguments[1])]))
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "install":
    importlib.import_module("{PACKAGE}.compiled_once").install()
said = {{}}
for name in {MODULES}:
    module = importlib.import_module("{PACKAGE}." + name)
    package = importlib.import_module(module.__package__)
    said[name] = [module.WHO, module.__file__, module.__spec__.origin, module.__spec__.has_location, module.__package__,
                  package.__file__, list(package.__path__), module.__doc__]
print(json.dumps([said, {{name: compiled[said[name][1]] for name in said}}]))
"""


@pytest.fixture(name="archive")
def fixture_archive(tmp_path):
    path = tmp_path / "payload.zip"
    top = PACKAGE.replace(".", "/")
    with zipfile.ZipFile(path, "w") as payload:
        folders = top.split("/")
        for depth in range(1, len(folders) + 1):
            payload.writestr("/".join([*folders[:depth], "__init__.py"]), "")
        payload.writestr(f"{top}/room/__init__.py", "")
        for name in MODULES:
            payload.writestr(f"{top}/{name.replace('.', '/')}.py", f'"""{name}"""\nWHO = "{name}"\n')
        payload.writestr(f"{top}/compiled_once.py", pathlib.Path(compiled_once.__file__).read_text(encoding="utf-8"))
    return path


def run(archive, mode):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(archive), mode], check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(done.stdout)


def test_each_module_is_compiled_once_and_is_the_same(archive):
    said_before, _compiled = run(archive, "plain")
    said, compiled = run(archive, "install")
    assert said == said_before
    assert compiled == dict.fromkeys(MODULES, 1)


def test_what_is_in_no_archive_is_left_to_others():
    finder = compiled_once._CompiledOnce(PACKAGE)
    assert finder.find_spec(f"{PACKAGE}.names", [str(pathlib.Path(compiled_once.__file__).parent)]) is None
    assert finder.find_spec("json.decoder", ["/usr/lib/python3.11/json"]) is None
    assert finder.find_spec(PACKAGE, None) is None


def test_what_the_archive_has_not_is_left_to_others(archive):
    finder = compiled_once._CompiledOnce(PACKAGE)
    folder = f"{archive}/{PACKAGE.replace('.', '/')}"
    assert finder.find_spec(f"{PACKAGE}.plain", [folder]).origin == f"{folder}/plain.py"
    assert finder.find_spec(f"{PACKAGE}.nowhere", [folder]) is None

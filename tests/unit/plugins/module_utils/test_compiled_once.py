# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules in a zip archive, imported as AnsiballZ has them.

Each is compiled once for a host, and knows of itself what it always does.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import zipfile
from types import SimpleNamespace

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
if sys.argv[2]:
    once = importlib.import_module("{PACKAGE}.compiled_once")
    once._FOLDER = sys.argv[2]
    once.install()
said = {{}}
for name in {MODULES}:
    module = importlib.import_module("{PACKAGE}." + name)
    package = importlib.import_module(module.__package__)
    said[name] = [module.WHO, module.__file__, module.__spec__.origin, module.__spec__.has_location, module.__package__,
                  package.__file__, list(package.__path__), module.__doc__]
if sys.argv[2]:
    once.keep()
ends = {{name: "/" + name.replace(".", "/") + ".py" for name in said}}
print(json.dumps([said, {{name: sum(compiled[path] for path in compiled if path.endswith(end))
                         for name, end in ends.items()}}]))
"""
ONCE, NEVER = dict.fromkeys(MODULES, 1), dict.fromkeys(MODULES, 0)


@pytest.fixture(name="archive")
def fixture_archive(tmp_path):
    path = tmp_path / "payload.zip"
    write_archive(path)
    return path


def write_archive(path, said=""):
    top = PACKAGE.replace(".", "/")
    with zipfile.ZipFile(path, "w") as payload:
        folders = top.split("/")
        for depth in range(1, len(folders) + 1):
            payload.writestr("/".join([*folders[:depth], "__init__.py"]), "")
        payload.writestr(f"{top}/room/__init__.py", "")
        for name in MODULES:
            payload.writestr(f"{top}/{name.replace('.', '/')}.py", f'"""{name}"""\nWHO = "{said or name}"\n')
        payload.writestr(f"{top}/compiled_once.py", pathlib.Path(compiled_once.__file__).read_text(encoding="utf-8"))


def run(archive, folder=""):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(archive), str(folder)],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root keeps what was compiled")
    return tmp_path / "var" / "cache"


def kept_in(folder):
    (file,) = folder.iterdir()
    return file


def test_each_module_is_compiled_once_and_is_the_same(archive, tmp_path):
    said_before, _compiled = run(archive)
    said, compiled = run(archive, tmp_path / "cache")
    assert said == said_before
    assert compiled == ONCE


def test_the_next_task_compiles_none_wherever_its_archive_is(archive, folder, tmp_path):
    assert run(archive, folder)[1] == ONCE
    file = kept_in(folder)
    assert [path.stat().st_mode & 0o777 for path in (folder, file)] == [0o700, 0o600]
    written = file.stat().st_mtime_ns
    other = tmp_path / "other.zip"
    archive.rename(other)
    said, compiled = run(other, folder)
    assert (said, compiled) == (run(other)[0], NEVER)
    assert file.stat().st_mtime_ns == written, "what is there already is not written again"


@pytest.mark.parametrize("other", ["of another version", "PLAIN"], ids=["longer", "of the same length"])
def test_another_version_is_compiled_anew(archive, folder, other):
    run(archive, folder)
    write_archive(archive, said=other)
    said, compiled = run(archive, folder)
    assert compiled == ONCE and said["plain"][0] == other
    assert run(archive, folder)[1] == NEVER


def damaged(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def somebody_elses(file):
    os.chown(file, 65534, 65534)


def a_link(file):
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


@pytest.mark.parametrize(
    "spoil",
    [
        damaged,
        somebody_elses,
        a_link,
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.chmod(0o666),
        lambda file: file.write_bytes(b"\0\0\0\0" + file.read_bytes()[4:]),
    ],
    ids=["damaged", "owner", "link", "cut off", "empty", "writable", "other Python"],
)
def test_what_can_not_be_trusted_is_compiled_anew_and_replaced(archive, folder, spoil):
    run(archive, folder)
    spoil(kept_in(folder))
    assert run(archive, folder)[1] == ONCE
    assert run(archive, folder)[1] == NEVER
    assert not kept_in(folder).is_symlink()


@pytest.mark.parametrize(
    "spoil", [lambda folder: folder.chmod(0o777), somebody_elses, a_link], ids=["writable", "owner", "link"]
)
def test_nothing_is_taken_from_a_folder_that_others_can_change(archive, folder, spoil):
    run(archive, folder)
    spoil(folder)
    assert run(archive, folder)[1] == ONCE
    assert run(archive, folder)[1] == ONCE


def test_a_host_where_nothing_can_be_kept(archive, folder):
    folder.parent.write_text("no folder")
    assert run(archive, folder)[1] == ONCE


def test_what_is_in_no_archive_is_left_to_others(tmp_path):
    finder = compiled_once._CompiledOnce(PACKAGE, compiled_once._Cache(str(tmp_path)))
    assert finder.find_spec(f"{PACKAGE}.names", [str(pathlib.Path(compiled_once.__file__).parent)]) is None
    assert finder.find_spec("json.decoder", ["/usr/lib/python3.11/json"]) is None
    assert finder.find_spec(PACKAGE, None) is None


def test_what_the_archive_has_not_is_left_to_others(archive, tmp_path):
    finder = compiled_once._CompiledOnce(PACKAGE, compiled_once._Cache(str(tmp_path)))
    folder = f"{archive}/{PACKAGE.replace('.', '/')}"
    assert finder.find_spec(f"{PACKAGE}.plain", [folder]).origin == f"{folder}/plain.py"
    assert finder.find_spec(f"{PACKAGE}.nowhere", [folder]) is None


def test_without_the_archives_directory_the_same_is_found_by_the_source(archive, tmp_path, monkeypatch):
    importer = compiled_once._Importer(f"{archive}/{PACKAGE.replace('.', '/')}")
    importer.cache = compiled_once._Cache(str(tmp_path))
    importer.get_code(f"{PACKAGE}.plain")
    kept = dict(importer.cache._compiled)
    monkeypatch.setattr(compiled_once, "zipimport", SimpleNamespace())
    assert importer.get_code(f"{PACKAGE}.plain").co_consts[0] == "plain"
    assert list(kept) == [f"{PACKAGE}.plain"] and importer.cache._compiled == kept

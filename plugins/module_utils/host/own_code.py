# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The code that a module brought to the host, as a program that stays there. Private to the collection.

A zip archive that Python runs (zipapp). The same sources and the same Python make the same bytes.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import sys
import zipfile
from collections.abc import Mapping

from ..errors import PipefitterError

NAME = "pipefitter"
"""The package that the code is in a program."""

_ROOMS = (
    "errors",
    "light_dataclass",
    "diff_yaml",
    "version",
    "model",
    "state",
    "observe",
    "plan",
    "reconcile",
    "host",
    "store",
    "service",
)
_STORED = (1980, 1, 1, 0, 0, 0)
# Before version 3, marshal writes nothing that depends on how often something is referred to.
_MARSHAL = 2
_UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552


def archive(main: bytes, files: Mapping[str, bytes] | None = None, shebang: bytes = b"") -> bytes:
    """Return a program of ``main`` and the collection's code, or of other ``files`` by their names in it."""
    found = {**(sources() if files is None else files), "__main__.py": main}
    written = io.BytesIO(shebang)
    written.seek(0, io.SEEK_END)
    with zipfile.ZipFile(written, "a", zipfile.ZIP_STORED) as opened:
        for name, source in sorted(found.items()):
            opened.writestr(zipfile.ZipInfo(name, _STORED), source)
            if name.endswith(".py"):
                opened.writestr(zipfile.ZipInfo(f"{name}c", _STORED), _compiled(name, source))
    return written.getvalue()


def _compiled(name: str, source: bytes) -> bytes:
    code = compile(source, f"{NAME}/{name}", "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, _MARSHAL)


def sources() -> dict[str, bytes]:
    """Return the files of the rooms that the program needs, by their names in it."""
    root = sys.modules[__package__.rpartition(".")[0]]
    folder = next(iter(root.__path__))
    found = {f"{NAME}/__init__.py": b""}
    for name, content in (_from_folder if os.path.isdir(folder) else _from_archive)(folder).items():
        if name.endswith(".py") and name.partition("/")[0].partition(".")[0] in _ROOMS:
            found[f"{NAME}/{name}"] = content
    return found


def _from_folder(folder: str) -> dict[str, bytes]:
    found = {}
    for here, _folders, names in os.walk(folder):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(here, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def _from_archive(folder: str) -> dict[str, bytes]:
    archive = folder
    while not os.path.isfile(archive):
        archive = os.path.dirname(archive)
        if archive in ("/", ""):
            raise PipefitterError(f"the collection's code is not to be found at {folder}; report this")
    prefix = f"{os.path.relpath(folder, archive)}/"
    with zipfile.ZipFile(archive) as opened:
        return {name[len(prefix) :]: opened.read(name) for name in opened.namelist() if name.startswith(prefix)}

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Files of the collection are compiled once where Ansible runs them from its zip archive. Private to the collection.

zipimport compiles a module to tell its file name and again to run it (seen with Python 3.9 to 3.13):
zipimporter.find_spec() calls spec_from_loader(), which calls get_filename(), which compiles; exec_module()
does it once more (Lib/zipimport.py, Lib/importlib/_bootstrap.py of 3.11). Half of what a task costs beyond
a ping was that. Here the name is told without compiling; all else is the importer's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast
from zipimport import ZipImportError, zipimporter

if TYPE_CHECKING:
    from importlib.abc import Loader, PathEntryFinder


class _CompiledOnce:
    """A finder (importlib.abc.MetaPathFinder) for one package in a zip archive."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not path or not name.startswith(f"{self._package}."):
            return None
        loader = _importer(path[0])
        if loader is None:
            return None
        try:
            is_package = loader.is_package(name)
        except ImportError:
            return None  # not in this archive: whoever is asked next says so
        location = f"{path[0]}/{name.rpartition('.')[2]}"
        origin = f"{location}/__init__.py" if is_package else f"{location}.py"
        spec = ModuleSpec(name, cast("Loader", loader), origin=origin, is_package=is_package)
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(location)
        return spec


def _importer(folder: str) -> zipimporter | None:
    """Return what imports from a folder of a zip archive, ``None`` for any other folder."""
    if folder not in sys.path_importer_cache:
        try:
            sys.path_importer_cache[folder] = cast("PathEntryFinder", zipimporter(folder))
        except ZipImportError:
            return None
    found = sys.path_importer_cache[folder]
    return found if isinstance(found, zipimporter) else None


def install() -> None:
    """Let this package's modules be found so from now on, once for a process; without effect outside a zip archive."""
    if not any(isinstance(finder, _CompiledOnce) for finder in sys.meta_path):
        sys.meta_path.insert(0, _CompiledOnce(__name__.rpartition(".")[0]))

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Files of the collection are compiled once for a host, not twice for each task. Private to the collection.

Ansible runs them from a zip archive, which it makes anew for each task. zipimport compiles a module to tell its file
name and again to run it (seen with Python 3.9 to 3.13): zipimporter.find_spec() calls spec_from_loader(), which calls
get_filename(), which compiles; exec_module() does it once more (Lib/zipimport.py, Lib/importlib/_bootstrap.py of 3.11).
Here the name is told without compiling, and what was compiled is kept in /var/cache/pipefitter for the next task, as
Python keeps it in __pycache__ for what lies in folders. It is used where its source has the same length and checksum,
which the archive's directory tells without unpacking it, and only by root and from a folder that none but root can
write to. All else is the importer's own.
"""

from __future__ import annotations

import functools
import importlib.util
import marshal
import os
import stat
import sys
import zipimport
import zlib
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, cast
from zipimport import ZipImportError, zipimporter

if TYPE_CHECKING:
    from importlib.abc import Loader, PathEntryFinder

_FOLDER = "/var/cache/pipefitter"
_NAME = f"compiled.{sys.implementation.cache_tag}"
_LARGEST = 16 << 20  # bytes; a tenth of that is usual

# What zipimport.py keeps of each file in an archive: (path, compress, data_size, file_size, offset, time, date, crc)
_PLACES, _LENGTH, _CHECKSUM = 8, 3, 7

_Source = tuple[int, int]  # bytes, CRC-32

# By module: of what source it was made, and its code as marshal writes it.
_Compiled = dict[str, tuple[_Source, bytes]]


class _Cache:
    """What was compiled on this host, in one file: a task reads it at once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._compiled: _Compiled | None = None
        self._grown = False

    def code(self, name: str, source: _Source, path: str, read: Callable[[], bytes]) -> CodeType:
        """Return a module's code, compiled now if that was not done before; ``path`` is for tracebacks."""
        if self._compiled is None:
            self._compiled = _read(self._folder)
        kept = self._compiled.get(name)
        if kept is not None and kept[0] == source:
            return cast("CodeType", marshal.loads(kept[1]))
        code = compile(read(), path, "exec", dont_inherit=True)
        self._compiled[name] = (source, marshal.dumps(code))
        self._grown = True
        return code

    def keep(self) -> None:
        """Write what was compiled anew, in one step; a host where that can't be done compiles it the next time."""
        if self._compiled is not None and self._grown and os.geteuid() == 0:
            try:
                os.makedirs(self._folder, mode=0o700, exist_ok=True)
                _write(self._folder, self._compiled)
            except OSError:
                pass


def _read(folder: str) -> _Compiled:
    """Return what is in the file; nothing where it is missing, damaged or could be another's than root's."""
    try:
        if os.geteuid() != 0 or not _of_root_alone(os.lstat(folder)):
            return {}
        descriptor = os.open(f"{folder}/{_NAME}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not _of_root_alone(os.fstat(descriptor)):
                return {}
            content = file.read(_LARGEST)
        head = _head(content[len(_head(b"")) :])
        return cast("_Compiled", marshal.loads(content[len(head) :])) if content.startswith(head) else {}
    except (OSError, EOFError, TypeError, ValueError):
        return {}


def _write(folder: str, compiled: _Compiled) -> None:
    if not _of_root_alone(os.lstat(folder)):
        return
    content = marshal.dumps(compiled)
    unfinished = f"{folder}/{_NAME}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(unfinished, flags, 0o600), "wb") as file:
        try:
            file.write(_head(content) + content)
            file.flush()
            os.rename(unfinished, f"{folder}/{_NAME}")
        except OSError:
            os.unlink(unfinished)
            raise


def _head(content: bytes) -> bytes:
    """Return what the file begins with: Python's own number for its bytecode, and a checksum."""
    return importlib.util.MAGIC_NUMBER + zlib.crc32(content).to_bytes(4, "big")


def _of_root_alone(found: os.stat_result) -> bool:
    kind = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
    return kind and found.st_uid == 0 and not found.st_mode & 0o022


class _Importer(zipimporter):
    """A zip archive's importer that compiles what was not compiled before."""

    cache: _Cache

    # These two as later Pythons have them: that of 3.9 (EL 9) has only load_module(), which doesn't call get_code().

    def create_module(self, spec: ModuleSpec) -> None:
        pass

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # pylint: disable=exec-used

    def get_code(self, fullname: str) -> CodeType:
        # The path in the archive: that of the archive itself is another for each task.
        path = f"{self.prefix}{fullname.rpartition('.')[2]}"
        path = f"{path}{os.sep}__init__.py" if self.is_package(fullname) else f"{path}.py"
        read = functools.partial(self.get_data, f"{self.archive}{os.sep}{path}")
        # Of the archive's directory, which the importer has read; it keeps the places of an entry to itself.
        entry = getattr(zipimport, "_zip_directory_cache", {}).get(self.archive, {}).get(path, ())
        if len(entry) == _PLACES:
            return self.cache.code(fullname, (entry[_LENGTH], entry[_CHECKSUM]), path, read)
        source = read()
        return self.cache.code(fullname, (len(source), zlib.crc32(source)), path, lambda: source)


class _CompiledOnce:
    """A finder (importlib.abc.MetaPathFinder) for one package in a zip archive."""

    def __init__(self, package: str, cache: _Cache) -> None:
        self._package = package
        self.cache = cache

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not path or not name.startswith(f"{self._package}."):
            return None
        loader = self._importer(path[0])
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

    def _importer(self, folder: str) -> _Importer | None:
        """Return what imports from a folder of a zip archive, ``None`` for any other folder."""
        found = sys.path_importer_cache.get(folder)
        if not isinstance(found, _Importer):
            try:
                found = _Importer(folder)
            except ZipImportError:
                return None
            found.cache = self.cache
            sys.path_importer_cache[folder] = cast("PathEntryFinder", found)
        return found


def install() -> None:
    """Let this package's modules be found so from now on, once for a process; without effect outside a zip archive."""
    if not any(isinstance(finder, _CompiledOnce) for finder in sys.meta_path):
        sys.meta_path.insert(0, _CompiledOnce(__name__.rpartition(".")[0], _Cache(_FOLDER)))


def keep() -> None:
    """Keep for the next task what this one had to compile. Not for check mode, which writes nothing."""
    for finder in sys.meta_path:
        if isinstance(finder, _CompiledOnce):
            finder.cache.keep()

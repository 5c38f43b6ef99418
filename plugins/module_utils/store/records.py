# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The record of what was asked for on this host: a small file an object. Private to the collection.

Whoever writes holds the host's lock (``host.lock``). A file is written beside its place, synced and renamed into it, so
that it is there whole or not at all, whenever the host stops.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection
from typing import Any

from ..errors import PipefitterError
from ..host import files
from ..model.record import KINDS, Record

FOLDER = "/var/lib/pipefitter"

VERSION = 1
"""Of the files' form. A file of a later one is not read: what it asks for that is unknown here would be left out."""

_SUFFIX = ".json"
_SET_ASIDE = ".set-aside"
_HALF = ".half"
_LARGEST = 16 << 20  # bytes; the ports of one container are the most that is in one
_ODD = re.compile(r"[^A-Za-z0-9_.:-]+")


class Store:
    """The record in ``folder``.

    What can't be read is in ``warnings``, a sentence each; with ``mend`` it is set aside.
    """

    def __init__(self, mend: bool, folder: str = FOLDER) -> None:
        self._folder = folder
        self._mend = mend
        self.warnings: list[str] = []

    def read(self, kind: str, files: Collection[str] | None = None) -> dict[tuple[str, ...], Record]:
        """Return the records of a kind by their keys, those in ``files`` of it only where these are given.

        :raises PipefitterError: the folder can't be read, or others than root may write to it.
        """
        found: dict[tuple[str, ...], Record] = {}
        folder = f"{self._folder}/{kind}"
        try:
            _refuse_others(self._folder)
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            return found
        except OSError as error:
            raise _failed(folder, error, "read") from None
        for name in names:
            if name.endswith(_HALF) and self._mend:
                _remove(f"{folder}/{name}")  # of a run that was killed as it wrote; it had acknowledged nothing
            if not name.endswith(_SUFFIX) or (files is not None and name not in files):
                continue
            try:
                record = _parsed(_content(f"{folder}/{name}"), kind)
            except OSError as error:
                self._set_aside(f"{folder}/{name}", f"can't be read ({error.strerror})")
                continue
            except ValueError as error:
                self._set_aside(f"{folder}/{name}", str(error))
                continue
            found[record.key] = record
        return found

    def change(self, write: Collection[Record], remove: Collection[Record]) -> None:
        """Write records and take others away, all or none.

        :raises PipefitterError: that could not be done; what was recorded before is recorded still.
        """
        places = {self._path(record): _document(record) for record in write}
        gone = [self._path(record) for record in remove]
        half: list[str] = []
        before: dict[str, bytes | None] = {}
        try:
            for folder in sorted({os.path.dirname(path) for path in places}):
                os.makedirs(self._folder, mode=0o700, exist_ok=True)
                _refuse_others(self._folder)
                os.makedirs(folder, mode=0o700, exist_ok=True)
            for path, document in places.items():
                half.append(path + _HALF)
                _write(path + _HALF, document)
            for path in (*places, *gone):
                before[path] = _content(path) if os.path.exists(path) else None
            for path in places:
                os.rename(path + _HALF, path)
            for path in gone:
                if before[path] is not None:
                    os.unlink(path)
            for folder in sorted({os.path.dirname(path) for path, held in before.items() if path in places or held}):
                files.sync(folder)
        except OSError as error:
            for path in half:
                _remove(path)
            _put_back(before)
            raise _failed(str(error.filename or self._folder), error, "written") from None

    def _path(self, record: Record) -> str:
        digest = hashlib.sha256(json.dumps(record.key).encode()).hexdigest()[:16]
        readable = _ODD.sub("_", "-".join(record.key))[:80]
        return f"{self._folder}/{record.kind}/{readable}-{digest}{_SUFFIX}"

    def _set_aside(self, path: str, why: str) -> None:
        advice = "look at it, and run again the task of which it was made"
        if self._mend:
            try:
                os.rename(path, path + _SET_ASIDE)
                advice = f"it is {path}{_SET_ASIDE} now; {advice}"
            except OSError as error:
                advice = f"it can't be set aside either ({error.strerror}); {advice}"
        self.warnings.append(f"{path} is left out of the record, as it {why}; {advice}")


def _parsed(content: bytes, kind: str) -> Record:
    """Return the record in a file.

    :raises ValueError: it is none, said as the end of a sentence that begins with "it".
    """
    try:
        document: Any = json.loads(content)
    except ValueError:
        raise ValueError("is no JSON: damaged, or written by half") from None
    if not isinstance(document, dict):
        raise ValueError("holds no JSON object")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ValueError(f"has version {version}, and this collection knows up to {VERSION}: a newer one wrote it")
    key, want, chosen = document.get("key"), document.get("want"), document.get("chosen")
    known = version == VERSION and document.get("kind") == kind and kind in KINDS
    words = [part for part in key if isinstance(part, str)] if isinstance(key, list) else []
    if not known or not words or words != key or not isinstance(want, dict) or not isinstance(chosen, dict):
        raise ValueError(f"is no record of the kind {kind}")
    return Record(kind, tuple(words), want, chosen)


def _document(record: Record) -> bytes:
    document = {"version": VERSION, **record._asdict()}
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is no regular file")
        return file.read(_LARGEST)


def _write(path: str, document: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())


def _put_back(before: dict[str, bytes | None]) -> None:
    for path, content in before.items():
        try:
            if content is None:
                _remove(path)
            elif not os.path.exists(path) or _content(path) != content:
                _write(path, content)
        except OSError:
            pass  # the first error is told; the next read tells what is left of this one


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _refuse_others(folder: str) -> None:
    """Refuse a folder that others than root can write to: what is in it is done as root."""
    seen = os.lstat(folder)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
        raise PipefitterError(
            f"{folder} is not a folder that root alone can write to, and the record in it is carried out as root; "
            f"see what is in it, then make it root's: chown root:root {folder} and chmod 0700 {folder}"
        )


def _failed(path: str, error: OSError, what: str) -> PipefitterError:
    from ..host.unwritable import advice

    return PipefitterError(
        f"{path}, of the record of what was asked for, can't be {what} ({error.strerror}); {advice(error)}"
    )

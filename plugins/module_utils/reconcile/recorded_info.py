# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is recorded on this host and whether it is so, and the program that makes it again. Private to the collection.

Imported where there is a record, or a program.
"""

from __future__ import annotations

import re
import zipfile
from typing import Any

from ..errors import PipefitterError
from .recording import PROGRAM

_VERSION = re.compile(r'^VERSION = "([^"]+)"$', re.MULTILINE)
_LARGEST = 1 << 16  # bytes of a file in the program; those that are read have a few lines


def recorded(bridge: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what is recorded, of one bridge or of all, each with its options and how it stands; and warnings."""
    from . import passes

    try:
        report = passes.run(check=True, bridge=bridge)
    except PipefitterError as error:
        return [], [f"what is recorded can't be shown: {error}"]
    return [
        {
            "kind": one.record.kind,
            "name": str(one.record),
            "options": one.record.options,
            "state": one.told,
            "reason": one.sentence or None,
        }
        for one in report.objects
    ], report.warnings


def program() -> tuple[dict[str, Any], list[str]]:
    """Return where the program is and its version, as it says it itself; it is not run for that. And warnings."""
    try:
        with zipfile.ZipFile(PROGRAM) as archive:
            version = _VERSION.search(_text(archive, "pipefitter/version.py"))
            digest = _text(archive, "pipefitter/service/digest.txt").strip()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        version, digest = None, ""
    if version is None or not digest:
        return {"path": PROGRAM, "version": None}, [
            f"{PROGRAM} is no program that this collection made, or it is damaged: what is recorded here is not made "
            "again after a restart; the role host_setup puts the program there again"
        ]
    return {"path": PROGRAM, "version": f"{version.group(1)}+{digest}"}, []


def _text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return file.read(_LARGEST).decode()

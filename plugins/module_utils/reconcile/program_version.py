# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Whether the service on this host and the collection that runs here are of one version. Private to the collection."""

from __future__ import annotations

from ..errors import Refused
from ..store import records
from ..version import VERSION
from .recording import PROGRAM_VERSION

_LARGEST = 200  # bytes; the file has one line
_AGAIN = "run the role host_setup again"
_UPDATE = f"update this collection where playbooks run, or {_AGAIN}"


def differences() -> list[str]:
    """Return what to warn of, as what is recorded here is made again by another version of this code.

    :raises Refused: the service keeps the record in another form, so that one of the two would not understand it.
    """
    version, form = _installed()
    if version == VERSION and form == str(records.VERSION):
        return []
    if form not in ("", str(records.VERSION)):
        advice = _UPDATE if _number(form) > (records.VERSION,) else _AGAIN
        raise Refused(
            f"the service on this host keeps the record in form {form}, and this collection in form {records.VERSION}; "
            f"{advice}"
        )
    told = f"is {version}" if version else "tells no version"
    advice = _UPDATE if _number(version) > _number(VERSION) else _AGAIN
    return [f"the service on this host {told}, this collection is {VERSION}: {advice}"]


def _installed() -> tuple[str, str]:
    """Return the version of the program without its digest, and the form of its record; '' each where none is told."""
    try:
        with open(PROGRAM_VERSION, encoding="ascii") as file:
            words = file.read(_LARGEST).split()
    except (OSError, ValueError):
        words = []
    return (words[0].partition("+")[0], words[1]) if len(words) == 2 else ("", "")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())

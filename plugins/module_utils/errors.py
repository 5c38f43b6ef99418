# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What the collection raises. Private to the collection.

Lower layers raise; only ``ansible_module`` turns an error into a failed task. A
message is one sentence for the person who wrote the playbook: what was asked
for, what was found, what to do.
"""

from __future__ import annotations


class PipefitterError(Exception):
    """Something asked for can't be had; the message is one clear sentence."""


class InvalidOption(PipefitterError):
    """An option whose value can't be right on any host.

    ``option`` is the option's name as the user wrote it, with its place in a
    list where it has one (``attachments[2].mac``), ``found`` ``None`` where it
    was left out.
    """

    def __init__(self, option: str, found: object, advice: str) -> None:
        super().__init__(f"{option}: {found!r} {advice}" if found is not None else f"{option}: {advice}")
        self.option = option
        self.found = found


class Refused(PipefitterError):
    """The host is in a state in which the request must not be carried out."""


class MissingFeature(PipefitterError):
    """The host lacks a kernel feature, program, library or daemon."""

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What runs of all modules that attach containers have in common, beside the engine. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidOption
from ..observe.containers import Pinned
from .recording import Recording
from .result import Result

if TYPE_CHECKING:
    from ..model.attachment import Attachment
    from ..plan.operations import Operation
    from ..state.network import NetworkState

Entries = list["dict[str, Any] | None"]
"""Attachments as options that give them back, ``None`` for what is not there."""


def nothing(entries: Entries) -> Entries:
    """Return as many attachments, none of which is there."""
    return [None for _entry in entries]


LEASES = "/run/pipefitter/dhcp"
"""Where the service's DHCP clients keep what they were given."""


class Leasing(Protocol):
    """The part of one run that is about addresses which DHCP servers give."""

    def released_first(self, operations: list[Operation], *networks: NetworkState) -> list[Operation]:
        """Return operations that give leases back before interfaces of ``networks`` are deleted that have them."""

    def told(
        self, sides: Sequence[tuple[Any, object]], before: Entries, after: Entries, shown: Entries
    ) -> tuple[Entries, Entries, Entries]:
        """Return what is shown of attachments, with ``dhcp`` among the addresses where it is asked for."""

    def awaited(self, result: Result, timeout: float) -> Result:
        """Wait for what is asked for, and return a run's result that tells of what did not come."""


class _NoLeasing:
    """For a run that asks for no such address, on a host where there is none."""

    def released_first(self, operations: list[Operation], *_networks: NetworkState) -> list[Operation]:
        return operations

    def told(
        self, _sides: Sequence[tuple[Any, object]], before: Entries, after: Entries, shown: Entries
    ) -> tuple[Entries, Entries, Entries]:
        return before, after, shown

    def awaited(self, result: Result, _timeout: float) -> Result:
        return result


def leasing(wants: Sequence[Attachment], keeping: Recording, persistent: object) -> Leasing:
    """Return the part of a run that is about leases.

    :raises PipefitterError: one is asked for that can't be had here.
    """
    if not any(want.dhcp for want in wants) and not os.path.isdir(LEASES):
        return _NoLeasing()
    from .leasing import Leasing as Asked

    return Asked(wants, keeping, persistent)


def given(options: Mapping[str, Any], single: Sequence[str], common: Sequence[str]) -> dict[str, Any]:
    """Return the options of attachments that are given outside of the list.

    Those that are ``single`` make sense for one attachment only, those that are ``common`` for all entries of a list.

    :raises InvalidOption: one that is for a single attachment stands beside a list, or how long to wait can't be right.
    """
    refuse_negative(options.get("wait_timeout"))
    found = {name: options[name] for name in (*common, *single) if options.get(name) is not None}
    for name in single if options.get("attachments") is not None else ():
        if name in found:
            raise InvalidOption(
                name,
                found[name],
                "is mutually exclusive with attachments; put it into the entry of the list that it is for",
            )
    return found


def refuse_negative(timeout: int | None) -> None:
    """Refuse to wait for less than no time."""
    if timeout is not None and timeout < 0:
        raise InvalidOption("wait_timeout", timeout, "is below 0; give a number of seconds, or set wait to false")


def advice(wait: bool, keeping: Recording) -> str:
    """Return how a container that doesn't run yet could be asked for all the same, to go on a sentence."""
    if wait:
        return ", or set wait to false: it is recorded, and wired when it starts" if keeping.may_come else ""
    return "; wait: false waits for one that is recorded, and this is not (persistent: false, or no service)"


def with_pending(result: Result, pinned: Sequence[Pinned]) -> Result:
    """Return a result that says which attachments are made when their containers start."""
    pending = [{**one.want.target.named, "interface": one.want.interface} for one in pinned if one.netns is None]
    return replace(result, values={**result.values, "pending": pending})

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What runs of all modules that attach containers have in common, beside the engine. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption
from ..observe.containers import Pinned
from .recording import Recording
from .result import Result


def given(options: Mapping[str, Any], single: Sequence[str], common: Sequence[str]) -> dict[str, Any]:
    """Return the options of attachments that are given outside of the list.

    Those that are ``single`` make sense for one attachment only, those that are ``common`` for all entries of a list.

    :raises InvalidOption: one that is for a single attachment stands beside a list, or how long to wait can't be right.
    """
    timeout = options.get("wait_timeout")
    if timeout is not None and timeout < 0:
        raise InvalidOption("wait_timeout", timeout, "is below 0; give a number of seconds, or set wait to false")
    found = {name: options[name] for name in (*common, *single) if options.get(name) is not None}
    for name in single if options.get("attachments") is not None else ():
        if name in found:
            raise InvalidOption(
                name,
                found[name],
                "is mutually exclusive with attachments; put it into the entry of the list that it is for",
            )
    return found


def advice(wait: bool, keeping: Recording) -> str:
    """Return how a container that doesn't run yet could be asked for all the same, to go on a sentence."""
    if wait:
        return ", or set wait to false: it is recorded, and wired when it starts" if keeping.may_come else ""
    return "; wait: false waits for one that is recorded, and this is not (persistent: false, or no service)"


def with_pending(result: Result, pinned: Sequence[Pinned]) -> Result:
    """Return a result that says which attachments are made when their containers start."""
    pending = [{**one.want.target.named, "interface": one.want.interface} for one in pinned if one.netns is None]
    return replace(result, values={**result.values, "pending": pending})

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What NICs were like that are in containers now, kept for whoever gives them back. Private to the collection.

A file for each, for root alone, in /run: it is of use until the host boots. After that the NIC is the host's again, and
as the host's own configuration makes it. That a host keeps /run over a boot is provided for.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import PipefitterError
from . import files, sysctl

if TYPE_CHECKING:
    from ..state.kept_nic import KeptNic

FOLDER = "/run/pipefitter-nics"

_SUFFIX = ".json"
_VERSION = 1


def read() -> dict[str, KeptNic]:
    """Return those of this boot by the NICs' names on the host; what can't be understood is left out."""
    from ..state.kept_nic import KeptNic
    from ..state.nic import of_json

    found: dict[str, KeptNic] = {}
    try:
        names = [name[: -len(_SUFFIX)] for name in sorted(os.listdir(FOLDER)) if name.endswith(_SUFFIX)]
    except OSError:
        return found
    for name in names:
        # Without it the NIC is given back all the same, under its present name and as it is.
        with suppress(OSError, KeyError, TypeError, ValueError):
            content = files.read(f"{FOLDER}/{name}{_SUFFIX}")
            held = json.loads(content) if content is not None else None
            if held is not None and held["version"] == _VERSION and held["boot"] == _boot():
                found[name] = KeptNic(
                    str(held["alias"]),
                    of_json(held["before"]),
                    str(held["former_alias"]),
                    str(held["bus_address"]),
                    str(held["kind"]),
                    tuple(str(one) for one in held["alternative_names"]),
                )
    return found


def write(kept: KeptNic) -> None:
    """Keep what a NIC is like, on the disk once this returns.

    :raises PipefitterError: it can't be written; what was kept is kept still.
    """
    from ..state.nic import as_json

    document = {
        "version": _VERSION,
        "boot": _boot(),
        "alias": kept.alias,
        "former_alias": kept.former_alias,
        "bus_address": kept.bus_address,
        "kind": kept.kind,
        "alternative_names": list(kept.alternative_names),
        "before": as_json(kept.before),
    }
    path = f"{FOLDER}/{kept.name}{_SUFFIX}"
    try:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        files.write(path, json.dumps(document).encode() + b"\n")
    except OSError as error:
        from .unwritable import advice

        raise PipefitterError(
            f"{path}, of what {kept.name} is like on this host, can't be written ({error.strerror}); {advice(error)}"
        ) from None


def forget(name: str) -> None:
    """Take away what was kept of a NIC; where that fails it stays.

    It speaks of a NIC that bears its mark, and the one that was given back does not any more.
    """
    with suppress(OSError):
        files.remove(f"{FOLDER}/{name}{_SUFFIX}")


def any_kept() -> bool:
    """Tell whether anything is kept: mostly not, and nothing more needs to be loaded then."""
    try:
        return any(name.endswith(_SUFFIX) for name in os.listdir(FOLDER))
    except OSError:
        return False


def _boot() -> str:
    return sysctl.read("kernel/random/boot_id") or ""

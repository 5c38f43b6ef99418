# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The sysctls of one link of the host, read and written whole. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress

from ..errors import PipefitterError
from ..state.network import Link
from . import sysctl

_FOLDERS = ("net/ipv4/conf", "net/ipv6/conf", "net/ipv4/neigh", "net/ipv6/neigh")
_MTU = "net/ipv6/conf/{}/mtu"
_NOT_KEPT = frozenset(("mc_forwarding",))  # the kernel alone writes it


def of(link: Link) -> dict[str, str]:
    """Return all that are shown, by their names with slashes."""
    found = {}
    for folder in _FOLDERS:
        try:
            names: Collection[str] = os.listdir(f"/proc/sys/{folder}/{link.name}")
        except OSError:
            continue  # of a family that the kernel has not
        for name in sorted(set(names) - _NOT_KEPT):
            value = _shown(f"{folder}/{link.name}/{name}")
            if value:
                found[f"{folder}/{link.name}/{name}"] = value
    mtu = _MTU.format(link.name)
    if found.get(mtu) == str(link.mtu):
        del found[mtu]  # it follows that of the link
    return found


def write(values: Mapping[str, str]) -> None:
    """Write those that have another value; what the kernel takes from nobody stays as it is."""
    # A secret that is set sets addr_gen_mode, too (addrconf_sysctl_stable_secret()).
    for name, value in sorted(values.items(), key=lambda pair: not pair[0].endswith("/stable_secret")):
        if _shown(name) not in (value, None):
            with suppress(PipefitterError):  # some are shown, and taken from nobody
                sysctl.write(name, value)


def _shown(name: str) -> str | None:
    """Return a sysctl's value, '' where it is not shown, as a secret that nobody set; ``None`` where there is none."""
    try:
        return sysctl.read(name)
    except OSError:
        return ""

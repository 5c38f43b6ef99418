# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Published ports and links that lead to an address that a container has no more. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..model import addresses
from ..model.icc_rules import IccFlow
from ..model.publication import Published
from ..state.attachments import AttachmentState, ContainerSide


class Moved(NamedTuple):
    """An interface that moved to another bridge, and the addresses that it had on the former one.

    Of one that stays, what leads to its addresses follows with the next run, and at once where the service runs.
    """

    who: str
    bridge: str
    gone: frozenset[str]


def moved(before: AttachmentState, after: AttachmentState) -> list[Moved]:
    """Return which interfaces moved to another bridge, by the host as it was and as it is."""
    now = {(want.target, want.interface): _standing(want.interface, side, after)[0] for want, side in after.sides}
    found = []
    for want, side in before.sides:
        bridge, held = _standing(want.interface, side, before)
        if bridge and held and now.get((want.target, want.interface)) != bridge:
            found.append(Moved(f"{want.interface} of {want.target}", bridge, held))
    return found


def _standing(interface: str, side: ContainerSide | None, state: AttachmentState) -> tuple[str, frozenset[str]]:
    """Return an interface's bridge and its addresses, '' and none where it is not there."""
    if side is None or interface not in side.network.links:
        return "", frozenset()
    link = side.network.links[interface]
    host_veth = state.host_side.host_veth(side, link)
    bridge = state.host_side.bridge_of(host_veth) if host_veth is not None else None
    shown = side.network.addresses.get(interface, ())
    return bridge or "", frozenset(addresses.bare(one) for one in shown if not addresses.is_link_local(one))


def warnings(found: Sequence[Moved], published: Iterable[Published], flows: Iterable[IccFlow]) -> list[str]:
    """Return a warning for each interface to whose former addresses something leads."""
    told = []
    ports = list(published)
    links = list(flows)
    for one in found:
        hosts = sorted(
            {str(port.host) for port in ports if port.endpoint.bridge == one.bridge and port.address in one.gone}
        )
        if hosts:
            told.append(
                f"{_some(hosts)} of the host, published on {one.bridge}, still lead to {', '.join(sorted(one.gone))}, "
                f"which {one.who} has no more; publish them anew where it is now, and take these away (port_publish)"
            )
        ends = {end for flow in links if flow.bridge == one.bridge for end in (flow.source, flow.destination)}
        if ends & one.gone:
            told.append(
                f"links of bridge {one.bridge} still speak of {', '.join(sorted(ends & one.gone))}, which {one.who} "
                "has no more; run icc_policy again, with the links that are to be"
            )
    return told


def _some(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
    return f"{', '.join(hosts[:3])}{more}"

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What of a host will be otherwise once its NIC is a port, and is no reason to refuse that. Pure. Private."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..model.nic_move import LINUX
from ..state.network import Link
from ..state.nic import NicState

_TICKS = 100  # in which the kernel tells a bridge's times (USER_HZ)
_TOLD = 3


class Surroundings(NamedTuple):
    """What names the NIC and is not moved.

    ``sockets`` are bound to it, ``networks`` of Docker are macvlans or ipvlans on it, ``labels`` are prefixes with an
    address label for it (``ip addrlabel``), ``policies`` of IPsec are for it alone. ``group`` is its device group.
    ``mac_is_set`` tells of the bridge whether somebody gave it its MAC, and ``renewed`` whether it is known who renews
    leases.
    """

    sockets: Sequence[str] = ()
    networks: Sequence[str] = ()
    labels: Sequence[str] = ()
    policies: Sequence[str] = ()
    group: int = 0
    mac_is_set: bool = False
    renewed: bool = True


def warnings(have: NicState, above: Link | None, beside: Surroundings) -> Iterator[str]:
    """Yield a sentence each, with what to do; ``above`` is the bridge where it is there already."""
    nic, bridge = have.nic, have.bridge
    if beside.sockets:
        yield (
            f"{_first(beside.sockets)}: sockets that are bound to {nic}, where their programs hear nothing after the "
            f"move; bind them to {bridge}"
        )
    if beside.networks:
        yield (
            f"{_first(beside.networks)}: networks of Docker on {nic}, in which no container starts once it is a port; "
            f"make them anew with {bridge} as their parent"
        )
    if beside.labels:
        yield (
            f"{_first(beside.labels)}: address labels (ip addrlabel) for {nic}, which are not moved; set them for "
            f"{bridge}, too"
        )
    if beside.policies:
        yield (
            f"{_first(beside.policies)}: policies of IPsec (ip xfrm policy) for {nic} alone, past which packets go in "
            f"clear text after the move; give whoever sets them {bridge} for it, and set them at once"
        )
    if beside.group:
        yield (
            f"{nic} is in device group {beside.group}, and {bridge} is not: where rules name that group (devgroup), "
            f"put {bridge} into it (ip link set {bridge} group {beside.group})"
        )
    leased = [entry.text for entry in have.entries if entry.expires and not entry.temporary and nic in entry.links]
    if leased and not beside.renewed:
        yield (
            f"{_first(leased)}: addresses with a lifetime, and it is not known who would renew them on {bridge}, so "
            f"that they go when it is over; run the DHCP client on {bridge}, or let persist name who manages {nic}"
        )
    if have.bridge_kind == LINUX and above is not None and not have.master:
        yield from _of_bridge(have, above, beside)


def _first(all_of_them: Sequence[str]) -> str:
    more = len(all_of_them) - _TOLD
    return ", ".join(all_of_them[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _of_bridge(have: NicState, above: Link, beside: Surroundings) -> Iterator[str]:
    nic, bridge = have.nic, have.bridge
    delay = 2 * above.bridge.get("forward_delay", 0) // _TICKS
    if above.bridge.get("stp") and delay:
        yield (
            f"{bridge} runs spanning tree, by which {nic} lets nothing pass for its first {delay} s as a port, and the "
            f"move is undone as nobody answers; switch it off (ip link set {bridge} type bridge stp_state 0), or set "
            "its forward_delay to 0"
        )
    if have.bridge_mtu != have.mtu:
        yield (
            f"{bridge} is there with MTU {have.bridge_mtu}, and {nic} has {have.mtu}: the host sends as {bridge} has "
            "it, or as the smaller of the two; give both the same"
        )
    # One that nobody gave it is the lowest of its ports' (br_stp_recalculate_bridge_id()).
    mac = have.bridge_mac if beside.mac_is_set else min(have.mac, have.bridge_mac if have.ports else have.mac)
    if mac != have.mac:
        yield (
            f"{bridge} is there with MAC {mac}, and {nic} has {have.mac}, by which others know this host: give "
            f"{bridge} that one where a DHCP server, switch or router goes by it"
        )

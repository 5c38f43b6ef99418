# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what a host shows of all its bridges and namespaces, whoever made them. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..errors import MissingFeature, Refused
from ..host import namespace
from ..host.engines import lookup
from ..host.machine import Machine
from ..host.namespace import NAMED, NetnsFd
from ..host.nftables.tables import Listing
from ..model.ownership import OwnershipLabel, read_label
from ..state.attachments import HostSide
from ..state.bridge import BridgeState
from ..state.network import HOST, NetworkState, names_by_index


def observe_bridges(machine: Machine, tables: Mapping[str, Listing]) -> BridgeState:
    netlink = machine.netlink(HOST)
    links = netlink.with_vlans(netlink.links())
    routes = netlink.routes(names_by_index(links), connected=True)
    forwarding = [f"net/ipv4/conf/{link.name}/forwarding" for link in links.values() if link.kind == "bridge"]
    return BridgeState(
        network=NetworkState(links, netlink.addresses(links.values()), routes),
        masquerades=machine.masquerades.in_effect(listings=tables),
        sysctls=machine.read_sysctls(HOST, forwarding),
    )


def namespaces(host_side: HostSide) -> Iterator[tuple[OwnershipLabel, NetnsFd]]:
    """Yield the namespaces of running containers, of names, and of processes that attachments of ours were made for."""
    try:
        running = lookup.listing()
    except MissingFeature:
        running = []  # no engine: there may still be namespaces with names
    namespace.raise_open_file_limit(len(running) + len(host_side.network.links))
    for container in running:
        try:
            yield (
                OwnershipLabel("", "container", container.name, f"{container.runtime}:{container.id}"),
                namespace.of_container(container),
            )
        except Refused:
            pass  # it shares the host's network, or has just stopped: nothing is attached to it
    paths = {f"{NAMED}/{name}" for name in _named()}
    labels = [label for link in host_side.network.links.values() if link.ours and (label := read_label(link.alias))]
    paths |= {label.value for label in labels if label.kind == "netns"}
    for path in sorted(paths):
        try:
            yield OwnershipLabel("", "netns", path), namespace.of_path(path)
        except Refused:
            pass  # the namespace is gone, its name is left
    for pid in sorted({int(label.value) for label in labels if label.kind == "pid" and label.value.isdigit()}):
        try:
            yield OwnershipLabel("", "pid", str(pid)), namespace.of_pid(pid)
        except Refused:
            pass


def _named() -> list[str]:
    try:
        return os.listdir(NAMED)
    except FileNotFoundError:
        return []

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Reads what a container shows of its interfaces, whatever they lead to. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import MissingFeature
from ..host.machine import Machine
from ..model.addresses import network
from ..model.attachment import Attachment
from ..model.ownership import read_label
from ..state.attachments import ContainerSide
from ..state.network import HOST, Link, NetworkState, names_by_index

if TYPE_CHECKING:
    from ..host.netlink.handle import NetlinkHandle
    from ..model.rule import Rule

_RULES_HAVE_MARKS = (4, 17)  # the kernel that brought FRA_PROTOCOL
_IPV6_DEFAULT = "net/ipv6/conf/default/disable_ipv6"


def observe(
    machine: Machine,
    seen: ContainerSide,
    wants: Sequence[Attachment],
    relevant: Sequence[Link],
    marks: Mapping[str, str],
    leaving_checksums: Sequence[Link] = (),
    *,
    new: bool,
    going: bool = False,
) -> ContainerSide:
    """Return a container's side, of which ``glance`` has ``seen`` the links, with what plans need of ``relevant`` ones.

    ``marks`` are the aliases of theirs by their names, ``leaving_checksums`` links that are asked whether they leave
    them to the hardware. Where any is ``new``, it is read how links are born; where any are ``going``, also default
    routes that were put aside for them.
    """
    netns, links = seen.netns, seen.network.links
    netlink = machine.netlink(netns)
    looked_at = relevant
    if any(entry.details.source for want in wants for entry in want.routes or ()):
        looked_at = [*links.values(), Link(1, "lo")]  # a source address may be any of the container's
    held, leases, messages = netlink.addresses_and_leases(looked_at) if looked_at else ({}, {}, {})
    faults = netlink.address_faults(messages)
    routes = netlink.routes(names_by_index(links), connected=True, everything=True)
    numbers = rule_marks({**{name: link.alias for name, link in links.items() if link.ours}, **marks})
    return ContainerSide(
        netns,
        seen.identity,
        NetworkState(links, held, tuple(route for route in routes if not route.is_connected), leases, messages, faults),
        seen.netns_id,
        _ipv6_default(machine, netns) if new else None,
        machine.tx_checksum_offload(netns, leaving_checksums) if leaving_checksums else {},
        _promote_secondaries(machine, netns, wants, held),
        tuple(route for route in routes if route.is_connected),
        _paths(machine, netns, marks.values()),
        netlink.routes_aside(names_by_index(links)) if going and any(route.is_default for route in routes) else (),
        _to_nowhere(marks) if any(route.leads_nowhere for route in routes) else frozenset(),
        _rules(machine, netlink, any(want.rules for want in wants))
        if numbers or any(want.rules is not None for want in wants)
        else (),
        numbers,
        _sysctls(machine, netns, wants, links, [link.name for link in relevant]),
    )


def glance(machine: Machine, netns: str, identity: str) -> ContainerSide:
    """Return no more of a container's side than its links, and the id by which the host knows its namespace."""
    links = machine.netlink(netns).links()
    netns_id = machine.netlink(HOST).netns_id(machine.descriptor(netns))
    return ContainerSide(netns, identity, NetworkState(links), netns_id)


def _paths(machine: Machine, netns: str, marks: Collection[str]) -> frozenset[str]:
    pinned = machine.pinned(netns)
    labels = [label for mark in marks if (label := read_label(mark)) is not None]
    marked = {label.value for label in labels if label.kind == "netns"}
    return frozenset(path for path in marked if pinned is not None and pinned.is_at(path))


def _to_nowhere(marks: Mapping[str, str]) -> frozenset[str]:
    labels = [(name, read_label(mark)) for name, mark in marks.items()]
    return frozenset(name for name, label in labels if label is not None and label.notes.to_nowhere)


def rule_marks(marks: Mapping[str, str]) -> dict[str, int]:
    """Return the numbers that the rules of attachments bear, by their interfaces, as their ``marks`` say."""
    labels = {name: read_label(mark) for name, mark in marks.items() if " +" in mark}
    return {
        name: label.notes.rules for name, label in labels.items() if label is not None and label.notes.rules is not None
    }


def _rules(machine: Machine, netlink: NetlinkHandle, asked: bool) -> tuple[Rule, ...]:
    if asked and machine.kernel_version < _RULES_HAVE_MARKS:
        told = ".".join(map(str, machine.kernel_version))
        raise MissingFeature(
            f"rules: this host has Linux {told}, and the kernel tells whose a rule is from 4.17 on; "
            "use a newer kernel, or leave them out"
        )
    return netlink.own_rules()


def _sysctls(
    machine: Machine, netns: str, wants: Sequence[Attachment], links: Collection[str], own: Collection[str]
) -> dict[str, str | None]:
    if not any(want.sysctls for want in wants):
        return {}
    from ..plan.container_sysctls import names_to_read

    return machine.settable_sysctls(netns, names_to_read(wants, links, own))


def _ipv6_default(machine: Machine, netns: str) -> bool | None:
    shown = machine.read_sysctls(netns, [_IPV6_DEFAULT]).get(_IPV6_DEFAULT)
    return shown == "0" if shown is not None else None


def _promote_secondaries(
    machine: Machine, netns: str, wants: Sequence[Attachment], held: dict[str, tuple[str, ...]]
) -> dict[str, str]:
    from ..plan import link_addresses  # published ports have no use for it

    by_subnet: dict[str, list[tuple[str, ...]]] = {}
    for wanted in (want.addresses for want in wants if want.addresses):
        for subnet in {network(address) for address in wanted}:
            by_subnet.setdefault(subnet, []).append(wanted)
    going = [
        name
        for name, shown in held.items()
        if any(
            link_addresses.needs_promotion(wanted, shown)
            for subnet in {network(address) for address in shown}
            for wanted in by_subnet.get(subnet, ())
        )
    ]
    if not going:
        return {}
    pattern = "net/ipv4/conf/{}/promote_secondaries"
    shown = machine.read_sysctls(netns, [pattern.format(name) for name in ("all", *going)])
    # The kernel promotes where either says so (IN_DEV_PROMOTE_SECONDARIES).
    return {name: max(shown.get(pattern.format(whose), "0") for whose in ("all", name)) for name in going}

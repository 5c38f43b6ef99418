# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Letting traffic of bridges pass the host's own firewall, whichever it is. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model import addresses
from ..model.firewall import AcceptedBridge
from ..state.firewall import FirewallState
from ..state.network import HOST
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host

FIREWALLD_ZONE = "trusted"
"""The zone of firewalld that accepts all, among those that it comes with (firewalld.zones(5))."""

_FAMILY_NAMES = {"ip": "IPv4", "ip6": "IPv6"}


@dataclass(frozen=True)
class ChangeIptablesForward(Operation):
    """``remains`` are rules that were there without effect, and that ``add`` takes over."""

    add: tuple[AcceptedBridge, ...]
    remove: tuple[AcceptedBridge, ...]
    remains: tuple[AcceptedBridge, ...] = ()

    def lines(self) -> list[str]:
        return [f"no longer let {_accepted(one)} pass the host's iptables filter" for one in self.remove] + [
            f"let {_accepted(one)} pass the host's iptables filter" for one in self.add
        ]

    def do(self, host: Host) -> None:
        host.change_iptables_forward(self.add, self.remove)

    def undo(self, host: Host) -> None:
        host.change_iptables_forward((*self.remove, *self.remains), self.add)


def _accepted(one: AcceptedBridge) -> str:
    ways = f" and from it to {', '.join(one.uplinks)}" if one.uplinks else ""
    return (
        f"{_FAMILY_NAMES[one.family]} traffic {'within' if one.within else 'to published ports of'} {one.bridge}{ways}"
    )


@dataclass(frozen=True)
class LendZone(Operation):
    """Until firewalld is restarted, or the bridge taken out."""

    bridge: str
    lend: bool

    def what(self) -> str:
        if self.lend:
            return f"put {self.bridge} into firewalld's zone {FIREWALLD_ZONE}, at runtime"
        return f"take {self.bridge} out of firewalld's zone {FIREWALLD_ZONE}"

    def do(self, host: Host) -> None:
        host.lend_zone(self.bridge, FIREWALLD_ZONE, self.lend)

    def undo(self, host: Host) -> None:
        host.lend_zone(self.bridge, FIREWALLD_ZONE, not self.lend)


@dataclass(frozen=True)
class ForgetZone(Operation):
    bridge: str

    def what(self) -> str:
        return f"forget that {self.bridge} was in a zone of firewalld, which does not know it any more"

    def do(self, host: Host) -> None:
        host.lend_zone(self.bridge, FIREWALLD_ZONE, False)

    def undo(self, host: Host) -> None:
        pass  # it was of no use


def exactly(bridge: str, accepted: Collection[AcceptedBridge], firewall: FirewallState) -> list[Operation]:
    """Return what has the firewall accept just this of a bridge."""
    shown, wanted = firewall.of_bridge(bridge), frozenset(accepted)
    return _change(wanted - shown, shown - wanted, firewall) + _lend(bridge, firewall)


def at_least(bridge: str, families: Collection[str], firewall: FirewallState, within: bool) -> list[Operation]:
    """Return what has the firewall let a bridge's traffic pass in ``families``, as it may do already.

    With ``within``, what stays on the bridge passes too.
    """
    shown = {one.family: one for one in firewall.of_bridge(bridge)}
    filtered = set(families) & firewall.families
    short = {one for family, one in shown.items() if family in filtered and within and not one.within}
    missing = {AcceptedBridge(family, bridge, within=within) for family in filtered - set(shown)}
    return _change(missing | {replace(one, within=True) for one in short}, short, firewall) + (
        _lend(bridge, firewall) if families else []
    )


def not_within(bridge: str, firewall: FirewallState, families: Collection[str] = ()) -> list[Operation]:
    """Return what no longer lets traffic pass that stays on a bridge, but in ``families``.

    Whether it passes is left to others then; the bridge's published ports pass as before.
    """
    more = {one for one in firewall.of_bridge(bridge) if one.within and one.family not in families}
    return _change({replace(one, within=False) for one in more}, more, firewall)


def no_longer(bridge: str, firewall: FirewallState, families: Collection[str] = ()) -> list[Operation]:
    """Return what takes away all that lets a bridge pass, but for ``families``."""
    operations = _change((), {one for one in firewall.traces(bridge) if one.family not in families}, firewall)
    if bridge in firewall.lent and not families:
        operations.append(LendZone(HOST, bridge, False))
    if bridge in firewall.forgotten and not families:
        operations.append(ForgetZone(HOST, bridge))
    return operations


def _change(
    add: Collection[AcceptedBridge], remove: Collection[AcceptedBridge], firewall: FirewallState
) -> list[Operation]:
    if not add and not remove:
        return []
    taken_over = {(one.family, one.bridge) for one in add}
    remains = (one for one in firewall.remains if (one.family, one.bridge) in taken_over)
    return [ChangeIptablesForward(HOST, tuple(sorted(add)), tuple(sorted(remove)), tuple(sorted(remains)))]


def _lend(bridge: str, firewall: FirewallState) -> list[Operation]:
    """Return what puts a bridge into a zone, unless it is in one by somebody's decision."""
    return [LendZone(HOST, bridge, True)] if firewall.zone(bridge) == "" else []


def warnings(bridge: str, firewall: FirewallState, shown: Collection[str] = ()) -> list[str]:
    """Return a warning for what keeps a bridge's traffic from passing, and only its owner can change.

    ``shown`` are the bridge's addresses, or its subnets.
    """
    return _of_barriers(bridge, firewall) + _of_rules_ahead(bridge, firewall, shown)


def _of_rules_ahead(bridge: str, firewall: FirewallState, shown: Collection[str]) -> list[str]:
    subnets = [addresses.network(address) for address in shown if not addresses.is_link_local(address)]
    told: dict[str, None] = {}
    for one in firewall.ahead:
        program = {"ip": "iptables", "ip6": "ip6tables"}[one.family]
        by_ufw = one.chain.startswith("ufw-")
        if _is_for(one.egress, one.destination, bridge, subnets) and not one.source and f"-o {bridge}" not in one.let:
            way = f"new connections to {bridge} and its published ports"
            add = f"{program} -I {one.chain} -o {bridge} -m conntrack --ctstate DNAT -j ACCEPT"
            add = f"ufw route insert 1 allow out on {bridge}" if by_ufw else add
        elif (
            _is_for(one.ingress, one.source, bridge, subnets) and not one.destination and f"-i {bridge}" not in one.let
        ):
            way = f"what comes from {bridge}"
            add = f"{program} -I {one.chain} -i {bridge} -j ACCEPT"
            add = f"ufw route insert 1 allow in on {bridge}" if by_ufw else add
        else:
            continue
        told[
            f"the rule `{one.rule}` of {program} keeps {way} from passing, and stays as it is; "
            f"if it is to pass, run `{add}`"
        ] = None
    return list(told)


def _is_for(interface: str, network: str, bridge: str, subnets: Collection[str]) -> bool:
    """Tell whether a rule is for all of a bridge, by its interface or by its subnets."""
    if not network:
        return interface == bridge
    return interface in ("", bridge) and any(addresses.is_within(subnet, network) for subnet in subnets)


def _of_barriers(bridge: str, firewall: FirewallState) -> list[str]:
    if not firewall.barriers:
        return []
    several = len(firewall.barriers) > 1
    names = ", ".join(str(one) for one in sorted(firewall.barriers))
    return [
        f"the nftables chain{'s' if several else ''} {names} drop{'' if several else 's'} forwarded traffic "
        f"(policy drop) and may block that of {bridge}; "
        "this collection does not change chains of others: let traffic pass there, "
        f'such as by the rules `iifname "{bridge}" accept` and '
        f'`oifname "{bridge}" ct state established,related accept`, and `ct status dnat accept` for published ports'
    ]

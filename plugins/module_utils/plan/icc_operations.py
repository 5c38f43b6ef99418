# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to a host about inter-container communication. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.icc_rules import IccFlow, IccRules
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class ChangeIccRules(Operation):
    """Make our tables hold ``new`` of all isolated bridges, in one transaction."""

    new: IccRules
    old: IccRules

    def lines(self) -> list[str]:
        new, old = self.new, self.old
        told = _both(
            new.off,
            old.off,
            "keep the containers of {} from reaching each other",
            "let the containers of {} reach each other again",
        )
        beyond = "{} new connections to other interfaces"
        told += _both(new.egress_denied, old.egress_denied, f"deny {beyond}", f"allow {beyond}")
        told += _both(
            new.host_denied,
            old.host_denied,
            "deny {} new connections to this host",
            "allow {} new connections to this host",
        )
        apart = "keep {} apart from isolated bridges"
        told += _both(new.neighbours - old.off, old.neighbours - new.off, apart, f"{apart} no longer")
        told += [
            f"allow connections over {flow.bridge} from {_between(flow)}" for flow in sorted(new.flows - old.flows)
        ]
        told += [
            f"no longer allow connections over {flow.bridge} from {_between(flow)}"
            for flow in sorted(old.flows - new.flows)
        ]
        if not told and not old.intact:
            told = ["repair the rules for isolated bridges in the nftables tables pipefitter"]
        if not told:
            told = ["record the former sysctls of isolated bridges in the nftables tables pipefitter"]
        return told

    def do(self, host: Host) -> None:
        host.change_icc_rules(self.new)

    def undo(self, host: Host) -> None:
        host.change_icc_rules(self.old)


def _both(new: Collection[str], old: Collection[str], added: str, removed: str) -> list[str]:
    return [added.format(name) for name in sorted(set(new) - set(old))] + [
        removed.format(name) for name in sorted(set(old) - set(new))
    ]


def _between(flow: IccFlow) -> str:
    named = (flow.source_name, flow.source), (flow.destination_name, flow.destination)
    source, destination = (f"{name} ({address})" if name else address for name, address in named)
    return f"{source} to {destination}, {flow.service}"


@dataclass(frozen=True)
class SetPriorityTags(Operation):
    """Make an isolated port give IP packets for ``new``, its bridge's MAC, a priority tag; for '' it gives none.

    With the tag they pass br_netfilter, and reach published ports of the same bridge.
    """

    port: str
    new: str
    old: str

    def what(self) -> str:
        if self.new:
            return f"let what {self.port} hands to the host pass bridge-nf-call-iptables"
        return f"no longer let what {self.port} hands to the host pass bridge-nf-call-iptables"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).set_priority_tags(self.port, self.new)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).set_priority_tags(self.port, self.old)


@dataclass(frozen=True)
class AddProxyNeighbour(Operation):
    link: str
    address: str

    def what(self) -> str:
        return f"answer neighbour solicitations for {self.address} on {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).add_proxy_neighbour(self.link, self.address)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).remove_proxy_neighbour(self.link, self.address)


@dataclass(frozen=True)
class RemoveProxyNeighbour(Operation):
    link: str
    address: str

    def what(self) -> str:
        return f"no longer answer neighbour solicitations for {self.address} on {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).remove_proxy_neighbour(self.link, self.address)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).add_proxy_neighbour(self.link, self.address)


@dataclass(frozen=True)
class ForgetNeighbour(Operation):
    """Let a container ask anew for the MAC of another.

    Containers that knew each other's would go on sending to it, for half a minute or so, and it is not the one
    to send to any more. No line says so: what is learned comes and goes by itself.
    """

    link: str
    address: str

    def lines(self) -> list[str]:
        return []

    def what(self) -> str:
        return f"forget the MAC of {self.address} on {self.link}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).forget_neighbour(self.link, self.address)

    def undo(self, host: Host) -> None:
        pass  # what is needed is learned again

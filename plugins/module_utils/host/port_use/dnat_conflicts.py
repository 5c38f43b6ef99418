# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports of the host that rules of other tools lead elsewhere, by DNAT or redirection. Private to the collection.

No listener is needed for that, and often there is none: dockerd without its
proxy, kube-proxy, portmap of CNI, netavark, forwarded ports of firewalld. Where two
tools translate the same port, the order of their chains says who gets it.

A rule counts if it names a destination port and translates, or sends into a chain
that does; one without a port only for the very address that it names. What
else it asks for (a source, an interface) narrows whom it is for, not which port
it takes.
"""

from __future__ import annotations

from ...model.publication import HostPort
from . import dnat_iptables, dnat_nftables
from .dnat_rule import DnatRule
from .local_address import is_local


class DnatConflicts:
    """The translations of this host that are not ours, as they are when this is made.

    That takes a process for each table of theirs.
    """

    def __init__(self) -> None:
        self._by_port: dict[tuple[str, int], list[DnatRule]] = {}
        self._spans: list[DnatRule] = []
        for one in (*dnat_iptables.translations(), *dnat_nftables.translations()):
            hosts = one.hosts()
            if hosts and not any(map(is_local, hosts)):
                continue  # for traffic that only passes through
            if one.ports[0] != one.ports[1]:
                self._spans.append(one)
                continue
            for protocol in one.protocols:
                self._by_port.setdefault((protocol, one.ports[0]), []).append(one)

    def who(self, host: HostPort) -> str:
        """Return which rule leads a port elsewhere, '' if none does."""
        candidates = (*self._by_port.get((host.protocol, host.port), ()), *self._spans)
        return next((one.who for one in candidates if one.takes(host)), "")

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A firewall rule that leads ports of the host elsewhere. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...light_dataclass import dataclass
from ...model import addresses
from ...model.publication import PROTOCOLS, HostPort

ALL_PORTS = (0, 65535)
_BITS = {addresses.IPV4: 32, addresses.IPV6: 128}


@dataclass(frozen=True)
class DnatRule:
    """Ports (first, last) that a rule translates the destination of, and ``who`` says what rule of whose.

    ``networks`` are the destinations it is for, all addresses where empty.
    A rule that names no port has ``ALL_PORTS``.
    """

    families: frozenset[int]
    protocols: frozenset[str]
    networks: tuple[str, ...]
    ports: tuple[int, int]
    who: str

    def takes(self, host: HostPort) -> bool:
        """Tell whether packets for a port of the host are for this rule.

        A rule for all ports takes only the very address that it names: what
        is published on every address is still reached by the others.
        """
        first, last = self.ports
        if host.family not in self.families or host.protocol not in self.protocols or not first <= host.port <= last:
            return False
        address = f"{host.address}/{_BITS[host.family]}"
        if self.ports == ALL_PORTS:
            return address in self.networks
        return (
            not self.networks
            or not host.address
            or any(addresses.overlap(network, address) for network in self.networks)
        )

    def hosts(self) -> tuple[str, ...]:
        """Return the single addresses it is for, none if it is for more than those."""
        found = [network.partition("/") for network in self.networks]
        single = [address for address, _slash, length in found if int(length) == _BITS[addresses.family(address)]]
        return tuple(single) if len(single) == len(found) else ()


def single(address: str) -> str:
    """Return an address as the network of it alone."""
    return address if "/" in address else f"{address}/{_BITS[addresses.family(address)]}"


def protocols(names: Iterable[str]) -> frozenset[str]:
    """Return the protocols that can be published among ``names``."""
    return frozenset(names) & frozenset(PROTOCOLS)


def leading(translating: Iterable[str], jumps: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return the chains that end in a translation: those ``translating``, and by ``jumps`` those that send into one."""
    found = set(translating)
    size = -1
    while size != len(found):
        size = len(found)
        found.update(chain for chain, targets in jumps.items() if not found.isdisjoint(targets))
    return frozenset(found)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to links between network namespaces. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class NewEnd:
    """One end of a veth as it is made: under ``birth_name``, and then named and marked in one step."""

    netns: str
    name: str
    birth_name: str
    mac: str | None
    mtu: int
    alias: str

    def __str__(self) -> str:
        return f"{self.name} in {self.netns or 'this host'}"


@dataclass(frozen=True)
class AddVethPair(Operation):
    """Makes both ends, which are down, each in its own namespace; ``second`` is never the host's."""

    first: NewEnd
    second: NewEnd

    def lines(self) -> list[str]:
        return [self.what()]

    def what(self) -> str:
        one, other = self.first, self.second
        mtu = f"{one.mtu}" if one.mtu == other.mtu else f"{one.mtu} and {other.mtu}"
        macs = "".join(f", mac {end.mac} of {end.name}" for end in (one, other) if end.mac)
        return f"create veth {one} with its peer {other}, mtu {mtu}{macs}"

    def do(self, host: Host) -> None:
        first, second = self.first, self.second
        host.netlink(first.netns).add_veth_pair(
            (first.birth_name, first.mac, first.mtu),
            (second.birth_name, second.mac, second.mtu),
            host.descriptor(second.netns),
        )
        for end in (first, second):
            host.netlink(end.netns).name_link(end.birth_name, end.name, end.alias)

    def undo(self, host: Host) -> None:
        host.netlink(self.first.netns).delete_link(self.first.name)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab consists of, as asked for; its addresses follow from that."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import string

from .errors import LabError
from .layout import Layout

MOST_HOSTS = len(string.ascii_lowercase)
FIRST_HOST = 11  # hosta is .11; the LAN itself is .1, and .2 to .10 are left to the tests


@dataclasses.dataclass(frozen=True)
class Spec:
    name: str
    hosts: int = 3
    subnet: str = "10.77.0.0/24"
    docker: bool = True
    openvswitch: bool = True
    podman: bool = False  # whether Podman gets the image too; it can be used in any case
    systemd: list[str] = dataclasses.field(default_factory=list)  # hosts that boot with systemd
    image: str = ""  # the root file system tar that the container engines import

    def __post_init__(self) -> None:
        if not 1 <= self.hosts <= MOST_HOSTS:
            raise LabError(f"{self.hosts} hosts: a lab has 1 to {MOST_HOSTS} (hosta to hostz)")
        try:
            network = ipaddress.IPv4Network(self.subnet)
        except ValueError as error:
            raise LabError(f"--subnet {self.subnet}: {error}") from None
        for host in self.systemd:
            if host not in self.host_names:
                raise LabError(f"--systemd {host}: there is no {host}, only {', '.join(self.host_names)}")
        if network.num_addresses < FIRST_HOST + self.hosts + 1:
            raise LabError(f"--subnet {self.subnet}: too small, the hosts have the addresses from .{FIRST_HOST} on")

    @property
    def host_names(self) -> list[str]:
        return [f"host{letter}" for letter in string.ascii_lowercase[: self.hosts]]

    @property
    def _network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.subnet)

    def _ipv6(self, last: int) -> str:
        # Decimal digits are taken over as they are, for reading: 10.77.0.11 is fd00:10:77:0::11.
        first, second, third, _fourth = str(self._network.network_address).split(".")
        return str(ipaddress.IPv6Address(f"fd00:{first}:{second}:{third}::{last}"))

    @property
    def lan_address(self) -> str:
        return str(self._network.network_address + 1)

    @property
    def lan_ipv6(self) -> str:
        return self._ipv6(1)

    def address(self, host: str) -> str:
        return str(self._network.network_address + FIRST_HOST + self.host_names.index(host))

    def ipv6(self, host: str) -> str:
        return self._ipv6(FIRST_HOST + self.host_names.index(host))

    @property
    def prefix_length(self) -> int:
        return self._network.prefixlen

    def save(self, layout: Layout) -> None:
        with open(layout.spec, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(self), file, indent=2)

    @classmethod
    def load(cls, layout: Layout) -> Spec:
        try:
            with open(layout.spec, encoding="utf-8") as file:
                return cls(**json.load(file))
        except (FileNotFoundError, ValueError, TypeError):
            raise LabError(
                f"the lab {layout.name} was not started completely: remove it with 'lab down{layout.option}'"
            ) from None

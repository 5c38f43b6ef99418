# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a NIC of the host was like before it moved into a container. Pure. Private to the collection."""

from __future__ import annotations

from ..light_dataclass import dataclass
from .nic import NicState


@dataclass(frozen=True)
class KeptNic:
    """``alias`` is the mark that the NIC bears while it is a container's, by which it is found wherever it is.

    ``before`` is how it was on the host, in no bridge, and ``former_alias`` the alias that it had there.
    ``bus_address`` is its PCI address, '' where it has none. ``kind`` is '' for a real NIC: what a driver made of
    software (a veth) the kernel deletes with the container's namespace, and others it gives back to the host.
    """

    alias: str
    before: NicState
    former_alias: str = ""
    bus_address: str = ""
    kind: str = ""
    alternative_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The NIC's name on the host."""
        return self.before.nic

    def is_called(self, text: str) -> bool:
        """Tell whether a name, a MAC address or a PCI address meant it as it was on the host."""
        return text in (self.name, self.before.mac, self.bus_address, *self.alternative_names)

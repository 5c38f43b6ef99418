# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is done about addresses that DHCP servers gave. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class ReleaseLease(Operation):
    """Tell the DHCP server that the address of an attachment is free, while its interface is there to do so.

    ``holder`` is whose it is, as its mark says: kind, value and interface.
    """

    holder: tuple[str, str, str]
    address: str

    def what(self) -> str:
        return f"give the lease of {self.address} on {self.holder[2]} in {self.holder[0]} {self.holder[1]} back"

    def do(self, host: Host) -> None:
        host.release_lease(self.holder)

    def undo(self, host: Host) -> None:
        """The service asks for it again."""

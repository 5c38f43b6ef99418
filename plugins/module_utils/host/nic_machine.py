# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The host, with what containers have of its NICs or on them. Private to the collection."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..state.network import Link
from . import kept_nics
from .machine import Machine

if TYPE_CHECKING:
    from ..state.kept_nic import KeptNic
    from ..state.nic import NicState
    from ..state.nic_attachments import OnNic


class NicMachine(Machine):
    """As operations on such NICs want it, too (``plan.nic_host_protocol.NicHost``)."""

    def __enter__(self) -> NicMachine:
        return self

    def kept_nics(self) -> dict[str, KeptNic]:
        """Return what NICs were like that moved into containers, by their names on the host."""
        return kept_nics.read() if kept_nics.any_kept() else {}

    def keep_nic(self, kept: KeptNic) -> None:
        kept_nics.write(kept)

    def forget_nic(self, name: str) -> None:
        kept_nics.forget(name)

    def made_on(self, indexes: Collection[int], but: Collection[str]) -> tuple[OnNic, ...]:
        """Return what is made on links of the host in all namespaces but those pinned ones, by interface indexes."""
        from .other_namespaces import made_on

        return made_on(indexes, {self._pinned[netns].inode for netns in but})

    def nic_state(self, nic: Link) -> NicState:
        """Return what a NIC of the host holds."""
        from .nic_standing import read

        return read(nic)

    def put_back_sysctls(self, before: NicState) -> None:
        from . import nic_sysctls

        nic_sysctls.write(before.sysctls)

    def put_back_nic(self, before: NicState) -> None:
        from .nic_standing import put_back

        put_back(before)

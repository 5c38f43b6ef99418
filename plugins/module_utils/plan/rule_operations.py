# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to policy routing rules. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from ..model.rule import Rule
from .operations import Operation, all_or_nothing

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class SetRule(Operation):
    """``old`` is the one that it takes the place of; it goes once the new one is in."""

    rule: Rule
    old: Rule | None

    def what(self) -> str:
        return f"set {self.rule}" + (f" in place of {self.old}" if self.old else "")

    def do(self, host: Host) -> None:
        netlink = host.netlink(self.netns)
        netlink.add_rule(self.rule)
        if self.old is not None:
            with all_or_nothing(lambda: netlink.remove_rule(self.rule)):
                netlink.remove_rule(self.old)

    def undo(self, host: Host) -> None:
        if self.old is not None:
            host.netlink(self.netns).add_rule(self.old)
        host.netlink(self.netns).remove_rule(self.rule)


@dataclass(frozen=True)
class RemoveRule(Operation):
    rule: Rule

    def what(self) -> str:
        return f"remove {self.rule}"

    def do(self, host: Host) -> None:
        host.netlink(self.netns).remove_rule(self.rule)

    def undo(self, host: Host) -> None:
        host.netlink(self.netns).add_rule(self.rule)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing rules of a network namespace, as the kernel keeps and finds them (net/core/fib_rules.c)."""

from __future__ import annotations

import errno

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.rule import Rule

_SELECTORS = ("source", "destination", "iif", "fwmark", "mask", "table", "others")


class SimRules:
    def __init__(self) -> None:
        self.shown: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """After those of its priority, whatever they say: nothing asks for NLM_F_EXCL."""
        before = [other for other in self.shown if other.priority <= rule.priority]
        self.shown.insert(len(before), rule)

    def remove(self, rule: Rule) -> None:
        """rule_find(): the first that has all that is asked for; what is not asked for may be whatever it is."""
        for position, other in enumerate(self.shown):
            same = (other.family, other.priority, other.kind, other.protocol) == (
                rule.family,
                rule.priority,
                rule.kind,
                rule.protocol,
            )
            if same and all(getattr(rule, name) in ("", 0, False, getattr(other, name)) for name in _SELECTORS):
                del self.shown[position]
                return
        raise KernelError(f"remove {rule}", errno.ENOENT, "")

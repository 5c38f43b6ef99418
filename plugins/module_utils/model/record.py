# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is kept on a host of what was asked for, an object each. Pure. Private to the collection.

``want`` and ``chosen`` are options of the module that made the object, so that making it again is asking for it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .attachment import VLAN_OPTIONS, Target

BRIDGE, OVS_BRIDGE, ATTACHMENT, VLAN_PORT, POLICY, PUBLICATION = (
    "bridge",
    "ovs_bridge",
    "attachment",
    "vlan_port",
    "icc_policy",
    "publication",
)

KINDS = (BRIDGE, OVS_BRIDGE, ATTACHMENT, VLAN_PORT, POLICY, PUBLICATION)
"""In the order in which they are made: each needs those before it only."""


class Record(NamedTuple):
    """One object that was asked for; ``key`` is unique in its kind.

    ``want`` has what was asked for, ``chosen`` what was chosen for it where nothing was asked (a MAC address, say), and
    holds where ``want`` doesn't.
    """

    kind: str
    key: tuple[str, ...]
    want: Mapping[str, Any]
    chosen: Mapping[str, Any] = {}

    @property
    def options(self) -> dict[str, Any]:
        """What to ask for to have it again."""
        return {**self.chosen, **self.want}

    @property
    def bridge(self) -> str:
        """The bridge that it is for."""
        return str(self.want.get("bridge", self.key[0]))

    def __str__(self) -> str:
        if self.kind == ATTACHMENT:
            return _interface_of(*self.key)
        if self.kind == PUBLICATION:
            return f"ports of {_interface_of(*self.key[1:])}, published on {self.key[0]}"
        if self.kind == VLAN_PORT:
            port = self.key[2] if self.key[1] == "port" else _interface_of(*self.key[1:])
            return f"VLANs of {port} on {self.key[0]}"
        return f"{_WORDS[self.kind]} {self.key[0]}"


_WORDS = {BRIDGE: "bridge", OVS_BRIDGE: "Open vSwitch bridge", POLICY: "policy of"}


def _interface_of(kind: str, value: str, interface: str) -> str:
    return f"{interface} of {kind} {value}"


def target_of(record: Record) -> Target | None:
    """Whose network namespace a record is for, ``None`` where it is the host's own."""
    place = {ATTACHMENT: 0, PUBLICATION: 1, VLAN_PORT: 1}.get(record.kind)
    if place is None or record.key[place] == "port":
        return None
    return Target(record.key[place], record.key[place + 1], str(record.want.get("runtime", "auto")))


def lasts(target: Target) -> bool:
    """Tell whether a target means the same after a restart; a process id, or a path below /proc, does not."""
    return target.kind != "pid" and not target.value.startswith("/proc/")


# What was asked for of a port of one bridge says nothing of a port of another.
_OF_THE_BRIDGE = ("mtu", *VLAN_OPTIONS)

# Options that are one setting: who gives one of them gives all.
_TOGETHER = (VLAN_OPTIONS, ("mode", "tag", "trunks"))

# Of these, what isn't asked for is not wanted.
_COMPLETE = (POLICY,)


def merged(old: Record | None, new: Record, shown: Mapping[str, Any]) -> Record:
    """Return what is wanted after ``new`` was asked for, where ``old`` was before.

    Modules leave as it is what they aren't asked about. So what was asked for before is wanted still, unless the object
    as it is now, ``shown``, has it no longer: a default route goes with its address.
    """
    if old is None or new.kind in _COMPLETE:
        return new
    said = {*new.want, *_NOT_KEPT}
    if old.bridge != new.bridge:
        said.update(_OF_THE_BRIDGE)
    for group in _TOGETHER:
        if said.intersection(group):
            said.update(group)
    kept = {
        name: value
        for name, value in old.want.items()
        if name not in said and (name not in _SEEN or not shown or shown.get(name) == value)
    }
    chosen = {name: value for name, value in old.chosen.items() if name not in new.chosen and name not in new.want}
    return Record(new.kind, new.key, {**kept, **new.want}, {**chosen, **new.chosen})


# Options that are false where they are left out.
_NOT_KEPT = ("required",)

# What a module shows of an object in the words in which it was asked for.
_SEEN = ("gateway", "gateway6", "mac", "mtu")

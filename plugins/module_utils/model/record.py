# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is kept on a host of what was asked for, an object each. Pure. Private to the collection.

``want`` and ``chosen`` are options of the module that made the object, so that making it again is asking for it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .attachment import HOST_KIND, VLAN_OPTIONS, Target

BRIDGE, OVS_BRIDGE, ATTACHMENT, NIC_ATTACHMENT, LINK_END, VLAN_PORT, POLICY, PUBLICATION = (
    "bridge",
    "ovs_bridge",
    "attachment",
    "nic_attachment",
    "link_end",
    "vlan_port",
    "icc_policy",
    "publication",
)

KINDS = (BRIDGE, OVS_BRIDGE, ATTACHMENT, NIC_ATTACHMENT, LINK_END, VLAN_PORT, POLICY, PUBLICATION)
"""In the order in which they are made: each needs those before it only."""


REPAIR, REPORT = "repair", "report"
"""What becomes of what somebody changed by hand: it is put back, or only told of."""

_DRIFT = "drift"


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
        return {name: value for name, value in {**self.chosen, **self.want}.items() if name != _DRIFT}

    @property
    def drift(self) -> str | None:
        """REPAIR or REPORT, where it was asked for."""
        return self.want.get(_DRIFT)

    def with_drift(self, choice: str | None) -> Record:
        """Return the record with what becomes of changes by hand; ``None`` leaves it as it is."""
        return self._replace(want={**self.want, _DRIFT: choice}) if choice is not None else self

    @property
    def bridge(self) -> str:
        """The bridge that it is for, '' where it has nothing to do with one."""
        return "" if self.kind in (NIC_ATTACHMENT, LINK_END) else str(self.want.get("bridge", self.key[0]))

    def __str__(self) -> str:
        if self.kind == ATTACHMENT:
            return _interface_of(*self.key)
        if self.kind == NIC_ATTACHMENT:
            vlan = f", VLAN {self.want['vlan']}" if "vlan" in self.want else ""
            return f"{_interface_of(*self.key)}, from NIC {self.want.get('nic')}{vlan}"
        if self.kind == LINK_END:
            return f"{_interface_of(*self.key)}, linked to {_interface_of(*peer_key(self))}"
        if self.kind == PUBLICATION:
            return f"ports of {_interface_of(*self.key[1:])}, published on {self.key[0]}"
        if self.kind == VLAN_PORT:
            port = self.key[2] if self.key[1] == "port" else _interface_of(*self.key[1:])
            return f"VLANs of {port} on {self.key[0]}"
        return f"{_WORDS[self.kind]} {self.key[0]}"


_WORDS = {BRIDGE: "bridge", OVS_BRIDGE: "Open vSwitch bridge", POLICY: "policy of"}


def _interface_of(kind: str, value: str, interface: str) -> str:
    return f"{interface} of this host" if kind == HOST_KIND else f"{interface} of {kind} {value}"


def peer_key(record: Record) -> tuple[str, str, str]:
    """Return the key of what a link's end is linked to, without the engine that wasn't asked for."""
    target = peer_of(record)
    where = target_key(target) if target is not None else (HOST_KIND, HOST_KIND)
    return *where, str(_peer(record).get("interface", ""))


def peer_of(record: Record) -> Target | None:
    """Whose network namespace the other end of a link is in, ``None`` where it is the host's own, or no link's end."""
    peer = _peer(record)
    kind = next((kind for kind in ("container", "netns") if kind in peer), None)
    return Target(kind, str(peer[kind]), str(peer.get("runtime", "auto"))) if kind is not None else None


def _peer(record: Record) -> Mapping[str, Any]:
    peer = record.want.get("peer") if record.kind == LINK_END else None
    return peer if isinstance(peer, dict) else {}


def target_of(record: Record) -> Target | None:
    """Whose network namespace a record is for, ``None`` where it is the host's own."""
    place = _PLACE.get(record.kind)
    if place is None or record.key[place] in ("port", HOST_KIND):
        return None
    kind = record.key[place].rpartition(" ")[2]
    return Target(kind, record.key[place + 1], str(record.options.get("runtime", "auto")))


_PLACE = {ATTACHMENT: 0, NIC_ATTACHMENT: 0, LINK_END: 0, PUBLICATION: 1, VLAN_PORT: 1}
"""Where in a key the two words of ``target_key`` begin."""


def target_key(target: Target) -> tuple[str, str]:
    """Return the words of a key that name a container or namespace; two engines may have containers of one name."""
    return target.kind if target.runtime == "auto" else f"{target.runtime} {target.kind}", target.value


class Alike:
    """Records, to be found by others of the same object; one whose engine isn't known may be of any engine."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_name: dict[tuple[str, ...], list[Record]] = {}
        for record in records:
            self._by_name.setdefault(_without_engine(record), []).append(record)

    def of(self, record: Record) -> list[Record]:
        """Return those that are of the same object."""
        return [other for other in self._by_name.get(_without_engine(record), ()) if _may_be_same(other, record)]


def _without_engine(record: Record) -> tuple[str, ...]:
    place = _PLACE.get(record.kind)
    if place is None:
        return record.key
    return (*record.key[:place], record.key[place].rpartition(" ")[2], *record.key[place + 1 :])


def _may_be_same(one: Record, other: Record) -> bool:
    engines = {engine for each in (one, other) if (engine := each.options.get("runtime", "auto")) != "auto"}
    return one.key == other.key or len(engines) < 2


def lasts(target: Target) -> bool:
    """Tell whether a target means the same after a restart; a process id, or a path below /proc, does not."""
    return target.kind != "pid" and not target.value.startswith("/proc/")


# What was asked for of a port of one bridge, or of what is made from a NIC, says nothing of a port of another.
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
    if old is None:
        return new
    if new.kind in _COMPLETE:
        return new.with_drift(new.drift or old.drift)
    said = {*new.want, *_NOT_KEPT}
    if (old.bridge, old.want.get("nic")) != (new.bridge, new.want.get("nic")):
        said.update(_OF_THE_BRIDGE)
    if new.kind == NIC_ATTACHMENT:
        said.update(_said_of_nic(old, new))
    for group in _TOGETHER:
        if said.intersection(group):
            said.update(group)
    kept = {
        name: value
        for name, value in old.want.items()
        if name not in said and (name not in _SEEN or not shown or shown.get(name) == value)
    }
    replaced = said - {*_NOT_KEPT} | {*new.chosen}
    chosen = {name: value for name, value in old.chosen.items() if name not in replaced}
    # Its engine is known from the first, or not asked for: a second run of a task changes nothing.
    added = {name: value for name, value in new.chosen.items() if name != "runtime" or name in old.options}
    return Record(new.kind, new.key, {**kept, **new.want}, {**chosen, **added})


def _said_of_nic(old: Record, new: Record) -> set[str]:
    """Return what one of a NIC says by leaving it out, or has not."""
    from .nic_attachment import PHYSICAL, has_own_mac

    said, is_itself = {"vlan"}, new.want["kind"] == PHYSICAL
    if old.want.get("vlan") != new.want.get("vlan"):
        said.add("mtu")
    if is_itself:
        said.update(("mode", "rules"))  # it has none
    # A MAC that the NIC itself is given it keeps until another one is.
    keeps_mac = is_itself and old.want.get("kind") == PHYSICAL
    if not has_own_mac(new.want["kind"], new.want.get("mode", "")) and not keeps_mac:
        said.add("mac")
    return said


# Options that say something where they are left out: false, and any engine.
_NOT_KEPT = ("required", "runtime")

# What a module shows of an object in the words in which it was asked for.
_SEEN = ("gateway", "gateway6", "mac", "mtu")

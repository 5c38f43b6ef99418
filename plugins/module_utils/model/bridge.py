# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A Linux bridge as it can be wanted. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, limits, names
from .wanted_vlans import PortsVlans, WantedVlans, parse_ports

AUTO = "auto"

# Options of one bridge that may also be given outside of the list, for all entries that leave them out.
COMMON_OPTIONS = (
    "allow_overlap",
    "mtu",
    "stp",
    "forward_delay",
    "ageing_time",
    "multicast_snooping",
    "vlan_filtering",
    "vlan_default_pvid",
    "ip_forward",
    "masquerade",
    "up",
)

# Options that make sense for one bridge only.
OWN_OPTIONS = ("name", "addresses", "mac", "members", "port_vlans")

# BR_MIN_FORWARD_DELAY and BR_MAX_FORWARD_DELAY of net/bridge/br_private_stp.h; 0 is taken while STP is off.
FORWARD_DELAY = (2.0, 30.0)

# br->ageing_time is kept in clock ticks of 1/100 s in 32 bits; a month is far beyond any use.
AGEING_TIME = (0.0, 2_592_000.0)


@dataclass(frozen=True)
class Bridge:
    """What is wanted of a bridge; ``None`` leaves what is there as it is.

    ``forward_delay`` and ``ageing_time`` are in hundredths of a second, as in
    the kernel's netlink attributes (USER_HZ). ``port_vlans`` has VLANs of
    some ports by their names, and under the bridge's own name those that the
    host itself takes part in. With ``adds_only`` addresses beside those that
    are wanted stay: another program may have come with them since. ``prefix`` stands before its options' names in
    errors.
    """

    name: str
    addresses: tuple[str, ...] | None = None
    auto_address: bool = False
    mtu: int | None = None
    mac: str | None = None
    stp: bool | None = None
    forward_delay: int | None = None
    ageing_time: int | None = None
    multicast_snooping: bool | None = None
    vlan_filtering: bool | None = None
    vlan_default_pvid: int | None = None
    port_vlans: PortsVlans | None = None
    members: tuple[str, ...] | None = None
    ip_forward: bool | None = None
    masquerade: bool | None = None
    up: bool | None = None
    allow_overlap: bool = False
    adds_only: bool = False
    prefix: str = field(default="", compare=False)

    @property
    def vlans(self) -> WantedVlans:
        """Return what is wanted of its VLANs alone."""
        members = self.members or ()
        return WantedVlans(
            self.name, self.vlan_filtering, self.port_vlans, self.vlan_default_pvid, members, self.prefix
        )


def parse(options: Mapping[str, Any], prefix: str = "") -> Bridge:
    """Return the bridge that a module's options ask for.

    ``prefix`` is put before option names in errors (``bridges[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    name = options.get("name")
    if name is None:
        raise InvalidOption(f"{prefix}name", None, "is required; name the bridge")
    names.interface_name(f"{prefix}name", name)
    wanted = options.get("addresses")
    auto = False
    if wanted is not None:
        auto = AUTO in wanted
        wanted = addresses.interface_addresses(f"{prefix}addresses", [text for text in wanted if text != AUTO])
    mac = options.get("mac")
    members = options.get("members")
    stp = options.get("stp")
    forward_delay = _hundredths(f"{prefix}forward_delay", options.get("forward_delay"), 0.0, FORWARD_DELAY[1])
    if stp and forward_delay is not None and forward_delay < FORWARD_DELAY[0] * 100:
        raise InvalidOption(
            f"{prefix}forward_delay",
            options["forward_delay"],
            "is below 2 seconds, the minimum that the kernel accepts with stp on; raise it or turn stp off",
        )
    mtu = limits.mtu(f"{prefix}mtu", options.get("mtu"))
    if (
        mtu is not None
        and mtu < limits.IPV6_MTU
        and any(addresses.family(address) == addresses.IPV6 for address in wanted or ())
    ):
        raise InvalidOption(
            f"{prefix}mtu",
            mtu,
            f"is below {limits.IPV6_MTU} bytes, the minimum MTU of IPv6; raise it or leave out the IPv6 addresses",
        )
    return Bridge(
        name=name,
        addresses=wanted,
        auto_address=auto,
        mtu=mtu,
        mac=addresses.mac(f"{prefix}mac", mac) if mac is not None else None,
        stp=stp,
        forward_delay=forward_delay,
        ageing_time=_hundredths(f"{prefix}ageing_time", options.get("ageing_time"), *AGEING_TIME),
        multicast_snooping=options.get("multicast_snooping"),
        vlan_filtering=options.get("vlan_filtering"),
        vlan_default_pvid=_default_pvid(f"{prefix}vlan_default_pvid", options.get("vlan_default_pvid")),
        port_vlans=parse_ports(options, prefix),
        members=_members(name, members, prefix) if members is not None else None,
        ip_forward=options.get("ip_forward"),
        masquerade=options.get("masquerade"),
        up=options.get("up"),
        allow_overlap=bool(options.get("allow_overlap")),
        prefix=prefix,
    )


def parse_list(items: Iterable[Mapping[str, Any]], common: Mapping[str, Any]) -> tuple[Bridge, ...]:
    """Return the bridges of a list; what an item leaves out is taken from ``common``.

    :raises InvalidOption: as ``parse``, or two entries ask for what only one bridge can have: a name, a port, a MAC,
        or, unless the later one allows it, a subnet.
    """
    parsed = []
    for position, item in enumerate(items):
        given = {key: value for key, value in item.items() if value is not None}
        parsed.append(parse({**common, **given}, f"bridges[{position}]."))
    _refuse_claimed_twice(parsed)
    _refuse_overlaps(parsed)
    return tuple(parsed)


def _refuse_claimed_twice(parsed: Sequence[Bridge]) -> None:
    bridges = {one.name for one in parsed}
    seen: dict[tuple[str, str], int] = {}
    for position, one in enumerate(parsed):
        claims = [("name", "name", one.name)]
        claims += [("mac", "mac", one.mac)] if one.mac else []
        claims += [(f"members[{index}]", "members", member) for index, member in enumerate(one.members or ())]
        for option, kind, found in claims:
            if kind == "members" and found in bridges:
                advice = "is a bridge of the list itself; join two bridges by a veth pair"
                raise InvalidOption(f"{one.prefix}{option}", found, advice)
            earlier = seen.setdefault((kind, found), position)
            if earlier != position:
                raise InvalidOption(f"{one.prefix}{option}", found, f"is in bridges[{earlier}] too; it must be unique")


def _refuse_overlaps(parsed: Sequence[Bridge]) -> None:
    """Refuse subnets of two entries that overlap, as a task for each would refuse the later one.

    Of two subnets that overlap, one holds the other: in this order it comes first.
    """
    held = sorted(
        (version, first, -last, position, address)
        for position, one in enumerate(parsed)
        for address in one.addresses or ()
        if not addresses.is_link_local(address)
        for version, first, last in (addresses.bounds(addresses.network(address)),)
    )
    around: list[tuple[int, int, int, int, str]] = []
    for entry in held:
        version, first, _last, position, address = entry
        while around and (around[-1][0] != version or -around[-1][2] < first):
            around.pop()
        for other in around:
            (earlier, there), (later, here) = sorted([(other[3], other[4]), (position, address)])
            if earlier != later and not parsed[later].allow_overlap:
                raise InvalidOption(
                    f"{parsed[later].prefix}addresses",
                    here,
                    f"overlaps {there} of bridges[{earlier}]; choose another subnet or set allow_overlap",
                )
        around.append(entry)


def _hundredths(option: str, seconds: float | None, least: float, most: float) -> int | None:
    if seconds is None:
        return None
    if not least <= seconds <= most:
        raise InvalidOption(option, seconds, f"is out of range; give {least:g} to {most:g} seconds")
    return round(seconds * 100)


def _default_pvid(option: str, given: int | None) -> int | None:
    return given if given == 0 else limits.vlan(option, given)


def _members(bridge: str, members: list[str], prefix: str) -> tuple[str, ...]:
    for index, member in enumerate(members):
        option = f"{prefix}members[{index}]"
        names.interface_name(option, member)
        if member == bridge:
            raise InvalidOption(option, member, "is the bridge itself; name the interfaces that are to be its ports")
        if member in members[:index]:
            raise InvalidOption(option, member, "is in the list twice; name each interface once")
    return tuple(members)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Links as the kernel shows them, and the attributes that change them (linux/if_link.h). Private to the collection."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ...state.network import Link
from . import rtnetlink
from .rtnetlink import RouteSocket

IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFINFO = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change

_WITHOUT_STATISTICS = (("IFLA_EXT_MASK", 1 << 3),)  # RTEXT_FILTER_SKIP_STATS; they take most of the kernel's time
# What _link() reads: IFLA_ADDRESS, IFNAME, MTU, LINK, MASTER, LINKINFO, IFALIAS, CARRIER, LINK_NETNSID and PROP_LIST.
_READ = frozenset((1, 3, 4, 5, 10, 18, 20, 33, 37, 52))

# A port of a bridge has no use for an address of its own, and with a thousand of them the kernel's multicast
# reports for each, flooded to all others, take longer than everything else (IN6_ADDR_GEN_MODE_NONE).
NO_LINK_LOCAL = ("IFLA_AF_SPEC", {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]})

# model.bridge.Bridge field -> IFLA_BR_* attribute
_BRIDGE_ATTRIBUTES = {
    "stp": "IFLA_BR_STP_STATE",
    "forward_delay": "IFLA_BR_FORWARD_DELAY",
    "ageing_time": "IFLA_BR_AGEING_TIME",
    "multicast_snooping": "IFLA_BR_MCAST_SNOOPING",
    "vlan_filtering": "IFLA_BR_VLAN_FILTERING",
    "vlan_default_pvid": "IFLA_BR_VLAN_DEFAULT_PVID",
}


def shown(route_socket: RouteSocket) -> dict[str, Link]:
    """Return every link but the loopback, by name. One dump."""
    found = {}
    entries = route_socket.dump(rtnetlink.RTM_GETLINK, "ifinfmsg", {"family": 0}, _WITHOUT_STATISTICS, _READ)
    for payload, decode in entries:
        if not _IFINFO.unpack_from(payload)[3] & _IFF_LOOPBACK:
            link = _link(decode())
            found[link.name] = link
    return found


def index_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the index of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    index: int | None = _IFINFO.unpack_from(found[0])[2] if found is not None else None
    return index


def mtu_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the MTU (bytes) of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    mtu: int | None = found[1]().get_attr("IFLA_MTU") if found is not None else None
    return mtu


def _find(route_socket: RouteSocket, name: str) -> tuple[bytes, Any] | None:
    attributes = [("IFLA_IFNAME", name), *_WITHOUT_STATISTICS]
    return route_socket.get(rtnetlink.RTM_GETLINK, "ifinfmsg", {"index": 0}, attributes)


def change(
    route_socket: RouteSocket,
    what: str,
    index: int,
    attributes: Sequence[tuple[str, Any]],
    header: Mapping[str, int] | None = None,
    flags: int = 0,
) -> None:
    """Change a link, or with NLM_F_CREATE make one; ``what`` completes "the kernel refused to …".

    Without an index (0) and NLM_F_CREATE the kernel takes IFLA_IFNAME for
    which link it is, else for its new name.
    """
    route_socket.request(what, rtnetlink.RTM_NEWLINK, "ifinfmsg", flags, {"index": index, **(header or {})}, attributes)


def up_or_down(up: bool) -> dict[str, int]:
    """Return the fields of the header that bring a link up or take it down."""
    return {"flags": IFF_UP if up else 0, "change": IFF_UP}


def bridge(attributes: Mapping[str, int]) -> tuple[str, Any]:
    """Return what makes a link a bridge, or changes one: attributes named as in ``model.bridge.Bridge``."""
    return _info("bridge", [(_BRIDGE_ATTRIBUTES[field], int(value)) for field, value in attributes.items()])


def veth(peer: str, descriptor: int, mac: str | None, mtu: int) -> tuple[str, Any]:
    """Return what makes a link a veth whose peer is born in the namespace behind ``descriptor``."""
    end: list[tuple[str, Any]] = [("IFLA_IFNAME", peer), ("IFLA_MTU", mtu), ("IFLA_NET_NS_FD", descriptor)]
    if mac:
        end.append(("IFLA_ADDRESS", mac))
    return _info("veth", [("VETH_INFO_PEER", {"attrs": end})])


def isolation(isolated: bool) -> tuple[str, Any]:
    """Return what isolates a bridge's port from the other isolated ones, or no longer does."""
    data = {"attrs": [("IFLA_BRPORT_ISOLATED", int(isolated))]}
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", data)]})


def alternative_name(name: str) -> tuple[str, Any]:
    """Return what a link has as a further name."""
    return ("IFLA_PROP_LIST", {"attrs": [("IFLA_ALT_IFNAME", name)]})


def _info(kind: str, data: list[tuple[str, Any]]) -> tuple[str, Any]:
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": data})]})


def _link(entry: Any) -> Link:
    # pyroute2's get_attr() walks through all attributes each time; a slot decodes its value when that is read.
    slots = {slot[0]: slot for slot in entry["attrs"]}

    def value(attribute: str, default: Any) -> Any:
        return slots[attribute][1] if attribute in slots else default

    info = value("IFLA_LINKINFO", None)
    kind = (info.get_attr("IFLA_INFO_KIND") if info is not None else None) or ""
    return Link(
        index=entry["index"],
        name=value("IFLA_IFNAME", ""),
        kind=kind,
        mac=value("IFLA_ADDRESS", ""),
        mtu=value("IFLA_MTU", 0),
        up=bool(entry["flags"] & IFF_UP),
        carrier=bool(value("IFLA_CARRIER", 0)),
        master=value("IFLA_MASTER", 0),
        alias=value("IFLA_IFALIAS", ""),
        alternative_names=_alternative_names(value("IFLA_PROP_LIST", None)),
        peer=value("IFLA_LINK", 0),
        peer_netns=value("IFLA_LINK_NETNSID", None),
        bridge=_bridge_attributes(info) if kind == "bridge" else {},
        isolated=info is not None and info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge" and _is_isolated(info),
        vlan_id=_vlan_id(info) if kind == "vlan" else None,
    )


def _nested(entry: Any, attribute: str) -> Any:
    # pyroute2 shows a nest it has no definition for as text.
    return entry.get_attr(attribute) if hasattr(entry, "get_attr") else None


def _vlan_id(info: Any) -> int | None:
    data = _nested(info, "IFLA_INFO_DATA")
    found: int | None = data.get_attr("IFLA_VLAN_ID") if data is not None else None
    return found


def _is_isolated(info: Any) -> bool:
    data = _nested(info, "IFLA_INFO_SLAVE_DATA")
    return data is not None and bool(data.get_attr("IFLA_BRPORT_ISOLATED"))


def _alternative_names(properties: Any) -> tuple[str, ...]:
    if properties is None:
        return ()
    return tuple(slot[1] for slot in properties["attrs"] if slot[0] == "IFLA_ALT_IFNAME")


def _bridge_attributes(info: Any) -> dict[str, int]:
    data = _nested(info, "IFLA_INFO_DATA")
    if data is None:
        return {}
    values = {field: data.get_attr(attribute) for field, attribute in _BRIDGE_ATTRIBUTES.items()}
    if data.get_attr("IFLA_BR_VLAN_PROTOCOL") is None:
        # A kernel without CONFIG_BRIDGE_VLAN_FILTERING still shows IFLA_BR_VLAN_FILTERING, and silently accepts 1.
        values["vlan_filtering"] = values["vlan_default_pvid"] = None
    return {field: value for field, value in values.items() if value is not None}

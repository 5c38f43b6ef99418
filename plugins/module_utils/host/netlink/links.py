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
from .wire import attribute, attributes, from_text, number, text

IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFINFO = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change

_INDEX, _FLAGS = 2, 3  # their places in it

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
_IFLA_IFALIAS, _IFLA_EXT_MASK, _IFLA_CARRIER, _IFLA_LINK_NETNSID = 20, 29, 33, 37
_IFLA_PROP_LIST, _IFLA_ALT_IFNAME = 52, 53
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_IFLA_VLAN_ID, _IFLA_BRPORT_ISOLATED, _IFLA_BR_VLAN_PROTOCOL = 1, 33, 8

# RTEXT_FILTER_SKIP_STATS: they take most of the kernel's time.
_WITHOUT_STATISTICS = attribute(_IFLA_EXT_MASK, struct.pack("=I", 1 << 3))

# A port of a bridge has no use for an address of its own, and with a thousand of them the kernel's multicast
# reports for each, flooded to all others, take longer than everything else (IN6_ADDR_GEN_MODE_NONE).
NO_LINK_LOCAL = ("IFLA_AF_SPEC", {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]})

# model.bridge.Bridge field -> IFLA_BR_* attribute, as pyroute2 names it and by its number
_BRIDGE_ATTRIBUTES = {
    "stp": ("IFLA_BR_STP_STATE", 5),
    "forward_delay": ("IFLA_BR_FORWARD_DELAY", 1),
    "ageing_time": ("IFLA_BR_AGEING_TIME", 4),
    "multicast_snooping": ("IFLA_BR_MCAST_SNOOPING", 23),
    "vlan_filtering": ("IFLA_BR_VLAN_FILTERING", 7),
    "vlan_default_pvid": ("IFLA_BR_VLAN_DEFAULT_PVID", 39),
}


def shown(route_socket: RouteSocket) -> dict[str, Link]:
    """Return every link but the loopback, by name. One dump."""
    found = {}
    for payload in route_socket.dump(rtnetlink.RTM_GETLINK, _IFINFO.pack(0, 0, 0, 0, 0) + _WITHOUT_STATISTICS):
        if not _IFINFO.unpack_from(payload)[_FLAGS] & _IFF_LOOPBACK:
            link = _link(payload)
            found[link.name] = link
    return found


def index_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the index of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    index: int | None = _IFINFO.unpack_from(found)[_INDEX] if found is not None else None
    return index


def mtu_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the MTU (bytes) of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    return number(dict(attributes(found, _IFINFO.size))[_IFLA_MTU]) if found is not None else None


def _find(route_socket: RouteSocket, name: str) -> bytes | None:
    request = _IFINFO.pack(0, 0, 0, 0, 0) + attribute(_IFLA_IFNAME, from_text(name)) + _WITHOUT_STATISTICS
    return route_socket.get(rtnetlink.RTM_GETLINK, request)


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
    return _info("bridge", [(_BRIDGE_ATTRIBUTES[field][0], int(value)) for field, value in attributes.items()])


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


def _link(payload: bytes) -> Link:
    _family, _type, index, flags, _change = _IFINFO.unpack_from(payload)
    values = dict(attributes(payload, _IFINFO.size))
    info = dict(attributes(values.get(_IFLA_LINKINFO, b"")))
    kind = text(info.get(_INFO_KIND, b""))
    data = info.get(_INFO_DATA, b"")
    return Link(
        index=index,
        name=text(values[_IFLA_IFNAME]),
        kind=kind,
        mac=values.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=number(values.get(_IFLA_MTU, b"")),
        up=bool(flags & IFF_UP),
        carrier=bool(number(values.get(_IFLA_CARRIER, b""))),
        master=number(values.get(_IFLA_MASTER, b"")),
        alias=text(values.get(_IFLA_IFALIAS, b"")),
        alternative_names=_alternative_names(values.get(_IFLA_PROP_LIST, b"")),
        peer=number(values.get(_IFLA_LINK, b"")),
        peer_netns=number(values[_IFLA_LINK_NETNSID]) if _IFLA_LINK_NETNSID in values else None,
        bridge=_bridge_attributes(data) if kind == "bridge" else {},
        isolated=text(info.get(_INFO_SLAVE_KIND, b"")) == "bridge" and _is_isolated(info.get(_INFO_SLAVE_DATA, b"")),
        vlan_id=_vlan_id(data) if kind == "vlan" else None,
    )


def _vlan_id(data: bytes) -> int | None:
    found = dict(attributes(data)).get(_IFLA_VLAN_ID)
    return number(found) if found is not None else None


def _is_isolated(data: bytes) -> bool:
    return bool(number(dict(attributes(data)).get(_IFLA_BRPORT_ISOLATED, b"")))


def _alternative_names(properties: bytes) -> tuple[str, ...]:
    return tuple(text(value) for kind, value in attributes(properties) if kind == _IFLA_ALT_IFNAME)


def _bridge_attributes(data: bytes) -> dict[str, int]:
    shown = dict(attributes(data))
    values = {field: number(shown[kind]) for field, (_name, kind) in _BRIDGE_ATTRIBUTES.items() if kind in shown}
    if _IFLA_BR_VLAN_PROTOCOL not in shown:
        # A kernel without CONFIG_BRIDGE_VLAN_FILTERING still shows IFLA_BR_VLAN_FILTERING, and silently accepts 1.
        for field in ("vlan_filtering", "vlan_default_pvid"):
            values.pop(field, None)
    return values

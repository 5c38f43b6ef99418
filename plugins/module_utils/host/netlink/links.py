# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Links as the kernel shows them, and the attributes that change them (linux/if_link.h). Private to the collection."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...state.network import ETH_P_8021Q, Link
from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import KernelError, attribute, attributes, from_text, number, text

IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFINFO = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_S32 = struct.Struct("=i")

_TYPE, _INDEX, _FLAGS = 1, 2, 3  # their places in it
_ARPHRD_ETHER = 1

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
_IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_GROUP, _IFLA_EXT_MASK, _IFLA_CARRIER, _IFLA_LINK_NETNSID = 20, 26, 27, 29, 33, 37
_IFLA_PROP_LIST, _IFLA_ALT_IFNAME = 52, 53
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_IFLA_VLAN_ID, _IFLA_VLAN_PROTOCOL, _IFLA_BR_VLAN_PROTOCOL, _IFLA_MACVLAN_MODE, _IFLA_IPVLAN_MODE = 1, 5, 8, 1, 1
_IFLA_BRPORT_MODE, _IFLA_BRPORT_MCAST_FLOOD, _IFLA_BRPORT_BCAST_FLOOD, _IFLA_BRPORT_ISOLATED = 4, 27, 30, 33
_AF_INET6, _IFLA_INET6_CONF, _IFLA_INET6_TOKEN, _IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE = 10, 2, 7, 8, 1
_DEVCONF_DISABLE_IPV6 = 26  # linux/ipv6.h: in an array of 32-bit numbers

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
    found = [_link(header, values) for header, values in _all(route_socket) if not header[_FLAGS] & _IFF_LOOPBACK]
    return {link.name: link for link in found}


def _all(route_socket: RouteSocket) -> Iterator[tuple[tuple[int, ...], dict[int, bytes]]]:
    for payload in route_socket.dump(rtnetlink.RTM_GETLINK, _IFINFO.pack(0, 0, 0, 0, 0) + _WITHOUT_STATISTICS):
        yield _IFINFO.unpack_from(payload), dict(attributes(payload, _IFINFO.size))


def index_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the index of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    index: int | None = _IFINFO.unpack_from(found)[_INDEX] if found is not None else None
    return index


def mtu_of(route_socket: RouteSocket, name: str) -> int | None:
    """Return the MTU (bytes) of a link, ``None`` where there is none of that name."""
    found = _find(route_socket, name)
    return number(dict(attributes(found, _IFINFO.size))[_IFLA_MTU]) if found is not None else None


def mac_above(route_socket: RouteSocket, name: str) -> str:
    """Return the MAC of the bridge whose port a link is, '' where it is none."""
    found = _find(route_socket, name)
    master = dict(attributes(found, _IFINFO.size)).get(_IFLA_MASTER) if found is not None else None
    request = _IFINFO.pack(0, 0, number(master or b""), 0, 0) + _WITHOUT_STATISTICS
    bridge_found = route_socket.get(rtnetlink.RTM_GETLINK, request) if master is not None else None
    return dict(attributes(bridge_found, _IFINFO.size))[_IFLA_ADDRESS].hex(":") if bridge_found is not None else ""


def delete(route_socket: RouteSocket, name: str) -> None:
    """Delete a link; one that is gone already is as good."""
    _delete(route_socket, f"delete {name}", ("IFLA_IFNAME", name))


def set_hairpin(route_socket: RouteSocket, port: str, on: bool) -> None:
    """Let frames leave by the bridge's port they came in by, or not; of what is no port any more, it is off."""
    mode = _of_port([("IFLA_BRPORT_MODE", int(on))])
    try:
        change(
            route_socket, f"switch the hairpin mode of {port} {'on' if on else 'off'}", 0, [("IFLA_IFNAME", port), mode]
        )
    except KernelError as error:
        if on or error.code not in (errno.ENODEV, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def delete_all(route_socket: RouteSocket, names: Collection[str]) -> None:
    """Delete links; those that are gone already are as good.

    As a group, and so in one request: with each request the kernel waits
    until no processor uses its links any more, some 20 ms.
    """
    taken = {number(values.get(_IFLA_GROUP, b"")) for _header, values in _all(route_socket)}
    group = next(group for group in iter(lambda: int.from_bytes(os.urandom(4), "big"), 0) if group not in taken)
    for name in names:
        try:
            change(route_socket, f"delete {name}", 0, [("IFLA_IFNAME", name), ("IFLA_GROUP", group)])
        except KernelError as error:
            if error.code != errno.ENODEV:
                raise
    _delete(route_socket, f"delete {', '.join(names)}", ("IFLA_GROUP", group))


def _delete(route_socket: RouteSocket, what: str, which: tuple[str, Any]) -> None:
    try:
        route_socket.request(what, rtnetlink.RTM_DELLINK, "ifinfmsg", 0, {"index": 0}, [which])
    except KernelError as error:
        if error.code != errno.ENODEV:
            raise


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
    return of_kind("bridge", [(_BRIDGE_ATTRIBUTES[field][0], int(value)) for field, value in attributes.items()])


def veth(peer: str, descriptor: int, mac: str | None, mtu: int) -> tuple[str, Any]:
    """Return what makes a link a veth whose peer is born in the namespace behind ``descriptor``."""
    end: list[tuple[str, Any]] = [("IFLA_IFNAME", peer), ("IFLA_MTU", mtu), ("IFLA_NET_NS_FD", descriptor)]
    if mac:
        end.append(("IFLA_ADDRESS", mac))
    return of_kind("veth", [("VETH_INFO_PEER", {"attrs": end})])


def isolation(isolated: bool) -> tuple[str, Any]:
    """Return what isolates a bridge's port from the other isolated ones, or no longer does."""
    return _of_port([("IFLA_BRPORT_ISOLATED", int(isolated))])


def flooding(on: bool) -> tuple[str, Any]:
    """Return what lets a bridge's port have broadcasts and multicast of which it said nothing, or not."""
    return _of_port([("IFLA_BRPORT_BCAST_FLOOD", int(on)), ("IFLA_BRPORT_MCAST_FLOOD", int(on))])


def _of_port(data: list[tuple[str, Any]]) -> tuple[str, Any]:
    slave = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": data})]
    return ("IFLA_LINKINFO", {"attrs": slave})


def of_kind(kind: str, data: list[tuple[str, Any]]) -> tuple[str, Any]:
    """Return what makes a link of a kind, or says something of one: attributes of that kind."""
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": data})]})


def _link(header: tuple[int, ...], values: Mapping[int, bytes]) -> Link:
    info = dict(attributes(values.get(_IFLA_LINKINFO, b"")))
    kind = text(info.get(_INFO_KIND, b""))
    data = info.get(_INFO_DATA, b"")
    is_port = text(info.get(_INFO_SLAVE_KIND, b"")) == "bridge"
    port = dict(attributes(info.get(_INFO_SLAVE_DATA, b""))) if is_port else {}
    of_ipv6 = dict(attributes(dict(attributes(values.get(_IFLA_AF_SPEC, b""))).get(_AF_INET6, b"")))
    return Link(
        index=header[_INDEX],
        name=text(values[_IFLA_IFNAME]),
        kind=kind,
        mac=values.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=number(values.get(_IFLA_MTU, b"")),
        up=bool(header[_FLAGS] & IFF_UP),
        carrier=bool(number(values.get(_IFLA_CARRIER, b""))),
        master=number(values.get(_IFLA_MASTER, b"")),
        alias=text(values.get(_IFLA_IFALIAS, b"")),
        alternative_names=_alternative_names(values.get(_IFLA_PROP_LIST, b"")),
        peer=number(values.get(_IFLA_LINK, b"")),
        peer_netns=_S32.unpack(values[_IFLA_LINK_NETNSID])[0] if _IFLA_LINK_NETNSID in values else None,
        bridge=_bridge_attributes(data) if kind == "bridge" else {},
        isolated=bool(number(port.get(_IFLA_BRPORT_ISOLATED, b""))),
        hairpin=bool(number(port.get(_IFLA_BRPORT_MODE, b""))),
        floods=all(number(port.get(kind, b"\1")) for kind in (_IFLA_BRPORT_BCAST_FLOOD, _IFLA_BRPORT_MCAST_FLOOD)),
        ethernet=header[_TYPE] == _ARPHRD_ETHER,
        ipv6=_speaks_ipv6(of_ipv6),
        makes_link_local=number(of_ipv6.get(_IFLA_INET6_ADDR_GEN_MODE, b"\1")) != _IN6_ADDR_GEN_MODE_NONE,
        vlan_id=_vlan_id(data) if kind == "vlan" else None,
        vlan_protocol=_vlan_protocol(data) if kind == "vlan" else ETH_P_8021Q,
        macvlan_mode=number(dict(attributes(data)).get(_IFLA_MACVLAN_MODE, b"")) if kind == "macvlan" else 0,
        ipvlan_mode=number(dict(attributes(data)).get(_IFLA_IPVLAN_MODE, b"")) if kind in ("ipvlan", "ipvtap") else 0,
        ipv6_token=_token(of_ipv6.get(_IFLA_INET6_TOKEN, b"")),
    )


def _token(value: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET6, value) if any(value) else ""


def _vlan_id(data: bytes) -> int | None:
    found = dict(attributes(data)).get(_IFLA_VLAN_ID)
    return number(found) if found is not None else None


def _vlan_protocol(data: bytes) -> int:
    found = dict(attributes(data)).get(_IFLA_VLAN_PROTOCOL)
    return int.from_bytes(found, "big") if found is not None else ETH_P_8021Q


def _speaks_ipv6(of_ipv6: Mapping[int, bytes]) -> bool | None:
    settings = of_ipv6.get(_IFLA_INET6_CONF, b"")
    place = 4 * _DEVCONF_DISABLE_IPV6
    return not number(settings[place : place + 4]) if len(settings) > place else None


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

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""VLANs of Linux bridges and of their ports (linux/if_bridge.h). Private to the collection.

The kernel has them in messages of links of the family AF_BRIDGE, ranges as
two entries with a flag each. They are written and read here, as pyroute2
makes an object of each entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from ...model.bridge_vlans import PortVlans, VlanRange, merged, outside
from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, attribute, attributes

_AF_BRIDGE = 7
_IFINFO = struct.Struct("=BxHiII")  # family, type, index, flags, change
_IFLA_AF_SPEC = 26
_BRIDGE_FLAGS, _VLAN_INFO = 0, 2
_FLAGS = struct.Struct("=H")
_MASTER, _SELF = 1, 2
_INFO = struct.Struct("=HH")  # flags, VLAN id
_PVID, _UNTAGGED, _RANGE_BEGIN, _RANGE_END = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_COMPRESSED = attribute(29, struct.pack("=I", 1 << 2))  # IFLA_EXT_MASK: RTEXT_FILTER_BRVLAN_COMPRESSED


def shown(route_socket: RouteSocket) -> Mapping[int, PortVlans]:
    """Return the VLANs of each bridge and of each port, by index. One dump.

    Nothing where the kernel has no VLAN filtering.
    """
    found = {}
    for payload in route_socket.dump(rtnetlink.RTM_GETLINK, _IFINFO.pack(_AF_BRIDGE, 0, 0, 0, 0) + _COMPRESSED):
        for specification in (value for kind, value in attributes(payload, _IFINFO.size) if kind == _IFLA_AF_SPEC):
            entries = list(attributes(specification))
            # A NIC with a hardware switch (ndo_bridge_getlink) sends a message of its own, with IFLA_BRIDGE_FLAGS.
            if all(kind != _BRIDGE_FLAGS for kind, _value in entries):
                found[_IFINFO.unpack_from(payload)[2]] = _read(entries)
    return found


def _read(entries: Iterable[tuple[int, bytes]]) -> PortVlans:
    ranges, begin = [], 0
    for kind, value in entries:
        if kind == _VLAN_INFO:
            flags, vlan = _INFO.unpack_from(value)
            if flags & _RANGE_BEGIN:
                begin = vlan
                continue
            ranges.append(
                VlanRange(begin if flags & _RANGE_END else vlan, vlan, bool(flags & _PVID), bool(flags & _UNTAGGED))
            )
    return merged(ranges)


def change(route_socket: RouteSocket, index: int, name: str, vlans: PortVlans, own: bool = False) -> None:
    """Make ``vlans`` all that a port has, or with ``own`` all that the bridge itself has.

    Two requests, the new ones first: what stays is carried all the time.
    """
    target = _SELF if own else _MASTER
    for what, kind, entries in (
        (
            "set",
            rtnetlink.RTM_SETLINK,
            [(entry.first, entry.last, _PVID * entry.pvid | _UNTAGGED * entry.untagged) for entry in vlans],
        ),
        ("delete", rtnetlink.RTM_DELLINK, [(first, last, 0) for first, last in outside(vlans)]),
    ):
        if entries:
            infos = b"".join(_infos(*entry) for entry in entries)
            specification = attribute(_BRIDGE_FLAGS, _FLAGS.pack(target)) + infos
            payload = _IFINFO.pack(_AF_BRIDGE, 0, index, 0, 0) + attribute(_IFLA_AF_SPEC | NLA_F_NESTED, specification)
            route_socket.request_payload(f"{what} VLANs of {name}", kind, 0, payload)


def _infos(first: int, last: int, flags: int) -> bytes:
    if first == last:
        return attribute(_VLAN_INFO, _INFO.pack(flags, first))
    return attribute(_VLAN_INFO, _INFO.pack(flags | _RANGE_BEGIN, first)) + attribute(
        _VLAN_INFO, _INFO.pack(flags | _RANGE_END, last)
    )

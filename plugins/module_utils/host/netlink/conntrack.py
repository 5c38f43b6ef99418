# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Deleting conntrack entries of flows that are still translated the old way. Private to the collection.

A flow keeps the translation (NAT) of its first packet for as long as its entry
lives, whatever the rules say by then. The entry of a UDP client that goes on
sending never expires, and that of a TCP connection whose container died, and so
never closed it, stays for five days. What a client sends after its entry is
gone meets the rules anew, and is reset by whoever it reaches. Message layout:
include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable, Collection, Mapping, Sequence

from ...errors import PipefitterError
from ...model.addresses import IPV4, IPV6, family
from ...model.publication import PublishedFlow
from ..port_use.local_address import is_local
from .wire import NETLINK_NETFILTER, NFGENMSG, NLA_F_NESTED, KernelError, NetlinkSocket, attribute, attributes

_TIMEOUT = 30
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY, _CTA_ID, _CTA_ZONE = 1, 2, 12, 18
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_SOURCE_ATTRIBUTE, _DESTINATION_ATTRIBUTE = {IPV4: 1, IPV6: 3}, {IPV4: 2, IPV6: 4}
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT = 1, 2, 3
_FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}


def end(flows: Collection[PublishedFlow]) -> None:
    """Delete the conntrack entries of flows; those that are gone already are as good.

    One dump for each family, however many flows.

    :raises PipefitterError: the kernel refused, and a flow of UDP is among them: others end in time without it.
    """
    lasting = any(flow.host.protocol == "udp" for flow in flows)
    with contextlib.nullcontext() if lasting else contextlib.suppress(PipefitterError):
        with NetlinkSocket(NETLINK_NETFILTER, _TIMEOUT) as netlink:
            for version in (IPV4, IPV6):
                by_port: dict[tuple[int, int], list[PublishedFlow]] = {}
                for flow in flows:
                    if flow.host.family == version:
                        by_port.setdefault((_PROTOCOLS[flow.host.protocol], flow.host.port), []).append(flow)
                if by_port:
                    _delete_all(netlink, version, _of_flows(by_port, version))


def end_translated(addresses: Collection[str]) -> None:
    """Delete the entries of flows from or to addresses behind this host's NAT, as far as the kernel lets see them.

    Nothing is wrong with a host that can't be asked for them: they end in time, and nobody waits for it.
    """
    with contextlib.suppress(PipefitterError), NetlinkSocket(NETLINK_NETFILTER, _TIMEOUT) as netlink:
        for version in (IPV4, IPV6):
            own = frozenset(address for address in addresses if family(address) == version)
            if own:
                _delete_all(netlink, version, _of_addresses(own, version))


_Which = Callable[[Mapping[int, bytes]], bool]


def _delete_all(netlink: NetlinkSocket, version: int, which: _Which) -> None:
    for entry in _entries(netlink, which, version):
        _delete(netlink, entry, version)


def _entries(netlink: NetlinkSocket, which: _Which, version: int) -> list[dict[int, bytes]]:
    """Return the attributes of those conntrack entries that are meant."""
    payload = NFGENMSG.pack(_FAMILIES[version], 0, 0)
    try:
        # A busy host has hundreds of thousands of entries: only those that are meant are kept.
        found = netlink.dump("conntrack entries", _GET, payload, lambda entry: which(_attributes(entry)))
    except KernelError as error:
        raise PipefitterError(
            f"failed to list conntrack entries ({os.strerror(error.code)}); "
            "the kernel module nf_conntrack_netlink is required for it"
        ) from None
    return [_attributes(entry) for entry in found]


def _attributes(entry: bytes) -> dict[int, bytes]:
    return dict(attributes(entry, NFGENMSG.size))


def _of_flows(by_port: Mapping[tuple[int, int], Sequence[PublishedFlow]], version: int) -> _Which:
    """Return what tells the entries of flows, which are given by protocol and port of the host."""

    def ends(entry: Mapping[int, bytes]) -> bool:
        original = _tuple(entry.get(_CTA_TUPLE_ORIG, b""), version)
        reply = _tuple(entry.get(_CTA_TUPLE_REPLY, b""), version)
        if original is None or reply is None:
            return False
        protocol, _source, (destination, port) = original
        for flow in by_port.get((protocol, port), ()):
            if flow.host.address not in ("", destination):
                continue
            if flow.address:
                if reply[1] == (flow.address, flow.port):
                    return not any(host.address in ("", destination) for host in flow.still)
            elif reply[1] == (destination, port) and is_local(destination):
                return True
        return False

    return ends


def _of_addresses(own: Collection[str], version: int) -> _Which:
    """Return what tells the entries of translated flows that one of the addresses began, or answers."""

    def ends(entry: Mapping[int, bytes]) -> bool:
        original = _tuple(entry.get(_CTA_TUPLE_ORIG, b""), version)
        reply = _tuple(entry.get(_CTA_TUPLE_REPLY, b""), version)
        if original is None or reply is None:
            return False
        _protocol, source, destination = original
        masqueraded = source[0] in own and reply[2] != source
        return masqueraded or (reply[1][0] in own and reply[1] != destination)

    return ends


def _tuple(data: bytes, version: int) -> tuple[int, tuple[str, int], tuple[str, int]] | None:
    """Return protocol, source and destination of a CTA_TUPLE, ``None`` where it has no ports."""
    parts = dict(attributes(data))
    address = dict(attributes(parts.get(_CTA_TUPLE_IP, b"")))
    protocol = dict(attributes(parts.get(_CTA_TUPLE_PROTO, b"")))
    try:
        ends = [
            socket.inet_ntop(_FAMILIES[version], address[which[version]])
            for which in (_SOURCE_ATTRIBUTE, _DESTINATION_ATTRIBUTE)
        ]
        ports = [struct.unpack("!H", protocol[which])[0] for which in (_CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT)]
        return protocol[_CTA_PROTO_NUM][0], (ends[0], ports[0]), (ends[1], ports[1])
    except (KeyError, ValueError):
        return None


def _delete(netlink: NetlinkSocket, entry: Mapping[int, bytes], version: int) -> None:
    kinds = {_CTA_TUPLE_ORIG: _CTA_TUPLE_ORIG | NLA_F_NESTED, _CTA_ID: _CTA_ID, _CTA_ZONE: _CTA_ZONE}
    payload = NFGENMSG.pack(_FAMILIES[version], 0, 0) + b"".join(
        attribute(kind, entry[number]) for number, kind in kinds.items() if number in entry
    )
    try:
        netlink.change("delete a conntrack entry", _DELETE, 0, payload)
    except KernelError as error:
        if error.code != errno.ENOENT:
            raise PipefitterError(
                f"failed to delete the conntrack entry of a flow ({os.strerror(error.code)})"
            ) from None

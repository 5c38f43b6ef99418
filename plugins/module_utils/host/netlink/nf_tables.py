# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Which nf_tables tables, chains and sets there are, asked of the kernel. Private to the collection.

A few questions are asked at the beginning of nearly every run, mostly to be
answered with no. Over netlink an answer costs some 50 microseconds; the
program ``nft`` takes 3 milliseconds, and its JSON can't ask for two tables of
which one is missing (the whole batch fails). Message layout:
include/uapi/linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

from ...errors import MissingFeature, PipefitterError
from ...model.firewall import DroppingChain
from .rtnetlink import attributes

_NETLINK_NETFILTER = 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_DUMP = 1, 0x300
_SUBSYSTEM_NFTABLES = 10 << 8
_GETTABLE, _GETCHAIN, _GETSET = 1, 4, 10
_TABLE_NAME = 1  # NFTA_TABLE_NAME
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY = 1, 3, 4, 5  # NFTA_CHAIN_*
_HOOK_NUMBER = 1  # NFTA_HOOK_HOOKNUM
_FORWARD = 2  # NF_INET_FORWARD, and NF_BR_FORWARD
_NF_DROP = 0
_SET_TABLE, _SET_NAME = 1, 2  # NFTA_SET_TABLE, NFTA_SET_NAME
_FAMILY = {"inet": 1, "ip": socket.AF_INET, "ip6": socket.AF_INET6}
_FAMILY_NAMES = {1: "inet", 2: "ip", 7: "bridge", 10: "ip6"}  # NFPROTO_*
# nfnetlink answers EINVAL for a subsystem that it has not and can't load.
_NO_NF_TABLES = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


def table_exists(family: str, table: str) -> bool:
    """Whether ``family table`` exists in the network namespace of this thread.

    Raises ``MissingFeature`` where the kernel has no nf_tables.
    """
    return _exists(family, _GETTABLE, ((_TABLE_NAME, table),))


def chain_exists(family: str, table: str, chain: str) -> bool:
    """As ``table_exists``, for one chain of a table."""
    return _exists(family, _GETCHAIN, ((_CHAIN_TABLE, table), (_CHAIN_NAME, chain)))


def set_exists(family: str, table: str, name: str) -> bool:
    """As ``table_exists``, for one set (or map) of a table."""
    return _exists(family, _GETSET, ((_SET_TABLE, table), (_SET_NAME, name)))


def dropping_chains() -> frozenset[DroppingChain]:
    """Return the base chains that see forwarded packets and drop what none of their rules accepts (policy drop).

    One dump of all chains; of a kernel without nf_tables, none.
    """
    body = struct.pack("=BBH", 0, 0, 0)
    request = (
        struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM_NFTABLES | _GETCHAIN, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
        + body
    )
    found = set()
    for family, message in _dumped(request):
        chain = dict(attributes(message))
        hook = dict(attributes(chain.get(_CHAIN_HOOK, b"")))
        if (
            _number(hook.get(_HOOK_NUMBER)) == _FORWARD
            and _number(chain.get(_CHAIN_POLICY)) == _NF_DROP
            and family in _FAMILY_NAMES
        ):
            found.add(DroppingChain(_FAMILY_NAMES[family], _text(chain[_CHAIN_TABLE]), _text(chain[_CHAIN_NAME])))
    return frozenset(found)


def _dumped(request: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the family and the attributes of each object; a dump that changes meanwhile shows what it shows."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
            netlink.settimeout(5)
            netlink.send(request)
            while True:
                answer = netlink.recv(1 << 18)
                while len(answer) >= 16:
                    length, kind = struct.unpack_from("=IH", answer)
                    if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < 20:
                        return
                    yield answer[16], answer[20:length]
                    answer = answer[(length + 3) & ~3 :]
    except OSError as error:
        if error.errno in _NO_NF_TABLES:
            return
        raise PipefitterError(
            f"the kernel did not say which nf_tables chains exist ({error.strerror or error}); run this as root"
        ) from None


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value is not None else None


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _exists(family: str, message: int, names: tuple[tuple[int, str], ...]) -> bool:
    error = _ask(_request(family, message, names))
    if error in _NO_NF_TABLES:
        raise MissingFeature(
            "the firewall rules asked for need nf_tables, which this kernel has not"
            f" ({os.strerror(error)}); load the module nf_tables or use a kernel that has it"
        )
    if error not in (0, errno.ENOENT):
        raise PipefitterError(
            f"the kernel did not say which nf_tables tables exist ({os.strerror(error)}); run this as root"
        )
    return error == 0


def _request(family: str, message: int, names: tuple[tuple[int, str], ...]) -> bytes:
    body = struct.pack("=BBH", _FAMILY[family], 0, 0)
    for kind, name in names:
        value = name.encode() + b"\0"
        body += struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM_NFTABLES | message, _NLM_F_REQUEST, 1, 0) + body


def _ask(request: bytes) -> int:
    """Return the errno of the kernel's answer, 0 where it is the thing itself."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
            netlink.settimeout(5)
            netlink.send(request)
            answer = netlink.recv(65536)
    except OSError as error:
        return error.errno or errno.EIO
    _length, kind, _flags, _sequence, _port, code = struct.unpack_from("=IHHIIi", answer)
    return -code if kind == _NLMSG_ERROR else 0

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
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import MissingFeature, PipefitterError
from .wire import NETLINK_NETFILTER, NFGENMSG, KernelError, NetlinkSocket, attribute, attributes

if TYPE_CHECKING:
    from ...model.firewall import DroppingChain

_TIMEOUT = 5
_SUBSYSTEM_NFTABLES = 10 << 8
_GETTABLE, _GETCHAIN, _GETSET = 1, 4, 10
_TABLE_NAME = 1  # NFTA_TABLE_NAME
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY = 1, 3, 4, 5  # NFTA_CHAIN_*
_HOOK_NUMBER = 1  # NFTA_HOOK_HOOKNUM
_FORWARD = 2  # NF_INET_FORWARD, and NF_BR_FORWARD
_NF_DROP = 0
_SET_TABLE, _SET_NAME = 1, 2  # NFTA_SET_TABLE, NFTA_SET_NAME
_FAMILY = {"inet": 1, "ip": socket.AF_INET, "bridge": 7, "ip6": socket.AF_INET6}
_FAMILY_NAMES = {1: "inet", 2: "ip", 7: "bridge", 10: "ip6"}  # NFPROTO_*
# nfnetlink answers EINVAL for a subsystem that is not registered and can't be loaded.
_NO_NF_TABLES = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


def table_exists(family: str, table: str) -> bool:
    """Tell whether ``family table`` exists in the network namespace of this thread.

    :raises MissingFeature: the kernel has no nf_tables.
    :raises PipefitterError: the kernel refused to say.
    """
    return _exists(family, _GETTABLE, ((_TABLE_NAME, table),))


def chain_exists(family: str, table: str, chain: str) -> bool:
    """Tell whether a table has that chain; raises as ``table_exists`` does."""
    return _exists(family, _GETCHAIN, ((_CHAIN_TABLE, table), (_CHAIN_NAME, chain)))


def set_exists(family: str, table: str, name: str) -> bool:
    """Tell whether a table has that set or map; raises as ``table_exists`` does."""
    return _exists(family, _GETSET, ((_SET_TABLE, table), (_SET_NAME, name)))


def dropping_chains() -> frozenset[DroppingChain]:
    """Return the base chains that see forwarded packets and drop what none of their rules accepts (policy drop).

    One dump of all chains; a kernel without nf_tables has none.

    :raises PipefitterError: the kernel refused.
    """
    try:
        with NetlinkSocket(NETLINK_NETFILTER, _TIMEOUT) as netlink:
            # It makes for a warning. Where an engine changes its rules all the time, that is no reason to fail.
            kind = _SUBSYSTEM_NFTABLES | _GETCHAIN
            entries = netlink.dump("nf_tables chains", kind, NFGENMSG.pack(0, 0, 0), consistent=False)
    except KernelError as error:
        if error.code in _NO_NF_TABLES:
            return frozenset()
        raise PipefitterError(
            f"failed to list nf_tables chains ({os.strerror(error.code)}); run the task as root"
        ) from None
    found = (_dropping_chain(entry) for entry in entries)
    return frozenset(chain for chain in found if chain is not None)


def _dropping_chain(entry: bytes) -> DroppingChain | None:
    family, _version, _resource = NFGENMSG.unpack_from(entry)
    chain = dict(attributes(entry, NFGENMSG.size))
    hook = dict(attributes(chain.get(_CHAIN_HOOK, b"")))
    if (
        _number(hook.get(_HOOK_NUMBER)) == _FORWARD
        and _number(chain.get(_CHAIN_POLICY)) == _NF_DROP
        and family in _FAMILY_NAMES
    ):
        from ...model.firewall import DroppingChain  # most tasks never see one

        return DroppingChain(_FAMILY_NAMES[family], _text(chain[_CHAIN_TABLE]), _text(chain[_CHAIN_NAME]))
    return None


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value is not None else None


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _exists(family: str, message: int, names: Sequence[tuple[int, str]]) -> bool:
    payload = NFGENMSG.pack(_FAMILY[family], 0, 0) + b"".join(
        attribute(kind, name.encode() + b"\0") for kind, name in names
    )
    try:
        with NetlinkSocket(NETLINK_NETFILTER, _TIMEOUT) as netlink:
            netlink.get("look up an nf_tables object", _SUBSYSTEM_NFTABLES | message, payload)
    except KernelError as error:
        if error.code == errno.ENOENT:
            return False
        if error.code in _NO_NF_TABLES:
            raise MissingFeature(
                "nf_tables is required for the firewall rules asked for, and this kernel does not support it"
                f" ({os.strerror(error.code)}); load the module nf_tables or use a kernel that has it"
            ) from None
        raise PipefitterError(
            f"failed to look up nf_tables tables ({os.strerror(error.code)}); run the task as root"
        ) from None
    return True

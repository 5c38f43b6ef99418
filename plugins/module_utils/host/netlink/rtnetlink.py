# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A NETLINK_ROUTE socket with pyroute2's messages. Private to the collection.

pyroute2 encodes and decodes; sending, receiving and errors are done here,
because a socket of this kind stays in the network namespace it was opened in
and costs 20 µs, where ``IPRoute`` costs 0.9 ms each and up to 0.9.6 can't be
opened in a namespace given by descriptor.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import socket
import struct
import sys
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from ...errors import MissingFeature, PipefitterError

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_GETNSID = 90
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
_NLM_F_DUMP_INTR = 0x10
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
_HEADER = struct.Struct("=IHHII")
_SEQUENCE = struct.Struct("=I")
_SEQUENCE_AT = 8
_ATTRIBUTE = struct.Struct("=HH")
_NLA_TYPE_MASK = 0x3FFF
_CODE = struct.Struct("=i")

# The kernel fills at most 32 KiB of a dump into one datagram (netlink_recvmsg() in net/netlink/af_netlink.c).
_RECEIVE = 1 << 16
_PATIENCE = 30

_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12

# The kernel asks for a dump again when the table changed under it; a host that never settles is an error.
_DUMP_TRIES = 20

# Bytes of the fixed header that each message begins with.
_FIXED = {"ifinfmsg": 16, "ifaddrmsg": 8, "rtmsg": 12, "ndmsg": 12}

_PACKAGES = ("pyroute2", "pr2modules")
"""Where pyroute2 has its messages; the latter in 0.6."""

_messages: dict[str, Any] = {}


class KernelError(PipefitterError):
    """A request the kernel refused; ``code`` is the errno, ``reason`` its extended acknowledgement or ''."""

    def __init__(self, request: str, code: int, reason: str) -> None:
        why = f"{os.strerror(code)}: {reason}" if reason else os.strerror(code)
        super().__init__(f"the kernel refused to {request} ({why})")
        self.code = code
        self.reason = reason


def message(name: str) -> Any:
    """Return pyroute2's message class ``name`` (``ifinfmsg``, ``ifaddrmsg``, ``rtmsg``, ``nsidmsg``).

    :raises MissingFeature: this Python has no pyroute2.
    """
    if name not in _messages:
        _messages[name] = getattr(_message_module(name), name)
    return _messages[name]


def _message_module(name: str) -> Any:
    # pyroute2/__init__.py brings asyncio, multiprocessing, unittest and a database along: 130 ms of the 160 ms
    # that `import pyroute2` takes. The messages need none of it, so the package is entered without its __init__.
    path = f"netlink.rtnl.{name}"
    for package in _PACKAGES:
        if package in sys.modules:
            return importlib.import_module(f"{package}.{path}")
    if importlib.util.find_spec("pyroute2") is None:
        raise MissingFeature(
            f"the Python that runs this module ({sys.executable}) has no pyroute2; install python3-pyroute2, or run the role host_setup"
        )
    for package in _PACKAGES:
        found = _without_init(package, path)
        if found is not None:
            return found
    return importlib.import_module(f"pyroute2.{path}")  # a layout in which the messages do need the package


def _without_init(package: str, path: str) -> Any:
    """Return ``package``'s module ``path``, imported as if the package's ``__init__`` were empty; ``None`` where that fails."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    bare = types.ModuleType(package)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = bare
    try:
        return importlib.import_module(f"{package}.{path}")
    except ImportError:
        for loaded in [entry for entry in sys.modules if entry == package or entry.startswith(f"{package}.")]:
            del sys.modules[loaded]
        return None


class RouteSocket:
    """A NETLINK_ROUTE socket of the namespace that is current when it is opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:
                pass  # before Linux 4.12 / 4.20: errors are terser, dumps are filtered here alone
        # Not settimeout(): with it, Python asks poll() before each send and receive.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _PATIENCE, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def dump(
        self,
        kind: int,
        name: str,
        header: Mapping[str, int],
        attributes: Sequence[tuple[str, Any]] = (),
        only: Collection[int] = (),
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield ``(payload, decode)`` for each entry of a dump.

        ``payload`` begins with the fixed header of the message (ifinfomsg,
        ifaddrmsg, rtmsg): entries nobody wants are told by it without
        decoding. ``decode()`` returns the pyroute2 message, with the
        attributes whose types are in ``only`` (all of them where it is empty).

        :raises KernelError: the kernel refused, at once or in the middle.
        """
        request = _encoded_dump(kind, name, tuple(header.items()), tuple(attributes))
        for _attempt in range(_DUMP_TRIES):
            entries = self._whole_dump(request, f"list {name}")
            if entries is not None:
                break
        else:
            raise PipefitterError(
                f"the kernel's tables changed during each of {_DUMP_TRIES} readings of {name}; run again when the host is quieter"
            )
        for data in entries:
            yield data[_HEADER.size :], partial(_decoded, name, data, only)

    def request(
        self,
        what: str,
        kind: int,
        name: str,
        flags: int,
        header: Mapping[str, int],
        attributes: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """Send one change and wait for its acknowledgement; ``what`` completes "the kernel refused to …".

        :raises KernelError: the kernel refused.
        """
        self._request(what, _encoded(kind, name, NLM_F_REQUEST | NLM_F_ACK | flags, header, attributes))

    def request_payload(self, what: str, kind: int, flags: int, payload: bytes) -> None:
        """As ``request``, for what pyroute2 has no words for: ``payload`` is all that follows the netlink header."""
        self._request(
            what,
            bytearray(
                _HEADER.pack(_HEADER.size + len(payload), kind, NLM_F_REQUEST | NLM_F_ACK | flags, 0, 0) + payload
            ),
        )

    def _request(self, what: str, request: bytearray) -> None:
        self._send(request)
        for kind_received, flags_received, data in self._receive():
            if kind_received == _NLMSG_ERROR:
                code = _CODE.unpack_from(data, _HEADER.size)[0]
                if code:
                    raise KernelError(what, -code, _extended_ack(flags_received, data))
                return

    def get(
        self, kind: int, name: str, header: Mapping[str, int], attributes: Sequence[tuple[str, Any]] = ()
    ) -> tuple[bytes, Any] | None:
        """Return the one message the kernel answers with, as ``dump`` does, or ``None`` where there is no such thing (ENODEV, ENOENT)."""
        self._send(_encoded(kind, name, NLM_F_REQUEST, header, attributes))
        for kind_received, flags_received, data in self._receive():
            if kind_received == _NLMSG_ERROR:
                code = -_CODE.unpack_from(data, _HEADER.size)[0]
                if code in (errno.ENODEV, errno.ENOENT):
                    return None
                raise KernelError(f"show {name}", code, _extended_ack(flags_received, data))
            return data[_HEADER.size :], partial(_decoded, name, data)
        return None

    def _send(self, data: bytearray) -> None:
        self._sequence += 1
        _SEQUENCE.pack_into(data, _SEQUENCE_AT, self._sequence)
        self._socket.send(data)

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            try:
                received = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                raise PipefitterError(
                    f"the kernel did not answer a netlink request within {_PATIENCE} seconds; see the kernel log"
                ) from None
            offset = 0
            while offset + _HEADER.size <= len(received):
                length, kind, flags, sequence, _port = _HEADER.unpack_from(received, offset)
                if length < _HEADER.size or offset + length > len(received):
                    raise PipefitterError(
                        f"the kernel sent a netlink message of more than {_RECEIVE} bytes, which was cut off"
                    )
                if sequence == self._sequence:  # what a request given up earlier still sends is passed over
                    yield kind, flags, received[offset : offset + length]
                offset += (length + 3) & ~3

    def _whole_dump(self, request: bytes, what: str) -> list[bytes] | None:
        self._send(bytearray(request))
        entries: list[bytes] = []
        interrupted = False
        for kind, flags, data in self._receive():
            interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                # An error in the middle of a dump comes in its NLMSG_DONE (netlink_dump_done()).
                code = -_CODE.unpack_from(data, _HEADER.size)[0] if len(data) >= _HEADER.size + _CODE.size else 0
                if code > 0 and code != errno.ENOENT:  # a routing table that holds nothing yet does not exist
                    raise KernelError(what, code, _extended_ack(flags, data, kind == _NLMSG_ERROR))
                break
            entries.append(data)
        return None if interrupted else entries


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute (struct nlattr) padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(payload: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of the attributes of a payload; ``offset`` is the length of what comes before them."""
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size:
            break
        yield kind & _NLA_TYPE_MASK, payload[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def _encoded(
    kind: int, name: str, flags: int, header: Mapping[str, int], attributes: Sequence[tuple[str, Any]]
) -> bytearray:
    entry = message(name)()
    for field, value in header.items():
        entry[field] = value
    entry["attrs"] = list(attributes)
    entry["header"]["type"] = kind
    entry["header"]["flags"] = flags
    entry.encode()
    return bytearray(entry.data)


@cache
def _encoded_dump(
    kind: int, name: str, header: tuple[tuple[str, int], ...], attributes: tuple[tuple[str, Any], ...]
) -> bytes:
    # A thousand namespaces are asked the same few questions.
    return bytes(_encoded(kind, name, NLM_F_REQUEST | NLM_F_DUMP, dict(header), attributes))


def _decoded(name: str, data: bytes, only: Collection[int] = ()) -> Any:
    message_class = message(name)
    decoded = message_class(_trimmed(data, _HEADER.size + _FIXED[name], only) if only else data)
    decoded.decode()
    return decoded


def _trimmed(data: bytes, start: int, only: Collection[int]) -> bytes:
    """Return a message without the attributes nobody reads: of a link's fifty, pyroute2 makes an object each."""
    kept = [data[_SEQUENCE_AT - 4 : start]]
    offset = start
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        padded = (length + 3) & ~3
        if kind & _NLA_TYPE_MASK in only:
            kept.append(data[offset : offset + padded])
        offset += padded
    rest = b"".join(kept)
    return _SEQUENCE.pack(len(rest) + _SEQUENCE.size) + rest


def _extended_ack(flags: int, data: bytes, with_request: bool = True) -> str:
    """Return the sentence the kernel adds to an error (NLMSGERR_ATTR_MSG), or ''.

    An NLMSG_ERROR has the request, or its header, before it; an NLMSG_DONE hasn't.
    """
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    offset = _HEADER.size + _CODE.size
    if with_request:
        echoed = _HEADER.size if flags & _NLM_F_CAPPED else _HEADER.unpack_from(data, offset)[0]
        offset += (echoed + 3) & ~3
    for kind, value in attributes(data, offset):
        if kind == _NLMSGERR_ATTR_MSG:
            return value.rstrip(b"\0").decode(errors="replace")
    return ""

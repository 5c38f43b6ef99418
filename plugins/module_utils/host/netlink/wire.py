# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Netlink's message format and its request loop (linux/netlink.h). Private to the collection.

Every subsystem asked over netlink goes through here. It imports little, as
nearly every run begins with a few such requests.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from ...errors import PipefitterError

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12

NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_NLM_F_DUMP_INTR = 0x10
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
NFGENMSG = struct.Struct("=BBH")  # what each message of netfilter begins with: family, version, resource id
_CODE = struct.Struct("=i")

_SOL_NETLINK = 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 10, 11, 12  # Linux 4.3, 4.12, 4.20

# The kernel fills at most 32 KiB of a dump into one datagram (netlink_recvmsg() in net/netlink/af_netlink.c).
_RECEIVE = 1 << 16

# A dump is asked for again when the table changed under it; a host that never settles is an error.
_DUMP_TRIES = 20


class KernelError(PipefitterError):
    """A request the kernel refused; ``code`` is the errno, ``reason`` its extended acknowledgement or ''."""

    def __init__(self, request: str, code: int, reason: str) -> None:
        why = f"{os.strerror(code)}: {reason}" if reason else os.strerror(code)
        super().__init__(f"the kernel refused to {request} ({why})")
        self.code = code
        self.reason = reason


class NetlinkSocket:
    """A netlink socket of the network namespace that is current when it is opened.

    Payloads are what follows the netlink header, in requests and answers.
    """

    def __init__(self, protocol: int, timeout: int, options: Sequence[int] = ()) -> None:
        """Open the socket; each receive takes at most ``timeout`` seconds.

        Of the ``options`` (NETLINK_*), those that the kernel has are switched on.

        :raises KernelError: the kernel has no such protocol, or too many files are open.
        """
        self._timeout = timeout
        self._sequence = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise KernelError("open a netlink socket", error.errno or errno.EIO, "") from error
        for option in options:
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:
                pass  # an older kernel: errors are terser, and it filters dumps less
        # Not settimeout(): with it, Python asks poll() before each send and receive.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", timeout, 0))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> NetlinkSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def change(self, what: str, kind: int, flags: int, payload: bytes) -> None:
        """Send one change and wait for its acknowledgement; ``what`` completes "the kernel refused to …".

        :raises KernelError: the kernel refused.
        """
        for answer, answer_flags, data in self._answers(what, kind, _NLM_F_ACK | flags, payload):
            if answer == _NLMSG_ERROR:
                if _code(data):
                    raise _refusal(what, answer_flags, data)
                return

    def get(self, what: str, kind: int, payload: bytes) -> bytes:
        """Return the payload of the one message that the kernel answers with; ``what`` as for ``change``.

        :raises KernelError: the kernel refused, or there is no such thing (ENODEV, ENOENT).
        """
        answer, flags, data = next(self._answers(what, kind, 0, payload))
        if answer == _NLMSG_ERROR:
            raise _refusal(what, flags, data)
        return data

    def dump(
        self,
        subject: str,
        kind: int,
        payload: bytes,
        keep: Callable[[bytes], bool] | None = None,
        consistent: bool = True,
    ) -> list[bytes]:
        """Return the payloads of a dump, all of one state of the table; ``subject`` completes "… to list …".

        With ``keep``, those for which it is true: of a large table, the rest is never held in memory. Where a mix of
        two states does no harm (``consistent`` false), the last try's is returned where the table never rests.

        :raises KernelError: the kernel refused, at once or in the middle.
        :raises PipefitterError: the table changed all the time.
        """
        entries: list[bytes] = []
        for _attempt in range(_DUMP_TRIES):
            entries, interrupted = self._one_dump(f"list {subject}", kind, payload, keep)
            if not interrupted:
                return entries
        if not consistent:
            return entries
        raise PipefitterError(
            f"the dump of {subject} was interrupted {_DUMP_TRIES} times, as they changed meanwhile; "
            "run the task again when the host is quieter"
        )

    def _one_dump(
        self, what: str, kind: int, payload: bytes, keep: Callable[[bytes], bool] | None
    ) -> tuple[list[bytes], bool]:
        """Return the payloads of one dump, and whether the table changed under it."""
        entries: list[bytes] = []
        interrupted = False
        for answer, flags, data in self._answers(what, kind, _NLM_F_DUMP, payload):
            interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
            if answer in (_NLMSG_DONE, _NLMSG_ERROR):
                # An error in the middle of a dump comes in its NLMSG_DONE (netlink_dump_done()).
                if _code(data) not in (0, errno.ENOENT):  # a routing table that holds nothing yet doesn't exist
                    raise _refusal(what, flags, data, answer == _NLMSG_ERROR)
                break
            if keep is None or keep(data):
                entries.append(data)
        return entries, interrupted

    def _answers(self, what: str, kind: int, flags: int, payload: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Send a request, and yield type, flags and payload of the messages that answer it."""
        self._sequence += 1
        header = HEADER.pack(HEADER.size + len(payload), kind, _NLM_F_REQUEST | flags, self._sequence, 0)
        try:
            self._socket.send(header + payload)
        except OSError as error:
            raise KernelError(what, error.errno or errno.EIO, "") from error
        while True:
            received = self._receive(what)
            offset = 0
            while offset + HEADER.size <= len(received):
                length, answer, answer_flags, sequence, _port = HEADER.unpack_from(received, offset)
                if length < HEADER.size or offset + length > len(received):
                    raise PipefitterError(f"a netlink message was truncated to {_RECEIVE} bytes while trying to {what}")
                if sequence == self._sequence:  # the rest of an earlier request's answer is skipped
                    yield answer, answer_flags, received[offset + HEADER.size : offset + length]
                offset += (length + 3) & ~3

    def _receive(self, what: str) -> bytes:
        try:
            return self._socket.recv(_RECEIVE)
        except BlockingIOError:
            raise PipefitterError(
                f"timed out after {self._timeout} s waiting for the kernel to {what}; see the kernel log"
            ) from None
        except OSError as error:
            raise KernelError(what, error.errno or errno.EIO, "") from error


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute (struct nlattr) padded to four bytes."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(payload: bytes, offset: int = 0, mask: int = NLA_TYPE_MASK) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of the attributes of a payload; ``offset`` is the length of what comes before them.

    With a ``mask`` that has NLA_F_NESTED too, the type has that flag where the attribute has it.
    """
    while offset + ATTRIBUTE.size <= len(payload):
        length, kind = ATTRIBUTE.unpack_from(payload, offset)
        if length < ATTRIBUTE.size:
            break
        yield kind & mask, payload[offset + ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def text(value: bytes) -> str:
    """Return a string of the kernel, up to its zero byte; ``from_text`` gives back what is no UTF-8."""
    return value.partition(b"\0")[0].decode(errors="surrogateescape")


def from_text(value: str) -> bytes:
    """Return a string as the kernel takes it, with a zero byte at its end."""
    return value.encode(errors="surrogateescape") + b"\0"


def number(value: bytes) -> int:
    """Return an unsigned integer of one, two, four or eight bytes."""
    return int.from_bytes(value, sys.byteorder)


def _code(data: bytes) -> int:
    """Return the errno that an NLMSG_ERROR or NLMSG_DONE begins with, 0 for success; not every NLMSG_DONE has one."""
    code: int = -_CODE.unpack_from(data)[0] if len(data) >= _CODE.size else 0
    return code


def _refusal(what: str, flags: int, data: bytes, with_request: bool = True) -> KernelError:
    return KernelError(what, _code(data), _extended_ack(flags, data, with_request))


def _extended_ack(flags: int, data: bytes, with_request: bool) -> str:
    """Return the sentence the kernel adds to an error (NLMSGERR_ATTR_MSG), or ''.

    An NLMSG_ERROR has the request, or its header, before it; an NLMSG_DONE hasn't.
    """
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    offset = _CODE.size
    if with_request:
        echoed = HEADER.size if flags & _NLM_F_CAPPED else HEADER.unpack_from(data, offset)[0]
        offset += (echoed + 3) & ~3
    for kind, value in attributes(data, offset):
        if kind == _NLMSGERR_ATTR_MSG:
            return value.rstrip(b"\0").decode(errors="replace")
    return ""

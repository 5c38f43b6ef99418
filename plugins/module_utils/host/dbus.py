# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Calling methods over the system's D-Bus. Private to the collection.

As much of the D-Bus specification (version 0.43) as it takes to call a method
with strings and to read strings, arrays and dictionaries in the answer. A
program for it (``firewall-cmd``, ``busctl``) would be a process a call, and the
Python libraries are bound to the interpreter of the distribution.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..errors import PipefitterError

_SOCKET = "/run/dbus/system_bus_socket"
_TIMEOUT = 20  # seconds; a firewall that is just loading its rules answers late
_METHOD_CALL, _METHOD_RETURN, _ERROR = 1, 2, 3
_NO_AUTO_START = 2
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_MOST = 1 << 27  # bytes of a message, by the specification
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


class NoBus(PipefitterError):
    """This host has no system bus, or it is down."""


class CallFailed(PipefitterError):
    """The service answered with an error; ``name`` is the error's, ``said`` its text."""

    def __init__(self, call: str, name: str, said: str) -> None:
        super().__init__(f"{call} failed over D-Bus: {said or name}")
        self.name = name
        self.said = said


class Bus:
    """A connection to the system's bus.

    :raises NoBus: there is none.
    :raises PipefitterError: the bus does not answer, or not as the specification says.
    """

    def __init__(self) -> None:
        self._serial = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        try:
            self._socket.connect(_SOCKET)
            self._authenticate()
            self.call(*_BUS, "Hello")
        except OSError as error:
            self._socket.close()
            if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                raise NoBus(f"there is no D-Bus at {_SOCKET}") from None
            raise PipefitterError(f"the system's D-Bus at {_SOCKET} does not answer ({error}); see whether dbus-daemon runs") from None

    def __enter__(self) -> Bus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def has(self, name: str) -> bool:
        """Tell whether a service of this name runs."""
        return bool(self.call(*_BUS, "NameHasOwner", name)[0])

    def owner(self, name: str) -> str:
        """Return the name that the bus itself gave to a service; it is another one after a restart.

        :raises CallFailed: the service does not run.
        """
        return str(self.call(*_BUS, "GetNameOwner", name)[0])

    def call(self, service: str, path: str, interface: str, method: str, *strings: str) -> list[Any]:
        """Call a method with strings and return its answer; the service is not started for it.

        :raises CallFailed: the service answered with an error.
        """
        self._serial += 1
        try:
            self._socket.sendall(_call(self._serial, (service, path, interface, method), strings))
            while True:
                kind, fields, values = self._receive()
                if fields.get(_REPLY_SERIAL) != self._serial:
                    continue  # signals that the bus sends everybody
                if kind == _ERROR:
                    raise CallFailed(f"{interface}.{method}", str(fields.get(_ERROR_NAME, "")), str(values[0]) if values else "")
                return values
        except (OSError, struct.error, ValueError, LookupError) as error:
            raise PipefitterError(f"{interface}.{method} was not answered over D-Bus ({error}); see whether {service} runs well") from None

    def _authenticate(self) -> None:
        identity = str(os.geteuid()).encode().hex().encode()
        self._socket.sendall(b"\0AUTH EXTERNAL " + identity + b"\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            piece = self._socket.recv(1024)
            if not piece:
                raise OSError("it closed the connection")
            answer += piece
        if not answer.startswith(b"OK "):
            raise OSError("it refused this user")
        self._socket.sendall(b"BEGIN\r\n")

    def _receive(self) -> tuple[int, dict[int, Any], list[Any]]:
        fixed = self._read(16)
        order = {b"l": "<", b"B": ">"}[fixed[:1]]
        body, _serial, fields = struct.unpack_from(f"{order}III", fixed, 4)
        if body > _MOST or fields > _MOST:
            raise ValueError("a message longer than there may be")
        whole = fixed + self._read(_aligned(fields, 8) + body)
        told = dict(_Reader(order, whole[: 16 + fields], 12).value("a(yv)")[0])
        values = _Reader(order, whole[len(whole) - body :], 0).values(told[_SIGNATURE]) if _SIGNATURE in told else []
        return whole[1], told, values

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self._socket.recv(length - len(data))
            if not piece:
                raise OSError("the bus closed the connection")
            data += piece
        return data


def _aligned(length: int, to: int) -> int:
    return length + -length % to


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _call(serial: int, to: tuple[str, str, str, str], strings: tuple[str, ...]) -> bytes:
    body = b""
    for text in strings:
        body = body.ljust(_aligned(len(body), 4), b"\0") + _string(text)
    service, path, interface, method = to
    named = [(_PATH, "o", path), (_INTERFACE, "s", interface), (_MEMBER, "s", method), (_DESTINATION, "s", service)]
    fields = b""
    for code, kind, text in named:
        fields = fields.ljust(_aligned(len(fields), 8), b"\0") + bytes((code, 1)) + kind.encode() + b"\0" + _string(text)
    if strings:
        signature = "s" * len(strings)
        fields = fields.ljust(_aligned(len(fields), 8), b"\0") + bytes((_SIGNATURE, 1)) + b"g\0" + bytes((len(signature),)) + signature.encode() + b"\0"
    start = struct.pack("<cBBBIII", b"l", _METHOD_CALL, _NO_AUTO_START, 1, len(body), serial, len(fields))
    return start + fields.ljust(_aligned(len(fields), 8), b"\0") + body


class _Reader:
    """Reads values of a message by their signature; places are counted from the beginning of ``data``."""

    # Each basic type: alignment, struct's letter, what makes a value of it.
    _NUMBERS: dict[str, tuple[int, str, Callable[[Any], Any]]] = {
        "y": (1, "B", int),
        "b": (4, "I", bool),
        "n": (2, "h", int),
        "q": (2, "H", int),
        "i": (4, "i", int),
        "u": (4, "I", int),
        "x": (8, "q", int),
        "t": (8, "Q", int),
        "d": (8, "d", float),
    }

    def __init__(self, order: str, data: bytes, place: int) -> None:
        self._order = order
        self._data = data
        self._place = place

    def values(self, signature: str) -> list[Any]:
        found = []
        while signature:
            value, signature = self.value(signature)
            found.append(value)
        return found

    def value(self, signature: str) -> tuple[Any, str]:
        """Return the value of the first type of a signature, and the rest of the signature."""
        kind, rest = signature[0], signature[1:]
        if kind in self._NUMBERS:
            alignment, letter, made = self._NUMBERS[kind]
            return made(self._number(alignment, letter)), rest
        if kind in "so":
            return self._text(self._number(4, "I")), rest
        if kind == "g":
            return self._text(self._number(1, "B")), rest
        if kind == "v":
            return self.value(self.value("g")[0])[0], rest
        if kind not in "a({":
            raise ValueError(f"a value of the type {kind}")
        inner, rest = _first(signature)
        if kind == "a":
            return self._array(inner[1:]), rest
        self._place = _aligned(self._place, 8)
        return tuple(self.values(inner[1:-1])), rest

    def _array(self, inner: str) -> Any:
        length = self._number(4, "I")
        if inner[0] in "({xtd":
            self._place = _aligned(self._place, 8)
        end = self._place + length
        found = []
        while self._place < end:
            found.append(self.value(inner)[0])
        return dict(found) if inner[0] == "{" else found

    def _number(self, alignment: int, letter: str) -> Any:
        self._place = _aligned(self._place, alignment)
        (value,) = struct.unpack_from(self._order + letter, self._data, self._place)
        self._place += struct.calcsize(self._order + letter)
        return value

    def _text(self, length: int) -> str:
        end = self._place + length
        if end >= len(self._data):
            raise ValueError("a text longer than its message")
        text = self._data[self._place : end].decode()
        self._place = end + 1
        return text


def _first(signature: str) -> tuple[str, str]:
    """Split the first complete type off a signature."""
    place = 0
    while signature[place] == "a":
        place += 1
    depth = 0
    while True:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(signature[place], 0)
        place += 1
        if depth == 0:
            return signature[:place], signature[place:]

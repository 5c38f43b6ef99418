# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A connection to an OVSDB server (RFC 7047). Private to the collection.

JSON-RPC over a unix socket, in the standard library: hosts have no ``ovs``
Python package as a rule.
"""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Sequence
from typing import Any

from ...errors import MissingFeature, PipefitterError

Operation = dict[str, Any]
Row = dict[str, Any]

DATABASE = "Open_vSwitch"
_START = "start it with `systemctl start openvswitch-switch` (`openvswitch` on RHEL)"


class Session:
    """One connection; every call on it ends by ``deadline``."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._received = b""
        self._messages: list[Row] = []
        self._calls = 0

    def __enter__(self) -> Session:
        try:
            self._socket.settimeout(self._timeout)
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise _unreachable(self._path, error) from None
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def renew(self, timeout: float) -> None:
        """Give the calls that follow ``timeout`` seconds from now."""
        self._deadline = time.monotonic() + timeout

    def transact(self, operations: Sequence[Operation]) -> list[Row]:
        """Return one result an operation.

        :raises PipefitterError: ovsdb-server objected to one.
        """
        results = self._call("transact", [DATABASE, *operations])
        error = _first_error(results)
        if error is not None:
            raise PipefitterError(f"ovsdb-server refused the change to Open vSwitch: {_objection(error)}")
        return results  # type: ignore[no-any-return]

    def attempt(self, operations: Sequence[Operation]) -> list[Row] | None:
        """Return as ``transact`` does, but ``None`` where another program's change came in between.

        :raises PipefitterError: ovsdb-server objected to anything else.
        """
        results = self._call("transact", [DATABASE, *operations])
        error = _first_error(results)
        if error is None:
            return results  # type: ignore[no-any-return]
        if error["error"] == "timed out" or "index on column" in error.get("details", ""):
            return None
        raise PipefitterError(f"ovsdb-server refused the change to Open vSwitch: {_objection(error)}")

    def wait_for_config(self, config: int) -> bool:
        """Wait until ovs-vswitchd has carried out ``config``; tell whether it has by the deadline."""
        wanted = {DATABASE: {"columns": ["cur_cfg"]}}
        update = self._call("monitor", [DATABASE, None, wanted])
        while _current_config(update) < config:
            message = self._receive()
            if message is None:
                return False
            if message.get("method") == "update":
                update = message["params"][1]
        return True

    def is_locked(self, lock: str) -> bool:
        """Tell whether a client holds the lock (RFC 7047 section 4.1.8).

        A lock that we get is given up when the connection is closed.
        """
        return not self._call("lock", [lock])["locked"]

    def _call(self, method: str, params: list[Any]) -> Any:
        self._calls += 1
        self._send({"method": method, "params": params, "id": self._calls})
        while True:
            message = self._receive()
            if message is None:
                raise PipefitterError(
                    f"timed out after {self._timeout:g} s waiting for ovsdb-server to answer on {self._path};"
                    " check that it is not stopped or overloaded, and restart openvswitch-switch (`openvswitch` on"
                    " RHEL) if so"
                )
            if message.get("id") == self._calls and "method" not in message:
                if message.get("error"):
                    raise PipefitterError(
                        f"ovsdb-server on {self._path} refused {method}: {_objection(message['error'])};"
                        " check that this is the database of ovs-vswitchd"
                    )
                return message["result"]

    def _send(self, message: Row) -> None:
        try:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            self._socket.sendall(json.dumps(message).encode())
        except OSError as error:
            raise _unreachable(self._path, error) from None

    def _receive(self) -> Row | None:
        """Return the next message that is not a probe, or ``None`` at the deadline."""
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if message.get("method") != "echo":
                    return message
                self._send({"result": message["params"], "error": None, "id": message["id"]})
            left = self._deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                received = self._socket.recv(1 << 20)
            except socket.timeout:
                return None
            except OSError as error:
                raise _unreachable(self._path, error) from None
            if not received:
                raise PipefitterError(
                    f"ovsdb-server closed the connection on {self._path}; check that it runs, and its log"
                )
            self._received += received
            self._split()

    def _split(self) -> None:
        """Take whole messages off what was received; nothing but the JSON itself delimits them."""
        # A long answer comes in many pieces, and most of those don't end an
        # object: trying each would parse the beginning again and again.
        if not self._received.rstrip().endswith(b"}"):
            return
        decoder = json.JSONDecoder()
        try:
            text = self._received.decode().lstrip()
            while text:
                message, end = decoder.raw_decode(text)
                self._messages.append(message)
                text = text[end:].lstrip()
                self._received = text.encode()
        except ValueError:
            return


def _current_config(update: Row) -> int:
    rows = update.get(DATABASE, {}).values()
    return max((row["new"]["cur_cfg"] for row in rows if "cur_cfg" in row.get("new", {})), default=-1)


def _first_error(results: Any) -> Row | None:
    return next((result for result in results if result and result.get("error")), None)


def _objection(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return ": ".join(str(error[key]) for key in ("error", "details") if error.get(key))


def _unreachable(path: str, error: OSError) -> PipefitterError:
    # A unix socket whose queue is full answers EAGAIN at once, whatever the timeout (unix_stream_connect()).
    if isinstance(error, socket.timeout) or error.errno == errno.EAGAIN:
        return PipefitterError(f"ovsdb-server accepts no connections on {path}; check that it is not stopped")
    if error.errno == errno.ENOENT:
        return MissingFeature(
            f"Open vSwitch does not run on this host (there is no {path}); {_START},"
            " after installing the package openvswitch-switch (openvswitch on RHEL) if it is not there"
        )
    if error.errno in (errno.ECONNREFUSED, errno.EPIPE, errno.ECONNRESET):
        return MissingFeature(f"ovsdb-server does not listen on {path} (any more); {_START}")
    return PipefitterError(f"Open vSwitch can't be reached on {path}: {error.strerror}")

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The interface of container engines, and the client of their HTTP API on a unix socket. Private to the collection.

An engine is one file beside this one (``docker``, ``podman``) with one class
that fits :class:`Engine`; ``lookup`` names them all.
"""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple, Protocol, cast

from ...errors import MissingFeature, PipefitterError, Refused
from ...light_dataclass import dataclass
from .. import lock

# Requests sent before the first answer is read. 100 inspections of dockerd
# 20.10 took 18 ms one by one and 4.6 ms pipelined: the rest is the two
# processes waking each other. Bounded, because an engine that can't write its
# answers stops reading requests: 64 of them (100 bytes each, 300 at worst) fit
# any socket buffer, so neither side ever waits for the other.
PIPELINED = 64


@dataclass(frozen=True)
class Container:
    """A container as its engine describes it.

    ``pid`` is that of its first process, 0 where none runs; a paused
    container has one. ``id`` is the full id, 64 hexadecimal digits. ``exposed``
    are the ports that its image or whoever made it exposes (``80/tcp``),
    ``None`` where the engine has to be asked for them (``lookup.exposed_ports``).
    """

    runtime: str
    id: str
    name: str
    pid: int
    status: str
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"container {self.name}"


class Unreachable(MissingFeature):
    """An engine's socket can't be connected to: it is not installed, or not started."""

    def __init__(self, engine: str, path: str, found: str, advice: str) -> None:
        super().__init__(f"{engine} can't be reached at {path} ({found}); {advice}")
        self.tried = f"{engine} at {path} ({found})"
        self.advice = advice


class EngineFailed(PipefitterError):
    """An engine can be connected to and doesn't answer in time, or not as it should."""


class EngineSilent(EngineFailed):
    """An engine can be connected to and doesn't answer in time: it is starting, or hangs.

    ``unanswered`` are the containers that it was asked about and no other engine knows; where that is empty, all are.
    """

    def __init__(self, engine: str, sentence: str, unanswered: Collection[str] = ()) -> None:
        super().__init__(sentence)
        self.engine = engine
        self.unanswered = frozenset(unanswered)

    def about(self, names: Collection[str]) -> EngineSilent:
        return EngineSilent(self.engine, str(self), names)


class Engine(Protocol):
    """One container engine on this host; each method raises Unreachable where it can't be connected to."""

    runtime: str

    def find(self, names: Sequence[str], known: Collection[str]) -> dict[str, list[Container]]:
        """Return the container that each name means; several for the beginning of several ids.

        A name without one may be left out. ``known`` are the names that
        another engine found.
        """

    def running(self) -> list[Container]:
        """Return all containers that have a process."""


class Answer(NamedTuple):
    status: int
    body: bytes


class EngineSocket:
    """An engine's HTTP API on its unix socket."""

    def __init__(self, engine: str, variable: str, default: str, timeout: float, advice: str) -> None:
        """Make a client of ``default`` or of the socket that the environment variable ``variable`` names.

        ``timeout`` is in seconds.

        :raises Refused: the variable names something other than a unix socket.
        """
        self.engine = engine
        self.path = _socket_path(engine, os.environ.get(variable, ""), variable) or default
        self.timeout = timeout
        self.advice = advice

    def get(self, targets: Sequence[str]) -> list[Answer]:
        """Return the answers to GET requests, in order, over one connection.

        A server may close it after an answer; the rest is asked over the next.

        :raises Unreachable: there is no such socket, or nobody listens on it.
        :raises PipefitterError: no valid answer, or none in time.
        """
        answers: list[Answer] = []
        with lock.lent():
            while len(answers) < len(targets):
                answers += self._ask(targets[len(answers) :])
        return answers

    def document(self, target: str, answer: Answer, shape: type) -> Any:
        """Return the JSON of a successful answer, an object or a list as ``shape`` says.

        :raises PipefitterError: it has another status, or another shape.
        """
        if answer.status != 200:
            raise EngineFailed(
                f"{self.engine} at {self.path} answered GET {target} with HTTP {answer.status}: "
                f"{_message(answer.body)}; see the log of {self.engine}"
            )
        try:
            document = json.loads(answer.body)
        except ValueError:
            document = None
        if not isinstance(document, shape):
            raise self.unexpected(target, answer.body.decode(errors="replace"))
        return document

    def unexpected(self, target: str, found: object) -> EngineFailed:
        return EngineFailed(
            f"{self.engine} at {self.path} answered GET {target} with {str(found)[:80]!r}, "
            f"which is not a valid response of {self.engine}; check what listens on that socket"
        )

    def _ask(self, targets: Sequence[str]) -> list[Answer]:
        """Return at least one answer: as many as one connection gives."""
        # Not at the top: 9 to 20 ms (email, ssl), which a task without
        # containers must not pay. pyroute2 0.7 has loaded it already.
        from http.client import HTTPException, HTTPResponse

        answers: list[Answer] = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout)
            self.connect(connection)
            stream = _AnswerStream(socket.SocketIO(connection, "r"))
            try:
                for start in range(0, len(targets), PIPELINED):
                    window = targets[start : start + PIPELINED]
                    connection.sendall("".join(map(_request, window)).encode())
                    for _target in window:
                        # HTTPConnection would read one answer before it sends
                        # the next request; HTTPResponse only needs makefile().
                        response = HTTPResponse(cast(socket.socket, stream), method="GET")
                        response.begin()
                        answers.append(Answer(response.status, response.read()))
                        if response.will_close:
                            return answers
            except socket.timeout:
                raise self._timed_out(f"answer GET {targets[len(answers)]}") from None
            except (OSError, HTTPException) as error:
                if not answers:
                    raise self.unexpected(targets[0], error) from error
        return answers

    def connect(self, connection: socket.socket) -> None:
        """Connect a socket to the engine; raises as ``get`` does."""
        try:
            connection.connect(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise Unreachable(self.engine, self.path, "no socket", self.advice) from None
        except ConnectionRefusedError:
            raise Unreachable(self.engine, self.path, "connection refused", self.advice) from None
        except PermissionError:
            raise Refused(
                f"uid {os.geteuid()} has no permission to connect to {self.engine} at {self.path}; "
                "run the task as root (become: true)"
            ) from None
        except (socket.timeout, BlockingIOError):
            # Linux answers EAGAIN to a full backlog of a non-blocking unix socket.
            raise self._timed_out("accept a connection") from None
        except OSError as error:
            raise PipefitterError(
                f"failed to connect to {self.engine} at {self.path}: {error}; give the path of its unix socket"
            ) from error

    def _timed_out(self, what: str) -> EngineSilent:
        return EngineSilent(
            self.engine,
            f"timed out after {self.timeout:g} s waiting for {self.engine} at {self.path} to {what}; "
            f"see whether {self.engine} hangs, and restart it",
        )


class _AnswerStream(io.BufferedReader):
    """One buffer for all answers of a connection.

    HTTPResponse takes a file from its socket and closes it after its answer;
    bytes of the next answer may be in that file's buffer already.
    """

    def makefile(self, *_mode: str) -> _AnswerStream:
        return self

    def close(self) -> None:
        """Stay open; the connection is closed by the one who opened it."""


def _request(target: str) -> str:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"


def _message(body: bytes) -> str:
    """Return the engine's error message, on one line."""
    try:
        said = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        said = body.decode(errors="replace")
    return " ".join(said.split())[:300].rstrip(".") or "no explanation"


def _socket_path(engine: str, url: str, variable: str) -> str:
    scheme, separator, path = url.partition("://")
    if not url or (separator and scheme == "unix" and path.startswith("/")):
        return path
    raise Refused(
        f"{variable} is {url!r}; a unix socket of {engine} on this host is required, "
        f"so set {variable} to unix:///path/of/the/socket or unset it"
    )

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A NETLINK_ROUTE socket that takes changes as pyroute2's messages. Private to the collection.

pyroute2 encodes what changes links, addresses and routes. What is asked and answered is a handful of attributes,
written and read by those who ask: a run that finds all in order never loads pyroute2, which takes 8 ms and an object
for each attribute. Sending, receiving and errors are done here too, because a socket of this kind stays in the network
namespace it was opened in and costs 20 µs, where ``IPRoute`` costs 0.9 ms each and up to 0.9.6 can't be opened in a
namespace given by descriptor.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import platform
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...errors import MissingFeature
from . import wire
from .wire import HEADER, KernelError, NetlinkSocket

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTM_NEWQDISC, RTM_DELQDISC = 36, 37
RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 44, 45, 46
RTM_GETADDRLABEL = 74
RTM_GETNSID = 90
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109

_TIMEOUT = 30
_OPTIONS = (wire.NETLINK_CAP_ACK, wire.NETLINK_EXT_ACK, wire.NETLINK_GET_STRICT_CHK)

_SUBJECTS = {
    RTM_GETLINK: "links",
    RTM_GETADDR: "addresses",
    RTM_GETROUTE: "routes",
    RTM_GETNEIGH: "neighbours",
    RTM_GETRULE: "routing rules",
    RTM_GETTFILTER: "tc filters",
    RTM_GETADDRLABEL: "address labels",
    RTM_GETNSID: "network namespace ids",
}
"""What is asked for, as errors say it."""

_PACKAGES = ("pyroute2", "pr2modules")
"""Where pyroute2 has its messages; the latter in 0.6."""

_messages: dict[str, Any] = {}


def message(name: str) -> Any:
    """Return pyroute2's message class ``name`` (``ifinfmsg``, ``ifaddrmsg``, ``rtmsg``).

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
            f"the Python that runs this module ({sys.executable}) has no pyroute2; "
            "install python3-pyroute2, or run the role host_setup"
        )
    for package in _PACKAGES:
        found = _without_init(package, path)
        if found is not None:
            return found
    return importlib.import_module(f"pyroute2.{path}")  # a layout in which the messages do need the package


def _without_init(package: str, path: str) -> Any:
    """Return ``package``'s module ``path``, imported as if the package's ``__init__`` were empty.

    ``None`` where that fails.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    bare = types.ModuleType(package)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = bare
    try:
        with _platform_without_processes():
            return importlib.import_module(f"{package}.{path}")
    except ImportError:
        for loaded in [entry for entry in sys.modules if entry == package or entry.startswith(f"{package}.")]:
            del sys.modules[loaded]
        return None


class _Uname(NamedTuple):
    """As platform.uname(), which asks a program for the processor as soon as that is read."""

    system: str
    node: str
    release: str
    version: str
    machine: str
    processor: str


@contextmanager
def _platform_without_processes() -> Iterator[None]:
    """Let the standard library say for a moment what machine this is without asking programs.

    pyroute2/config (before 0.9.7) asks it for all it knows when it is imported, and then it runs ``uname -p`` and
    ``file``: 10 ms and more, for a processor and a linkage that nothing reads.
    """
    real = platform.uname, platform.architecture
    bits = "64bit" if sys.maxsize > 1 << 32 else "32bit"
    told = _Uname(*os.uname(), "")
    setattr(platform, "uname", lambda: told)  # noqa: B010
    setattr(platform, "architecture", lambda *_asked, **_named: (bits, ""))  # noqa: B010
    try:
        yield
    finally:
        platform.uname, platform.architecture = real


class RouteSocket:
    """A NETLINK_ROUTE socket of the namespace that is current when it is opened."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket(wire.NETLINK_ROUTE, _TIMEOUT, _OPTIONS)

    def close(self) -> None:
        self._netlink.close()

    def dump(self, kind: int, request: bytes) -> list[bytes]:
        """Return the payloads of a dump; ``request`` is all that follows the netlink header.

        :raises KernelError: the kernel refused, at once or in the middle.
        """
        return self._netlink.dump(_SUBJECTS[kind], kind, request)

    def get(self, kind: int, request: bytes) -> bytes | None:
        """Return the payload of the one message that the kernel answers with, ``None`` where there is no such thing.

        The kernel answers with ENODEV or ENOENT then.

        :raises KernelError: the kernel refused.
        """
        try:
            return self._netlink.get(f"show {_SUBJECTS[kind]}", kind, request)
        except KernelError as error:
            if error.code in (errno.ENODEV, errno.ENOENT):
                return None
            raise

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
        self._netlink.change(what, kind, flags, _encoded(name, header, attributes))

    def request_payload(self, what: str, kind: int, flags: int, payload: bytes) -> None:
        """Send one change that pyroute2 can't encode; ``payload`` is all that follows the netlink header.

        :raises KernelError: the kernel refused.
        """
        self._netlink.change(what, kind, flags, payload)


def _encoded(name: str, header: Mapping[str, int], attributes: Sequence[tuple[str, Any]]) -> bytes:
    entry = message(name)()
    for field, value in header.items():
        entry[field] = value
    entry["attrs"] = list(attributes)
    entry.encode()
    return bytes(entry.data[HEADER.size :])

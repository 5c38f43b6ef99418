# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: pinned by an open file, entered by setns(2). Private to the collection.

A pinned namespace lives as long as its file descriptor, whatever becomes of
the process it was found by. Nothing is written into /run/netns.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import resource
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PipefitterError, Refused

if TYPE_CHECKING:
    from types import TracebackType

    from .engines.lookup import Container

if sys.version_info >= (3, 12):
    from os import setns as _setns
    from os import unshare as _unshare
else:
    import ctypes

    _LIBC = ctypes.CDLL(None, use_errno=True)

    def _setns(fd: int, nstype: int) -> None:
        if _LIBC.setns(fd, nstype) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _unshare(flags: int) -> None:
        if _LIBC.unshare(flags) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


CLONE_NEWNET = 0x40000000  # linux/sched.h
NS_GET_NSTYPE = 0xB703  # linux/nsfs.h; since Linux 4.11

NAMED = "/run/netns"
"""Where `ip netns` keeps namespaces that have a name."""

_ID = r"[0-9a-f]{64}"


class NetnsFd:
    """A network namespace held open; ``inode`` tells it from others.

    ``origin`` says how it was found, for messages: ``container web1``,
    ``netns /run/netns/probe``, ``pid 1234``. ``path`` is what was opened.
    """

    __slots__ = ("fd", "inode", "origin", "path")

    def __init__(self, fd: int, origin: str, path: str = "") -> None:
        self.fd = fd
        self.inode = os.fstat(fd).st_ino
        self.origin = origin
        self.path = path

    def left(self) -> bool:
        """Tell whether what it was found by is gone, or leads to another namespace by now."""
        try:
            return os.stat(self.path).st_ino != self.inode
        except OSError:
            return True

    def is_at(self, path: str) -> bool:
        """Tell whether a path leads to it, too."""
        try:
            return os.stat(path).st_ino == self.inode
        except OSError:
            return False

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> NetnsFd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HostsOwn(Refused):
    """What was named is in the host's own network namespace."""


class LostInNamespace(BaseException):
    """Returning to the host's namespace failed.

    Not an Exception: whatever goes on in this thread would change the
    container's network in place of the host's, an undo too.
    """


class _Here(threading.local):
    """What setns changes is the thread's alone."""

    inside: NetnsFd | None = None
    lost: LostInNamespace | None = None


_here = _Here()
_host: NetnsFd | None = None


def of_container(container: Container) -> NetnsFd:
    """Pin the namespace of a running (or paused) container.

    :raises Refused: it has no process, its PID is another process' by now,
        or it shares the host's network.
    """
    if not container.pid:
        raise Refused(f"{container} must be running, and it is {container.status}; start it")
    try:
        fd = _open(f"/proc/{container.pid}/ns/net", str(container))
    except ProcessLookupError:
        raise _restarted(container) from None
    with _closed_on_error(fd):
        # After the file is open: what is checked now is what was opened.
        if not _belongs(container.pid, container.id):
            raise _stranger(container)
        return _not_the_hosts(
            NetnsFd(fd, str(container), f"/proc/{container.pid}/ns/net"),
            "it shares the host's network (network mode host); start it with a network of its own",
        )


def of_path(path: str) -> NetnsFd:
    """Pin the namespace that an absolute path (a bind mount of it, or /proc/PID/ns/net) leads to.

    :raises Refused: the path leads to no network namespace, or to the host's own.
    :raises PipefitterError: no permission.
    """
    origin = f"netns {path}"
    if not os.path.isabs(path):
        raise Refused(f"{origin} is not an absolute path; give one like {NAMED}/NAME")
    try:
        kind = os.stat(path).st_mode
        # Opening a device could start something, and a FIFO would wait.
        if not stat.S_ISREG(kind):
            raise Refused(f"{origin} is a {_kind(kind)}, not a namespace; give a namespace's path")
        fd = _open(path, origin)
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        raise Refused(f"{origin} doesn't exist; create it first (ip netns add NAME)") from None
    except PermissionError:
        raise _no_permission(origin) from None
    except (OSError, ValueError) as error:  # a loop of links, a name too long, a NUL
        raise Refused(f"{origin} can't be opened: {error}; give a namespace's path") from error
    with _closed_on_error(fd):
        _check_kind(fd, origin)
        return _not_the_hosts(NetnsFd(fd, origin, path), "it is the host's own; give a container's")


def of_pid(pid: int, whose: str = "") -> NetnsFd:
    """Pin the namespace of a process; nothing tells whether the PID was reused. ``whose`` says it in messages.

    :raises Refused: there is no such process, or it shares the host's network.
    :raises PipefitterError: no permission.
    """
    origin = whose or f"pid {pid}"
    if pid <= 0:
        raise Refused(f"{origin} is not valid: PIDs are above 0; give the PID of a running process")
    try:
        fd = _open(f"/proc/{pid}/ns/net", origin)
    except ProcessLookupError:
        raise Refused(f"{origin}: no such process; give the PID of a running process") from None
    with _closed_on_error(fd):
        return _not_the_hosts(
            NetnsFd(fd, origin, f"/proc/{pid}/ns/net"), "it shares the host's network; give a container's"
        )


@contextmanager
def entered(pinned: NetnsFd) -> Iterator[NetnsFd]:
    """Move this thread into ``pinned``, for as long as the block takes.

    A socket opened inside stays there for good, so the block only opens it.
    Doesn't nest.

    :raises PipefitterError: no permission, or setns(2) failed.
    :raises LostInNamespace: returning failed; again whenever that thread tries to enter another.
    """
    if _here.lost:
        raise _here.lost
    if _here.inside:
        raise RuntimeError(f"{pinned.origin} entered from within {_here.inside.origin}")
    back = _hosts_own().fd
    try:
        _setns(pinned.fd, CLONE_NEWNET)
    except PermissionError:
        raise _no_permission(pinned.origin) from None
    except OSError as error:
        raise PipefitterError(f"{pinned.origin} can't be entered: {error}; run the task again") from error
    _here.inside = pinned
    try:
        yield pinned
    finally:
        _return(back, pinned.origin)
        _here.inside = None


@contextmanager
def scratch() -> Iterator[None]:
    """Move this thread into a new, empty namespace, for as long as the block takes.

    It lives on as long as a socket opened inside. Raises as ``entered`` does.
    """
    if _here.lost:
        raise _here.lost
    back = _hosts_own().fd
    try:
        _unshare(CLONE_NEWNET)
    except OSError as error:
        raise PipefitterError(
            f"failed to create a network namespace: {error}; run the task as root with CAP_SYS_ADMIN"
        ) from error
    try:
        yield
    finally:
        _return(back, "a namespace of our own")


def _return(back: int, origin: str) -> None:
    try:
        _setns(back, CLONE_NEWNET)
    except OSError as error:
        _here.lost = LostInNamespace(f"failed to return from {origin} to the host's network namespace: {error}")
        raise _here.lost from error


def raise_open_file_limit(namespaces: int, files_each: int = 2) -> None:
    """Make room for so many pinned namespaces on top of what is open now.

    ``files_each`` counts what is open of each at once: the namespace itself
    and a netlink socket inside it.

    :raises Refused: the hard limit is too low.
    """
    # For the rest of the task: the store, engines, modules being loaded, and 128 sockets that announce.
    spare = 256
    needed = len(os.listdir("/proc/self/fd")) + namespaces * files_each + spare
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Refused(
            f"{namespaces} namespaces at once need {needed} open files, and the hard limit is {hard}; "
            "raise it (LimitNOFILE=, limits.conf) or name fewer at once"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _hosts_own() -> NetnsFd:
    """Return the namespace this process started in, opened once."""
    global _host  # pylint: disable=global-statement
    if _host is None:
        # Not /proc/self: that is the main thread, which may be elsewhere now.
        _host = NetnsFd(_open("/proc/thread-self/ns/net", "the host's network"), "the host's network")
    return _host


def _not_the_hosts(pinned: NetnsFd, found: str) -> NetnsFd:
    if pinned.inode == _hosts_own().inode:
        raise HostsOwn(f"{pinned.origin} can't be used as a container: {found}")
    return pinned


def _open(path: str, origin: str) -> int:
    """Return a descriptor of a namespace's file.

    :raises ProcessLookupError: the process of a /proc/PID is gone, or a zombie.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        raise _no_permission(origin) from None
    except FileNotFoundError:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), path) from None
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        raise Refused(f"{origin} can't be opened: too many open files; raise the limit (LimitNOFILE=)") from error


def _check_kind(fd: int, origin: str) -> None:
    try:
        kind = fcntl.ioctl(fd, NS_GET_NSTYPE)
    except OSError:
        # What is left of a named namespace after a reboot or a failed delete.
        raise Refused(f"{origin} is a regular file, not a namespace; remove it and create the namespace") from None
    if kind != CLONE_NEWNET:
        raise Refused(f"{origin} is a namespace of another kind; give a network namespace")


def _belongs(pid: int, container_id: str) -> bool:
    """Tell whether the process is of that container: by its cgroup or by its parent.

    The last id in a cgroup's path counts, since a container in a container
    has both: /docker/ID, docker-ID.scope, libpod-ID.scope/container, under
    any parent. Without a cgroup of its own (Podman, cgroups=disabled) the
    command line of its parent, conmon or containerd-shim, has the id.
    """
    cgroups = _read(f"/proc/{pid}/cgroup").splitlines()
    if any(re.findall(_ID, path)[-1:] == [container_id] for path in cgroups):
        return True
    parent = re.search(r"^PPid:\s*(\d+)", _read(f"/proc/{pid}/status"), re.MULTILINE)
    return parent is not None and container_id in _read(f"/proc/{parent.group(1)}/cmdline")


def _read(path: str) -> str:
    """Return the file's text, '' where the process is gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _stranger(container: Container) -> Refused:
    """Return why the process is not the container's."""
    from .engines.lookup import inspect_again  # asks an engine; most tasks never come here

    now = inspect_again(container)
    if now is None or now.pid != container.pid:
        return _restarted(container)
    return Refused(
        f"{container.runtime} reports pid {container.pid} for {container}, but that process is not part of it "
        "(the PID was reused); restart the container"
    )


def _restarted(container: Container) -> Refused:
    return Refused(f"{container} with pid {container.pid} stopped or restarted meanwhile; run the task again")


def _no_permission(origin: str) -> PipefitterError:
    return PipefitterError(
        f"uid {os.geteuid()} has no permission to open or enter {origin}; run the task as root (become: true) "
        "with CAP_SYS_ADMIN and CAP_SYS_PTRACE"
    )


def _kind(mode: int) -> str:
    return "directory" if stat.S_ISDIR(mode) else "special file"


@contextmanager
def _closed_on_error(fd: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(fd)
        raise

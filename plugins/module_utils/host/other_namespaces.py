# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What is made on the host's links in network namespaces of which nobody spoke. Private to the collection.

The kernel tells it only in those: a macvlan or ipvlan says what it is on, and a NIC not what is on it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress

from ..errors import PipefitterError
from ..state.network import ON_ANOTHER
from ..state.nic_attachments import OnNic
from .namespace import NetnsFd, entered
from .nested_namespaces import inode_of, mounted
from .netlink.handle import NetlinkHandle


def made_on(indexes: Collection[int], but: Collection[int]) -> tuple[OnNic, ...]:
    """Return what is made on links of the host that have these interface indexes, in all namespaces ``but`` some.

    Those are left out by their inodes. A namespace is found by a process of its own or by a mount of its file, as
    ``ip netns`` and engines make it.
    """
    found: list[OnNic] = []
    with open("/proc/thread-self/ns/net", "rb") as own:
        looked_at = {*but, os.fstat(own.fileno()).st_ino}
        for inode, path, origin in _namespaces():
            if inode in looked_at:
                continue
            looked_at.add(inode)
            with suppress(OSError, PipefitterError):  # it ended meanwhile
                with NetnsFd(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), origin, path) as pinned:
                    found += _on(indexes, pinned, own.fileno())
    return tuple(found)


def _on(indexes: Collection[int], pinned: NetnsFd, host: int) -> Iterator[OnNic]:
    with entered(pinned):
        handle = NetlinkHandle()
    try:
        host_id = handle.netns_id(host)
        if host_id is not None:  # otherwise nothing in it leads to the host
            for link in handle.links().values():
                if link.kind in ON_ANOTHER and link.peer in indexes and link.peer_netns == host_id:
                    yield OnNic(pinned.origin, link)
    finally:
        handle.close()


def _namespaces() -> Iterator[tuple[int, str, str]]:
    """Yield inode, path and name of network namespaces, those of a name first; several may be the same one."""
    for inode, path in mounted(os.getpid()):
        yield inode, path, f"netns {path}"
    for name in os.listdir("/proc"):
        if name.isdigit():
            path = f"/proc/{name}/ns/net"
            with suppress(OSError):
                yield inode_of(os.readlink(path)), path, f"pid {name}"

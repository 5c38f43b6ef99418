# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Whether an address is the host's own, asked of the kernel by sockets. Private to the collection."""

from __future__ import annotations

import errno
import socket


def is_local(address: str) -> bool:
    """Tell whether an address is one of the host's."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        ) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EACCES)
    return True


def is_broadcast(address: str) -> bool:
    """Tell whether an address that is local is one for broadcasts, which bind() takes as well; nothing is sent."""
    if ":" in address:
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            probe.connect((address, 9))
    except OSError as error:
        # Without SO_BROADCAST, __ip4_datagram_connect() in net/ipv4/datagram.c refuses those, to root too.
        return error.errno == errno.EACCES
    return False

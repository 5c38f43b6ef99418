# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Whether an address is the host's own, asked of the kernel by bind(). Private to the collection."""

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

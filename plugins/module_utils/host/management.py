# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The interfaces by which this host is reached, which must not become ports. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..model import addresses
from ..model.host import Namespace

_SSH = "SSH_CONNECTION"  # sshd(8): client address and port, server address and port


def interfaces(host: Namespace) -> dict[str, str]:
    """Return the interfaces by which this host is reached, each with the reason."""
    found = {entry.link: "carries this host's default route" for entry in host.routes if entry.is_default}
    server = ssh_server(os.environ)
    for link, held in host.addresses.items():
        if server and any(addresses.bare(address) == server for address in held):
            found[link] = f"carries {server}, the address this SSH session came in by"
    return found


def ssh_server(environment: Mapping[str, str]) -> str | None:
    """Return the address of this host that the SSH session was opened to, ``None`` without one."""
    words = environment.get(_SSH, "").split()
    return words[2].partition("%")[0] if len(words) == 4 else None

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of simulated network namespaces that go over into another one."""

from __future__ import annotations

import errno
from typing import Any

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError


class SimMoves:
    """What a namespace does with a link that leaves it; it is a ``SimNamespace``, too."""

    def move(self: Any, name: str, there: Any, new: str) -> None:
        """do_setlink() with IFLA_NET_NS_FD: moved, and then renamed."""
        self.kernel.request()
        link = self.find(f"move {name}", name)
        if there.taken(name) and there.taken(new):
            raise KernelError(f"move {name}", errno.EEXIST, "")
        self._went_down(link)
        self._set_master(link, None)
        del self.links[link.name]
        if there.taken(name):
            link.name = new  # at once, and here another one may have that
        link.up, link.addresses, link.neighbours, link.sysctls = False, [], {}, dict(there.defaults)
        link.namespace, there.links[link.name] = there, link
        there.rename_moved(link, new)

    def rename_moved(self: Any, link: Any, new: str) -> None:
        if link.name == new:
            return
        if self.taken(new):
            raise KernelError(f"rename {link.name}", errno.EEXIST, "")
        del self.links[link.name]
        self.links[new], link.name = link, new

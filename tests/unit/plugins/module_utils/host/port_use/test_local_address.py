# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses are the host's own, by the loopback interface that every host has; nothing is sent."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.port_use.local_address import (
    is_broadcast,
    is_local,
)


def test_a_broadcast_address_can_be_bound_and_is_told_from_a_hosts():
    assert is_local("127.0.0.1") and not is_broadcast("127.0.0.1")
    assert is_local("127.255.255.255") and is_broadcast("127.255.255.255")
    assert not is_local("192.0.2.1") and not is_broadcast("192.0.2.1")
    assert not is_broadcast("::1")

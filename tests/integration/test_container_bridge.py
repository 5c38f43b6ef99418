# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_bridge against the real kernel and nftables."""

from __future__ import annotations


def test_creates_a_bridge_with_addresses_and_a_second_run_changes_nothing(host):
    options = {"name": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"]}

    checked = host.module("container_bridge", check_mode=True, **options)
    first = host.module("container_bridge", **options)
    second = host.module("container_bridge", **options)

    assert checked["operations"] == first["operations"] != []
    assert (first["changed"], second["changed"], second["operations"]) == (True, False, [])
    shown = {f"{a['local']}/{a['prefixlen']}" for a in host.ip("addr", "show", "dev", "br0")[0]["addr_info"]}
    assert {"192.168.5.1/24", "fd00:5::1/64"} <= shown


def test_keeps_its_mac_when_ports_come_and_go(hosta):
    made = hosta.module("container_bridge", name="br0")["bridge"]["mac"]
    hosta.run("ip", "link", "add", "port0", "address", "00:00:5e:00:53:01", "type", "veth", "peer", "name", "peer0")
    hosta.run("ip", "link", "set", "port0", "master", "br0")

    assert hosta.ip("link", "show", "dev", "br0")[0]["address"] == made != "00:00:5e:00:53:01"

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""port_publish on bridges that container_bridge did not make, or made without forwarding, beside Docker's filter."""

from __future__ import annotations

import pytest
from publishing import HOST, LAN, Net, publish, publish_thoroughly
from wiring import assert_same, everything, make_ovs_bridge

FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


@pytest.fixture(name="net", params=["ours", "linux", "ovs"])
def fixture_net(hosta, request):
    """A host that forwards, for whatever reason, and two containers on a bridge."""
    bridge = {"ours": "br0", "linux": "br0", "ovs": "ovs0"}[request.param]
    hosta.run("sysctl", "-q", "-w", *(f"{name}=1" for name in FORWARDING))
    if request.param == "ours":
        hosta.module("container_bridge", name=bridge)
    elif request.param == "linux":
        hosta.run("ip", "link", "add", bridge, "up", "type", "bridge")
    else:
        make_ovs_bridge(hosta, bridge)
    for address in ("192.168.5.1/24", "fd00:5::1/64"):
        hosta.run("ip", "addr", "add", address, "dev", bridge, "nodad")
    net = Net(hosta, "web1", "web2", bridge=bridge, made=True)
    for name in ("web1", "web2"):
        net.serve(name, "80", "53/udp")
    yield net
    net.stop()


def test_is_reached_from_everywhere(net):
    before = everything(net.host)
    publish_thoroughly(net.host, bridge=net.bridge, netns="web1", ports=["8080:80", "5353:53/udp"])
    for version in (4, 6):
        for port, protocol in ((8080, "tcp"), (5353, "udp")):
            asked = HOST[version], port, protocol
            assert net.ask_from_lan(*asked) == ("web1", LAN[version])
            assert net.ask(*asked) == ("web1", HOST[version])
            assert net.ask(*asked, netns="web2")[0] == "web1", "a neighbour, by hairpin"
            assert net.ask(*asked, netns="web1")[0] == "web1", "the container itself, by hairpin"
    assert net.ask("127.0.0.1", 8080)[0] == "web1"
    publish(net.host, bridge=net.bridge, state="absent")
    assert_same(before, everything(net.host))
    assert net.ask_from_lan(HOST[4], 8080) is None

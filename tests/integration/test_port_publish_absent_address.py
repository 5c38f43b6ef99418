# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on addresses that move between hosts (keepalived), while they are here and while they are not."""

from __future__ import annotations

import subprocess

import pytest
from publishing import Net, publish
from wiring import refused

VIRTUAL = {4: "10.77.0.99", 6: "fd00:10:77::99"}
PORTS = {4: "10.77.0.99:8080:80", 6: "[fd00:10:77::99]:8080:80"}


@pytest.fixture(name="net")
def fixture_net(hosta):
    net = Net(hosta, "web1")
    net.serve("web1", "80")
    yield net
    net.stop()
    for family, address in VIRTUAL.items():
        hosta.run("sh", "-c", f"ip addr del {address}/{32 if family == 4 else 128} dev eth0 2>&1 || true")


def test_an_address_that_comes_and_goes_and_comes_again(net):
    host = net.host
    wanted = {"netns": "web1", "bridge": "br0", "ports": list(PORTS.values()), "host_ip_may_be_absent": True}
    checked = host.module("port_publish", check_mode=True, **wanted)
    done = host.module("port_publish", **wanted)
    assert checked["operations"] == done["operations"] and done["changed"]
    assert host.module("port_publish", **wanted)["operations"] == []
    for _time in range(2):
        for family, address in VIRTUAL.items():
            nodad = ["nodad"] if family == 6 else []
            host.run("ip", "addr", "add", f"{address}/{32 if family == 4 else 128}", "dev", "eth0", *nodad)
        assert host.module("port_publish", **wanted)["operations"] == []
        for address in VIRTUAL.values():
            assert net.ask_from_lan(address, 8080)[0] == "web1"
        for family, address in VIRTUAL.items():
            host.run("ip", "addr", "del", f"{address}/{32 if family == 4 else 128}", "dev", "eth0")
        assert host.module("port_publish", **wanted)["operations"] == []
    host.module("port_publish", bridge="br0", state="absent")


@pytest.mark.parametrize("family", [4, 6])
def test_without_the_option_it_is_refused_and_named(net, family):
    said = refused(net.host, "port_publish", netns="web1", bridge="br0", ports=[PORTS[family]])
    assert f"host address {VIRTUAL[family]} was asked for, which this host does not have" in said
    assert "set host_ip_may_be_absent for one that comes and goes" in said


def test_a_listener_of_all_addresses_has_the_port_of_an_absent_one_too(net):
    listener = net.host.start(
        "python3", "-IS", "-c",
        "import socket; s = socket.create_server(('0.0.0.0', 8080)); print('ready', flush=True); s.accept()",
        stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert listener.stdout.readline() == "ready\n"
    try:
        options = {"netns": "web1", "bridge": "br0", "ports": [PORTS[4]], "host_ip_may_be_absent": True}
        assert "10.77.0.99:8080/tcp" in (said := refused(net.host, "port_publish", **options)) and "has it" in said
    finally:
        listener.kill()
        listener.wait(timeout=60)
        listener.stdout.close()


def test_a_broadcast_address_stays_refused(net):
    options = {"netns": "web1", "bridge": "br0", "host_ip_may_be_absent": True, "ports": ["10.77.0.255:8080:80"]}
    assert "is the broadcast address of a subnet" in refused(net.host, "port_publish", **options)
    assert publish(net.host, netns="web1", ports=["10.77.0.11:8080:80"])["changed"]

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses from a DHCP server: asked for by the service, renewed, given back, and the same after restarts.

The server is dnsmasq on the bridge itself, with classless routes for one of the tests.
"""

from __future__ import annotations

import json

import pytest
from fleet import in_container
from lab_hosts import ModuleFailed
from service import Service, pipefitter, states
from wiring import attach, make_bridge, make_containers, make_namespaces, until, warned

_LEASES = "/run/dnsmasq.leases"
_POOL = "192.168.5.100,192.168.5.120"


class Server:
    """dnsmasq on a host's bridge; what it said is in ``log``."""

    def __init__(self, host, bridge="br0", *words):
        self._host, self._bridge, self._words = host, bridge, words
        self._process = None

    def __enter__(self):
        self._host.run("rm", "-f", _LEASES)
        self._process = self._host.start(
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--no-ping",
            "--bind-interfaces",
            f"--interface={self._bridge}",
            f"--dhcp-range={_POOL},2m",
            f"--dhcp-leasefile={_LEASES}",
            "--log-dhcp",
            "--log-facility=/run/dnsmasq.log",
            *self._words,
        )
        return self

    def __exit__(self, *_error):
        self._process.terminate()
        self._process.wait(20)

    def held(self):
        """Return by hostname the addresses that are on lease."""
        lines = self._host.run("cat", _LEASES, check=False).stdout.splitlines()
        return {words[3]: words[2] for line in lines if len(words := line.split()) >= 4}


@pytest.fixture(name="host")
def fixture_host(hosta):
    make_bridge(hosta, address="192.168.5.1/24")
    with Service(hosta):
        yield hosta


def leased(host, container, interface="eth1"):
    """Return the addresses with a lifetime of a container's interface."""
    shown = json.loads(in_container(host, container, "ip", "-j", "-4", "address", "show").stdout)
    held = [one for entry in shown if entry.get("ifname") == interface for one in entry["addr_info"]]
    return [one["local"] for one in held if one["valid_life_time"] < 2**32 - 1]


def default_route(host, container):
    routes = json.loads(in_container(host, container, "ip", "-j", "route", "show", "default").stdout)
    return [(route["gateway"], route.get("protocol")) for route in routes]


def clients(host):
    return host.run("pgrep", "-fc", "udhcpc -f", check=False).stdout.strip()


def test_a_container_has_a_lease_that_lasts_and_ends_with_it(host):
    make_containers(host, "web1")
    with Server(host) as server:
        done = attach(host, container="web1", bridge="br0", addresses=["dhcp", "192.168.5.9/24"])
        assert "warnings" not in done and done["recorded"] is True
        assert done["attachments"][0]["addresses"] == ["dhcp", "192.168.5.9/24"]
        (address,) = leased(host, "web1")
        assert server.held() == {"web1": address}
        assert default_route(host, "web1") == [("192.168.5.1", "dhcp")]
        assert attach(host, container="web1", bridge="br0", addresses=["dhcp", "192.168.5.9/24"])["changed"] is False
        assert leased(host, "web1") == [address]
        shown = json.loads(pipefitter(host, "status", "--json").stdout)["objects"]
        (lease,) = [entry["lease"] for entry in shown if "lease" in entry]
        assert lease["address"] == f"{address}/24"

        # The same after a restart, of the container and of the service.
        host.run("docker", "restart", "-t", "0", "web1")
        until(lambda: leased(host, "web1") == [address], "the lease is back")
        assert clients(host) == "1"

        # Out of the record: nobody would renew it any more.
        assert pipefitter(host, "forget", "eth1 of container web1").returncode == 0
        until(lambda: not leased(host, "web1") and clients(host) == "0", "the lease ends")
        assert server.held() == {}
        attach(host, container="web1", bridge="br0", addresses=["dhcp"])
        assert server.held() == {"web1": address}

        # Another task takes it away, and tells the server.
        assert attach(host, container="web1", bridge="br0", state="absent")["changed"] is True
        assert server.held() == {}
        until(lambda: clients(host) == "0", "the client ends")


def test_a_server_that_comes_later_and_a_service_that_is_killed(hosta):
    make_bridge(hosta, address="192.168.5.1/24")
    make_containers(hosta, "web1")
    before = hosta.run("cat", "/etc/resolv.conf").stdout
    service = Service(hosta)
    wanted = {"container": "web1", "bridge": "br0", "addresses": ["dhcp"]}
    (warning,) = warned(attach(hosta, **wanted))
    assert "eth1 of container web1: the service pipefitter is not running, so nobody asks a DHCP server" in warning
    with service:
        until(lambda: "is not running" not in pipefitter(hosta, "status").stderr, "the service runs")
        (warning,) = warned(attach(hosta, **wanted, wait_timeout=1))
        assert "no DHCP server gave an address within 1 s; the service goes on asking" in warning
        assert "no DHCP server has answered" in pipefitter(hosta, "status").stdout
        with Server(hosta) as server:
            (address,) = until(lambda: leased(hosta, "web1"), "the lease comes when the server does")
            until(lambda: server.held() == {"web1": address}, "the server knows of it")
            # Ends with whoever runs it, and the next one asks for the same.
            service.kill()
            until(lambda: clients(hosta) == "0", "the client ends")
            assert leased(hosta, "web1") == [address]
            service.start()
            until(lambda: clients(hosta) == "1", "there is another client")
            # Renewed when it is to be.
            first = lease(hosta)["until"]
            until(lambda: hosta.run("pkill", "-USR1", "-f", "udhcpc -f") and lease(hosta)["until"] > first, "renewed")
            assert leased(hosta, "web1") == [address] and lease(hosta)["address"] == f"{address}/24"
            # Another one takes its place where it is killed.
            former = client_of_lease(hosta)
            hosta.run("pkill", "-KILL", "-f", "udhcpc -f")
            until(lambda: client_of_lease(hosta) not in (former, None), "there is another client")
            assert clients(hosta) == "1"
            # Taken out of the record, or given a fixed address: the lease is given back, and the client ends.
            attach(hosta, **{**wanted, "addresses": ["192.168.5.9/24"]})
            until(lambda: not leased(hosta, "web1") and clients(hosta) == "0", "the lease ends")
            assert server.held() == {}
    assert hosta.run("cat", "/etc/resolv.conf").stdout == before


def client_of_lease(host):
    """Return the process that was given the lease last."""
    return json.loads(host.run("sh", "-c", "cat /run/pipefitter/dhcp/*.json").stdout)["pid"] or None


def lease(host):
    shown = json.loads(pipefitter(host, "status", "--json").stdout)["objects"]
    return next(entry["lease"] for entry in shown if entry.get("lease"))


def test_routes_of_a_lease_and_what_is_there_before_it(host):
    make_containers(host, "web1", "web2", "web3")
    in_container(host, "web2", "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for words in ("link set up0 up", "address add 10.9.0.2/24 dev up0", "route add default via 10.9.0.1"):
        in_container(host, "web2", "ip", *words.split())
    with Server(host, "br0", "--dhcp-option=121,10.8.0.0/16,192.168.5.7,0.0.0.0/0,192.168.5.6"):
        attachments = [
            {"container": "web1"},
            {"container": "web2"},
            {"container": "web3", "gateway": "192.168.5.1"},
        ]
        done = attach(host, bridge="br0", attachments=[{**one, "addresses": ["dhcp"]} for one in attachments])
        assert "warnings" not in done
        assert default_route(host, "web1") == [("192.168.5.6", "dhcp")]
        assert default_route(host, "web2") == [("10.9.0.1", None)]
        assert default_route(host, "web3") == [("192.168.5.1", "112")]
        for name in ("web1", "web2", "web3"):
            routes = in_container(host, name, "ip", "route", "show", "10.8.0.0/16").stdout
            assert "via 192.168.5.7 dev eth1 proto dhcp" in routes
        assert "route 0.0.0.0/0 via 192.168.5.6 of the lease for eth1 of container web2 is left out" in (
            pipefitter(host, "events").stdout
        )
        # A container that stops keeps its lease, and nothing of it stays on the host.
        host.run("docker", "stop", "-t", "0", "web1")
        until(lambda: clients(host) == "2", "the client ends with its container")
        assert states(host)["eth1 of container web1"] == "pending"
        assert len(host.ip("link", "show", "master", "br0")) == 2


def test_an_isolated_container_on_a_macvlan_and_one_on_a_bridge(host):
    make_containers(host, "web1", "web2")
    make_namespaces(host, "probe")
    host.run("ip", "link", "add", "eth2", "type", "veth", "peer", "name", "lan2")
    host.run("sh", "-c", "ip link set lan2 master br0 up && ip link set eth2 up")
    host.module("icc_policy", bridge="br0", icc=False)
    with Server(host) as server:
        done = attach(host, bridge="br0", container="web1", addresses=["dhcp"])
        assert "warnings" not in done
        done = host.module("nic_attach", nic="eth2", kind="macvlan", container="web2", addresses=["dhcp"])
        assert done["attachments"][0]["addresses"] == ["dhcp"]
        held = {"web1": leased(host, "web1")[0], "web2": leased(host, "web2")[0]}
        assert server.held() == held
        host.module("nic_attach", container="web2", state="absent")
        assert server.held() == {"web1": held["web1"]}
        # One that is not recorded nobody would renew.
        with pytest.raises(ModuleFailed, match="addresses: 'dhcp' is for the service"):
            attach(host, netns="probe", bridge="br0", addresses=["dhcp"], persistent="false")

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to containers and their engines, the service has the network as it is recorded, and nothing else.

Seen by packets, and by dumps of all that the host shows before and after.
"""

from __future__ import annotations

import json
import subprocess

import pytest
from lab_hosts import LAB
from leftovers import assert_nothing_left_over, lasting
from service import Service, pipefitter, states
from wiring import attach, container_pid, held, link, make_containers, until

_BRIDGE = {"name": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"], "ip_forward": True, "masquerade": True}
_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
_DB1 = {"container": "db1", "bridge": "br0", "addresses": ["192.168.5.11/24", "fd00:5::11/64"]}
_GATEWAYS = {"gateway": "192.168.5.1", "gateway6": "fd00:5::1"}
_POLICY = {"bridge": "br0", "icc": False, "links": [{"from": "db1", "to": "web1", "ports": ["80"]}]}
_PUBLISHED = {"bridge": "br0", "container": "web1", "ports": ["8080:80", "5353:53/udp"]}
_IMAGE = "pipefitter/busybox:latest"


class Site:
    """A bridge with a policy, two containers of Docker, and ports that are published for one of them."""

    def __init__(self, host):
        self.host = host
        make_containers(host, "web1", "db1")
        self.tasks = [
            ("container_bridge", _BRIDGE),
            ("veth_attach", {"attachments": [{**_WEB1, **_GATEWAYS}, {**_DB1, **_GATEWAYS}]}),
            ("icc_policy", _POLICY),
            ("port_publish", _PUBLISHED),
        ]
        for module, options in self.tasks:
            assert host.module(module, **options)["recorded"], module
        self.settles()

    def settles(self):
        until(lambda: set(states(self.host).values()) == {"in order"}, lambda: states(self.host))

    def waits_for(self, *objects):
        """Wait until these wait for their container, and what was for it is gone."""
        until(lambda: {name for name, state in states(self.host).items() if state == "pending"} >= set(objects), "")

    def nothing_to_do(self):
        for module, options in self.tasks:
            done = self.host.module(module, **options)
            assert not done["changed"], (module, done["operations"])

    def passes_packets(self, server="web1"):
        """See that neighbour, router and published port lead to web1, in IPv4 and IPv6."""
        ask = f"""
        docker exec -d {server} busybox nc -ll -p 80 -e busybox echo web
        until docker exec {server} busybox netstat -ltn | grep -q :80; do sleep 0.05; done
        for address in 192.168.5.10 fd00:5::10; do
            docker exec db1 timeout 2 busybox nc $address 80 </dev/null
            timeout 2 busybox nc $address 80 </dev/null
        done
        timeout 2 busybox nc 10.77.0.11 8080 </dev/null
        docker exec {server} busybox killall busybox
        """
        assert self.host.run("sh", "-c", ask).stdout.split() == ["web"] * 5


@pytest.fixture
def site(hosta):
    with Service(hosta) as service:
        site = Site(hosta)
        site.service = service
        yield site


def shown_in(host, container):
    return host.run("docker", "exec", container, "ip", "-o", "address").stdout


def test_a_container_that_is_paused_killed_or_made_anew(site):
    host, before = site.host, lasting(site.host)
    host.run("docker", "pause", "web1")
    pipefitter(host, "reconcile")
    assert set(states(host).values()) == {"in order"}
    host.run("docker", "unpause", "web1")
    site.passes_packets()
    again = f"docker run -d --name web1 --network none {_IMAGE} sleep 1000000"
    for done in ("docker kill web1 && docker start web1", f"docker rm -f web1 && {again}"):
        host.run("sh", "-c", done)
        site.settles()
        site.passes_packets()
        assert_nothing_left_over(before, lasting(host))
    site.nothing_to_do()


def test_the_name_is_what_counts_where_a_container_is_renamed(site):
    host, before = site.host, lasting(site.host)
    host.run("docker", "rename", "web1", "old1")
    old = host.run("docker", "inspect", "-f", "{{.Id}}", "old1").stdout[:12]
    site.waits_for("eth1 of container web1")
    assert f"docker {old} keeps its eth1 until one comes" in " ".join(pipefitter(host, "status").stdout.split())
    # It serves on, as it is the same program still.
    site.passes_packets("old1")
    make_containers(host, "web1")
    site.settles()
    assert "eth1" not in shown_in(host, "old1")
    site.passes_packets()
    told = [entry.partition(" ")[2] for entry in pipefitter(host, "events").stdout.splitlines()]
    assert any(f"of eth1 in docker {old}, which was called web1 before" in line for line in told), told
    host.run("docker", "rm", "-f", "old1")
    site.settles()
    assert_nothing_left_over(before, lasting(host))
    site.nothing_to_do()
    # Two that change their names change their places.
    for old_name, new_name in (("web1", "aside"), ("db1", "web1"), ("aside", "db1")):
        host.run("docker", "rename", old_name, new_name)
    until(lambda: "192.168.5.10/24" in shown_in(host, "web1") and "192.168.5.11/24" in shown_in(host, "db1"), "not so")
    site.settles()
    site.passes_packets()
    site.nothing_to_do()


def test_networks_of_docker_come_and_go_beside_ours(site):
    host = site.host
    host.run("docker", "run", "-d", "--name", "both", _IMAGE, "sleep", "1000000")
    attach(host, container="both", bridge="br0", interface="lan0", addresses=["192.168.5.20/24"])
    before = lasting(host)
    host.run("docker", "network", "create", "--subnet", "172.30.9.0/24", "more")
    try:
        host.run("docker", "network", "connect", "more", "both")
        site.settles()
        assert "172.30.9." in shown_in(host, "both") and "192.168.5.20/24" in shown_in(host, "both")
        host.run("docker", "exec", "both", "ping", "-c1", "-W2", "192.168.5.1")
        host.run("docker", "network", "disconnect", "more", "both")
        site.settles()
        host.run("docker", "exec", "both", "ping", "-c1", "-W2", "192.168.5.1")
    finally:
        host.run("docker", "network", "disconnect", "-f", "more", "both", check=False)
        host.run("docker", "network", "rm", "more")
    assert_nothing_left_over(before, lasting(host))


def test_what_stays_behind_of_a_container_that_ended(site):
    """Its neighbours' entries, its ports, and flows that lived when it ended; those of its neighbour live on."""
    host = site.host
    host.run("docker", "exec", "-d", "web1", "busybox", "nc", "-ll", "-p", "80", "-e", "cat")
    flow = host.start("python3", "-c", _FLOW, stderr=subprocess.DEVNULL)
    try:
        until(lambda: {"udp", "tcp"} <= _flows(host, "192.168.5.10"), "no flows to web1")
        for container in ("web1", "db1"):
            host.run("docker", "exec", "-d", container, "busybox", "nc", "10.77.0.99", "9")
        until(lambda: "to 10.77.0.99" in _flows(host, "192.168.5.10"), "no flow from web1")
        until(lambda: "to 10.77.0.99" in _flows(host, "192.168.5.11"), "no flow from db1")
        assert _proxied(host) >= {"fd00:5::10", "fd00:5::11"}
        host.run("docker", "stop", "-t", "0", "web1")
        site.waits_for("eth1 of container web1", "ports of eth1 of container web1, published on br0")
        until(lambda: "192.168.5.10" not in _of_nftables(host), "its address is in nftables still")
        until(lambda: "fd00:5::10" not in _proxied(host), f"proxied still: {_proxied(host)}")
        until(lambda: not _flows(host, "192.168.5.10"), lambda: f"flows to it: {_flows(host, '192.168.5.10')}")
        assert "to 10.77.0.99" in _flows(host, "192.168.5.11"), "what its neighbour asks is cut off"
        assert [entry for entry in host.ip("link", "show", "master", "br0") if entry]
        assert "web1" not in json.dumps(host.ip("link", "show"))
    finally:
        flow.terminate()
        flow.wait(10)
    host.run("docker", "start", "web1")
    site.settles()
    site.passes_packets()
    attach(host, container="db1", state="absent")
    assert "to 10.77.0.99" not in _flows(host, "192.168.5.11")


# One client each, so one flow each: of UDP the entry lives for as long as it goes on sending, of TCP for days.
_FLOW = """
import socket, time
while True:
    try:
        connection = socket.create_connection(("10.77.0.11", 8080))
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    client.sendto(b"x", ("10.77.0.11", 5353))
    time.sleep(0.05)
"""


def _of_nftables(host):
    return host.run("nft", "list", "table", "ip", "pipefitter", check=False).stdout


def _proxied(host):
    return {entry["dst"] for entry in host.ip("-6", "neighbour", "show", "proxy") if entry}


def _flows(host, address):
    shown = host.run("cat", "/proc/net/nf_conntrack").stdout.splitlines()
    # What the host asked without NAT, in other tests too, ends by itself.
    known = ("dport=8080 ", "dport=5353 ", "dst=10.77.0.99 ")
    flows = [line for line in shown if f"src={address} " in line and any(words in line for words in known)]
    return {line.split()[2] for line in flows} | {"to 10.77.0.99" for line in flows if "dst=10.77.0.99 " in line}


def test_docker_is_restarted_and_lets_its_containers_live(site, live_restore):
    host = site.host
    pid, index = container_pid(host, "web1"), link(host, "br0")["ifindex"]
    before = lasting(host, rules_of_others=False)
    live_restore(True)
    host.run("sh", "-c", "kill -TERM $(cat /run/docker.pid)")
    try:
        site.waits_for("eth1 of container web1", "eth1 of container db1")
        # Nothing is taken away: they run.
        pipefitter(host, "reconcile")
        host.run("nsenter", "-n", "-t", pid, "ping", "-c1", "-W2", "192.168.5.1")
        until(lambda: not host.run("sh", "-c", "ls /run/docker.pid 2>/dev/null || true").stdout, "Docker stays")
        # What is taken away meanwhile is put back where no engine needs to be asked for it.
        host.run("ip", "address", "delete", "192.168.5.1/24", "dev", "br0")
        until(lambda: "192.168.5.1/24" in held(host, "br0"), "the bridge's address stays away")
    finally:
        host.run("sh", "-c", "setsid --fork dockerd --host unix:///run/docker.sock >>/var/log/docker.log 2>&1")
        until(lambda: host.run("docker", "info", check=False).returncode == 0, "Docker does not start")
    site.settles()
    assert (container_pid(host, "web1"), link(host, "br0")["ifindex"]) == (pid, index)
    assert_nothing_left_over(before, lasting(host, rules_of_others=False))
    site.passes_packets()
    # And without it: they are gone with the daemon.
    live_restore(False)
    subprocess.run([LAB, "docker-restart", "--name", host.lab, host.name], check=True, timeout=60)
    site.waits_for("eth1 of container web1", "eth1 of container db1")
    host.run("docker", "start", "web1", "db1")
    site.settles()
    assert_nothing_left_over(before, lasting(host, rules_of_others=False))
    site.passes_packets()
    site.nothing_to_do()


@pytest.fixture
def live_restore(site):
    """Return what switches it on and off, as an administrator does; it is off in the end."""
    settings = "/etc/docker/daemon.json"
    kept = json.loads(site.host.run("cat", settings).stdout)

    def switch(on):
        text = json.dumps({**kept, "live-restore": on})
        site.host.run("sh", "-c", f"cat >{settings} && kill -HUP $(cat /run/docker.pid)", text=text)
        shown = ("docker", "info", "-f", "{{.LiveRestoreEnabled}}")
        until(lambda: site.host.run(*shown).stdout.strip() == str(on).lower(), "Docker does not take it")

    yield switch
    switch(False)
    site.host.run("sh", "-c", f"cat >{settings}", text=json.dumps(kept))

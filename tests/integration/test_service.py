# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made comes back by itself: the service makes again what is recorded, whatever took it away."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from lab_hosts import LAB
from service import PROGRAM, Service, pipefitter, states
from wiring import attach, container_pid, make_bridge, make_containers, make_namespaces, ovs_ports, until

_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"}
_DB1 = {"container": "db1", "bridge": "br0", "addresses": ["192.168.5.11/24"], "gateway": "192.168.5.1"}
_POLICY = {"bridge": "br0", "icc": False, "links": [{"from": "web1", "to": "db1", "ports": ["5432"]}]}
_PUBLISHED = {"bridge": "br0", "container": "web1", "ports": ["8080:80", "80"]}


@pytest.fixture
def service(host):
    with Service(host) as started:
        yield started


@pytest.fixture
def servicea(hosta):
    with Service(hosta) as started:
        yield started


def _shown(host, container):
    pid = container_pid(host, container)
    return host.run("nsenter", "-n", "-t", pid, "ip", "-o", "address", check=False).stdout if pid != "0" else ""


def _wired(host, container="web1", address="192.168.5.10/24"):
    return address in _shown(host, container)


def test_a_container_that_is_restarted_is_wired_again(host, service):
    make_bridge(host, address="192.168.5.1/24")
    make_containers(host, "web1")
    made = attach(host, **_WEB1)
    assert made["recorded"]
    assert "record eth1 of container web1" in made["operations"]
    assert not attach(host, **_WEB1)["changed"]
    mac = made["attachments"][0]["mac"]

    host.run("docker", "restart", "-t", "0", "web1")

    until(lambda: _wired(host), "web1 stays without its address")
    until(lambda: _caused(host, "192.168.5.10/24", "container web1 "), lambda: pipefitter(host, "events").stdout)
    assert mac in _shown(host, "web1") or mac in host.run("docker", "exec", "web1", "ip", "link", "show", "eth1").stdout
    host.run("docker", "exec", "web1", "ping", "-c1", "-W2", "192.168.5.1")
    assert not attach(host, **_WEB1)["changed"]


def _caused(host, did, cause):
    """Tell whether that is the cause of the newest event that is meant."""
    events = map(json.loads, pipefitter(host, "events", "--json", "--since", "1h").stdout.splitlines())
    return cause in next((event["cause"] for event in events if did in event["did"]), "")


def _says_of_itself(host):
    """Return what status says of the service, for programs and for people."""
    return json.loads(pipefitter(host, "status", "--json").stdout)["service"], pipefitter(host, "status").stderr


_NOT_RUNNING = (
    "not running",
    "warning: the service pipefitter is not running: nothing comes back by itself; run pipefitter watch\n",
)


def test_status_says_whether_the_service_runs(hosta, servicea):
    until(lambda: _says_of_itself(hosta) == ("running", ""), "it is not seen to run")
    servicea.stop()
    assert _says_of_itself(hosta) == _NOT_RUNNING
    servicea.start()
    until(lambda: _says_of_itself(hosta) == ("running", ""), "it is not seen to run")
    servicea.kill()
    assert _says_of_itself(hosta) == _NOT_RUNNING


def test_who_asks_for_help_or_reads_one_line_is_told_no_more(hosta, servicea):
    until(lambda: "following Open vSwitch" in servicea.log, "it follows nothing")
    make_bridge(hosta)
    hosta.module("container_bridge", name="br7")
    until(lambda: "br7" in hosta.run("cat", "/run/pipefitter/state.json", check=False).stdout, "it has not seen it")
    hosta.run("ip", "link", "delete", "br7")
    until(lambda: "br7" in pipefitter(hosta, "events").stdout, "it did nothing")
    assert _caused(hosta, "create bridge br7", "changed on the host")
    servicea.stop()
    hosta.run("ip", "link", "delete", "br7")
    assert pipefitter(hosta, "reconcile").returncode == 2
    assert _caused(hosta, "create bridge br7", "reconcile by hand")
    hosta.run("ip", "link", "delete", "br7")
    servicea.start()
    until(lambda: _caused(hosta, "create bridge br7", "start of the service"), "it is not known why")
    before = pipefitter(hosta, "events").stdout
    assert pipefitter(hosta, "hook", "--help").stdout.startswith("usage: pipefitter hook")
    assert pipefitter(hosta, "events").stdout == before
    # What has ended reads nothing.
    done = hosta.run("bash", "-c", f"{PROGRAM} events > >(exec true); wait; {PROGRAM} events | head -1 >/dev/null")
    assert done.stderr == ""


class Site:
    """A bridge with a policy, two containers, and ports that are published for one of them."""

    def __init__(self, host):
        self.host = host
        make_containers(host, "web1", "db1")
        self.tasks = [
            (
                "container_bridge",
                {"name": "br0", "addresses": ["192.168.5.1/24"], "ip_forward": True, "masquerade": True},
            ),
            ("veth_attach", {"attachments": [_WEB1, _DB1]}),
            ("icc_policy", _POLICY),
            ("port_publish", _PUBLISHED),
        ]
        for module, options in self.tasks:
            assert host.module(module, **options)["recorded"], module
        self.published = self.automatic_port()

    def automatic_port(self):
        shown = self.host.module("container_network_info")["publications"]
        return [port["host_port"] for entry in shown for one in entry["publications"] for port in one["ports"]]

    def comes_back(self, serves=True):
        """Wait until the service has put everything back, and see that the tasks have nothing to do."""
        until(lambda: set(states(self.host).values()) == {"in order"}, lambda: states(self.host))
        for module, options in self.tasks:
            done = self.host.module(module, **options)
            assert not done["changed"], (module, done["operations"])
        assert self.automatic_port() == self.published
        checked = self.host.run("nft", "list", "set", "bridge", "pipefitter", "guard_ipv4").stdout
        assert "192.168.5.10" in checked and "192.168.5.11" in checked
        if serves:
            self.serves()

    def serves(self):
        """See by packets that the published port, the link and the isolation are there."""
        ask = """
        docker exec -d db1 busybox nc -l -p 5432 -e busybox echo db
        docker exec -d db1 busybox nc -l -p 5433 -e busybox echo db
        docker exec -d web1 busybox nc -l -p 80 -e busybox echo web
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            docker exec db1 busybox netstat -ltn | grep -q :5433 &&
                docker exec web1 busybox netstat -ltn | grep -q :80 && break
            sleep 0.1
        done
        docker exec web1 timeout 2 busybox nc 192.168.5.11 5432 </dev/null
        docker exec web1 timeout 1 busybox nc 192.168.5.11 5433 </dev/null && echo not isolated
        timeout 2 busybox nc 10.77.0.11 8080 </dev/null
        docker exec web1 busybox killall nc 2>/dev/null; docker exec db1 busybox killall nc 2>/dev/null; true
        """
        assert self.host.run("sh", "-c", ask).stdout.split() == ["db", "web"]


def test_what_is_taken_away_comes_back(hosta, servicea):
    site = Site(hosta)
    site.serves()
    pid = container_pid(hosta, "web1")
    for taken, serves in (
        ("nft flush ruleset", True),
        ("nft delete table ip pipefitter", False),
        ("ip link delete br0", True),
        (f"nsenter -n -t {pid} ip address flush dev eth1", False),
        (f"nsenter -n -t {pid} ip link delete eth1", False),
        # A virtual address comes, and a pass that has to do with its bridge and its container leaves it there.
        (
            "ip address add 192.168.5.201/32 dev br0; ip link set br0 down; "
            f"nsenter -n -t {pid} ip address add 192.168.5.202/32 dev eth1",
            True,
        ),
        ("docker restart -t 0 web1 db1", True),
        ("docker kill db1 && docker start db1", False),
        ("docker rm -f web1 && docker run -d --name web1 --network none pipefitter/busybox:latest sleep 1000", True),
    ):
        hosta.run("sh", "-c", taken)
        if "/32" in taken:
            until(lambda: "UP" in hosta.ip("link", "show", "dev", "br0")[0]["flags"], lambda: servicea.log)
            for words in ((), ("nsenter", "-n", "-t", str(pid))):
                assert " 192.168.5.20" in hosta.run(*words, "ip", "-4", "address").stdout
            hosta.run("sh", "-c", taken.replace("add ", "del ").replace("ip link set br0 down; ", ""))
        site.comes_back(serves)
    subprocess.run([LAB, "docker-restart", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    hosta.run("docker", "start", "web1", "db1")
    site.comes_back()


def test_what_leads_to_a_container_goes_with_it_and_comes_back(hosta, servicea):
    site = Site(hosta)
    hosta.run("docker", "stop", "-t", "0", "web1")
    until(lambda: "pending" in states(hosta).values(), "the service has not noticed")
    until(lambda: site.automatic_port() == [], f"published still: {site.automatic_port()}")
    assert states(hosta)["policy of br0"] == "in order"
    hosta.run("docker", "start", "web1")
    site.comes_back(serves=False)


def test_a_service_that_is_killed_again_and_again_leaves_no_half(hosta, servicea):
    site = Site(hosta)
    for moment in range(5):
        restarting = hosta.start("docker", "restart", "-t", "0", "web1", "db1", stdout=subprocess.DEVNULL)
        time.sleep(moment / 20)
        servicea.kill()
        restarting.wait(30)
        servicea.start()
    site.comes_back()


def test_vlans_of_open_vswitch_come_back(hosta, servicea):
    make_containers(hosta, "web1")
    port = {"bridge": "ovs0", "container": "web1", "tag": 100}
    bridge = {"bridge": "ovs0", "create_bridge": True, "bridge_options": {"datapath_type": "netdev"}}
    tasks = [
        ("ovs_vlan_port", bridge),
        ("veth_attach", {**_WEB1, "bridge": "ovs0", "gateway": None}),
        ("ovs_vlan_port", port),
    ]
    for module, options in tasks:
        assert hosta.module(module, **options)["recorded"], module
    for taken in ("ovs-vsctl del-br ovs0", "docker restart -t 0 web1"):
        hosta.run("sh", "-c", taken)
        until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))
        for module, options in tasks:
            assert not hosta.module(module, **options)["changed"], module
    hosta.run("docker", "stop", "-t", "0", "web1")
    until(lambda: ovs_ports(hosta) == set(), "a port of a container that has ended stays")


def test_a_docker_that_does_not_answer_holds_up_only_what_is_its_own(hosta):
    """As one that is just starting: its socket accepts connections."""
    with Service(hosta) as service:
        make_containers(hosta, "web1")
        make_namespaces(hosta, "ns1")
        hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], ip_forward=True)
        hosta.module("container_bridge", name="br1", addresses=["192.168.6.1/24"])
        attach(hosta, attachments=[_WEB1, {"netns": "ns1", "bridge": "br0", "addresses": ["192.168.5.20/24"]}])
        for entry in ({"container": "web1", "ports": ["8080:80"]}, {"netns": "ns1", "ports": ["8081:80"]}):
            hosta.module("port_publish", bridge="br0", **entry)
        hosta.module(
            "icc_policy", bridge="br0", icc=False, links=[{"from": "web1", "to": {"netns": "ns1"}, "ports": ["9"]}]
        )
        hosta.module("icc_policy", bridge="br1", icc=False, links=[])
        until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))
        hosta.run("sh", "-c", "kill -STOP $(cat /run/docker.pid)")
        try:
            hosta.run("sh", "-c", "nft flush ruleset; ip -n ns1 link delete eth1; ip link delete br1")
            until(lambda: "192.168.5.20" in _of_nftables(hosta) and '"br1"' in _of_nftables(hosta), service.log)

            def settled():
                found = json.loads(hosta.run(PROGRAM, "status", "--json", check=False).stdout)["objects"]
                return found if {entry["state"] for entry in found} <= {"pending", "in order"} else None

            shown = until(settled, service.log)
        finally:
            hosta.run("sh", "-c", "kill -CONT $(cat /run/docker.pid)")
        waiting = {entry["name"] for entry in shown if entry["state"] == "pending"}
        assert waiting == {
            "eth1 of container web1",
            "ports of eth1 of container web1, published on br0",
            "policy of br0",
        }
        sentence = "Docker does not answer yet: what is there stays as it is until it does"
        assert {entry["why"] for entry in shown if entry["state"] == "pending"} == {sentence}
        until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))
        assert "192.168.5.10" in _of_nftables(hosta)
        assert "restart it" not in service.log


def _of_nftables(host):
    return host.run("nft", "list", "ruleset").stdout

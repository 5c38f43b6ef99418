# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service does with changes by hand, and with containers of one name in two engines."""

from __future__ import annotations

import json
import subprocess

from lab_hosts import LAB
from service import Service, pipefitter, records, states
from wiring import (
    attach,
    container_pid,
    link,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    remove_podmans_containers,
    routes,
    until,
)

_WEB1 = {"container": "web1", "bridge": "br0", "addresses": ["192.168.5.10/24"]}
_WEB2 = {"container": "web2", "bridge": "br0", "addresses": ["192.168.5.11/24"]}


def inside(host, container, *words, check=True):
    return host.run("nsenter", f"--net=/proc/{container_pid(host, container)}/ns/net", "--", *words, check=check).stdout


def has_address(host, container="web1", address="192.168.5.10/24"):
    return address in inside(host, container, "ip", "-o", "addr", check=False)


def test_what_is_changed_by_hand_is_only_reported_where_that_was_asked_for(hosta):
    with Service(hosta, "--drift", "report") as service:
        make_containers(hosta, "web1", "web2")
        hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
        assert attach(hosta, **_WEB1)["recorded"]
        assert attach(hosta, **_WEB2, drift="repair")["recorded"]
        names = {"bridge br0", "eth1 of container web1", "eth1 of container web2"}
        until(lambda: known(hosta) == names, "the service has not seen them")

        for container in ("web1", "web2"):
            inside(hosta, container, "ip", "addr", "flush", "dev", "eth1")
        until(lambda: has_address(hosta, "web2", "192.168.5.11/24"), "what is to be repaired was not")
        until(lambda: "left as it is (drift: report)" in service.log, lambda: service.log)
        assert not has_address(hosta)
        assert states(hosta)["eth1 of container web1"] == "drifted"
        assert "left as it is (drift: report), it would take: add address 192.168.5.10/24" in (
            pipefitter(hosta, "events").stdout
        )

        hosta.run("docker", "restart", "-t", "0", "web1")
        until(lambda: has_address(hosta), "a container that starts was not wired")
        until(lambda: "eth1 of container web1" in known(hosta), "it is not known to be in order")

        inside(hosta, "web1", "ip", "addr", "flush", "dev", "eth1")
        until(lambda: states(hosta)["eth1 of container web1"] == "drifted", "what is changed again is not told")
        hosta.run("ip", "addr", "del", "192.168.5.1/24", "dev", "br0")
        left = "left as it is (drift: report), it would take: add address 192.168.5.1/24 to br0"
        until(lambda: left in service.log, lambda: service.log)
        assert "192.168.5.1/24" not in hosta.run("ip", "-o", "addr").stdout
        service.stop()
        service.start()
        until(lambda: service.log.count(left) > 1, lambda: service.log)
        until(lambda: "following Docker" in service.log.rpartition(left)[2], lambda: service.log)
        until(lambda: states(hosta)["eth1 of container web1"] != "pending", "it asks no engine")
        assert not has_address(hosta)
        assert "192.168.5.1/24" not in hosta.run("ip", "-o", "addr").stdout
        assert pipefitter(hosta, "reconcile").returncode == 2
        assert "192.168.5.1/24" in hosta.run("ip", "-o", "addr").stdout
        assert set(states(hosta).values()) == {"in order"}

        hosta.run("sh", "-c", "ip link delete br0 && docker restart -t 0 web1")
        sentence = "bridge br0 is recorded, was deleted by hand and is left so (drift: report); pipefitter reconcile"
        until(lambda: sentence in _reasons(hosta).get("eth1 of container web1", ""), lambda: _reasons(hosta))
        assert "left so (drift: report)" in _reasons(hosta)["bridge br0"]
        assert "create it first" not in service.log
        done = [pipefitter(hosta, *words) for words in (("status",), ("reconcile", "--check"), ("reconcile",))]
        assert [(one.returncode, one.stderr) for one in done] == [(2, "")] * 3
        until(lambda: set(states(hosta).values()) == {"in order"}, lambda: states(hosta))


def _reasons(host):
    return {one["name"]: one["why"] for one in json.loads(pipefitter(host, "status", "--json").stdout)["objects"]}


def known(host):
    """Return the names of what the service has seen in order, since it or its container started."""
    held = json.loads(host.run("cat", "/run/pipefitter/state.json", check=False).stdout or "{}")
    return {
        name
        for name, (state, _why, _since, instance) in held.items()
        if state in ("in order", "repaired") and (instance or name == "eth1 of container web2")
    }


def test_two_engines_may_have_a_container_of_one_name(hosta):
    subprocess.run([LAB, "podman-image", "--name", hosta.lab, hosta.name], check=True, timeout=60)
    words = ["podman", "run", "-d", "--name", "web1", "--network", "none", "localhost/pipefitter/busybox:latest"]
    service = Service(hosta)
    make_containers(hosta, "web1")
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
    try:
        assert attach(hosta, **_WEB1)["recorded"]
        hosta.run(*words, "sleep", "1000")
        podmans = {**_WEB1, "runtime": "podman", "addresses": ["192.168.5.12/24"]}
        assert attach(hosta, **podmans)["recorded"]
        both = {"bridge br0", "eth1 of container web1", "eth1 of podman container web1"}
        assert records(hosta) == both
        with service:
            hosta.run("docker", "restart", "-t", "0", "web1")
            hosta.run("podman", "restart", "-t", "0", "web1")
            until(lambda: has_address(hosta), "Docker's is not wired")
            until(
                lambda: "192.168.5.12/24" in hosta.run("podman", "exec", "web1", "ip", "-o", "addr").stdout,
                "Podman's is not wired",
            )
            until(lambda: set(states(hosta).values()) == {"in order"}, "they are not in order")
        hosta.module("port_publish", bridge="br0", container="web1", runtime="docker", ports=["8080:80"])
        hosta.run("docker", "stop", "-t", "0", "web1")
        pipefitter(hosta, "reconcile")
        assert "192.168.5.10" not in hosta.run("nft", "list", "ruleset").stdout
        assert states(hosta)["eth1 of podman container web1"] == "in order"
        hosta.run("docker", "start", "web1")
        hosta.module("port_publish", bridge="br0", container="web1", runtime="docker", state="absent")
        assert pipefitter(hosta, "reconcile").returncode in (0, 2)
        # Named with its engine, it is the same that was recorded without.
        assert attach(hosta, **_WEB1, runtime="docker")["operations"] == ["record eth1 of container web1"]
        assert not attach(hosta, **_WEB1, runtime="docker")["operations"]
        assert records(hosta) == both
        hosta.module("veth_attach", container="web1", runtime="podman", state="absent")
        assert records(hosta) == {"bridge br0", "eth1 of container web1"}
        assert has_address(hosta)
    finally:
        remove_podmans_containers(hosta)


def test_the_mtu_that_one_task_asked_for_is_no_other_tasks(hosta):
    hosta.module("host_program")
    hosta.module("container_bridge", name="br0")
    make_namespaces(hosta, "web1", "web2", "web3")
    attach(hosta, netns="web1", bridge="br0")
    attach(hosta, netns="web2", bridge="br0", mtu=1400)
    assert link(hosta, "br0")["mtu"] == 1400
    assert attach(hosta, netns="web3", bridge="br0")["attachments"][0]["mtu"] == 1500
    for name in ("web1", "web3", "web2"):
        options = {"mtu": 1400} if name == "web2" else {}
        assert not attach(hosta, netns=name, bridge="br0", **options)["changed"], name
    assert not attach(hosta, netns="web1", bridge="br0")["changed"]


def test_routes_are_followed(hosta):
    """A bridge's traffic may leave by a NIC that comes up after the play; a route that was taken away comes back."""
    with Service(hosta):
        make_namespaces(hosta, "web1")
        hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], ip_forward=True)
        asked = [
            {"destination": "10.20.0.0/16", "gateway": "192.168.5.1", "table": "100", "mtu": 1400},
            {"destination": "10.66.0.0/16", "type": "unreachable"},
        ]
        options = {"addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1", "routes": asked}
        attach(hosta, netns="web1", bridge="br0", **options)
        until(lambda: set(states(hosta).values()) == {"in order"}, "it does not settle")
        assert " lan9 " not in hosta.run("iptables", "-S", "PIPEFITTER").stdout
        hosta.run("ip", "link", "add", "lan9", "type", "veth", "peer", "name", "lan9-far")
        hosta.run("ip", "addr", "add", "198.51.100.1/24", "dev", "lan9")
        for name in ("lan9", "lan9-far"):
            hosta.run("ip", "link", "set", name, "up")
        until(
            lambda: "-A PIPEFITTER -i br0 -o lan9 -j ACCEPT" in hosta.run("iptables", "-S", "PIPEFITTER").stdout,
            "the new NIC is none by which the bridge's traffic may leave",
        )
        hosta.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        until(lambda: hosta.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "1\n", "it forwards no more")
        for _time in range(5):  # the first ones may be put back by a look that something else led to
            hosta.run("ip", "netns", "exec", "web1", "ip", "route", "del", "default")
            until(lambda: any("default" in route for route in routes(hosta, "web1")), "the route is not put back")
        whole = ours_in_web1(hosta)
        assert "10.20.0.0/16 via 192.168.5.1 dev eth1 table 100 mtu 1400" in whole
        assert "unreachable 10.66.0.0/16" in whole
        for words in ("flush table 100", "del unreachable 10.66.0.0/16"):
            hosta.run("ip", "netns", "exec", "web1", "ip", "route", *words.split())
            until(lambda: ours_in_web1(hosta) == whole, f"what {words} took is not put back")
        hosta.run("ip", "netns", "del", "web1")
        make_namespaces(hosta, "web1")
        until(lambda: ours_in_web1(hosta) == whole, "the routes do not come with the attachment")


def ours_in_web1(host):
    """Return the routes of this collection in all tables of web1."""
    shown = host.run("ip", "-n", "web1", "route", "show", "table", "all", "proto", "112").stdout
    return sorted(" ".join(line.split()) for line in shown.splitlines())


def test_the_vlan_that_was_asked_for_last_is_the_recorded_one(hosta):
    hosta.module("host_program")
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "web1")
    name = {"netns": "web1", "bridge": "ovs0"}
    attach(hosta, **name, vlan=5)
    port = {"bridge": "ovs0", "ports": [{"netns": "web1", "tag": 7}]}
    assert hosta.module("ovs_vlan_port", **port)["recorded"]
    assert set(states(hosta).values()) == {"in order"}
    assert not hosta.module("ovs_vlan_port", **port)["changed"]
    assert attach(hosta, **name, vlan=5)["changed"]
    assert states(hosta) == {"eth1 of netns /run/netns/web1": "in order"}
    assert hosta.run("ovs-vsctl", "get", "port", link_name(hosta), "tag").stdout.strip() == "5"


def link_name(host):
    (port,) = host.run("ovs-vsctl", "list-ports", "ovs0").stdout.split()
    return port


def test_half_a_record_on_a_file_system_that_is_read_only_keeps_nothing_from_coming_back(hosta):
    """As after a power cut: a file was half written, and the file system was mounted read-only then."""
    make_namespaces(hosta, "web1")
    hosta.module("host_program")
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"])
    attach(hosta, netns="web1", bridge="br0", addresses=["192.168.5.10/24"])
    folder = "/var/lib/pipefitter"
    words = f"touch {folder}/attachment/x.json.half; mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"
    hosta.run("sh", "-e", "-c", words)
    try:
        hosta.run("ip", "link", "delete", "br0")
        done = pipefitter(hosta, "reconcile")
        assert done.returncode == 2 and "Traceback" not in done.stderr, done
        assert "192.168.5.1/24" in hosta.run("ip", "-o", "addr").stdout
    finally:
        hosta.run("umount", folder)

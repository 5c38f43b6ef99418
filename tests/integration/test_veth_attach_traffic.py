# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attachments are for: containers reach each other, and the world."""

from __future__ import annotations

from wiring import (
    attach,
    attach_thoroughly,
    container_pid,
    make_bridge,
    make_containers,
    make_namespaces,
    name_namespace,
    ping,
    tcp_answer,
    until,
)

# tcpdump's own words for what is announced.
_GRATUITOUS = "Request who-has 192.168.5.10 tell 192.168.5.10"
_UNSOLICITED = "neighbor advertisement, length 32, tgt is fd00:5::10, Flags [override]"


def test_containers_on_one_bridge_reach_each_other_where_docker_drops_forwarding(host):
    assert "-P FORWARD DROP" in host.run("iptables", "-S", "FORWARD").stdout
    host.module("container_bridge", name="br0", addresses=["192.168.5.1/24", "fd00:5::1/64"])
    make_containers(host, "web1")
    name_namespace(host, "web1")
    make_namespaces(host, "probe")
    attach(
        host,
        bridge="br0",
        gateway="192.168.5.1",
        gateway6="fd00:5::1",
        attachments=[
            {"container": "web1", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]},
            {"netns": "probe", "addresses": ["192.168.5.11/24", "fd00:5::11/64"]},
        ],
    )
    for address in ("192.168.5.10", "fd00:5::10", "192.168.5.1", "fd00:5::1"):
        assert ping(host, "probe", address), address
    assert host.run("docker", "exec", "web1", "ping", "-c", "1", "-W", "2", "192.168.5.11").returncode == 0
    assert tcp_answer(host, "probe", "web1", "192.168.5.10") == "hello"
    # The whole MTU passes and not a byte more: 1500 less IPv4's and ICMP's headers.
    assert ping(host, "probe", "192.168.5.10", "-M", "do", "-s", "1472")
    assert not ping(host, "probe", "192.168.5.10", "-M", "do", "-s", "1473")


def test_jumbo_frames_pass_where_the_bridge_has_them(hosta):
    make_bridge(hosta, "br0", "mtu", "9000")
    make_namespaces(hosta, "one", "two")
    attach(
        hosta,
        bridge="br0",
        attachments=[
            {"netns": "one", "addresses": ["192.168.5.10/24"]},
            {"netns": "two", "addresses": ["192.168.5.11/24"]},
        ],
    )
    # Filtered by Docker or not, what goes over one bridge alone must not be cut.
    hosta.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    try:
        assert ping(hosta, "one", "192.168.5.11", "-M", "do", "-s", "8972")
        assert not ping(hosta, "one", "192.168.5.11", "-M", "do", "-s", "8973")
    finally:
        hosta.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")


def test_reaches_the_other_host_by_gateway_and_masquerade(hosta, lab_hosts):
    other = lab_hosts["hostb"]
    hosta.module("container_bridge", name="br0", addresses=["192.168.5.1/24"], masquerade=True, ip_forward=True)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")
    address = {
        host.name: host.ip("-4", "addr", "show", "dev", "eth0")[0]["addr_info"][0]["local"] for host in (hosta, other)
    }
    sniffer = other.start(
        "sh",
        "-c",
        "exec timeout 10 tcpdump -l -n -i eth0 -c 1 'icmp[icmptype] == icmp-echo' >/run/seen 2>/run/listening",
    )
    try:
        _listens(other)
        assert ping(hosta, "probe", address["hostb"])
        sniffer.wait(timeout=60)
        assert f"{address['hosta']} > {address['hostb']}" in other.run("cat", "/run/seen").stdout
    finally:
        sniffer.kill()
        sniffer.wait()


def test_announces_new_addresses_to_neighbours(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "neighbour", "probe")
    attach(hosta, netns="neighbour", bridge="br0", addresses=["192.168.5.99/24"])
    wanted = {
        "netns": "probe",
        "bridge": "br0",
        "addresses": ["192.168.5.10/24", "fd00:5::10/64"],
        "mac": "02:00:00:00:00:10",
    }

    heard = _overheard(hosta, lambda: attach(hosta, **wanted))
    assert _GRATUITOUS in heard and _UNSOLICITED in heard
    assert (
        "02:00:00:00:00:10 > ff:ff:ff:ff:ff:ff" in heard
        and "destination link-address option (2), length 8 (1): 02:00:00:00:00:10" in heard
    )
    heard = _overheard(hosta, lambda: attach(hosta, **wanted))
    assert _GRATUITOUS not in heard
    heard = _overheard(hosta, lambda: attach_thoroughly(hosta, **{**wanted, "mac": "02:00:00:00:00:11"}))
    assert _GRATUITOUS in heard and "02:00:00:00:00:11 > 33:33:00:00:00:01" in heard
    done = []
    heard = _overheard(hosta, lambda: done.append(attach_thoroughly(hosta, announce=False, **wanted)))
    assert _GRATUITOUS not in heard
    assert not any("announce" in line for line in done[0]["operations"])


def test_returns_once_traffic_passes(host):
    host.module("container_bridge", name="br0")
    make_namespaces(host, "one", "two")
    attach(host, netns="one", bridge="br0", addresses=["192.168.5.10/24", "fd00:5::10/64"])
    attach(host, netns="two", bridge="br0", addresses=["192.168.5.11/24", "fd00:5::11/64"])
    assert "LOWER_UP" in host.ip("link", "show", "dev", "eth1", netns="two")[0]["flags"]
    assert ping(host, "two", "fd00:5::10") and ping(host, "two", "192.168.5.10")


def _overheard(host, doing) -> str:
    """Return what a neighbour on the bridge hears while something is done."""
    host.run("rm", "-f", "/run/seen", "/run/listening")
    words = "exec ip netns exec neighbour timeout 20 tcpdump -U -l -n -e -v -i eth1 'arp or icmp6'"
    words += " >/run/seen 2>/run/listening"
    sniffer = host.start("sh", "-c", words)
    try:
        _listens(host)
        doing()
        # What comes after it was sent after it, too.
        host.run(
            "ip",
            "netns",
            "exec",
            "neighbour",
            "busybox",
            "arping",
            "-c",
            "1",
            "-w",
            "1",
            "-I",
            "eth1",
            "192.168.5.77",
            check=False,
        )
        until(lambda: "192.168.5.77" in host.run("cat", "/run/seen").stdout, "the neighbour hears nothing")
        return " ".join(host.run("cat", "/run/seen").stdout.split())
    finally:
        sniffer.terminate()
        sniffer.wait()


def _listens(host):
    said = ("cat", "/run/listening")
    until(lambda: "listening on" in host.run(*said, check=False).stdout, "tcpdump does not start")


def test_podman_containers_are_attached_by_name(host, lab_name):
    from subprocess import run

    from lab_hosts import LAB

    run([LAB, "podman-image", "--name", lab_name, host.name], check=True, timeout=60)
    make_bridge(host)
    host.run(
        "podman",
        "run",
        "-d",
        "--name",
        "pod1",
        "--network",
        "none",
        "localhost/pipefitter/busybox:latest",
        "sleep",
        "1000",
    )
    try:
        done = attach_thoroughly(host, container="pod1", bridge="br0", addresses=["192.168.5.10/24"])
        assert "in container pod1" in done["operations"][0]
        assert not attach(host, container="pod1", runtime="podman", bridge="br0", addresses=["192.168.5.10/24"])[
            "changed"
        ]
        pid = host.run("podman", "inspect", "-f", "{{.State.Pid}}", "pod1").stdout.strip()
        assert "192.168.5.10/24" in host.run("nsenter", "-n", "-t", pid, "ip", "addr").stdout
        # Docker has one of the same name: which is meant must be said.
        make_containers(host, "pod1")
        assert container_pid(host, "pod1") != pid
        from wiring import refused

        said = refused(host, container="pod1", bridge="br0")
        assert "pod1" in said and "docker" in said and "podman" in said and "set runtime" in said
        assert not attach(host, container="pod1", runtime="podman", bridge="br0", addresses=["192.168.5.10/24"])[
            "changed"
        ]
        assert attach(host, container="pod1", runtime="docker", bridge="br0", addresses=["192.168.5.11/24"])["changed"]
    finally:
        host.run("podman", "rm", "-f", "-t", "0", "pod1")

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_network_info: what it shows of ours and of others, and that it can be given back."""

from __future__ import annotations

from wiring import (
    assert_same,
    attach,
    delete_namespace,
    everything,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    make_ovs_bridge,
    warned,
)

PUBLICATIONS = [
    {
        "container": "web1",
        "ports": ["8080:80", "127.0.0.1:8443:443", "0.0.0.0:5353:53/udp", "9000-9002:9000-9002", "80"],
    },
    {"netns": "probe", "interface": "lan0", "ports": ["192.168.5.1:8081:80"]},
]


def info(host, **options):
    return host.module("container_network_info", **options)


def wire(host):
    """Wire a container and a namespace of ours beside what Docker wires."""
    make_containers(host, "web1")
    make_containers(host, "docked", network="bridge")
    make_namespaces(host, "probe")
    host.module(
        "container_bridge",
        name="br0",
        addresses=["192.168.5.1/24", "fd00:5::1/64"],
        ip_forward=True,
        masquerade=True,
        mtu=1400,
        stp=False,
    )
    host.module(
        "veth_attach",
        bridge="br0",
        attachments=[
            {
                "container": "web1",
                "addresses": ["192.168.5.10/24", "fd00:5::10/64"],
                "gateway": "192.168.5.1",
                "gateway6": "fd00:5::1",
                "mac_seed": "web1",
            },
            {
                "netns": "probe",
                "interface": "lan0",
                "host_interface": "probe0",
                "addresses": ["192.168.5.11/24"],
                "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.5.1", "metric": 5}],
            },
        ],
    )


def test_shows_ours_and_others_apart(hosta):
    wire(hosta)
    before = everything(hosta)

    shown = info(hosta)

    assert_same(before, everything(hosta))
    assert shown["changed"] is False
    assert [bridge["name"] for bridge in shown["bridges"]] == ["br0"]
    assert shown["bridges"][0]["masquerade"] is True and shown["bridges"][0]["mtu"] == 1400
    assert "docker0" in [bridge["name"] for bridge in shown["foreign_bridges"]]
    by_interface = {entry["interface"]: entry for entry in shown["attachments"]}
    assert by_interface["eth1"]["container"] == "web1"
    assert by_interface["eth1"]["gateway6"] == "fd00:5::1"
    assert by_interface["lan0"] == {
        "netns": "/run/netns/probe",
        "bridge": "br0",
        "interface": "lan0",
        "host_interface": "probe0",
        "addresses": ["192.168.5.11/24"],
        "mac": link(hosta, "lan0", "probe")["address"],
        "mtu": 1400,
        "routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.5.1", "metric": 5}],
    }
    assert [(entry["container"], entry["bridge"], entry["interface"]) for entry in shown["foreign_attachments"]] == [
        ("docked", "docker0", "eth0")
    ]
    identity = hosta.run("docker", "inspect", "-f", "{{.Id}}", "web1").stdout.strip()
    assert shown["targets"][by_interface["eth1"]["host_interface"]] == [{"container": "web1"}, {"container": identity}]
    assert shown["targets"]["probe0"] == [{"netns": "/run/netns/probe"}] and len(shown["targets"]) == 3
    managed = {port["name"]: port["managed"] for port in shown["ports"]}
    assert managed["probe0"] is True and False in managed.values()


def test_what_it_shows_can_be_given_back_and_changes_nothing(hosta):
    wire(hosta)
    shown = info(hosta)
    for bridge in shown["bridges"] + shown["foreign_bridges"]:
        assert hosta.module("container_bridge", **bridge)["operations"] == []
    assert hosta.module("veth_attach", attachments=shown["attachments"])["operations"] == []


def test_what_it_shows_wires_a_bare_host_the_same(host):
    wire(host)
    shown = info(host)
    for entry in shown["attachments"]:
        key = "container" if "container" in entry else "netns"
        host.module("veth_attach", state="absent", interface=entry["interface"], **{key: entry[key]})
    host.module("container_bridge", name="br0", state="absent")
    assert info(host)["attachments"] == info(host)["bridges"] == []

    for bridge in shown["bridges"]:
        host.module("container_bridge", **bridge)
    host.module("veth_attach", attachments=shown["attachments"])

    again = info(host)
    assert (again["bridges"], again["attachments"]) == (shown["bridges"], shown["attachments"])


def test_shows_one_bridge_alone(hosta):
    wire(hosta)
    make_bridge(hosta, "other")

    shown = info(hosta, bridge="br0")

    assert {port["bridge"] for port in shown["ports"]} == {"br0"}
    assert (
        [bridge["name"] for bridge in shown["bridges"]],
        shown["foreign_bridges"],
        shown["foreign_attachments"],
    ) == (["br0"], [], [])
    assert len(shown["attachments"]) == 2


def test_shows_open_vswitch_with_tags_and_ports_whose_interface_is_gone(hosta):
    make_ovs_bridge(hosta)
    make_namespaces(hosta, "red", "blue")
    hosta.module(
        "veth_attach", bridge="ovs0", attachments=[{"netns": "red", "vlan": 100}, {"netns": "blue", "vlan": 200}]
    )
    shown = info(hosta)
    assert {entry["netns"].rpartition("/")[2]: entry["vlan"] for entry in shown["attachments"]} == {
        "red": 100,
        "blue": 200,
    }
    assert [bridge["name"] for bridge in shown["ovs_bridges"]] == ["ovs0"]
    assert hosta.module("veth_attach", attachments=shown["attachments"])["operations"] == []

    delete_namespace(hosta, "red")

    gone = [port for port in info(hosta)["ports"] if port["kind"] is None and port["bridge"] == "ovs0"]
    assert [(port["managed"], port["up"]) for port in gone] == [(True, False)]


def test_works_on_a_host_with_nothing(hosta):
    shown = info(hosta)
    assert (shown["bridges"], shown["attachments"], shown["ovs_bridges"]) == ([], [], [])


def test_tells_attachments_apart_whose_bridge_is_gone(hosta):
    wire(hosta)

    deleted = hosta.module("container_bridge", name="br0", state="absent")

    assert "probe0" in str(deleted["warnings"])
    shown = info(hosta)
    assert shown["attachments"] == []
    assert {entry["interface"] for entry in shown["unplugged_attachments"]} == {"eth1", "lan0"}


def control(host):
    """Publish ports of br0, and isolate it but for a link; another bridge has a policy and no isolation."""
    host.module("port_publish", bridge="br0", publications=PUBLICATIONS)
    host.module(
        "port_publish", bridge="docker0", container="docked", interface="eth0", ports=["8082:80"], protect=False
    )
    link_to_probe = {"from": "web1", "to": {"netns": "/run/netns/probe"}, "ports": ["80/tcp", "icmp"]}
    host.module("icc_policy", bridge="br0", icc=False, links=[link_to_probe], host_access="deny")
    host.module("container_bridge", name="br1")
    host.module("icc_policy", bridge="br1", icc=True, egress="deny")


def give_back(host, shown):
    published = [
        operation for one in shown["publications"] for operation in host.module("port_publish", **one)["operations"]
    ]
    return published + [
        operation for one in shown["policies"] for operation in host.module("icc_policy", **one)["operations"]
    ]


def test_publications_and_policies_can_be_given_back(hosta):
    wire(hosta)
    control(hosta)
    before = everything(hosta)

    shown = info(hosta)

    assert [(one["bridge"], one["protect"]) for one in shown["publications"]] == [("br0", True), ("docker0", False)]
    assert [
        (one.get("container"), one.get("netns"), one["interface"]) for one in shown["publications"][0]["publications"]
    ] == [
        ("web1", None, "eth1"),
        (None, "/run/netns/probe", "lan0"),
    ]
    assert {"host_port": 8080, "container_port": 80, "protocol": "tcp"} in shown["publications"][0]["publications"][0][
        "ports"
    ]
    assert [(one["bridge"], one["icc"], one["egress"], one["host_access"]) for one in shown["policies"]] == [
        ("br0", False, "allow", "deny"),
        ("br1", True, "deny", "allow"),
    ]
    assert shown["policies"][0]["links"] == [
        {"from": "web1", "to": {"netns": "/run/netns/probe"}, "ports": ["icmp", "80/tcp"]}
    ]
    assert give_back(hosta, shown) == []
    assert_same(before, everything(hosta))
    only = info(hosta, bridge="br1")
    assert (only["publications"], only["policies"]) == ([], shown["policies"][1:])


def test_publications_and_policies_given_back_to_a_host_without_them_are_there_again(hosta):
    wire(hosta)
    control(hosta)
    shown = info(hosta)
    for bridge in ("br0", "docker0", "br1"):
        hosta.module("port_publish", bridge=bridge, state="absent")
        hosta.module("icc_policy", bridge=bridge, state="absent")
    assert (info(hosta)["publications"], info(hosta)["policies"]) == ([], [])

    give_back(hosta, shown)

    again = info(hosta)
    assert (again["publications"], again["policies"]) == (shown["publications"], shown["policies"])


def test_without_nft_it_shows_what_does_not_need_it(hosta):
    """Our tables may have outlived the program that reads them."""
    wire(hosta)
    control(hosta)
    path = hosta.run("sh", "-c", "command -v nft").stdout.strip()
    hosta.run("mv", path, f"{path}.away")
    try:
        shown = info(hosta)
    finally:
        hosta.run("mv", f"{path}.away", path)
    assert (shown["publications"], shown["policies"]) == ([], [])
    assert [entry["interface"] for entry in shown["attachments"]] == ["eth1", "lan0"]
    assert [one["bridge"] for one in info(hosta)["publications"]] == ["br0", "docker0"]


def test_interfaces_by_which_the_host_is_reached_are_told(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.9/24"])
    shown = {interface["name"]: interface for interface in info(hosta)["interfaces"]}
    assert set(shown) >= {"eth0", "eth1", "br0"} and "lo" not in shown
    assert not any(name.startswith("pf") for name in shown)
    assert "default route; as a port it would lose its addresses and lock you out" in shown["eth0"]["management"]
    assert shown["eth1"]["management"] is None and shown["eth1"]["addresses"] == []


def test_an_interface_whose_name_is_not_utf8_is_shown_with_backslashes(hosta):
    # Who may set links in a container chooses the name.
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", interface="eth1", addresses=["10.0.0.2/24"])
    hosta.run("bash", "-c", r"ip -n probe link set eth1 down; ip -n probe link set eth1 name $'d\xff'")

    (shown,) = info(hosta)["attachments"]
    assert shown["interface"] == r"d\xff"

    done = attach(hosta, netns="probe", bridge="br0", interface="eth1", addresses=["10.0.0.2/24"])
    assert r"rename d\xff to eth1 in netns /run/netns/probe" in done["operations"]


# Run on the host: a socket where Docker's is, with nobody behind it.
_NOBODY = "import socket; socket.socket(socket.AF_UNIX).bind('/run/docker.sock')"


def test_attachments_are_shown_by_their_marks_where_no_engine_answers(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    attach(hosta, container="web1", bridge="br0", host_interface="web1.0", addresses=["192.168.5.10/24"])
    whole = hosta.module("container_network_info")
    hosta.run("mv", "/run/docker.sock", "/run/docker.sock.real")
    try:
        hosta.run("/usr/bin/python3", "-c", _NOBODY)
        shown = hosta.module("container_network_info")
    finally:
        hosta.run("mv", "-f", "/run/docker.sock.real", "/run/docker.sock")
    known = ("container", "bridge", "interface", "host_interface", "mtu")
    (entry,) = whole["attachments"]
    assert shown["attachments"] == [{name: entry[name] for name in known}]
    assert shown["targets"] == whole["targets"]
    (said,) = warned(shown)
    assert "no engine which answers knows" in said and "web1.0 (eth1 of container web1)" in said
    assert warned(whole) == []

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs of Linux bridges, against a kernel that has them."""

from __future__ import annotations

import importlib
import pathlib

import bridge_vlans_nic
import pytest
import yaml
from bridge_vlans_lab import NAMES, TRUNK, access, containers, outer, reached, shown
from lab_hosts import ModuleFailed
from test_container_bridge import bridge_thoroughly
from wiring import assert_same, attach, attach_thoroughly, everything, link, make_namespaces, ping, refused

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(name="host")
def fixture_host(kernel):
    yield kernel
    kernel.clean()


@pytest.fixture(name="uplink")
def fixture_uplink(host):
    host.run("sh", "-e", "-c", bridge_vlans_nic.UPLINK)
    return host


def test_four_containers_in_two_vlans_of_one_bridge(host):
    bridge_thoroughly(host, vlan_filtering=True)
    done = attach_thoroughly(host, **containers(host, {"vlan": 100}, {"vlan": 200}, {"vlan": 100}, {"vlan": 200}))

    assert [shown(host, outer(done, place)) for place in range(4)] == [access(100), access(200)] * 2
    assert [entry["vlan"] for entry in done["attachments"]] == [100, 200, 100, 200]
    assert [reached(host, name) for name in NAMES] == [{3}, {4}, {1}, {2}]
    assert ping(host, "web1", "fd00:5::3") and not ping(host, "web1", "fd00:5::2")


def test_another_vlan_comes_in_place(host):
    host.module("container_bridge", name="br0", vlan_filtering=True)
    wanted = containers(host, {"vlan": 100}, {"vlan": 200})
    done = attach(host, **wanted)
    index = link(host, outer(done))["ifindex"]
    assert reached(host, "web1", 2) == set()
    wanted["attachments"][0]["vlan"] = 200

    changed = attach_thoroughly(host, **wanted)
    assert changed["operations"] == [
        f"set {outer(done)} VLANs 200 untagged (PVID)",
        "announce 192.168.5.1, fd00:5::1 from eth1 in netns /run/netns/web1",
    ]
    assert (link(host, outer(done))["ifindex"], shown(host, outer(done))) == (index, access(200))
    assert reached(host, "web1", 2) == {2}

    # What somebody changed by hand, and VLANs that are no longer asked for.
    host.run("bridge", "vlan", "add", "vid", "300", "dev", outer(done))
    attach_thoroughly(host, **wanted)
    assert shown(host, outer(done)) == access(200)
    del wanted["attachments"][0]["vlan"]
    attach_thoroughly(host, **wanted)
    assert shown(host, outer(done)) == access(1)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"vlan_mode": "trunk"}, ["1-4094"]),
        ({"trunks": [100, "200-202"]}, ["100", "200-202"]),
        ({"vlan": 100, "vlan_mode": "native-untagged", "trunks": "200"}, [*access(100), "200"]),
        ({"vlan": 100, "vlan_mode": "native-tagged", "trunks": "200"}, ["100 PVID", "200"]),
        ({"vlan": 1}, access(1)),
        ({"vlan": 4094}, access(4094)),
    ],
)
def test_every_mode_in_place_and_back(host, options, kept):
    host.module("container_bridge", name="br0", vlan_filtering=True)
    make_namespaces(host, "web1")
    done = attach_thoroughly(host, bridge="br0", netns="web1", **options)
    assert shown(host, outer(done)) == kept
    # As it is shown it can be given back.
    told = {
        name: done["attachments"][0][name] for name in ("vlan", "vlan_mode", "trunks") if name in done["attachments"][0]
    }
    assert attach(host, bridge="br0", netns="web1", **told)["operations"] == []
    attach_thoroughly(host, bridge="br0", netns="web1", vlan=7)
    attach_thoroughly(host, bridge="br0", netns="web1", **options)
    assert shown(host, outer(done)) == kept
    attach_thoroughly(host, bridge="br0", netns="web1")
    assert shown(host, outer(done)) == access(1)


def test_a_trunk_carries_tags_and_no_other_vlan(host):
    """Two bridges joined by a veth that is a trunk of both.

    What is on the wire has its tag, and VLAN 300 does not pass.
    """
    make_namespaces(host, *NAMES)
    host.run("sh", "-c", "ip link add up0 type veth peer name up1")
    for name, uplink in (("br0", "up0"), ("br1", "up1")):
        bridge_thoroughly(host, name, vlan_filtering=True, members=[uplink], port_vlans=[{**TRUNK, "port": uplink}])
    for number, (name, bridge, vlan) in enumerate(
        [("web1", "br0", 100), ("web2", "br0", 300), ("db1", "br1", 100), ("db2", "br1", 300)], 1
    ):
        attach(host, bridge=bridge, netns=name, addresses=[f"192.168.5.{number}/24"], vlan=vlan)
    assert shown(host, "up0") == ["100", "200-210"]

    host.run(
        "sh",
        "-c",
        "tcpdump -Z root -n -U -e -i up1 -w /run/seen >/run/said 2>&1 & "
        "until grep -q listening /run/said; do sleep 0.1; done",
    )
    assert reached(host, "web1") == {3} and reached(host, "web2") == set()
    frames = host.run(
        "sh", "-c", "sleep 1; kill $(pidof tcpdump); sleep 1; tcpdump -n -e -r /run/seen"
    ).stdout.splitlines()
    carried = [line for line in frames if "192.168.5." in line]
    assert carried and all("vlan 100" in line for line in carried), carried


def test_a_container_with_vlan_interfaces_of_its_own(host):
    host.module("container_bridge", name="br0", vlan_filtering=True)
    attach(
        host,
        **containers(
            host, {"vlan_mode": "native-untagged", "vlan": 200, "trunks": "100"}, {"vlan": 200}, {"vlan": 100}
        ),
    )
    host.run(
        "sh",
        "-c",
        "ip -n web1 link add link eth1 name eth1.100 up type vlan id 100 && "
        "ip -n web1 addr add 192.168.6.1/24 dev eth1.100",
    )
    host.run("ip", "-n", "db1", "addr", "add", "192.168.6.3/24", "dev", "eth1")
    assert ping(host, "web1", "192.168.6.3") and reached(host, "web1", 3) == {2}


def test_the_host_is_in_the_vlan_of_the_bridge_itself(host):
    bridge_thoroughly(host, vlan_filtering=True, addresses=["192.168.5.9/24"], port_vlans=[{"port": "br0", "tag": 100}])
    assert shown(host, "br0") == access(100)
    attach(host, **containers(host, {"vlan": 100}, {"vlan": 200}, {}))
    assert [ping(host, name, "192.168.5.9") for name in NAMES[:3]] == [True, False, False]
    done = bridge_thoroughly(host, port_vlans=[{"port": "br0", "tag": 200}])
    assert done["operations"] == ["set bridge br0 itself VLANs 200 untagged (PVID)"]
    assert [ping(host, name, "192.168.5.9") for name in NAMES[:3]] == [False, True, False]


def test_filtering_comes_last_and_the_default_moves_nobody_who_was_put_somewhere(host):
    host.run("sh", "-c", "for one in 0 1; do ip link add up$one up type veth peer name far$one; done")
    bridge_thoroughly(host, members=["up0"])
    done = bridge_thoroughly(
        host, members=["up0", "up1"], vlan_filtering=True, port_vlans=[TRUNK, {"port": "up1", "tag": 7}]
    )
    assert done["operations"][-1] == "change bridge br0: vlan_filtering 0 to 1"
    assert done["bridge"]["port_vlans"] == [{**TRUNK, "port": "up0"}, {"port": "up1", "mode": "access", "tag": 7}]
    make_namespaces(host, "web1", "web2")
    first = attach(host, bridge="br0", attachments=[{"netns": "web1"}, {"netns": "web2", "vlan": 5}])

    for pvid in (0, 9, 8, 1):
        done = bridge_thoroughly(host, vlan_default_pvid=pvid)
        assert done["bridge"]["vlan_default_pvid"] == pvid
        default = access(pvid) if pvid else []
        kept = {
            "br0": default,
            outer(first): default,
            outer(first, 1): access(5),
            "up0": ["100", "200-210"],
            "up1": access(7),
        }
        assert {port: shown(host, port) for port in kept} == kept
    # What is to stay in the former default stays all the time, so that the host is not cut off.
    for pvid in (0, 9):
        done = bridge_thoroughly(host, vlan_default_pvid=pvid, port_vlans=[{"port": "br0", "tag": 1}])
        assert len(done["operations"]) == 1 and "vlan_default_pvid" in done["operations"][0]
        kept.update({"br0": access(1), outer(first): access(pvid) if pvid else []})
        assert {port: shown(host, port) for port in kept} == kept


def test_check_mode_shows_the_vlans_that_the_run_leaves(host):
    """Ports that are in the default VLAN are not shown, the kernel's own for a new bridge being 1."""
    host.run("sh", "-c", "for one in 0 1; do ip link add up$one up type veth peer name far$one; done")
    ports = [{"port": "up0", "tag": 9}, {"port": "up1", "tag": 1}]
    done = bridge_thoroughly(host, members=["up0", "up1"], vlan_filtering=True, port_vlans=ports)
    assert done["bridge"]["port_vlans"] == [{"port": "up0", "mode": "access", "tag": 9}]
    done = bridge_thoroughly(host, vlan_default_pvid=9)
    assert [(shown(host, "up0"), shown(host, "up1")), done["bridge"]["port_vlans"]] == [(access(9), access(9)), []]
    bridge_thoroughly(host, "br1")
    assert bridge_thoroughly(host, "br1", vlan_filtering=True)["bridge"]["port_vlans"] == []


def test_a_nic_becomes_a_trunk_and_the_host_goes_on_untagged(uplink):
    bridge_vlans_nic.a_trunk_beside_the_host(uplink)


def test_a_nic_joins_a_bridge_that_filters(uplink):
    bridge_vlans_nic.into_a_bridge_that_filters(uplink)


@pytest.mark.parametrize(
    "nic", [("bond0", "type bond mode active-backup", "far0"), ("eth0.300", "link eth0 type vlan id 300", "far0.300")]
)
def test_a_bond_and_a_vlan_interface_are_nics(uplink, nic):
    bridge_vlans_nic.of_another_kind(uplink, *nic)


def test_a_failing_run_takes_vlans_back(host):
    host.run("sh", "-c", "ip link add up0 up type veth peer name far0")
    host.module(
        "container_bridge", name="br0", members=["up0"], vlan_filtering=True, port_vlans=[{"port": "up0", "tag": 7}]
    )
    wanted = containers(host, {"vlan": 100}, {})
    attach(host, **wanted)
    before = everything(host)
    other = {"vlan_default_pvid": 9, "port_vlans": [TRUNK, {"port": "br0", "tag": 5}], "addresses": ["192.168.9.1/24"]}
    planned = len(host.module("container_bridge", name="br0", check_mode=True, **other)["operations"])
    assert planned > 3
    for number in range(planned):
        with pytest.raises(ModuleFailed):
            host.module("container_bridge", name="br0", fail_after=number, **other)
        assert everything(host)["vlans"] == before["vlans"], number
    wanted["attachments"][0]["vlan"] = 200
    wanted["attachments"][1]["trunks"] = "7"
    for number in range(1, 4):
        with pytest.raises(ModuleFailed):
            attach(host, fail_after=number, **wanted)
        assert everything(host)["vlans"] == before["vlans"], number
    host.module("container_bridge", name="br2")
    before = everything(host)
    for number in range(1, 4):
        with pytest.raises(ModuleFailed):
            attach(host, bridge="br2", attachments=[{"netns": "web1"}, {"netns": "web2"}], fail_after=number)
        assert_same(before, everything(host))
    with pytest.raises(ModuleFailed):
        host.module(
            "veth_attach", attachments=[{"netns": "web1"}, {"netns": "web2"}], state="absent", fail_after="look"
        )
    again = host.module("veth_attach", bridge="br0", attachments=containers_again(wanted))
    assert not [line for line in again["operations"] if "VLANs" in line], again["operations"]


def containers_again(wanted):
    """Return the attachments as they were before the failing changes."""
    (one, two) = ({**entry} for entry in wanted["attachments"])
    one["vlan"] = 100
    del two["trunks"]
    return [one, two]


def test_an_attachment_moves_between_bridges_with_its_vlan(host):
    host.module("container_bridge", name="br0", vlan_filtering=True)
    host.module("container_bridge", name="br1", vlan_filtering=True)
    host.module("container_bridge", name="br2")
    wanted = containers(host, {"vlan": 100})
    attach(host, **wanted)
    for bridge, vlan, kept in (
        ("br1", {"vlan": 100}, access(100)),
        ("br2", {}, access(1)),
        ("br0", {}, access(1)),
        ("br1", {"vlan": 5}, access(5)),
    ):
        entry = {name: value for name, value in wanted["attachments"][0].items() if name != "vlan"}
        done = attach_thoroughly(host, bridge=bridge, attachments=[{**entry, **vlan}])
        assert shown(host, outer(done)) == kept
        assert "UP" in link(host, outer(done))["flags"]


def test_refusals(host):
    host.module("container_bridge", name="br0")
    host.run("sh", "-c", "ip link add up0 up type veth peer name far0")
    make_namespaces(host, "web1")
    said = refused(host, bridge="br0", netns="web1", vlan=100)
    assert said == (
        "vlan: 100 was asked for on br0, a Linux bridge that does not filter VLANs; "
        "set vlan_filtering on it (container_bridge), or use an Open vSwitch bridge"
    )
    for options, words in (
        ({"port_vlans": [TRUNK]}, "port_vlans: br0 does not filter VLANs"),
        ({"port_vlans": [TRUNK], "vlan_filtering": False}, "is mutually exclusive with vlan_filtering false"),
        (
            {"port_vlans": [TRUNK], "vlan_filtering": True},
            "port_vlans[0].port: 'up0' is no port of br0; put it into members too",
        ),
        (
            {"port_vlans": [{"port": "br0", "tag": 4095}], "vlan_filtering": True},
            "port_vlans[0].tag: 4095 is out of range; give 1 to 4094",
        ),
        ({"port_vlans": [{"port": "br0", "trunks": "0,5"}], "vlan_filtering": True}, "0 is no VLAN of a Linux bridge"),
        (
            {"port_vlans": [{"port": "br0"}], "vlan_filtering": True},
            "port_vlans[0].mode: is required without tag and trunks",
        ),
        (
            {"port_vlans": [TRUNK, TRUNK], "members": ["up0"], "vlan_filtering": True},
            "port_vlans[1].port: 'up0' is in the list twice",
        ),
        ({"vlan_default_pvid": 4095}, "vlan_default_pvid: 4095 is out of range"),
    ):
        assert words in refused(host, "container_bridge", name="br0", **options), options
    done = attach(host, bridge="br0", netns="web1")
    said = refused(
        host, "container_bridge", name="br0", vlan_filtering=True, port_vlans=[{"port": outer(done), "tag": 5}]
    )
    assert "is an attachment of this collection; give its VLANs to veth_attach" in said


def test_what_would_cut_the_host_off_is_refused(host):
    """By addresses of the bridge itself, and by an interface of a VLAN on it."""
    host.run(
        "sh",
        "-c",
        "ip link add up0 up type veth peer name far0 && ip link set far0 up && ip link add br0 up type bridge && "
        "ip link set up0 master br0",
    )
    trunk = {"port": "up0", "mode": "trunk", "trunks": "100,200"}
    filters = {"name": "br0", "members": ["up0"], "vlan_filtering": True}

    host.run("ip", "address", "add", "10.8.0.1/24", "dev", "br0")
    said = refused(host, "container_bridge", **filters, port_vlans=[trunk])
    assert (
        "port_vlans: this host is reached by br0, which up0 connects untagged, and it would no longer; give VLANs"
        in said
    )
    host.run("ip", "address", "del", "10.8.0.1/24", "dev", "br0")

    host.run(
        "sh", "-c", "ip link add link br0 name br0.100 up type vlan id 100 && ip address add 10.9.0.1/24 dev br0.100"
    )
    for port_vlans in ([], [trunk], [{"port": "up0", "tag": 100}, {"port": "br0", "tag": 100}]):
        said = refused(host, "container_bridge", **filters, port_vlans=port_vlans)
        assert (
            "port_vlans: this host is reached by br0.100, which up0 connects in VLAN 100, and it would no longer; "
            "give VLANs" in said
        )
    own = {"port": "br0", "mode": "native-untagged", "tag": 1, "trunks": "100"}
    bridge_thoroughly(host, **filters, port_vlans=[trunk, own])
    assert "would no longer" in refused(host, "container_bridge", **filters, port_vlans=[{**trunk, "trunks": "200"}])


def test_leased_addresses_and_a_nic_that_leads_into_another_namespace_are_uplinks(host):
    """As where DHCP gave the address; and where the host is a container itself, so that its NIC is a veth."""
    host.run("ip", "netns", "add", "outside")
    host.run(
        "sh",
        "-c",
        "ip link add br0 up type bridge forward_delay 0 && ip link add up0 up master br0 type veth peer name far0 && "
        "ip link set far0 up",
    )
    options = {
        "name": "br0",
        "vlan_filtering": True,
        "port_vlans": [{"port": "up0", "mode": "trunk", "trunks": "100,200"}],
    }
    sentence = (
        "port_vlans: this host is reached by br0, which up0 connects untagged, and it would no longer; give VLANs"
    )
    host.run("ip", "address", "add", "10.8.0.1/24", "dev", "br0", "valid_lft", "3600", "preferred_lft", "3600")
    assert sentence in refused(host, "container_bridge", **options)

    host.run("ip", "link", "set", "far0", "netns", "outside")
    host.run(
        "sh", "-c", "ip -n outside link set far0 up; until ip link show br0 | grep -q LOWER_UP; do sleep 0.1; done"
    )
    host.run("ip", "route", "add", "default", "via", "10.8.0.254")
    assert sentence in refused(host, "container_bridge", **options)
    host.run("ip", "route", "del", "default")
    bridge_thoroughly(host, **options)


def test_what_info_shows_can_be_given_back(host):
    host.run("sh", "-c", "ip link add up0 up type veth peer name far0")
    host.module(
        "container_bridge",
        name="br0",
        members=["up0"],
        vlan_filtering=True,
        vlan_default_pvid=0,
        port_vlans=[TRUNK, {"port": "br0", "tag": 100}],
    )
    attach(host, **containers(host, {"vlan": 100}, {"trunks": "200"}, {}))
    info = host.module("container_network_info")
    assert info["bridges"][0]["port_vlans"] == [{"port": "br0", "mode": "access", "tag": 100}, TRUNK]
    told = {
        entry["netns"].rpartition("/")[2]: (entry.get("vlan"), entry.get("trunks")) for entry in info["attachments"]
    }
    assert told == {"web1": (100, None), "web2": (None, "200"), "db1": (None, None)}
    (bridge,) = info["bridges"]
    assert host.module("container_bridge", **bridge)["operations"] == []
    assert host.module("veth_attach", attachments=info["attachments"])["operations"] == []
    host.module(
        "veth_attach",
        state="absent",
        attachments=[{"netns": entry["netns"], "interface": "eth1"} for entry in info["attachments"]],
    )
    host.module("container_bridge", name="br0", state="absent")
    host.module("container_bridge", **bridge)
    host.module("veth_attach", attachments=info["attachments"])
    assert host.module("container_network_info")["attachments"] == info["attachments"]


def test_the_example_with_vlans_runs_and_settles(host):
    module = importlib.import_module(
        "ansible_collections.pipefitter.container_network.plugins.modules.container_bridge"
    )
    (options,) = [
        task["pipefitter.container_network.container_bridge"]
        for task in yaml.safe_load(module.EXAMPLES)
        if "vlan" in str(task)
    ]
    host.run("sh", "-c", "ip link add eth2 type veth peer name far2")
    bridge_thoroughly(host, **options)
    assert (shown(host, "eth2"), shown(host, "br3")) == (["100", "200-210"], access(100))


def test_the_play_of_the_readme_runs_and_settles(host):
    section = README.read_text(encoding="utf-8").partition("### VLANs without Open vSwitch")[2].partition("\n### ")[0]
    lines = [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]
    (play,) = yaml.safe_load("\n".join(lines))
    bridge, attachments = play["tasks"]
    host.run("sh", "-c", "ip link add eth1 type veth peer name far1")
    make_namespaces(host, "web1", "firewall")
    bridge_thoroughly(host, **bridge["pipefitter.container_network.container_bridge"])
    options = attachments["pipefitter.container_network.veth_attach"]
    for entry in options["attachments"]:
        entry["netns"] = entry.pop("container")  # no engine runs here
    done = attach_thoroughly(host, **options)
    assert [shown(host, port) for port in ("eth1", outer(done), outer(done, 1))] == [
        ["100", "200-210"],
        access(100),
        ["1-4094"],
    ]

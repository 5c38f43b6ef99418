# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach on a Linux bridge: each option, each way to name a container, lists, purge and absent."""

from __future__ import annotations

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    assert_same,
    attach,
    attach_thoroughly,
    container_pid,
    everything,
    held,
    link,
    make_bridge,
    make_containers,
    make_namespaces,
    name_namespace,
    ports,
    routes,
    until,
)


def test_attaches_a_namespace_that_has_nothing_with_every_option(host):
    make_bridge(host)
    make_namespaces(host, "probe")

    done = attach_thoroughly(
        host,
        netns="probe",
        bridge="br0",
        interface="lan-0",
        host_interface="probe.lan",
        addresses=["192.168.5.10/24", "192.168.5.11/24", "10.9.8.7/16", "fd00:5::10/64", "fd00:5::11/64"],
        gateway="192.168.5.1",
        gateway6="fd00:5::1",
        routes=[
            {"destination": "10.20.0.0/16", "gateway": "192.168.5.254"},
            {"destination": "10.21.0.0/16", "gateway": "192.168.5.254", "metric": 7},
            {"destination": "172.30.0.0/24"},
            {"destination": "fd00:20::/48", "gateway": "fd00:5::fe", "metric": 50},
        ],
        mac="02-00-00-00-0A-01",
        mtu=1400,
    )

    inner, outer = link(host, "lan-0", "probe"), link(host, "probe.lan")
    assert (inner["address"], inner["mtu"], outer["mtu"], outer["master"]) == ("02:00:00:00:0a:01", 1400, 1400, "br0")
    assert "UP" in inner["flags"] and "UP" in outer["flags"] and "LOWER_UP" in inner["flags"]
    assert outer["ifalias"].startswith("pipefitter ")
    assert outer["altnames"] == ["probe-lan-0"]
    assert held(host, "lan-0", "probe") == {
        "192.168.5.10/24",
        "192.168.5.11/24",
        "10.9.8.7/16",
        "fd00:5::10/64",
        "fd00:5::11/64",
    }
    assert routes(host, "probe") == {
        "default gateway 192.168.5.1 dev lan-0",
        "10.20.0.0/16 gateway 192.168.5.254 dev lan-0",
        "10.21.0.0/16 gateway 192.168.5.254 dev lan-0 metric 7",
        "172.30.0.0/24 dev lan-0",
    }
    assert routes(host, "probe", "-6") == {
        "default gateway fd00:5::1 dev lan-0 metric 1024",
        "fd00:20::/48 gateway fd00:5::fe dev lan-0 metric 50",
    }
    assert done["attachments"][0]["mac"] == "02:00:00:00:0a:01"
    shown = host.ip("addr", "show", "dev", "lan-0", netns="probe")[0]["addr_info"]
    assert not any(entry.get("tentative") for entry in shown if entry["scope"] == "global")


def test_names_a_namespace_by_name_path_and_pid_and_means_the_same(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    sleeper = host.start("ip", "netns", "exec", "probe", "sleep", "100")
    try:
        (pid,) = until(lambda: host.run("ip", "netns", "pids", "probe").stdout.split()[:1], "nobody gets there")
        pid = int(pid)
        attach_thoroughly(host, pid=pid, bridge="br0", addresses=["192.168.5.10/24"])
        for selector in (
            {"netns": "probe"},
            {"netns": "/run/netns/probe"},
            {"netns": f"/proc/{pid}/ns/net"},
            {"pid": pid},
        ):
            assert not attach(host, **selector, bridge="br0", addresses=["192.168.5.10/24"])["changed"], selector
    finally:
        sleeper.kill()
        sleeper.wait()
    assert len(ports(host)) == 1


def test_names_a_docker_container_by_name_and_id(host):
    make_bridge(host)
    make_containers(host, "web1")
    full = host.run("docker", "inspect", "-f", "{{.Id}}", "web1").stdout.strip()

    attach_thoroughly(host, container="web1", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")

    for name in ("web1", full, full[:12]):
        for runtime in ("auto", "docker"):
            assert not attach(host, container=name, runtime=runtime, bridge="br0", addresses=["192.168.5.10/24"])[
                "changed"
            ]
    name_namespace(host, "web1")
    assert held(host, "eth1", "web1") == {"192.168.5.10/24"}
    assert link(host, next(iter(ports(host))))["altnames"] == ["web1-eth1"]


def test_wants_no_addresses_or_says_nothing_about_them(host):
    make_bridge(host)
    make_namespaces(host, "probe")

    attach_thoroughly(host, netns="probe", bridge="br0", addresses=[])
    assert held(host, "eth1", "probe") == set()
    host.run("ip", "-n", "probe", "addr", "add", "192.168.5.10/24", "dev", "eth1")
    assert not attach(host, netns="probe", bridge="br0")["changed"]
    assert attach_thoroughly(host, netns="probe", bridge="br0", addresses=[])["changed"]
    assert held(host, "eth1", "probe") == set()


def test_derives_the_mac_from_a_seed_and_the_mtu_from_the_bridge(host):
    make_bridge(host, "br0", "mtu", "1430")
    make_namespaces(host, "probe")

    attach_thoroughly(host, netns="probe", bridge="br0", mac_seed="myhost.foo.com")
    assert (link(host, "eth1", "probe")["address"], link(host, "eth1", "probe")["mtu"]) == ("02:72:6c:cd:9b:8d", 1430)

    host.run("ip", "link", "set", "br0", "mtu", "1300")
    attach_thoroughly(host, netns="probe", bridge="br0", mac_seed="myhost.foo.com", mtu=1300)
    assert link(host, "eth1", "probe")["mtu"] == 1300


def test_changes_every_option_in_place(host):
    make_bridge(host)
    make_bridge(host, "br1")
    make_namespaces(host, "probe")
    attach(
        host,
        netns="probe",
        bridge="br0",
        host_interface="one",
        addresses=["192.168.5.10/24", "fd00:5::10/64"],
        gateway="192.168.5.1",
        gateway6="fd00:5::1",
        routes=[{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}],
        mac_seed="one",
        mtu=1400,
    )
    index = link(host, "eth1", "probe")["ifindex"], link(host, "one")["ifindex"]

    attach_thoroughly(
        host,
        netns="probe",
        bridge="br1",
        interface="eth7",
        host_interface="one",
        addresses=["192.168.6.10/24", "fd00:6::10/64", "192.168.5.10/25"],
        gateway="192.168.6.1",
        gateway6="fd00:6::1",
        routes=[
            {"destination": "10.20.0.0/16", "gateway": "192.168.6.254"},
            {"destination": "fd00:7::/64", "gateway": "fd00:6::7"},
        ],
        mac_seed="two",
        mtu=1450,
    )

    assert (link(host, "eth7", "probe")["ifindex"], link(host, "one")["ifindex"]) == index
    assert (ports(host, "br0"), ports(host, "br1")) == (set(), {"one"})
    assert held(host, "eth7", "probe") == {"192.168.6.10/24", "fd00:6::10/64", "192.168.5.10/25"}
    assert routes(host, "probe") == {
        "default gateway 192.168.6.1 dev eth7",
        "10.20.0.0/16 gateway 192.168.6.254 dev eth7",
    }
    assert routes(host, "probe", "-6") == {
        "default gateway fd00:6::1 dev eth7 metric 1024",
        "fd00:7::/64 gateway fd00:6::7 dev eth7 metric 1024",
    }


def test_renames_the_host_interface_in_place(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])
    index = link(hosta, next(iter(ports(hosta))))["ifindex"]

    attach_thoroughly(
        hosta, netns="probe", bridge="br0", host_interface="exactly15-bytes", addresses=["192.168.5.10/24"]
    )

    assert ports(hosta) == {"exactly15-bytes"}
    assert link(hosta, "exactly15-bytes")["ifindex"] == index
    assert not attach(hosta, netns="probe", bridge="br0", addresses=["192.168.5.10/24"])["changed"]


def test_puts_two_interfaces_into_one_container(hosta):
    make_bridge(hosta)
    make_bridge(hosta, "br1")
    make_namespaces(hosta, "probe")

    attach_thoroughly(
        hosta,
        attachments=[
            {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24"], "gateway": "192.168.5.1"},
            {"netns": "probe", "bridge": "br1", "interface": "eth2", "addresses": ["192.168.6.10/24"]},
        ],
    )

    assert (len(ports(hosta, "br0")), len(ports(hosta, "br1"))) == (1, 1)
    assert held(hosta, "eth2", "probe") == {"192.168.6.10/24"}


def test_attaches_a_list_with_shared_options_and_purges_what_it_leaves_out(host):
    make_bridge(host)
    make_bridge(host, "br1")
    make_namespaces(host, "one", "two", "three", "other")
    attach(host, netns="other", bridge="br1")
    host.run("sh", "-c", "ip link add foreign0 type veth peer name foreign1 && ip link set foreign0 master br0")
    listed = [
        {"netns": name, "addresses": [f"192.168.5.{number}/24"]}
        for number, name in enumerate(("one", "two", "three"), 10)
    ]

    done = attach_thoroughly(host, bridge="br0", gateway="192.168.5.1", mtu=1400, attachments=listed)
    assert [entry["addresses"] for entry in done["attachments"]] == [
        ["192.168.5.10/24"],
        ["192.168.5.11/24"],
        ["192.168.5.12/24"],
    ]
    assert routes(host, "three") == {"default gateway 192.168.5.1 dev eth1"}

    purged = attach_thoroughly(host, bridge="br0", gateway="192.168.5.1", mtu=1400, attachments=listed[:1], purge=True)
    assert len(purged["operations"]) == 2
    assert ports(host) == {purged["attachments"][0]["host_interface"], "foreign0"}
    assert [entry["ifname"] for entry in host.ip("link", "show", netns="two")] == ["lo"]
    assert len(ports(host, "br1")) == 1


def test_takes_attachments_away_and_nothing_else(host):
    make_bridge(host)
    make_namespaces(host, "one", "two")
    for name in ("one", "two"):
        attach(host, netns=name, bridge="br0", addresses=[])
    attach(host, netns="one", bridge="br0", interface="eth2")

    done = attach_thoroughly(host, netns="one", state="absent")

    assert (len(done["operations"]), done["attachments"]) == (1, [])
    assert [entry["ifname"] for entry in host.ip("link", "show", netns="one")] == ["lo", "eth2"]
    assert attach_thoroughly(
        host, attachments=[{"netns": "one", "interface": "eth2"}, {"netns": "two"}, {"netns": "never"}], state="absent"
    )["changed"]
    assert ports(host) == set()


def test_takes_away_the_attachment_of_a_container_that_is_gone(hosta):
    make_bridge(hosta)
    make_containers(hosta, "web1")
    attach(hosta, container="web1", bridge="br0")
    name_namespace(hosta, "web1")  # holds the namespace, and so the veth, after the container's end
    hosta.run("docker", "rm", "-f", "web1")
    assert len(ports(hosta)) == 1

    assert attach_thoroughly(hosta, container="web1", state="absent")["changed"]

    assert ports(hosta) == set()


def test_a_container_in_the_hosts_network_has_nothing_to_remove(hosta):
    """Though it had, before it was made anew; and the rest of its list is removed."""
    make_bridge(hosta)
    make_containers(hosta, "web1", "web2")
    both = {"attachments": [{"container": "web1"}, {"container": "web2"}]}
    attach(hosta, bridge="br0", **both)
    name_namespace(hosta, "web1")
    hosta.run("docker", "rm", "-f", "web1")
    make_containers(hosta, "web1", network="host")
    assert len(ports(hosta)) == 2
    assert attach_thoroughly(hosta, state="absent", **both)["changed"]
    assert ports(hosta) == set()
    with pytest.raises(ModuleFailed, match="container web1 can't be used as a container: it shares the host's network"):
        attach(hosta, bridge="br0", **both)
    assert ports(hosta) == set()


def test_keeps_dockers_own_interface_and_replaces_its_default_route(host):
    make_bridge(host)
    make_containers(host, "web1", network="bridge")
    name_namespace(host, "web1")
    eth0 = host.ip("addr", "show", "dev", "eth0", netns="web1")
    assert any(route.startswith("default gateway 172.17.0.1 dev eth0") for route in routes(host, "web1"))

    attach_thoroughly(host, container="web1", bridge="br0", addresses=["192.168.5.10/24"], gateway="192.168.5.1")

    assert routes(host, "web1") == {"default gateway 192.168.5.1 dev eth1"}
    assert host.ip("addr", "show", "dev", "eth0", netns="web1") == eth0
    assert int(container_pid(host, "web1")) > 0


def test_the_hosts_end_takes_no_address_of_its_own(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    attach(host, bridge="br0", netns="probe", host_interface="probe0", addresses=["fd00:5::10/64"])

    def has_one_inside():
        inner = host.ip("-6", "addr", "show", "dev", "eth1", netns="probe")[0]["addr_info"]
        return any(entry["local"].startswith("fe80:") for entry in inner)

    until(has_one_inside, "the container's end never had a link-local address")  # by then the other would, too
    assert [entry for entry in host.ip("-6", "addr", "show", "dev", "probe0") if entry.get("addr_info")] == []


def test_the_diff_shows_what_is_purged(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "one", "two")
    attach(hosta, bridge="br0", attachments=[{"netns": "one"}, {"netns": "two"}])

    purged = attach_thoroughly(hosta, bridge="br0", purge=True, attachments=[{"netns": "one"}])

    assert "/run/netns/two" in purged["diff"]["before"] and "/run/netns/two" not in purged["diff"]["after"]


def test_warns_when_two_attachments_take_the_default_route_from_each_other(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    attach(hosta, bridge="br0", netns="probe", addresses=["192.168.5.10/24"], gateway="192.168.5.1")

    second = attach(
        hosta, bridge="br0", netns="probe", interface="eth2", addresses=["192.168.6.10/24"], gateway="192.168.6.1"
    )

    assert "was that of eth1" in str(second["warnings"]) and "netns /run/netns/probe" in str(second["warnings"])


def test_the_hosts_end_may_take_its_own_alternative_name(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    attach(host, bridge="br0", netns="probe")

    attach_thoroughly(host, bridge="br0", netns="probe", host_interface="probe-eth1")

    assert ports(host) == {"probe-eth1"}


@pytest.mark.parametrize("bridge_mtu", [9000, 1500])
def test_the_mtu_of_one_attachment_is_no_others(hosta, bridge_mtu):
    """Whether the bridge's was set (9000) or follows its smallest port; else two lists would undo each other."""
    make_bridge(hosta, "br0", *(("mtu", str(bridge_mtu)) if bridge_mtu != 1500 else ()))
    names = ("web1", "web2", "web3")
    make_namespaces(hosta, *names)
    listed = [{"netns": name, **({"mtu": 1400} if name == "web2" else {})} for name in names]
    expected = {"web1": bridge_mtu, "web2": 1400, "web3": bridge_mtu}
    attach_thoroughly(hosta, bridge="br0", attachments=listed)
    for attachments in (listed, listed[1:], listed[::-1]):
        assert not attach(hosta, bridge="br0", attachments=attachments)["changed"]
        assert {name: link(hosta, "eth1", name)["mtu"] for name in names} == expected


def test_an_mtu_that_takes_ipv6_off_the_bridge_is_refused(hosta):
    make_bridge(hosta, "br0")
    hosta.run("ip", "address", "add", "fd00:5::1/64", "dev", "br0", "nodad")
    make_namespaces(hosta, "probe")
    before = everything(hosta)
    with pytest.raises(ModuleFailed, match="mtu: 1000 is asked for for .*, and it has fd00:5::1/64; give a larger mtu"):
        attach(hosta, bridge="br0", netns="probe", mtu=1000)
    assert_same(before, everything(hosta))
    # One whose own MTU was set keeps it, whatever joins.
    hosta.run("ip", "link", "set", "br0", "mtu", "9000")
    attach_thoroughly(hosta, bridge="br0", netns="probe", mtu=1000)
    assert "fd00:5::1/64" in held(hosta, "br0")

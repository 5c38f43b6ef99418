# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers of an isolated bridge send under others' MACs and addresses, by packets."""

from __future__ import annotations

import functools
import json

import pytest
from frames import BROADCAST, advertisement, arp, ethernet, icmpv6, router_advertisement, solicitation, taken_in, udp
from icc_lab import ADDRESSES, Listeners, asks, attachment, icc, icc_thoroughly, reaches, shows, wire
from wiring import (
    assert_same,
    attach,
    attach_thoroughly,
    delete_namespace,
    everything,
    link,
    make_namespaces,
    pings,
    until,
    warned,
)

LINK = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["5432/tcp"]}


@pytest.fixture
def listeners():
    processes = Listeners()
    yield processes
    processes.end()


def mac_of(host, netns):
    return link(host, "eth1", netns)["address"]


def port_of(host, netns):
    (number,) = [entry["id"] for entry in host.ip("netns", "list") if entry["name"] == netns]
    return next(entry["ifname"] for entry in host.ip("link", "show", "type", "veth") if entry["link_netnsid"] == number)


def guards(host):
    """Return our table of the family bridge as nft lists it, '' where there is none."""
    return host.run("nft", "list", "table", "bridge", "pipefitter", check=False).stdout


def frames_of(host, own, other):
    """Return frames of one container that are as they should be, and such as are another one's, by names."""
    mac, theirs, gateway = mac_of(host, own), mac_of(host, other), link(host, "br0")["address"]
    (four, six), (four_theirs, six_theirs) = ((ADDRESSES[name][4], ADDRESSES[name][6]) for name in (own, other))
    to, to_six = ADDRESSES["host"][4], ADDRESSES["host"][6]
    local = "fe80::12"
    frame = functools.partial
    good = {
        "arp request": frame(arp, mac, mac, four, request=to),
        "arp announcement": frame(arp, mac, mac, four),
        "arp probe": frame(arp, mac, mac, "0.0.0.0", request=four),
        "ipv4": frame(udp, mac, gateway, four, to),
        "ipv4 in a priority tag": lambda marker: udp(mac, gateway, four, to, marker, 0),
        "dhcp discover": frame(udp, mac, BROADCAST, "0.0.0.0", "255.255.255.255", ports=(68, 67)),
        "ipv6": frame(udp, mac, gateway, six, to_six),
        "ipv6 from a link-local address": frame(udp, mac, gateway, local, to_six),
        "neighbour advertisement": frame(advertisement, mac, six, six),
        "link-local advertisement": frame(advertisement, mac, local, local),
        "neighbour solicitation": frame(solicitation, mac, six, to_six),
        "duplicate address detection": frame(solicitation, mac, "::", local),
        "router solicitation": frame(icmpv6, mac, "::", 133, bytes(4)),
        "multicast report": frame(icmpv6, mac, local, 143, bytes(4), hop_by_hop=True),
    }
    macs = {
        "ipv4 from their mac": frame(udp, theirs, gateway, four, to),
        "ipv6 from their mac": frame(udp, theirs, gateway, six, to_six),
        "arp from their mac": frame(arp, theirs, theirs, four),
        "arp of their mac": frame(arp, mac, theirs, four),
        "another protocol from their mac": lambda marker: ethernet(theirs, gateway, 0x88B5, bytes(40) + marker),
    }
    addresses = {
        "their ipv4": frame(udp, mac, gateway, four_theirs, to),
        "their ipv4 in a priority tag": lambda marker: udp(mac, gateway, four_theirs, to, marker, 0),
        "their ipv4 in two priority tags": lambda marker: udp(mac, gateway, four_theirs, to, marker, 0, 0),
        "their ipv4 from port 68": frame(udp, mac, gateway, four_theirs, to, ports=(68, 67)),
        "no ipv4": frame(udp, mac, gateway, "0.0.0.0", to),
        "nobody's ipv4": frame(udp, mac, gateway, "10.99.0.1", to),
        "arp announcement of theirs": frame(arp, mac, mac, four_theirs),
        "arp request from theirs": frame(arp, mac, mac, four_theirs, request=to),
        "arp announcement of the gateway": frame(arp, mac, mac, to),
        "their ipv6": frame(udp, mac, gateway, six_theirs, to_six),
        "no ipv6": frame(udp, mac, gateway, "::", to_six),
        "advertisement of theirs": frame(advertisement, mac, six, six_theirs),
        "advertisement of theirs from a link-local address": frame(advertisement, mac, local, six_theirs),
        "advertisement of theirs behind options": frame(advertisement, mac, local, six_theirs, hop_by_hop=True),
        "solicitation from theirs": frame(solicitation, mac, six_theirs, to_six),
    }
    adverts = {
        "router advertisement": frame(router_advertisement, mac, local),
        "redirect": frame(icmpv6, mac, local, 137, bytes(36)),
    }
    return good, macs, addresses, adverts


def everything_in(host, netns, kinds):
    """Return which frames come in; the first kind has those that always do, and comes last."""
    good, *others = kinds
    sent = {name: frame for kind in (*others, good) for name, frame in kind.items()}
    return taken_in(host, netns, sent)


def learned_from_lldp(host, own, other):
    """Let a container send LLDP from another one's MAC, and return behind whose port the bridge has that one then."""
    theirs, gateway = mac_of(host, other), link(host, "br0")["address"]

    def last(name):
        return functools.partial(udp, mac_of(host, name), gateway, ADDRESSES[name][4], ADDRESSES["host"][4])

    assert taken_in(host, other, {"last": last(other)}) == {"last"}
    lldp = {"lldp": lambda marker: ethernet(theirs, "01:80:c2:00:00:0e", 0x88CC, bytes(40) + marker)}
    assert taken_in(host, own, {**lldp, "last": last(own)}) == {"last"}
    shown = json.loads(host.run("bridge", "-j", "fdb", "show", "br", "br0", "dynamic").stdout)
    port = next(entry["ifname"] for entry in shown if entry["mac"] == theirs)
    return next(name for name in (own, other) if port_of(host, name) == port)


def test_a_container_sends_from_its_own_mac_and_addresses(hosta):
    wire(hosta, "web1", "db1", "db2")
    kinds = frames_of(hosta, "db2", "web1")
    good, macs, addresses, adverts = (set(kind) for kind in kinds)
    every = good | macs | addresses | adverts
    # Nothing is checked where containers reach each other.
    assert everything_in(hosta, "db2", kinds) == every
    until(lambda: learned_from_lldp(hosta, "db2", "web1") == "db2", "the MAC stays where it was")
    before = shows(hosta)

    done = icc_thoroughly(hosta, icc=False)
    assert f"check that what {port_of(hosta, 'db2')} sends comes from its own MAC, 192.168.5.12, fd00:5::12, and " in (
        "\n".join(done["operations"])
    )
    assert attach(hosta, bridge="br0", attachments=[attachment("db2")])["changed"] is False
    assert everything_in(hosta, "db2", kinds) == good
    assert everything_in(hosta, "web1", frames_of(hosta, "web1", "db2")) == good

    assert learned_from_lldp(hosta, "db2", "web1") == "web1"

    for option, kind in (("mac_spoofing", macs), ("address_spoofing", addresses), ("router_advertisements", adverts)):
        attach_thoroughly(hosta, bridge="br0", security={option: "allow"}, attachments=[attachment("db2")])
        assert everything_in(hosta, "db2", kinds) == good | kind, option
    # What is not said again stays; {} is as if nothing had been said.
    assert attach(hosta, bridge="br0", attachments=[attachment("db2")])["changed"] is False
    done = attach_thoroughly(hosta, bridge="br0", attachments=[{**attachment("db2"), "security": {}}])
    assert "security" not in done["attachments"][0]
    assert everything_in(hosta, "db2", kinds) == good

    icc_thoroughly(hosta, icc=True)
    assert_same(before, shows(hosta))
    assert guards(hosta) == ""
    assert everything_in(hosta, "db2", kinds) == every


def test_who_takes_a_neighbours_address_and_mac_gets_nothing_of_what_is_for_that_one(hosta, listeners):
    """Of its link, and of its published port: as long as each may send what it likes, and no longer then."""
    wire(hosta, "web1", "db1", "db2", ip_forward=True)
    for name in ("web1", "db1", "db2"):
        listeners.listen(hosta, name, "5432/tcp")
    icc(hosta, icc=False, links=[LINK])
    hosta.module("port_publish", bridge="br0", netns="db1", ports=["5432:5432"])
    mac, theirs, served = mac_of(hosta, "db2"), mac_of(hosta, "web1"), mac_of(hosta, "db1")
    link_to = [("tcp", ADDRESSES["db1"][family], 5432) for family in (4, 6)]

    def gets(attack, own):
        """Let db2 be web1 by its addresses and MAC, and tell what of its link it gets."""
        inside = [f"ip -n db2 {words}" for words in attack]
        hosta.run("sh", "-c", " && ".join(inside))
        answers = asks(hosta, "db2", *link_to)
        hosta.run("sh", "-c", " && ".join(f"ip -n db2 {words}" for words in own))
        return answers

    def as_web1(with_mac):
        change = [f"link set eth1 address {theirs}"] if with_mac else []
        addresses = [
            f"addr add {ADDRESSES['web1'][4]}/24 dev eth1",
            f"addr add {ADDRESSES['web1'][6]}/64 dev eth1 nodad",
        ]
        return ["addr flush dev eth1 scope global", *change, *addresses, "neigh flush dev eth1"]

    back = [
        "addr flush dev eth1 scope global",
        f"link set eth1 address {mac}",
        f"addr add {ADDRESSES['db2'][4]}/24 dev eth1",
        f"addr add {ADDRESSES['db2'][6]}/64 dev eth1 nodad",
    ]
    assert gets(as_web1(False), back) == [False, False]
    assert gets(as_web1(True), back) == [False, False]
    assert all(reaches(hosta, "web1", "db1", "5432/tcp").values())

    # Whoever claims the address of the one that serves, in both families, takes nobody away from it.
    def claims():
        four, six = ADDRESSES["db1"][4], ADDRESSES["db1"][6]
        taken_in(
            hosta,
            "db2",
            {
                "arp": functools.partial(arp, mac, mac, four),
                "advertisement": functools.partial(advertisement, mac, six, six),
                "last": functools.partial(
                    udp, mac, link(hosta, "br0")["address"], ADDRESSES["db2"][4], ADDRESSES["host"][4]
                ),
            },
        )
        shown = {entry["dst"]: entry.get("lladdr") for entry in hosta.ip("neigh", "show", "dev", "br0")}
        return {shown.get(four), shown.get(six)}

    assert reaches(hosta, "web1", "db1", "5432/tcp") == {"5432/tcp 4": True, "5432/tcp 6": True}
    assert claims() == {served}
    # db2 may do it where it was allowed.
    allowed = {**attachment("db2"), "security": {"mac_spoofing": "allow", "address_spoofing": "allow"}}
    attach(hosta, bridge="br0", attachments=[allowed])
    assert True in gets(as_web1(False), back)
    assert claims() == {mac}


def test_checks_come_and_go_with_what_they_are_for(hosta):
    nothing = everything(hosta)
    wire(hosta, "web1", "db1", "db2")
    make_namespaces(hosta, "db3")
    icc(hosta, icc=False)
    found = guards(hosta)

    # Its addresses are nobody's to know, its MAC is; what another tool attached is not looked at.
    done = attach_thoroughly(hosta, bridge="br0", attachments=[{"netns": "db3"}])
    assert f"check that what {port_of(hosta, 'db3')} sends comes from its own MAC, and let no router" in "\n".join(
        done["operations"]
    )
    hosta.run("ip", "-n", "db3", "addr", "add", "192.168.5.77/24", "dev", "eth1")
    make_namespaces(hosta, "other")
    hosta.run("sh", "-c", "ip link add other0 master br0 up type veth peer name eth1 netns other; "
              "ip -n other link set eth1 up; ip -n other addr add 192.168.5.78/24 dev eth1")  # fmt: skip
    assert ping_all(hosta, "db3", "other") == [True, True]
    assert icc(hosta, icc=False)["operations"] == ["set other0 isolated"]
    hosta.run("ip", "-n", "other", "link", "set", "eth1", "address", "02:00:00:00:00:78")
    assert ping_all(hosta, "other") == [True]

    # What somebody changes in the rules, or takes away, is told and put back by each module.
    again = {"bridge": "br0", "attachments": [attachment("web1")]}
    port = port_of(hosta, "web1")
    for words, said in (
        ("nft add element bridge pipefitter guard_ipv4 { PORT . 192.168.5.99 }", "sends comes from its own MAC, 192"),
        ("nft delete element bridge pipefitter guard_ports { PORT }", "sends comes from its own MAC, 192"),
        ("nft delete element bridge pipefitter guard_macs { PORT . MAC }", "sends comes from its own MAC, 192"),
        (
            "nft add element bridge pipefitter guard_macs { PORT . 02:00:00:00:00:77 }",
            "sends comes from its own MAC, 192",
        ),
        ("nft flush chain bridge pipefitter guard_in", "repair the checks"),
        ("nft insert rule bridge pipefitter guard_local accept", "repair the checks"),
        ("nft flush chain bridge pipefitter guard_target/PORT", "repair the checks"),
        ("nft delete table bridge pipefitter", "sends comes from its own MAC, 192"),
        (
            "nft delete table bridge pipefitter; delete table ip pipefitter; delete table ip6 pipefitter",
            "sends comes from its own MAC, 192",
        ),
        ("bridge fdb del MAC dev PORT master", "to its MAC in its bridge's forwarding table"),
    ):
        hosta.run(*words.replace("PORT", port).replace("MAC", mac_of(hosta, "web1")).split())
        checked = attach(hosta, check_mode=True, **again)
        assert any(said in line for line in checked["operations"]), (words, checked["operations"])
        assert attach(hosta, **again)["operations"] == checked["operations"]
        assert attach(hosta, **again)["changed"] is False
        icc(hosta, icc=False)
        assert icc(hosta, icc=False)["changed"] is False, words

    # A port stays bound to the MAC that its container had, whatever that makes of it, and whoever flushes the rules.
    before = mac_of(hosta, "web1")
    hosta.run("ip", "-n", "web1", "link", "set", "eth1", "address", "02:00:00:00:00:99")
    hosta.run("nft", "delete", "table", "bridge", "pipefitter")
    assert attach(hosta, **again)["changed"] is True
    told = attach(hosta, **again)
    assert told["changed"] is False and f"had {before} when its port was bound" in "".join(warned(told))
    assert ping_all(hosta, "web1", "db1") == [False, True]
    attach_thoroughly(hosta, bridge="br0", attachments=[{**attachment("web1"), "mac": "02:00:00:00:00:99"}])
    # It may still be about to give up asking for the host's MAC.
    until(lambda: ping_all(hosta, "web1") == [True], "web1 does not reach the host by the MAC that it was given")
    attach(hosta, bridge="br0", attachments=[{**attachment("web1"), "mac": before}])

    # A container that comes again has a port of the same name and another MAC.
    delete_namespace(hosta, "db3")
    delete_namespace(hosta, "db1")
    make_namespaces(hosta, "db1")
    attach_thoroughly(hosta, bridge="br0", attachments=[attachment("db1")])
    assert ping_all(hosta, "db1") == [True] and "guard_target" in guards(hosta)
    attach(hosta, bridge="br0", attachments=[attachment("web1"), attachment("db1"), attachment("db2")], purge=True)
    assert sorted(guards(hosta).split("elements")[0]) == sorted(found.split("elements")[0])

    # Asked for, it is denied on any bridge, and given back with the attachment.
    icc_thoroughly(hosta, icc=True)
    assert guards(hosta) == ""
    asked = {**attachment("db2"), "security": {"address_spoofing": "deny"}}
    attach_thoroughly(hosta, bridge="br0", attachments=[asked])
    hosta.run("ip", "-n", "db2", "addr", "add", "192.168.5.99/24", "dev", "eth1")
    source = "ip", "netns", "exec", "db2", "ping", "-c", "1", "-W", "1", "-I", "192.168.5.99", "192.168.5.1"
    assert hosta.run(*source, check=False).returncode == 1 and ping_all(hosta, "db2") == [True]
    hosta.module("veth_attach", netns="db2", state="absent")
    assert guards(hosta) == "" and "other" in hosta.run("ip", "netns").stdout
    for name in ("other",):
        delete_namespace(hosta, name)
    attach(hosta, bridge="br0", attachments=[attachment("db2")])
    icc(hosta, icc=False)
    hosta.module("container_bridge", name="br0", state="absent")
    for name in ("web1", "db1", "db2"):
        delete_namespace(hosta, name)
    assert_same(nothing, everything(hosta))


def ping_all(host, *names):
    """Tell which of namespaces reach the host."""
    return [pings(host, name, ADDRESSES["host"][4]) == [True] for name in names]

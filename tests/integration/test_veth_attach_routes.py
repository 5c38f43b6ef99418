# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach's gateways: never a moment without a default route, and routers outside of the container's subnets."""

from __future__ import annotations

from itertools import count

import pytest
from lab_hosts import ModuleFailed
from wiring import (
    attach,
    attach_thoroughly,
    make_bridge,
    make_namespaces,
    make_others_interface,
    refused,
    routes,
    until,
    warned,
)


def test_keeps_the_old_default_route_until_the_new_one_is_in(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    shared = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    attach(host, **shared, gateway="192.168.5.1", gateway6="fd00:5::1")
    monitor = host.start("sh", "-c", "exec ip -n probe -ts monitor route >/run/monitor 2>&1")
    try:
        _monitored(host, "10.99.0.1")  # it listens
        attach_thoroughly(host, **shared, gateway="192.168.5.2", gateway6="fd00:5::2")
        # Another address of the same subnet is secondary to the old one, which the kernel takes away with it.
        attach_thoroughly(
            host,
            **{**shared, "addresses": ["192.168.5.11/24", "fd00:5::11/64"]},
            gateway="192.168.5.2",
            gateway6="fd00:5::2",
        )
        # Off the link, and with other addresses than before: still no gap.
        moved = {**shared, "addresses": ["192.168.6.10/32", "fd00:6::10/128"]}
        attach_thoroughly(host, **moved, gateway="10.1.1.1", gateway6="fd00:1::1")
        seen = _monitored(host, "10.99.0.2")
    finally:
        monitor.terminate()
        monitor.wait()
    changes = [line for line in seen if "default" in line]
    assert len(changes) >= 4
    assert not [line for line in changes if "Deleted" in line]
    assert "default gateway 10.1.1.1 dev eth1" in routes(host, "probe")
    assert "default gateway fd00:1::1 dev eth1 metric 1024" in routes(host, "probe", "-6")


def _monitored(host, sign):
    """Set a route until the monitor shows it; return what it has shown by then."""

    def seen():
        # Setting a route that is there already is no event.
        host.run("sh", "-c", f"ip -n probe route add {sign}/32 dev eth1 || ip -n probe route del {sign}/32 dev eth1")
        lines = host.run("cat", "/run/monitor", check=False).stdout.splitlines()
        return lines if any(sign in line for line in lines) else None

    return until(seen, f"the monitor does not show {sign}")


def test_reaches_gateways_outside_of_its_subnets(host):
    make_bridge(host)
    make_namespaces(host, "probe")

    attach_thoroughly(
        host,
        netns="probe",
        bridge="br0",
        addresses=["192.168.5.14/32", "fd00:5::14/128"],
        gateway="192.168.5.1",
        gateway6="fd00:9::1",
        routes=[{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}],
    )

    assert routes(host, "probe") == {
        "192.168.5.1 dev eth1",
        "192.168.5.254 dev eth1",
        "default gateway 192.168.5.1 dev eth1",
        "10.20.0.0/16 gateway 192.168.5.254 dev eth1",
    }
    assert {"fd00:9::1 dev eth1 metric 1024", "default gateway fd00:9::1 dev eth1 metric 1024"} <= routes(
        host, "probe", "-6"
    )

    # A gateway that changes takes the host route to the old one along.
    held = ["192.168.5.14/32", "fd00:5::14/128"]
    attach_thoroughly(
        host, netns="probe", bridge="br0", addresses=held, gateway="192.168.5.2", gateway6="fd00:9::2", routes=[]
    )
    assert routes(host, "probe") == {"192.168.5.2 dev eth1", "default gateway 192.168.5.2 dev eth1"}
    assert "fd00:9::1 dev eth1 metric 1024" not in routes(host, "probe", "-6")


def test_gives_back_routes_on_the_link_and_takes_along_the_host_route_of_an_old_gateway(host):
    make_bridge(host)
    make_bridge(host, "br1")
    make_namespaces(host, "probe")
    options = {"netns": "probe", "bridge": "br1", "addresses": ["192.168.5.14/24"]}
    both = [{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}, {"destination": "10.30.0.0/16"}]
    attach_thoroughly(host, **options, gateway="192.168.6.1", routes=both)
    shown = host.module("container_network_info")["attachments"]
    assert host.module("veth_attach", attachments=shown)["operations"] == []

    attach_thoroughly(host, **options, gateway="192.168.7.1")

    assert "192.168.7.1 dev eth1" in routes(host, "probe") and "192.168.6.1 dev eth1" not in routes(host, "probe")
    assert not attach(host, netns="probe", bridge="br0", state="absent")["changed"]
    assert attach(host, netns="probe", bridge="br1", state="absent")["changed"]


_CONNECTED = {
    "another interface's subnet": (
        {"routes": [{"destination": "172.30.0.0/16", "gateway": "192.168.5.1"}]},
        "routes: 172.30.0.0/16 is in netns /run/netns/probe already (172.30.0.0/16 dev eth0), and not ours; "
        "give it another metric",
    ),
    "of IPv6": (
        {"routes": [{"destination": "fd00:30::/64", "gateway": "fd00:5::1", "metric": 256}]},
        "routes: fd00:30::/64 is in netns /run/netns/probe already (fd00:30::/64 dev eth0 metric 256), and not ours; "
        "give it another metric",
    ),
    "its own subnet": (
        {"routes": [{"destination": "192.168.5.0/24", "gateway": "192.168.5.1"}]},
        "routes[0].destination: '192.168.5.0/24' is the subnet of 192.168.5.10/24, with which its route comes; "
        "leave it out, or give another metric",
    ),
    "another interface's peer": (
        {"gateway": "10.66.0.1"},
        "gateway: 10.66.0.1 is outside of the interface's subnets, and the route to it is another's in netns "
        "/run/netns/probe already (10.66.0.1/32 dev eth0); give one that no other interface leads to, or an address "
        "in its subnet",
    ),
}


@pytest.mark.parametrize(("asked", "said"), _CONNECTED.values(), ids=_CONNECTED)
def test_routes_that_come_with_addresses_are_nobody_elses(hosta, asked, said):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    make_others_interface(
        hosta,
        "probe",
        "address add 172.30.0.2/16 dev eth0",
        "address add 10.66.0.2 peer 10.66.0.1/32 dev eth0",
        "address add fd00:30::2/64 dev eth0 nodad",
        "link set eth0 up",
    )
    options = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"], **asked}
    assert refused(hosta, **options) == said


def test_routes_for_some_packets_only_are_others(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    options = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    attach(hosta, **options)
    for words in (
        "-4 route add default via 192.168.5.9 tos 0x10",
        "-4 route add 10.50.0.0/16 via 192.168.5.9 tos 4",
        "-6 route add default from fd00:5::/64 via fd00:5::9 dev eth1 metric 1024",
    ):
        hosta.run("ip", "-n", "probe", *words.split())
    before = routes(hosta, "probe") | routes(hosta, "probe", "-6")
    assert len(before) == 3
    asked = {"routes": [{"destination": "10.50.0.0/16", "gateway": "192.168.5.1"}]}
    attach_thoroughly(hosta, **options, **asked, gateway="192.168.5.1", gateway6="fd00:5::1")
    after = routes(hosta, "probe") | routes(hosta, "probe", "-6")
    assert after > before
    assert after - before == {
        "default gateway 192.168.5.1 dev eth1",
        "10.50.0.0/16 gateway 192.168.5.1 dev eth1",
        "default gateway fd00:5::1 dev eth1 metric 1024",
    }


def test_an_interface_that_moves_to_another_subnet_leaves_no_route_that_leads_nowhere(hosta):
    make_bridge(hosta, "br0")
    make_bridge(hosta, "br1")
    make_namespaces(hosta, "probe")
    asked = {"routes": [{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}]}
    held = ["192.168.5.10/24", "fd00:5::10/64"]
    gateways = {"gateway": "192.168.5.1", "gateway6": "fd00:5::1"}
    attach(hosta, netns="probe", bridge="br0", addresses=held, **gateways, **asked)
    hosta.run("ip", "-n", "probe", "route", "add", "10.99.0.0/16", "via", "192.168.5.9")  # somebody else's
    done = attach_thoroughly(hosta, netns="probe", bridge="br1", addresses=["192.168.6.10/24", "fd00:5::10/64"])
    assert [line for line in done["operations"] if line.startswith("remove route")] == [
        "remove route default via 192.168.5.1 dev eth1 in netns /run/netns/probe",
        "remove route 10.20.0.0/16 via 192.168.5.254 dev eth1 in netns /run/netns/probe",
    ]
    assert "default gateway fd00:5::1 dev eth1 metric 1024" in routes(hosta, "probe", "-6")
    assert not [line for line in routes(hosta, "probe") if "192.168.5.1" in line or "254" in line]


ASIDE = str(0x70660070)
DEFAULTS = (
    "-4 route add default via 10.9.0.1 dev eth0 src 10.9.0.2 advmss 1200 initcwnd 20 proto static onlink",
    "-6 route add default via fd00:9::1 dev eth0 metric 1024 mtu lock 1400 pref high",
)


def test_a_default_route_whose_place_was_taken_comes_back_with_all_that_it_had(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    words = ("addr add 10.9.0.2/24 dev eth0", "addr add fd00:9::2/64 dev eth0 nodad", "link set eth0 up")
    make_others_interface(hosta, "probe", *words)
    for line in DEFAULTS:
        hosta.run("ip", "-n", "probe", *line.split())
    before = defaults(hosta)
    assert len(before) == 2
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.2/24", "fd00:5::2/64"]}
    gateways = {"gateway": "192.168.5.1", "gateway6": "fd00:5::1"}
    for _time in range(2):
        attach_thoroughly(hosta, **wanted, **gateways)
        # It leads nowhere: nothing goes by a table that no rule names.
        assert "192.168.5.1" in hosta.run("ip", "-n", "probe", "route", "get", "8.8.8.8").stdout
        attach(hosta, **wanted, gateway="192.168.5.3", gateway6="fd00:5::3")
        checked = hosta.module("veth_attach", netns="probe", state="absent", check_mode=True)
        done = hosta.module("veth_attach", netns="probe", state="absent")
        assert checked["operations"] == done["operations"] and not warned(done)
        assert done["operations"][1:] == [
            "set route default via 10.9.0.1 dev eth0 again in netns /run/netns/probe",
            "set route default via fd00:9::1 dev eth0 again in netns /run/netns/probe",
        ]
        assert defaults(hosta) == before
        assert kept_aside(hosta) == ""
    # A run that fails leaves it as it was; so does one that takes the attachment away.
    for module, options in ((attach, {**wanted, **gateways}), (hosta.module, {"netns": "probe", "state": "absent"})):
        first = ["veth_attach"] if module == hosta.module else [hosta]
        as_it_was = (defaults(hosta), kept_aside(hosta))
        for done in count():
            try:
                module(*first, fail_after=done, **options)
            except ModuleFailed as failure:
                assert "could not be undone" not in str(failure)
                assert (defaults(hosta), kept_aside(hosta)) == as_it_was, done
            else:
                break
        assert done >= 1
    assert defaults(hosta) == before
    # What somebody set meanwhile stays, and one whose interface went is not missed.
    attach(hosta, **wanted, **gateways)
    hosta.run("ip", "-n", "probe", "route", "add", "default", "via", "10.9.0.9", "dev", "eth0", "metric", "7")
    hosta.run("ip", "-n", "probe", "-6", "route", "flush", "table", ASIDE)
    done = hosta.module("veth_attach", netns="probe", state="absent")
    assert [line for line in done["operations"] if "set route" in line] == [
        "set route default via 10.9.0.1 dev eth0 again in netns /run/netns/probe"
    ]
    assert [line for line in warned(done) if "has no IPv6 default route" in line]


def defaults(host):
    shown = [
        host.run("ip", "-n", "probe", "-details", family, "route", "show", "default").stdout for family in ("-4", "-6")
    ]
    # An interface that was made again has its carrier a moment later.
    return [line.replace(" linkdown", "").strip() for text in shown for line in text.splitlines()]


def kept_aside(host):
    shown = [
        host.run("ip", "-n", "probe", family, "route", "show", "table", ASIDE, check=False) for family in ("-4", "-6")
    ]
    return "".join(one.stdout for one in shown)


def test_a_container_that_is_left_without_a_default_route_is_a_warning(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    make_others_interface(hosta, "probe", "addr add 10.9.0.2/24 dev eth0", "link set eth0 up")
    hosta.run("ip", "-n", "probe", "route", "add", "default", "via", "10.9.0.1")
    wanted = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.2/24"], "gateway": "192.168.5.1"}
    done = attach(hosta, **wanted)
    assert [line for line in done["operations"] if "in place of default via 10.9.0.1 dev eth0" in line]

    hosta.run("ip", "-n", "probe", "route", "flush", "table", ASIDE)
    for check in (True, False):
        gone = hosta.module("veth_attach", netns="probe", state="absent", check_mode=check)
        (told,) = warned(gone)
        assert "netns /run/netns/probe has no IPv4 default route without eth1, whose default via 192.168.5.1" in told
        assert "it is not known which, and it is not put back" in told
    assert warned(hosta.module("veth_attach", netns="probe", state="absent")) == []

    hosta.run("ip", "-n", "probe", "route", "add", "default", "via", "10.9.0.1", "metric", "50")
    attach(hosta, **wanted)
    assert warned(hosta.module("veth_attach", netns="probe", state="absent")) == []

    hosta.run("ip", "-n", "probe", "link", "del", "eth0")
    attach(hosta, **wanted)
    assert warned(hosta.module("veth_attach", netns="probe", state="absent")) == []


ROUTER = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "192.168.5.11/24", "fd00:5::10/64"]}
SECOND = {"netns": "probe", "bridge": "br0", "interface": "eth2", "addresses": ["192.168.6.10/24", "fd00:6::10/64"]}
OF_ALL_KINDS = [
    {"destination": "0.0.0.0/0", "gateway": "192.168.5.2", "table": "100", "mtu": 1400},
    {"destination": "::/0", "gateway": "fd00:5::2", "table": "1000", "mtu": 1300, "src": "fd00:5::10"},
    {"destination": "10.20.0.0/16", "gateway": "192.168.5.1", "src": "192.168.5.11"},
    {"destination": "10.21.0.0/16", "scope": "host"},
    {"destination": "10.22.0.0/16", "gateway": "203.0.113.1", "onlink": True, "metric": 9},
    {"destination": "10.23.0.0/16", "gateway": "203.0.113.7", "table": "100"},
    {"destination": "10.66.0.0/16", "type": "unreachable"},
    {"destination": "10.67.0.0/16", "type": "throw", "table": "100"},
    {"destination": "fd00:66::/48", "type": "blackhole"},
    {
        "destination": "10.30.0.0/16",
        "nexthops": [{"gateway": "192.168.5.1", "weight": 3}, {"gateway": "192.168.6.1", "interface": "eth2"}],
    },
    {
        "destination": "fd00:30::/48",
        "nexthops": [{"gateway": "fd00:5::1"}, {"gateway": "fd00:6::1", "interface": "eth2", "weight": 2}],
    },
    {"destination": "10.31.0.0/16", "nexthops": [{"gateway": "192.168.5.3"}], "onlink": True},
]
SHOWN = {
    "default via 192.168.5.2 dev eth1 table 100 mtu 1400",
    "default via fd00:5::2 dev eth1 table 1000 src fd00:5::10 metric 1024 mtu 1300",
    "10.20.0.0/16 via 192.168.5.1 dev eth1 src 192.168.5.11",
    "10.21.0.0/16 dev eth1 scope host",
    "10.22.0.0/16 via 203.0.113.1 dev eth1 metric 9 onlink",
    "203.0.113.7 dev eth1 scope link",
    "10.23.0.0/16 via 203.0.113.7 dev eth1 table 100",
    "unreachable 10.66.0.0/16",
    "throw 10.67.0.0/16 table 100",
    "blackhole fd00:66::/48 dev lo metric 1024",
    "10.30.0.0/16 nexthop via 192.168.5.1 dev eth1 weight 3 nexthop via 192.168.6.1 dev eth2 weight 1",
    "fd00:30::/48 metric 1024 nexthop via fd00:5::1 dev eth1 weight 1 nexthop via fd00:6::1 dev eth2 weight 2",
    "10.31.0.0/16 via 192.168.5.3 dev eth1 onlink",
}


def in_all_tables(host, protocol="112"):
    """Return routes of a protocol as ip tells them, in all tables."""
    shown = set()
    for family in ("-4", "-6"):
        words = ("ip", "-n", "probe", family, "route", "show", "table", "all", "proto", protocol)
        for line in host.run(*words).stdout.replace("\n\t", " ").splitlines():
            text = " ".join(line.split())
            for noise in (" pref medium", " error 4294967184", " error -22", " linkdown"):
                text = text.replace(noise, "")
            shown.add(text)
    return shown


def test_routes_have_all_that_ip_route_has_for_them(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    both = {"attachments": [{**ROUTER, "routes": OF_ALL_KINDS}, {**SECOND, "routes": []}]}
    attach_thoroughly(hosta, **both)
    assert in_all_tables(hosta) == SHOWN
    assert "No route to host" in hosta.run("ip", "-n", "probe", "route", "get", "10.66.0.1", check=False).stderr
    assert "src 192.168.5.11" in hosta.run("ip", "-n", "probe", "route", "get", "10.20.0.1").stdout
    # What is shown gives it back.
    shown = hosta.module("container_network_info")["attachments"]
    assert hosta.module("veth_attach", attachments=shown)["operations"] == []
    # In place, an option each; what is left out goes, and what others set stays.
    hosta.run("ip", "-n", "probe", "route", "add", "10.99.0.0/16", "via", "192.168.5.9", "table", "100")
    other = {
        "0.0.0.0/0": {"mtu": 1420},
        "::/0": {"src": None},
        "10.20.0.0/16": {"src": "192.168.5.10"},
        "10.21.0.0/16": {"scope": "global"},
        "10.22.0.0/16": {"gateway": "192.168.5.1", "onlink": None},
        "10.23.0.0/16": {"gateway": "192.168.5.7"},
        "10.66.0.0/16": {"type": "prohibit"},
        "10.30.0.0/16": {"nexthops": [{"gateway": "192.168.5.1"}, {"gateway": "192.168.5.4", "weight": 2}]},
        "fd00:30::/48": {"nexthops": None, "gateway": "fd00:5::1"},
    }
    changed = [{**entry, **other.get(entry["destination"], {})} for entry in OF_ALL_KINDS]
    before = in_all_tables(hosta), in_all_tables(hosta, "boot")
    for done in count():
        try:
            attach(hosta, fail_after=done, **ROUTER, routes=changed)
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert (in_all_tables(hosta), in_all_tables(hosta, "boot")) == before, done
        else:
            break
    assert done >= 9
    attach(hosta, **ROUTER, routes=OF_ALL_KINDS)
    assert in_all_tables(hosta) == SHOWN
    attach_thoroughly(hosta, **ROUTER, routes=changed)
    now = in_all_tables(hosta)
    assert SHOWN - now == {line for line in SHOWN if line.split()[0] not in ("throw", "blackhole", "10.31.0.0/16")}
    assert "prohibit 10.66.0.0/16" in now and "10.21.0.0/16 dev eth1" in now
    assert "fd00:30::/48 via fd00:5::1 dev eth1 metric 1024" in now and len(now) == len(SHOWN) - 1
    # Another attachment of the container takes nothing of it, and has none that leads nowhere.
    assert attach(hosta, **SECOND, routes=[])["operations"] == []
    nowhere = {"destination": "10.77.0.0/16", "type": "blackhole"}
    assert refused(hosta, **SECOND, routes=[nowhere]) == (
        "routes: 10.77.0.0/16 of eth2 is to lead nowhere, and eth1 of netns /run/netns/probe has such routes, which "
        "are all of one attachment in a container; put them in the routes of one of the two"
    )
    assert refused(hosta, **ROUTER, routes=[{**OF_ALL_KINDS[9], "nexthops": [
        {"gateway": "192.168.5.1"}, {"gateway": "10.0.0.1", "interface": "eth9"}]}]) == (
        "routes: 10.30.0.0/16 has a next hop by eth9, which netns /run/netns/probe has not; "
        "name an interface that it has, or attach that too"
    )  # fmt: skip
    foreign = {"destination": "10.88.0.0/16", "gateway": "192.168.5.1", "src": "192.168.6.11"}
    assert refused(hosta, **ROUTER, routes=[foreign]) == (
        "routes: 10.88.0.0/16 is to have the source address 192.168.6.11 (src), which netns /run/netns/probe has not; "
        "give one that it has"
    )
    foreign = {"destination": "fd00:88::/48", "gateway": "fd00:5::1", "src": "fd00:6::10"}
    assert "the source address fd00:6::10 (src), which eth1 has not" in refused(hosta, **ROUTER, routes=[foreign])
    hosta.run("ip", "-n", "probe", "addr", "add", "10.7.7.7/32", "dev", "lo")
    taken = [{**OF_ALL_KINDS[2], "src": "10.7.7.7"}, {**OF_ALL_KINDS[2], "src": "192.168.6.10", "metric": 5}]
    attach_thoroughly(hosta, **ROUTER, routes=taken)
    # They go with the attachment, and come back where that is undone.
    attach(hosta, **ROUTER, routes=OF_ALL_KINDS)
    for done in count():
        try:
            hosta.module("veth_attach", fail_after=done, state="absent", netns="probe")
        except ModuleFailed as failure:
            assert "could not be undone" not in str(failure)
            assert in_all_tables(hosta) == SHOWN, done
        else:
            break
    assert done >= 3
    assert in_all_tables(hosta) == set()
    assert in_all_tables(hosta, "boot") == set()
    attach(hosta, **both)
    assert in_all_tables(hosta) == SHOWN
    # Whatever outlived an interface that somebody deleted is taken up again.
    hosta.run("ip", "-n", "probe", "link", "del", "eth1")
    hosta.run("ip", "-n", "probe", "link", "del", "eth2")
    assert in_all_tables(hosta) == {line for line in SHOWN if line.split()[0] in ("unreachable", "throw", "blackhole")}
    attach_thoroughly(hosta, **SECOND)
    attach_thoroughly(hosta, **both)
    assert in_all_tables(hosta) == SHOWN
    attach_thoroughly(hosta, **ROUTER, routes=[])
    assert in_all_tables(hosta) == set()

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random hosts with bridges of ours and of others, for plans of one bridge and of several."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.pipefitter.container_network.plugins.module_utils.model import names
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.masquerade import Masquerade
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.firewalls import firewalls
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    SimKernel,
    SimNamespace,
)
from hypothesis import strategies as st

NAME = "br0"
POOL = [
    "192.168.5.1/24",
    "192.168.5.2/24",
    "192.168.5.3/24",
    "192.168.5.1/25",
    "10.77.0.1/16",
    "172.17.3.1/16",
    "192.0.2.7/32",
    "fd00:5::1/64",
    "fd00:5::1/48",
    "fd00:6::1/64",
    "fe80::77/64",
]
ROUTES = [
    Route("10.200.0.0/16", "192.168.5.254", NAME, 0, 4),
    Route("10.201.0.0/16", None, NAME, 100, 3),
    Route("192.0.2.99/32", None, NAME, 0, 4),
    Route("10.202.0.0/16", "192.0.2.99", NAME, 0, 4),
    Route("fd00:200::/48", "fd00:5::fe", NAME, 1024, 4),
]
OWN_SYSCTLS = ("net/ipv4/conf/br0/forwarding", "net/ipv6/conf/br0/forwarding", "net/ipv6/conf/br0/disable_ipv6")


booleans = st.booleans()
some_addresses = st.lists(st.sampled_from(POOL), unique=True, max_size=5)


@st.composite
def hosts(
    draw: st.DrawFn, states: Sequence[str] = ("none", "interrupted", "foreign", "ours", "ours", "ours")
) -> SimulatedHost:
    kernel = SimKernel(promote_secondaries=draw(booleans), vlan_filtering=draw(st.sampled_from([True, True, False])))
    host = SimulatedHost(kernel)
    ns = kernel.host
    _others(draw, host, ns)
    state = draw(st.sampled_from(states))
    if state == "interrupted":
        ns.new_link(names.derived_name("pfb", NAME), "bridge", draw(st.none() | st.just("02:00:00:00:00:07")))
    elif state != "none":
        _bridge(draw, ns, MARK if state == "ours" else draw(st.sampled_from(["", "lan"])))
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        ns.write_sysctl(name, draw(st.sampled_from("01")))
    for name in OWN_SYSCTLS[: 2 if NAME in ns.links and any(":" in a for a in ns.links[NAME].addresses) else 3]:
        if NAME in ns.links:
            ns.write_sysctl(name, draw(st.sampled_from("001")))
    host.firewall = draw(firewalls((NAME, "br1")))
    masquerades = [Masquerade(NAME, "192.168.5.0/24"), Masquerade(NAME, "10.0.0.0/8"), Masquerade("br1", "10.1.0.0/24")]
    host.masqueraded = draw(st.sets(st.sampled_from(masquerades)))
    return host


def _others(draw: st.DrawFn, host: SimulatedHost, ns: SimNamespace) -> None:
    """The interface the host is reached by, Docker with a container, a bridge of ours, and what may become a port."""
    ns.new_link("eth0", "", "52:54:00:00:00:01")
    ns.set("eth0", up=True)
    ns.add_address("eth0", "203.0.113.9/24")
    ns.set_route(Route("0.0.0.0/0", "203.0.113.1", "eth0", 100, 16))
    ns.set_route(Route("::/0", "fe80::1", "eth0", 1024, draw(st.sampled_from([9, 4]))))
    ns.new_link("docker0", "bridge", "02:42:00:00:00:01")
    ns.set("docker0", up=True)
    ns.add_address("docker0", "172.17.0.1/16")
    ns.new_link("br1", "bridge", alias=MARK)
    ns.new_veth("vethd1", "eth0", host.start("web1"), 1500)
    ns.set("vethd1", master="docker0", up=True)
    for name in ("nic1", "nic2", "tap0"):
        ns.new_link(name, "tun" if name == "tap0" else "", mtu=draw(st.sampled_from([1500, 1500, 1400, 9000])))
        ns.set(name, up=draw(booleans))
    if draw(booleans):
        ns.add_address("nic1", "10.66.0.1/24")


def _bridge(draw: st.DrawFn, ns: SimNamespace, alias: str) -> None:
    ns.new_link(NAME, "bridge", draw(st.none() | st.just("02:00:00:00:00:05")), alias=alias)
    for settings in (
        {"stp": 1},
        {"stp": 0},
        {"forward_delay": 0},
        {"forward_delay": 400},
        {"ageing_time": 0},
        {"multicast_snooping": 0},
    ):
        if draw(booleans) and not (settings.get("forward_delay") == 0 and ns.links[NAME].bridge["stp"]):
            ns.change_bridge(NAME, dict(settings))
    if draw(booleans):
        ns.set(NAME, mtu=draw(st.sampled_from([1400, 9000, 1501])))
    for port in draw(st.lists(st.sampled_from(["nic1", "nic2", "ours1"]), unique=True)):
        if port == "ours1":
            ns.new_veth("ours1", "eth1", SimNamespace(ns.kernel, "elsewhere"), 1450)
            ns.set("ours1", alias=f"{MARK} eth1 netns /run/netns/elsewhere", up=True)
        ns.set(port, master=NAME)
    if ns.kernel.vlan_filtering:
        _vlans(draw, ns)
    if draw(st.sampled_from([True, True, False])):
        ns.set(NAME, up=True)
    for address in draw(some_addresses):
        if not any(address.partition("/")[0] == other.partition("/")[0] for other in ns.links[NAME].addresses):
            ns.add_address(NAME, address)
    link = ns.links[NAME]
    for route in ROUTES:
        if link.up and draw(booleans) and (route.gateway is None or ns.reaches(route.gateway, link)):
            ns.set_route(route)


def _vlans(draw: st.DrawFn, ns: SimNamespace) -> None:
    ns.change_bridge(
        NAME,
        {"vlan_filtering": draw(st.sampled_from([0, 1, 1])), "vlan_default_pvid": draw(st.sampled_from([1, 1, 0, 7]))},
    )
    for link in [ns.links[NAME], *(port for port in ns.links.values() if port.master is ns.links[NAME])]:
        for vlan in draw(st.sets(st.sampled_from([1, 7, 8]))):
            ns.add_vlans(link.name, {vlan: (draw(booleans), draw(booleans))})
        if draw(st.sampled_from([False, False, True])):
            ns.delete_vlans(link.name, draw(st.sampled_from([{}, {7: ()}])))

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy, over random policies wanted on random hosts."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace
from typing import Any

from ansible_collections.pipefitter.container_network.plugins.module_utils.model import icc_policy
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.addresses import contains
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Target
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge import Bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_policy import IccPolicy, IccPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccFlow, IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.port_guard import GuardRules, PortGuard
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import bridge as observe_bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import icc as observing
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge_deletion
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import icc_policy as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.firewall import FirewallState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    lines,
    nothing_left,
    recovers,
    same,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.firewalls import firewalls
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import given
from hypothesis import strategies as st

NAME = "br0"
NAMES = ("web1", "db1", "db2")
TARGETS = {name: Target("container", name) for name in NAMES}
ELSEWHERE = "br1"
FAR = {"db2": ("192.168.7.12/24", "fd00:7::12/64")}  # where it is on the other bridge
POOL = {
    name: (f"192.168.5.1{index}/24", f"fd00:5::1{index}/64", f"192.168.6.1{index}/24")
    for index, name in enumerate(NAMES)
}
NEEDED = (
    "ipv4/forwarding",
    "ipv4/proxy_arp_pvlan",
    "ipv4/proxy_delay",
    "ipv6/forwarding",
    "ipv6/proxy_ndp",
    "ipv6/proxy_delay",
)
PORTS = ["5432/tcp", "53/udp", "icmp", "81"]

booleans = st.booleans()


@st.composite
def wanted(draw: st.DrawFn) -> IccPolicy:
    listed = st.lists(st.sampled_from(PORTS), min_size=1, unique=True)
    pairs = st.sampled_from([*permutations(NAMES, 2), *((name, {"label": "role=db"}) for name in NAMES)])
    # db1 alone exposes ports.
    link = st.tuples(pairs, listed, booleans).map(
        lambda drawn: {
            "from": drawn[0][0],
            "to": drawn[0][1],
            "ports": None if drawn[0][1] == "db1" and drawn[2] else drawn[1],
        }
    )
    policies = st.sampled_from(["allow", "deny"])
    icc = draw(st.sampled_from([False, False, True]))
    options = {
        "bridge": NAME,
        "state": "present",
        "icc": icc,
        "links": [] if icc else draw(st.lists(link, min_size=draw(st.sampled_from([1, 0])), max_size=3)),
        "egress": draw(policies),
        "host_access": draw(policies),
    }
    return icc_policy.parse(options)


@st.composite
def hosts(draw: st.DrawFn) -> SimulatedHost:
    kernel = SimKernel()
    host, ns = SimulatedHost(kernel), kernel.host
    kernel.can_tag = draw(st.sampled_from([True, True, False]))
    # With every address there, and forwarding on, most links can be made.
    fit = draw(booleans)
    if draw(booleans):
        ns.defaults["ipv6/force_forwarding"] = "0"
    ns.new_link("eth0", "", "52:54:00:00:00:01")
    ns.set("eth0", up=True)
    ns.set_route(Route("::/0", "fe80::1", "eth0", 1024, draw(st.sampled_from([9, 4]))))
    ns.new_link(NAME, "bridge", "02:00:00:00:00:05", alias=draw(st.sampled_from([MARK, "", MARK])))
    ns.new_link(ELSEWHERE, "bridge", alias=MARK)
    for address in draw(st.sets(st.sampled_from(["192.168.7.1/24", "fd00:7::1/64"]), min_size=2 if fit else 1)):
        ns.add_address(ELSEWHERE, address)
    ns.links[ELSEWHERE].sysctls["ipv4/forwarding"] = "1" if fit else draw(st.sampled_from("01"))
    moved = draw(booleans)
    ns.set(NAME, up=True)
    for address in draw(
        st.sets(st.sampled_from(["192.168.5.1/24", "fd00:5::1/64", "192.168.6.1/24"]), min_size=3 if fit else 1)
    ):
        ns.add_address(NAME, address)
    for name in NAMES:
        ns.new_veth(f"pf{name}", "eth1", host.start(name), 1500)
        far = moved and name in FAR
        ns.set(f"pf{name}", master=ELSEWHERE if far else NAME, up=True, alias=f"{MARK} eth1 container {name} docker:1")
        ns.isolate(f"pf{name}", draw(booleans))
        ns.links[f"pf{name}"].bound = draw(st.sampled_from([set(), {"02:99:00:00:00:99"}]))
        ns.links[f"pf{name}"].alias += draw(st.sampled_from(["", "", " +d", " +Mr", " +m"]))
        if ns.links[f"pf{name}"].isolated and kernel.can_tag:
            # Isolated by an earlier version, or the bridge's MAC has changed.
            ns.tag(f"pf{name}", draw(st.sampled_from(["", ns.links[NAME].mac, "02:00:00:00:00:99"])))
        inside = host.namespaces[name]
        inside.set("eth1", up=True)
        for address in draw(st.sets(st.sampled_from(FAR[name] if far else POOL[name]), min_size=2 if fit else 0)):
            inside.add_address("eth1", address)
        inside.links["eth1"].neighbours = draw(
            st.dictionaries(_addresses(), st.sampled_from(["02:00:00:00:00:05", "ae:00:00:00:00:99"]), max_size=3)
        )
    for name in NEEDED:
        ns.links[NAME].sysctls[name] = draw(st.sampled_from("01"))
    ns.write_sysctl("net/ipv6/conf/all/forwarding", draw(st.sampled_from("01")))
    ns.links[NAME].proxies = draw(st.sets(st.sampled_from(["fd00:5::10", "fd00:5::99"])))
    host.firewall = draw(firewalls((NAME, ELSEWHERE)))
    if fit:  # forwarding to other interfaces, as ip_forward has it
        accepted = frozenset(
            AcceptedBridge(family, name, ("eth0",)) for family in host.firewall.families for name in (NAME, ELSEWHERE)
        )
        zones = tuple((name, "trusted") for name in (NAME, ELSEWHERE)) if host.firewall.zones is not None else None
        host.firewall = FirewallState(host.firewall.families, accepted, zones=zones)
    host.icc_rules = draw(rules())
    host.can_guard = draw(st.sampled_from([True, True, False]))
    if host.can_guard:
        host.guard_rules = GuardRules(draw(st.frozensets(_guards(), max_size=2)), draw(st.sampled_from([True, False])))
    return host


def _guards() -> st.SearchStrategy[PortGuard]:
    """Of ports that are here, and of one that is gone; one a port."""
    kinds = [("02:99:00:00:00:99", None, False), ("", ("192.168.5.10",), True), ("02:99:00:00:00:98", (), True)]
    return st.sampled_from([PortGuard(f"pf{name}", *kind) for name, kind in zip((NAMES[0], NAMES[1], "gone"), kinds)])


def _addresses() -> st.SearchStrategy[str]:
    return st.sampled_from([address.partition("/")[0] for addresses in POOL.values() for address in addresses])


@st.composite
def rules(draw: st.DrawFn) -> IccRules:
    some = st.frozensets(st.sampled_from([NAME, "br1", "br9"]))
    off = draw(some)
    ends = st.tuples(
        st.sampled_from(["192.168.5.10", "192.168.5.11"]), st.sampled_from(["192.168.5.12", "192.168.5.99"])
    )
    flows = {
        IccFlow(bridge, *draw(ends), "tcp", 5432, "", "container web1", "container db2")
        for bridge in off
        if draw(booleans)
    }
    flows |= {IccFlow(bridge, "fd00:5::10", "fd00:5::11", "icmp", 0) for bridge in off if draw(booleans)}
    flows |= {
        IccFlow("br0", "192.168.7.12", "192.168.5.10", "udp", 53, ELSEWHERE)
        for bridge in off
        if bridge == NAME and draw(booleans)
    }
    former = {
        ("net/ipv4/conf/br0/proxy_arp_pvlan", "0"),
        ("net/ipv6/neigh/br0/proxy_delay", "80"),
        ("net/ipv4/conf/br0/forwarding", "0"),
    }
    made = IccRules(
        off,
        draw(st.frozensets(st.sampled_from([NAME, "br1"]))) - off if off else frozenset(),
        draw(some),
        draw(some),
        frozenset(flows),
        frozenset(draw(st.sets(st.sampled_from(sorted(former))))) if NAME in off else frozenset(),
        draw(st.sampled_from([True, True, False])),
    )
    return IccRules(intact=made.intact) if made.empty else made


def observe(host: SimulatedHost, want: IccPolicy) -> plan.IccState:
    containers: Any = SimpleNamespace(
        netns_of={TARGETS[name]: name for name in NAMES},
        exposes={TARGETS["db1"]: (IccPort("tcp", 5432),), TARGETS["db2"]: ()},
        labelled={"role=db": (TARGETS["db1"], TARGETS["db2"])},
    )
    return observing.observe(host, want, containers)  # type: ignore[arg-type]


def made(host: SimulatedHost, want: IccPolicy) -> Errand:
    return Errand(host, lambda: plan.present(want, observe(host, want)))


@given(hosts(), wanted())
def test_a_second_run_finds_nothing_to_do(host, want):
    errand = made(host, want)
    operations = errand.planned()
    if operations is None:
        return
    predicted = plan.predict(want, observe(host, want))
    others = host.icc_rules.without(NAME)
    assert lines(errand.plan()) == lines(operations)
    engine.apply(operations, host)
    nothing_left(errand)
    assert not errand.plan()
    assert plan.describe(NAME, host.icc_rules) == predicted
    left = host.icc_rules.without(NAME)
    assert (left.off, left.flows, left.former) == (others.off, others.flows, others.former)
    bridge = host.kernel.host.links[NAME]
    ports = [link.isolated for link in host.kernel.host.links.values() if link.master is bridge]
    assert set(ports) == {not want.icc}
    tags = {link.tags for link in host.kernel.host.links.values() if link.master is bridge}
    assert tags == ({bridge.mac} if host.kernel.can_tag and not want.icc else {""})


@given(hosts(), wanted(), st.integers(0, 25))
def test_a_run_that_was_killed_is_made_good_by_the_next(host, want, patience):
    recovers(made(host, want), patience)


@given(hosts(), wanted(), st.integers(0, 25))
def test_a_run_that_fails_leaves_the_host_as_it_was(host, want, index):
    assert takes_back(made(host, want), index) == []


@given(hosts(), wanted())
def test_the_way_back_leads_to_where_it_began(host, want):
    """From a host without a policy: what is set for links gets its former value."""
    nothing = IccPolicy(NAME)
    engine.apply(plan.present(nothing, observe(host, nothing)), host)
    before = host.picture()
    operations = made(host, want).planned()
    if operations is None:
        return
    switched = any(getattr(operation, "name", "") == "net/ipv6/conf/all/forwarding" for operation in operations)
    engine.apply(operations, host)
    engine.apply(plan.present(nothing, observe(host, nothing)), host)
    after = host.picture()
    if switched:  # of the host's own switch only an error is taken back
        return
    if host.kernel.host.links[NAME].alias == MARK:
        for part in ("firewall", "zones"):
            before[part] = after[part] = None  # a bridge of ours passes the host's firewall anyhow
    same(before, after)


@given(hosts())
def test_a_bridge_that_is_taken_away_takes_its_policy_along(host):
    others = host.icc_rules.without(NAME)
    # Links in the policies of other bridges that lead to containers of this one.
    subnets = [subnet for subnet in host.kernel.host.links[NAME].addresses if subnet.startswith(("192", "fd"))]
    leading = {flow for flow in others.flows if any(contains(subnet, flow.destination) for subnet in subnets)}
    others = replace(others, flows=others.flows - leading)
    machine: Any = host
    errand = Errand(host, lambda: bridge_deletion.absent(NAME, observe_bridge.observe(machine, Bridge(NAME)), True))
    operations = errand.planned()
    assert operations is not None
    engine.apply(operations, host)
    assert host.icc_rules == (IccRules() if others.empty else others) or not host.icc_rules.off

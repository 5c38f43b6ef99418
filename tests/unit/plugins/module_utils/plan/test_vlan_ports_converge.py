# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_vlan_port, over random ports wanted on random switches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import vlan_port
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Target
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import OvsBridge, OvsPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import (
    EXTERNAL_ID,
    MARK,
    VLAN_RECORD,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlan_port import VlanPorts
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import MODES, Vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import vlan_ports as observing
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import vlan_port as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import vlan_port_result as state
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import vlan_record
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.ovs_ports import OvsChanges
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import HostSide
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import NetworkState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    lines,
    nothing_left,
    recovers,
    same,
    settles,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_switch import (
    SimulatedSwitch,
)
from hypothesis import given
from hypothesis import strategies as st

BRIDGE, OTHER = "ovs0", "ovs1"
NICS = ("eth1", "eth2", "eth3")
CONTAINERS = ("web1", "web2")
NAMES = (*NICS, BRIDGE)
TAGS = st.sampled_from([1, 100, 4094])
IDS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "x,y", 'p"q=r s']), max_size=3)
# Keys with None go.
CHANGES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "x,y", None]), max_size=3)

booleans = st.booleans()


@st.composite
def vlans(draw: st.DrawFn) -> dict[str, object]:
    mode = draw(st.sampled_from(MODES))
    asked: dict[str, object] = {"mode": mode}
    if mode != "trunk":
        asked["tag"] = draw(TAGS)
    if mode in ("trunk", "native-tagged", "native-untagged") and draw(booleans):
        asked["trunks"] = draw(st.sampled_from(["100", "100,200-202", [0, 5]]))
    if draw(booleans):
        asked["external_ids"] = draw(IDS)
    return asked


@st.composite
def wanted(draw: st.DrawFn, name: str = BRIDGE) -> VlanPorts:
    whose = [*({"port": port} for port in NAMES), *({"container": container} for container in CONTAINERS)]
    ports = [{**one, **draw(vlans())} for one in draw(st.lists(st.sampled_from(whose), unique_by=str, max_size=5))]
    settings = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "datapath_type": st.sampled_from(["netdev", "system"]),
                "fail_mode": st.sampled_from(["standalone", "secure"]),
                "stp": booleans,
                "rstp": st.just(False),
                "other_config": CHANGES,
                "external_ids": CHANGES,
            },
        )
    )
    options = {
        "bridge": name,
        "ports": ports,
        "create_bridge": draw(booleans),
        "bridge_options": settings,
        "purge": draw(booleans),
        "prune": draw(booleans),
    }
    return vlan_port.parse({**options, "owner": draw(st.none() | st.just("uplinks"))})


@st.composite
def columns(draw: st.DrawFn) -> dict[str, object]:
    """What a port may have, of others or of a run of ours before."""
    return {
        "tag": draw(st.none() | TAGS),
        "trunks": draw(st.sampled_from([(), (100,), (100, 200)])),
        "vlan_mode": draw(st.sampled_from([None, *MODES])),
    }


@st.composite
def hosts(draw: st.DrawFn) -> SimulatedSwitch:
    host = SimulatedSwitch()
    ns = host.kernel.host
    for name in NICS:
        if draw(st.sampled_from([True, True, True, False])):
            ns.new_link(name, "")
            ns.set(name, up=draw(booleans))
    for bridge in (BRIDGE, OTHER):
        if draw(st.sampled_from([True, True, False])):
            made = OvsBridge(
                bridge,
                "netdev",
                (bridge,),
                draw(st.sampled_from([(), (("a", "1"), (EXTERNAL_ID, "bridge"))])),
                stp=draw(booleans),
            )
            host.make_ovs_bridge(made, up=draw(booleans), tx_checksum=draw(booleans))
    there = sorted(host.switch)
    for name in NICS:
        if there and draw(booleans):
            ids = tuple(sorted(draw(IDS).items()))
            host.ovs_ports[name] = OvsPort(
                name, draw(st.sampled_from([there[0], there[0], there[-1]])), external_ids=ids, **draw(columns())
            )
    for name in CONTAINERS:
        gone = draw(st.sampled_from([False, False, False, True]))
        label = f"eth1 container {name} docker:{name}"
        inside = host.start(name)
        if not gone:
            ns.new_veth(f"pf{name}", "eth1", inside, 1500)
            ns.set(f"pf{name}", up=True, alias=f"{MARK} {label}")
        if there and (gone or draw(booleans)):
            host.ovs_ports[f"pf{name}"] = OvsPort(
                f"pf{name}", there[0], external_ids=((EXTERNAL_ID, label),), **draw(columns())
            )
    return host


def observe(host: SimulatedSwitch, want: VlanPorts, check: bool = False) -> plan.VlanPortState:
    netns_of = {Target("container", name): (name, f"docker:{name}") for name in CONTAINERS}
    return observing.observe(host, want, netns_of, check)  # type: ignore[arg-type]


def made(host: SimulatedSwitch, want: VlanPorts) -> Errand:
    return Errand(host, lambda: plan.present(want, observe(host, want)))


def unmade(host: SimulatedSwitch, want: VlanPorts) -> Errand:
    return Errand(host, lambda: plan.absent(want, observe(host, want)))


@given(hosts(), wanted())
def test_a_second_run_finds_nothing_to_do(host, want):
    have = observe(host, want)
    others = {name: port for name, port in host.ovs_ports.items() if port.bridge != want.bridge}
    errand = made(host, want)
    operations = errand.planned()
    if operations is None or not settles(errand):
        return
    shown = observe(host, want)
    predicted = state.after(have, operations)
    names = set(host.ovs_ports) | set(have.host_side.ovs_ports)
    assert state.describe(want, predicted, names) == state.describe(want, shown, names)
    assert {name: port for name, port in host.ovs_ports.items() if port.bridge != want.bridge} == others
    for one, entry in zip(want.ports, state.values(want, shown)):
        assert (entry["mode"], entry.get("tag")) == (one.vlans.mode, one.vlans.tag)
        if one.external_ids is not None:
            assert {*one.external_ids} <= {*entry["external_ids"].items()}
    # What it returns gives it back.
    back = {"bridge": want.bridge, "ports": state.values(want, shown)}
    assert not plan.present(vlan_port.parse(back), shown)


@given(hosts(), wanted())
def test_it_is_one_transaction(host, want):
    operations = made(host, want).planned()
    if operations is None:
        return
    assert len([operation for operation in operations if type(operation).__name__ == "ChangeOvsPorts"]) <= 1
    old = {
        port.name
        for operation in operations
        if hasattr(operation, "change")
        for port in (*operation.change, *operation.remove)
    }
    assert all(
        port.name not in old for operation in operations if hasattr(operation, "add") for port in operation.add
    ), "in place: no port is taken out and in"


@given(hosts(), wanted(), st.integers(0, 8))
def test_a_run_that_was_killed_is_made_good_by_the_next(host, want, patience):
    recovers(made(host, want), patience)


@given(hosts(), wanted(), st.integers(0, 8))
def test_a_run_that_fails_leaves_the_host_as_it_was(host, want, index):
    assert takes_back(made(host, want), index) == []


@given(hosts(), wanted(), wanted())
def test_the_way_back_leads_to_where_it_began(host, want, second):
    """After any two runs, absent gives each port what it had before the first."""
    want, second = (VlanPorts(one.bridge, one.ports) for one in (want, second))
    host.switch = {name: replace(bridge, external_ids=()) for name, bridge in host.switch.items()}
    before = host.picture()["ovs"]
    there = dict(host.ovs_ports)
    for one in (want, second):
        operations = made(host, one).planned()
        if operations is not None:
            engine.apply(operations, host)
    everything = VlanPorts(want.bridge, None, create_bridge=True)
    engine.apply(plan.absent(everything, observe(host, everything)), host)
    lost = {name for name in host.ovs_ports if name not in there}  # an attachment's own port, put back onto its bridge
    assert all(name.startswith("pf") for name in lost)
    after = {name: shown for name, shown in host.picture()["ovs"].items() if name not in lost}
    same(before, after)
    assert not any(VLAN_RECORD in dict(port.external_ids) for port in host.ovs_ports.values())
    nothing_left(unmade(host, VlanPorts(want.bridge, want.ports)))


@given(hosts(), wanted())
def test_no_port_without_a_record_goes_but_what_is_pruned(host, want):
    operations = made(host, want).planned()
    gone = {port.name for operation in operations or () if hasattr(operation, "remove") for port in operation.remove}
    for name in gone:
        assert vlan_record.read(host.ovs_ports[name]) or (
            want.prune and name.startswith("pf") and name not in host.kernel.host.links
        )


def test_a_purge_of_an_owner_leaves_the_ports_of_others():
    host = SimulatedSwitch()
    host.make_ovs_bridge(OvsBridge(BRIDGE, "netdev", (BRIDGE,)), up=True, tx_checksum=False)
    for name in CONTAINERS:
        host.start(name)
    for name in NICS:
        host.kernel.host.new_link(name, "")

    def run(*ports, **options):
        want = vlan_port.parse({"bridge": BRIDGE, "ports": [{"port": port, "tag": 5} for port in ports], **options})
        operations = plan.present(want, observe(host, want))
        engine.apply(operations, host)
        assert not plan.present(want, observe(host, want))
        return [operation for operation in operations if hasattr(operation, "remove")]

    run("eth1")
    run("eth2", owner="uplinks", purge=True)
    assert set(host.ovs_ports) == {BRIDGE, "eth1", "eth2"}
    (change,) = run("eth3", owner="uplinks", purge=True)
    assert [port.name for port in change.add] == ["eth3"] and [port.name for port in change.remove] == ["eth2"]
    run(owner="others", purge=True)
    assert set(host.ovs_ports) == {BRIDGE, "eth1", "eth3"}
    # One that another set already is taken over; without an owner, all go.
    run("eth1", owner="others")
    run(owner="others", purge=True)
    assert set(host.ovs_ports) == {BRIDGE, "eth3"}
    run(purge=True)
    assert set(host.ovs_ports) == {BRIDGE}


@given(hosts(), wanted())
def test_an_attachment_keeps_the_vlans_that_it_does_not_name(host, want):
    """veth_attach and ovs_vlan_port, in turns: neither finds anything to do after the other."""
    if not settles(made(host, want)):
        return
    for name in CONTAINERS:
        port = host.ovs_ports.get(f"pf{name}")
        if port is None or VLAN_RECORD not in dict(port.external_ids):
            continue
        changes = OvsChanges(HostSide(observe(host, want).host_side.network, {}, dict(host.ovs_ports)))
        changes.want(
            OvsPort(port.name, port.bridge, external_ids=((EXTERNAL_ID, f"eth1 container {name} docker:{name}"),)), None
        )
        assert not lines(changes.join())
        # One that names a VLAN takes it.
        changes.want(
            OvsPort(port.name, port.bridge, external_ids=((EXTERNAL_ID, f"eth1 container {name} docker:{name}"),)),
            Vlans("access", 7),
        )
        assert changes.join() and changes.join()[0].change[0].vlans == Vlans("access", 7)


@pytest.mark.parametrize("first", [None, Vlans("access", 100)])
@pytest.mark.parametrize("named", [Vlans("access", 400), Vlans("access", 200)])
def test_an_attachment_that_names_its_vlan_is_not_given_back_an_older_one(first, named):
    """veth_attach (perhaps with a VLAN), ovs_vlan_port, veth_attach with a VLAN: absent leaves that."""
    host = SimulatedSwitch()
    host.make_ovs_bridge(OvsBridge(BRIDGE, "netdev", (BRIDGE,)), up=True, tx_checksum=False)
    for name in CONTAINERS:
        host.start(name)
    host.kernel.host.new_veth("pfweb1", "eth1", host.namespaces["web1"], 1500)
    label = ((EXTERNAL_ID, "eth1 container web1 docker:web1"),)
    host.kernel.host.set("pfweb1", alias=f"{MARK} {label[0][1]}", up=True)
    want = vlan_port.parse({"bridge": BRIDGE, "container": "web1", "tag": 200, "external_ids": {"a": "1"}})

    def attach(vlans):
        changes = OvsChanges(HostSide(observe(host, want).host_side.network, {}, dict(host.ovs_ports)))
        changes.want(OvsPort("pfweb1", BRIDGE, external_ids=label), vlans)
        engine.apply(changes.join(), host)
        changes = OvsChanges(HostSide(observe(host, want).host_side.network, {}, dict(host.ovs_ports)))
        changes.want(OvsPort("pfweb1", BRIDGE, external_ids=label), vlans)
        assert not changes.join()

    attach(first)
    engine.apply(plan.present(want, observe(host, want)), host)
    attach(named)
    engine.apply(plan.absent(want, observe(host, want)), host)
    assert host.ovs_ports["pfweb1"] == OvsPort("pfweb1", BRIDGE, named.tag, external_ids=label)


UNREADABLE = [
    "",
    "{",
    "[]",
    "null",
    "7",
    "[1]",
    '{"former": 5}',
    '{"former": [1]}',
    '{"former": {"tag": 1}}',
    '{"former": {"tag": "x", "trunks": [], "vlan_mode": null}}',
    '{"former": {"tag": true, "trunks": [], "vlan_mode": null}}',
    '{"former": {"tag": 1.5, "trunks": [], "vlan_mode": null}}',
    '{"former": {"tag": 4096, "trunks": [], "vlan_mode": null}}',
    '{"former": {"tag": -1, "trunks": [], "vlan_mode": null}}',
    '{"former": {"tag": 1, "trunks": ["z"], "vlan_mode": null}}',
    '{"former": {"tag": 1, "trunks": [5000], "vlan_mode": null}}',
    '{"former": {"tag": 1, "trunks": "12", "vlan_mode": null}}',
    '{"former": {"tag": 1, "trunks": [], "vlan_mode": "boo"}}',
    '{"former": {"tag": 1, "trunks": [], "vlan_mode": ["trunk"]}}',
    '{"former_external_ids": 7}',
    '{"former_external_ids": {"a": 5}}',
    '{"former_external_ids": {"a": {}}}',
    '{"former_external_ids": {"a": "nul\\u0000"}}',
    '{"former_external_ids": {"a": "\\udc80"}}',
    '{"former_external_ids": [["a"]]}',
    '{"former_external_ids": {"pipefitter": "eth1 container web1"}}',
    '{"former_external_ids": {"pipefitter-vlan": "{}"}}',
    "[" * 100000,
]


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_record_that_somebody_made_unreadable_counts_as_empty(text):
    port = OvsPort("eth1", BRIDGE, 5, external_ids=((VLAN_RECORD, text),))
    record = vlan_record.read(port)
    assert record is not None and record.empty
    assert vlan_record.former(port, record) == OvsPort("eth1", BRIDGE, 5)


def test_trunks_of_a_record_are_a_set():
    text = '{"former": {"tag": null, "trunks": [7, 3, 7], "vlan_mode": null}}'
    port = OvsPort("eth1", BRIDGE, 5, external_ids=((VLAN_RECORD, text),))
    assert vlan_record.former(port, vlan_record.read(port)) == OvsPort("eth1", BRIDGE, trunks=(3, 7))


def test_two_names_of_one_port_are_refused():
    host = SimulatedSwitch()
    host.make_ovs_bridge(OvsBridge(BRIDGE, "netdev", (BRIDGE,)), up=True, tx_checksum=False)
    host.start("web1")
    host.kernel.host.new_veth("pfweb1", "eth1", host.namespaces["web1"], 1500)
    host.kernel.host.set("pfweb1", alias=f"{MARK} eth1 container web1 docker:web1")
    want = vlan_port.parse({"bridge": BRIDGE, "ports": [{"port": "pfweb1", "tag": 5}, {"container": "web1", "tag": 6}]})
    with pytest.raises(
        Refused, match="ports: port pfweb1 and eth1 of container web1 are the same port pfweb1; name it once"
    ):
        plan.present(want, observing.observe(host, want, {Target("container", "web1"): ("web1", "docker:web1")}, False))


def test_a_bridge_that_has_an_address_stays():
    host = SimulatedSwitch()
    host.make_ovs_bridge(OvsBridge(BRIDGE, "netdev", (BRIDGE,), ((EXTERNAL_ID, "bridge"),)), up=True)
    want = vlan_port.parse({"bridge": BRIDGE, "create_bridge": True, "state": "absent"})
    for address, operations in (("10.0.0.1/24", []), ("fe80::1/64", ["delete Open vSwitch bridge ovs0"])):
        host.kernel.host.links[BRIDGE].addresses[:] = [address]
        have = observing.observe(host, want, {}, False, is_absent=True)  # type: ignore[arg-type]
        assert lines(plan.absent(want, have)) == operations
        assert [address in text for text in plan.warnings(want, have, True)] == [True] * (not operations)


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ([], "no route leads to 192.0.2.9"),
        ([("0.0.0.0/0", "eth0", 0)], "the route to 192.0.2.9 leads by eth0"),
        ([("::/0", "ovs0", 0), ("192.0.3.0/24", "ovs0", 0)], "no route leads to 192.0.2.9"),
        ([("0.0.0.0/0", "ovs0", 0), ("192.0.2.0/24", "eth0", 9)], "the route to 192.0.2.9 leads by eth0"),
        ([("192.0.2.0/24", "ovs0", 9), ("192.0.2.0/24", "eth0", 5)], "the route to 192.0.2.9 leads by eth0"),
        # Without an address on it, no tunnel comes from there.
        ([("0.0.0.0/0", "bare0", 0)], "the route to 192.0.2.9 leads by bare0"),
        ([("0.0.0.0/0", "eth0", 0), ("192.0.2.0/24", "ovs0", 9)], ""),
        ([("192.0.2.0/24", "eth0", 9), ("192.0.2.0/24", "ovs0", 5)], ""),
    ],
)
def test_the_closest_route_says_by_what_a_tunnel_leaves(routes, found):
    want = vlan_port.parse({"bridge": BRIDGE, "port": "vx1", "tag": 5, "vxlan": {"remote": "192.0.2.9", "vni": 5}})
    leading = tuple(Route(destination, None, link, metric) for destination, link, metric in routes)
    have = plan.VlanPortState(
        HostSide(NetworkState({}), {}, {}), {}, underlays={BRIDGE: ["10.0.0.1"], "bare0": []}, routes=leading
    )
    told = plan.warnings(want, replace(have, bridges={BRIDGE: OvsBridge(BRIDGE, "netdev", (BRIDGE,))}), False)
    assert [f"of that type, and {found}; make one" in text for text in told] == [True] * bool(found)


def test_a_bridge_that_gets_no_device_is_undone():
    host = SimulatedSwitch(kernel_datapath=False)
    for name in CONTAINERS:
        host.start(name)
    want = vlan_port.parse({"bridge": BRIDGE, "create_bridge": True})
    before = host.picture()
    with pytest.raises(
        engine.OperationFailed, match="got no network device while trying to create Open vSwitch bridge ovs0"
    ):
        engine.apply(plan.present(want, observe(host, want)), host)
    same(before, host.picture())

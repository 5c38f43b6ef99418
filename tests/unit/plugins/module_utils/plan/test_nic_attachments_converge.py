# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach, over random lists of interfaces wanted from the NICs of random hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    InvalidOption,
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import nic_attachment as model
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_attachment import (
    ANY_NIC,
    IPVLAN_MODES,
    MODES,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import PROTOCOL
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.containers import Pinned
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.nic_attachments import observe_all
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import nic_attachment as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.nic_attachment_match import find_nic
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.nic_attachment_result import (
    describe,
    predict,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.route_operations import SetRoute
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    recovers,
    same,
    settles,
    takes_back,
    takes_back_what_was_refused,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    Killed,
    SimKernel,
)
from hypothesis import given
from hypothesis import strategies as st

IDENTITIES = {"web1": "docker:" + "a1" * 32, "web2": "docker:" + "b2" * 32, "/run/netns/probe": "/run/netns/probe"}
NICS = {"eth1": "02:00:00:00:0e:01", "eth2": "02:00:00:00:0e:02"}
ALONE = "eth3"


@st.composite
def options(draw: st.DrawFn, number: int, netns: str, interface: str) -> dict[str, Any]:
    """Options of one attachment; ``number`` keeps its addresses and MAC apart from the others'."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    # Of a NIC that a container of no matter here has to itself, the kernel alone knows.
    mode = draw(st.sampled_from(["bridge", "bridge", "private", "vepa", *["passthru"] * (number == 0)]))
    nic = draw(st.sampled_from([*NICS, *NICS.values()])) if mode != "passthru" else ALONE
    vlan = draw(st.sampled_from([None, None, 100, 200])) if mode != "passthru" else None
    # Of one NIC's kinds and modes most lists agree.
    kind = "ipvlan" if vlan == 200 and draw(st.integers(0, 4)) else "macvlan"
    if kind == "ipvlan":
        mode = draw(st.sampled_from(["l2"] * 4 + ["l3", "l3s"]))
    host = 10 * number + 10
    pool = [f"10.0.0.{host}/24", f"10.0.0.{host + 1}/24", f"10.1.0.{host}/24", f"fd00:5::{host}/64"]
    addresses = maybe(st.lists(st.sampled_from(pool), unique=True, max_size=3))
    families = {":" in text for text in addresses} if addresses is not None else {True, False}
    routes = [
        {"destination": "10.20.0.0/16", "gateway": "10.0.0.1"},
        {"destination": "10.30.0.0/16"},
        {"destination": "fd00:30::/48"},
    ]
    rules = [
        {"from": f"10.0.0.{host}", "table": "100"},
        {"iif": interface, "family": "both", "table": "100", "priority": 1001},
        {"to": "10.0.0.0/8", "iif": interface, "type": "prohibit"},
    ]
    return {
        **({"netns": netns} if netns.startswith("/") else {"container": netns}),
        "interface": interface,
        "nic": nic,
        "vlan": vlan,
        "kind": kind,
        "mode": mode,
        "addresses": addresses,
        "gateway": maybe(st.sampled_from(["10.0.0.1", "203.0.113.1"])) if False in families else None,
        "gateway6": maybe(st.just("fd00:5::1")) if True in families else None,
        "routes": maybe(st.lists(st.sampled_from(routes), unique_by=str, max_size=3)),
        "rules": maybe(st.lists(st.sampled_from(rules), unique_by=str, max_size=2)),
        # Each names it: what is made anew comes back with what is named where that is undone.
        "sysctls": {"net.ipv4.conf.IFNAME.rp_filter": draw(st.sampled_from([0, 2]))},
        "mac": maybe(st.just(f"02:00:00:00:01:{number:02x}")) if kind == "macvlan" and mode != "passthru" else None,
        "mtu": maybe(st.sampled_from([1500, 1400, 1000])),
        "ipv6": draw(st.sampled_from([None, None, True, False])),
    }


@st.composite
def wanted(draw: st.DrawFn) -> tuple[model.NicAttachment, ...]:
    spots = [(netns, interface) for netns in IDENTITIES for interface in ("eth1", "lan0")]
    chosen = draw(st.lists(st.sampled_from(spots), unique=True, min_size=1, max_size=3))
    items = [draw(options(spots.index(spot), *spot)) for spot in chosen]
    while True:
        try:
            return attachment.parse_each(items, {}, "attachments", model.parse)
        except InvalidOption:
            # Two that ask for the same route, or IPv6 with too small an MTU: the smaller list is still one to try.
            if len(items) == 1:
                items[0].update(gateway6=None, addresses=["10.0.0.99/24"], routes=None, mtu=None, ipv6=None, rules=None)
            else:
                items.pop()


class Scene:
    """A host with two NICs, and containers without a network."""

    def __init__(self, kernel: SimKernel) -> None:
        self.kernel = kernel
        self.host = SimulatedHost(kernel)
        for name, mac in {**NICS, ALONE: None}.items():
            kernel.host.new_link(name, "", mac, 9000 if name == "eth2" else 1500)
            kernel.host.set(name, up=name == "eth2")
        for netns in IDENTITIES:
            self.host.start(netns)

    def state(self, wants, going=False):
        pinned = [
            Pinned(want, netns if netns in self.host.namespaces else None, IDENTITIES[netns], None)
            for want in wants
            for netns in [want.target.value]
        ]
        return observe_all(self.host, list(zip(wants, pinned)), going)

    def present(self, wants):
        def plan_now():
            sides, host_side = self.state(wants)
            return plan.present([(want, side) for want, side in sides if side is not None], host_side)

        return Errand(self.host, plan_now)

    def absent(self, wants):
        return Errand(self.host, lambda: plan.absent(*self.state(wants, going=True)))

    def ours(self):
        every = [link for netns in IDENTITIES for link in self.host.namespaces[netns].links.values()]
        lowers = [link for link in self.kernel.host.links.values() if link.kind == "vlan"]
        return sorted((link for link in [*every, *lowers] if link.lower is not None), key=lambda link: link.index)


def drift(draw: st.DrawFn, link) -> None:
    """One thing that somebody did to an attachment."""
    ns, kind = link.namespace, draw(st.integers(0, 7))
    changes = [
        lambda: ns.set(link.name, up=False),
        lambda: ns.set(link.name, mac="02:99:00:00:00:99"),
        lambda: ns.set(link.name, mtu=1300),
        lambda: ns.rename(link.name, draw(st.sampled_from(["moved", "eth1", "lan0"]))),
        lambda: ns.add_address(link.name, "10.0.0.200/24"),
        lambda: _other_mode(draw, link),
        lambda: ns.remove_address(link.name, link.addresses[0]),
        lambda: ns.delete(link.name),
    ]
    try:
        changes[kind]()
    except (PipefitterError, IndexError):
        pass  # what the kernel refuses has not happened


def _other_mode(draw: st.DrawFn, link) -> None:
    if link.kind == "macvlan":
        link.namespace.set_macvlan_mode(link.name, draw(st.sampled_from([1, 2, 4])))
    elif link.kind == "ipvlan":
        link.namespace.set_ipvlan_mode(link.name, draw(st.sampled_from([0, 1, 2])))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    kernel = SimKernel(rename_needs_down=draw(st.booleans()), promote_secondaries=draw(st.booleans()))
    scene = Scene(kernel)
    for _run in range(draw(st.integers(0, 2))):
        kernel.patience = draw(st.none() | st.integers(0, 30))
        try:
            engine.apply(scene.present(draw(wanted())).plan(), scene.host)
        except (PipefitterError, Killed):
            pass  # however far it came
        kernel.patience = None
        for _change in range(draw(st.integers(0, 2))):
            if scene.ours():
                drift(draw, draw(st.sampled_from(scene.ours())))
        restarted = draw(st.sampled_from([None, None, *IDENTITIES]))
        if restarted:
            scene.host.stop(restarted)
            scene.host.start(restarted)
    return scene


@given(scenes(), wanted())
def test_a_second_run_finds_nothing_to_do_and_what_was_asked_for_is_there(scene, wants):
    if not settles(scene.present(wants)):
        return
    for want in wants:
        link = scene.host.namespaces[want.target.value].links[want.interface]
        nic = next((nic for nic, mac in NICS.items() if want.nic in (nic, mac)), ALONE)
        lower = link.lower
        if want.vlan is not None:
            assert (lower.vlan_id, lower.namespace, lower.up) == (want.vlan, scene.kernel.host, True)
            lower = lower.lower
        mode = link.macvlan_mode if link.kind == "macvlan" else link.ipvlan_mode
        assert (lower.name, mode, link.up) == (nic, {**MODES, **IPVLAN_MODES}[want.mode], True)
        assert link.alias.startswith(f"pipefitter {want.interface} {want.target.kind} ")
        assert link.mtu == (want.mtu or link.lower.mtu) and link.mac == (want.mac or link.mac)
        assert [(f"net/ipv4/conf/IFNAME/{key[5:]}", link.sysctls[key]) for key in ("ipv4/rp_filter",)] == [
            *want.sysctls
        ]
        if want.rules is not None:
            (number,) = link.alias.partition(" +")[2:] if want.rules else ("-1",)
            shown = [str(rule) for rule in link.namespace.rules.shown if rule.mark == int(number)]
            assert sorted(shown) == sorted(map(str, want.rules)) and ("+" in link.alias) == bool(want.rules)
        if want.addresses is not None:
            assert set(link.addresses) == {*want.addresses, *(a for a in link.addresses if a.startswith("fe80"))}


@given(scenes(), wanted())
def test_check_mode_predicts_what_a_run_makes(scene, wants):
    errand = scene.present(wants)
    if errand.planned() is None:
        return
    predicted = predict(*scene.state(wants))
    settles(errand)
    for expected, shown in zip(predicted, describe(*scene.state(wants)), strict=True):
        assert {**shown, **expected} == shown


@given(scenes(), wanted(), st.integers(0, 30))
def test_a_run_that_was_killed_is_completed_by_the_next(scene, wants, patience):
    recovers(scene.present(wants), patience)


@given(scenes(), wanted(), st.integers(0, 30))
def test_what_a_failed_run_did_is_undone(scene, wants, number):
    assert takes_back(scene.present(wants), number) == []


@given(scenes(), wanted(), st.integers(0, 30))
def test_what_was_done_before_a_refusal_is_undone(scene, wants, number):
    assert takes_back_what_was_refused(scene.present(wants), number) == []


@given(scenes(), wanted())
def test_absent_leaves_the_containers_as_they_were(scene, wants):
    going = [replace(want, nic=ANY_NIC) for want in wants]
    if not settles(scene.absent(going)):
        return
    before = scene.host.picture()
    if any(route.is_default for netns in IDENTITIES for route in before[netns]["routes"]):
        wants = [replace(want, gateway=None, gateway6=None) for want in wants]  # it takes another attachment's for good
    changes = [each for each in scene.present(wants).planned() or () if isinstance(each, SetRoute)]
    if any(each.old is not None and each.old.links != each.route.links for each in changes):
        return  # it was another attachment's, whose next run has it again
    if settles(scene.present(wants)):
        settles(scene.absent(going))
        after = scene.host.picture()
        for nic in (*NICS, ALONE):  # one that was down is up now
            after["host"]["links"][nic] = before["host"]["links"][nic]
        for name, shown in before["host"]["links"].items():
            if shown["kind"] == "vlan" and name in after["host"]["links"]:  # others are on it, and it was put right
                after["host"]["links"][name] = shown
        same(_without_nobodys_rules(before), _without_nobodys_rules(after))


def _without_nobodys_rules(picture):
    """Return it without rules of interfaces that are gone, which go with the first attachment that asks for any."""
    for netns in IDENTITIES:
        aliases = [link["alias"] for link in picture[netns]["links"].values()]
        marks = {PROTOCOL + int(alias.partition(" +")[2]) for alias in aliases if " +" in alias}
        picture[netns]["rules"] = [entry for entry in picture[netns]["rules"] if entry[0] in marks]
    return picture


def _wants(**changes):
    given_options = {"netns": "probe", "nic": "eth1", "kind": "macvlan", **changes}
    return (model.parse({name: value for name, value in given_options.items() if value is not None}),)


@pytest.mark.parametrize("number", range(8))
def test_addresses_that_go_with_ipv6_come_back_with_it(number):
    scene = Scene(SimKernel())
    assert settles(scene.present(_wants(addresses=["10.0.0.5/24", "fd00:5::10/64"])))
    assert takes_back(scene.present(_wants(addresses=[], ipv6=False)), number) == []


def test_veths_of_the_host_alone_are_no_marks_of_a_container():
    scene = Scene(SimKernel())
    ns, host = scene.host.namespaces["/run/netns/probe"], scene.kernel.host
    ns.new_link("lan0", "dummy")
    host.new_veth("left", "right", host, 1500)
    host.links["left"].alias = "pipefitter lan0 netns /run/netns/probe +5"
    host.links["right"].index = ns.links["lan0"].index
    host.links["left"].peer = host.links["right"]
    ((_want, side),), _host_side = scene.state(_wants(rules=[{"from": "10.0.0.1", "table": 7}]))
    assert side.netns_id is None and side.rule_marks == {}


def test_a_kernel_without_macvlan_is_told_of():
    scene = Scene(SimKernel())
    scene.kernel.kinds.clear()
    with pytest.raises(MissingFeature, match=r"^kind: this host's kernel has no macvlan \(CONFIG_MACVLAN\)"):
        scene.present(_wants()).plan()


def test_a_kernel_without_vlans_is_told_of_where_one_is_to_be_made():
    scene = Scene(SimKernel())
    scene.kernel.kinds.remove("vlan")
    with pytest.raises(
        MissingFeature, match=r"^vlan: this host's kernel has no interfaces for VLANs \(8021q, CONFIG_VLA"
    ):
        scene.present(_wants(vlan=100)).plan()
    scene.kernel.kinds.remove("ipvlan")
    with pytest.raises(MissingFeature, match=r"^kind: this host's kernel has no ipvlan \(CONFIG_IPVLAN\)"):
        scene.present(_wants(kind="ipvlan")).plan()


def test_of_what_is_on_one_nic_the_kinds_and_modes_agree():
    scene = Scene(SimKernel())
    assert settles(scene.present(_wants(container="web1", netns=None, kind="ipvlan", mode="l3")))
    with pytest.raises(
        Refused, match="on eth1 eth1 of netns /run/netns/probe is to have l2 and eth1 in .*web1 l3; give l3"
    ):
        scene.present(_wants(kind="ipvlan")).plan()
    with pytest.raises(Refused, match="eth1 has eth1 in .*web1, of kind ipvlan, and a NIC has macvlans or those"):
        scene.present(_wants()).plan()
    both = attachment.parse_each(
        [{"netns": "probe", "kind": "macvlan"}, {"container": "web2", "kind": "ipvlan"}],
        {"nic": "eth2"},
        "",
        model.parse,
    )
    with pytest.raises(Refused, match="kind: .* is to be of kind macvlan and .* of kind ipvlan, and both on eth2"):
        scene.present(both).plan()


def test_an_empty_interface_for_a_vlan_is_not_taken_away_by_a_pass_over_the_record():
    scene = Scene(SimKernel())
    assert settles(scene.present(_wants(container="web1", netns=None, vlan=100)))
    scene.host.stop("web1")
    passing = attachment.adding_only(_wants())
    assert settles(scene.present(passing)) and "eth1.100" in scene.kernel.host.links
    assert settles(scene.present(_wants())) and "eth1.100" not in scene.kernel.host.links


def test_a_wireless_nic_and_the_one_that_ssh_comes_by_are_refused():
    scene = Scene(SimKernel())
    scene.host.without_wire.add("eth1")
    with pytest.raises(Refused, match="eth1 is wireless, and an access point takes frames of one MAC only"):
        scene.present(_wants()).plan()
    with pytest.raises(Refused, match="eth1 is wireless.*give a NIC with a wire, or kind ipvlan"):
        scene.present(_wants(vlan=100)).plan()
    assert settles(scene.present(_wants(kind="ipvlan")))  # of the one MAC
    settles(scene.absent(_wants()))
    scene.kernel.host.add_address("eth2", "192.0.2.7/24")
    scene.host.session = "192.0.2.7"
    with pytest.raises(Refused, match="carries the SSH session by which this was asked for; give another NIC"):
        scene.present(_wants(nic="eth2", mode="passthru")).plan()
    scene.kernel.host.new_link("ipv", "ipvlan").lower = scene.kernel.host.links["eth2"]
    with pytest.raises(Refused, match="eth2 has ipv, of kind ipvlan"):
        scene.present(_wants(nic="eth2")).plan()


def test_a_nic_is_found_by_its_place_on_the_bus_and_of_several_with_one_mac_none_is_guessed():
    mac = "02:00:00:00:0e:01"
    links = {name: Link(number, name, mac=mac) for number, name in enumerate(("eth1", "eth2"), 1)}
    on_bus = {"eth2": "0000:03:00.0"}
    assert find_nic("0000:03:00.0", links, on_bus).name == "eth2"
    with pytest.raises(Refused, match="eth1 and eth2; give the name of the one that is meant"):
        find_nic(mac, links, on_bus)
    above = {**links, "eth2": replace(links["eth2"], kind="bridge")}
    assert find_nic(mac, above, on_bus).name == "eth1"
    with pytest.raises(Refused, match=r"PCI address 0000:04:00.0; those with one are 0000:03:00.0 \(eth2\)"):
        find_nic("0000:04:00.0", links, on_bus)


@pytest.mark.parametrize(
    "changes,sentence",
    [
        ({"nic": "03:00.0:1"}, "is no name, MAC address or PCI address"),
        ({"nic": "03:00:00:00:00:01"}, "is a multicast MAC"),
        ({"mode": "passthru", "mac_seed": "web"}, "mac_seed: 'web' is mutually exclusive with mode passthru"),
        ({"kind": "physical", "rules": [{"from": "10.0.0.1", "table": 7}]}, "rules: '1 rules' is not for kind"),
        ({"nic": ""}, "nic: is required|nic.*is required"),
    ],
)
def test_options_that_can_not_be_right(changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        _wants(**changes)
    assert _wants(nic="3b:00.1")[0].nic == "0000:3b:00.1"

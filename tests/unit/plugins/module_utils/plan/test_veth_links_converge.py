# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_link, over random lists of links wanted between random containers and their host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    InvalidOption,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import veth_link as model
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.containers import Pinned
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.veth_links import observe_all
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import veth_link as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.veth_link_result import (
    describe,
    predict,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import HOST
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    lines,
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

IDENTITIES = {"web1": "docker:" + "a1" * 32, "web2": "podman:" + "b2" * 32, "/run/netns/probe": "/run/netns/probe"}
PLACES = [*IDENTITIES, HOST]


def _place(netns: str) -> dict[str, Any]:
    if netns == HOST:
        return {"host": True}
    return {"netns": netns} if netns.startswith("/") else {"container": netns}


@st.composite
def end(draw: st.DrawFn, number: int, netns: str, interface: str) -> dict[str, Any]:
    """Options of one end; ``number`` keeps its addresses and MAC apart from the others'."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    host = 10 * number + 10
    pool = [f"10.0.{number}.1/32", f"10.0.99.{host}/24", f"10.8.0.{number}/31", f"fd00:{host}::1/128"]
    addresses = maybe(st.lists(st.sampled_from(pool), unique=True, max_size=3))
    families = {":" in text for text in addresses} if addresses is not None else {True, False}
    routes = [
        {"destination": f"10.{host}.0.0/16", "gateway": "10.0.99.200"},
        {"destination": f"10.{host + 1}.0.0/16"},
        {"destination": f"fd00:{host + 1}::/48"},
    ]
    options = {
        **_place(netns),
        "interface": interface,
        "addresses": addresses,
        "gateway": maybe(st.sampled_from(["10.0.99.1", "203.0.113.1"])) if False in families and netns else None,
        "routes": maybe(st.lists(st.sampled_from(routes), unique_by=str, max_size=2)),
        "mac": maybe(st.just(f"02:00:00:00:01:{number:02x}")),
        "mtu": maybe(st.sampled_from([1500, 1400, 9000])),
        "ipv6": draw(st.sampled_from([None, None, True])),
    }
    return {name: value for name, value in options.items() if value is not None}


@st.composite
def wanted(draw: st.DrawFn) -> tuple[model.VethLink, ...]:
    spots = [(netns, interface) for netns in PLACES for interface in ("to0", "to1")]
    chosen = draw(st.permutations(spots))[: draw(st.sampled_from([2, 2, 4]))]
    pairs = [pair for pair in (chosen[:2], chosen[2:]) if pair and pair[0][0] != pair[1][0]]
    items = [{"ends": [draw(end(spots.index(spot), *spot)) for spot in pair]} for pair in pairs]
    for _attempt in range(3):
        try:
            return model.parse_list(items, {}, going=False)
        except InvalidOption:  # IPv6 refused and asked for, say
            for item in items:
                for one in item["ends"]:
                    one.update(gateway=None, addresses=["10.0.77.9/32"][: item["ends"].index(one)], ipv6=None)
                    one.pop("routes", None)
    raise AssertionError(items)


class Scene:
    """A host, and containers without a network."""

    def __init__(self, kernel: SimKernel) -> None:
        self.kernel = kernel
        self.host = SimulatedHost(kernel)
        kernel.host.new_link("eth0", "")
        for netns in IDENTITIES:
            self.host.start(netns)

    def state(self, links, going=False):
        pinned = [(link, [self._pin(one) for one in link.ends]) for link in links]
        return observe_all(self.host, pinned, going)

    def _pin(self, one):
        if one.is_host:
            return Pinned(one, HOST, "host", None)
        netns = one.target.value
        return Pinned(one, netns if netns in self.host.namespaces else None, IDENTITIES[netns], None)

    def present(self, links):
        return Errand(self.host, lambda: plan.present(self.state(links)))

    def absent(self, links):
        return Errand(self.host, lambda: plan.absent(self.state(links, going=True)))

    def ours(self):
        every = [link for netns in PLACES for link in self.host.namespaces[netns].links.values()]
        return sorted((link for link in every if link.kind == "veth"), key=lambda link: link.index)


def drift(draw: st.DrawFn, link) -> None:
    """One thing that somebody did to an end."""
    ns, kind = link.namespace, draw(st.integers(0, 7))
    changes = [
        lambda: ns.set(link.name, up=False),
        lambda: ns.set(link.name, mac="02:99:00:00:00:99"),
        lambda: ns.set(link.name, mtu=1300),
        lambda: ns.rename(link.name, draw(st.sampled_from(["moved", "to0", "to1"]))),
        lambda: ns.add_address(link.name, "10.0.0.200/24"),
        lambda: ns.set(link.name, alias=""),
        lambda: ns.remove_address(link.name, link.addresses[0]),
        lambda: ns.delete(link.name),
    ]
    try:
        changes[kind]()
    except (PipefitterError, IndexError):
        pass  # what the kernel refuses has not happened


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
def test_a_second_run_finds_nothing_to_do_and_what_was_asked_for_is_there(scene, links):
    if not settles(scene.present(links)):
        return
    for link in links:
        one, other = (
            scene.host.namespaces[HOST if end.is_host else end.target.value].links[end.interface] for end in link.ends
        )
        assert one.peer is other and other.peer is one
        for want, shown in zip(link.ends, (one, other)):
            assert shown.up and shown.mtu == want.mtu and shown.mac == (want.mac or shown.mac)
            assert shown.alias.startswith(f"pipefitter-link {want.interface} {want.target.kind} ")
            if want.addresses is not None:
                assert set(shown.addresses) == {*want.addresses, *(a for a in shown.addresses if a.startswith("fe80"))}


@given(scenes(), wanted())
def test_check_mode_predicts_what_a_run_makes(scene, links):
    errand = scene.present(links)
    if errand.planned() is None:
        return
    predicted = predict(scene.state(links))
    settles(errand)
    for expected, shown in zip(predicted, describe(scene.state(links)), strict=True):
        for one, there in zip(expected, shown, strict=True):
            assert {**there, **one} == there


@given(scenes(), wanted(), st.integers(0, 40))
def test_a_run_that_was_killed_is_completed_by_the_next(scene, links, patience):
    recovers(scene.present(links), patience)


@given(scenes(), wanted(), st.integers(0, 40))
def test_what_a_failed_run_did_is_undone_unless_it_ended_in_a_container_that_nobody_named(scene, links, number):
    named = {HOST if end.is_host else end.target.value for link in links for end in link.ends}
    for line in takes_back(scene.present(links), number):
        assert line.startswith("delete veth") and len(named) < len(PLACES)


@given(scenes(), wanted(), st.integers(0, 40))
def test_what_was_done_before_a_refusal_is_undone(scene, links, number):
    for line in takes_back_what_was_refused(scene.present(links), number):
        assert line.startswith("delete veth")


@given(scenes(), wanted(), st.booleans())
def test_absent_leaves_the_containers_as_they_were(scene, links, by_one_end):
    going = [model.VethLink(link.ends[:1]) for link in links] if by_one_end else links
    every = [{**_place(netns), "interface": interface} for netns in PLACES for interface in ("to0", "to1")]
    each = [model.parse({"ends": [one]}, going=True) for one in every]
    if not settles(scene.absent(each)):
        return
    before = scene.host.picture()
    if settles(scene.present(links)):
        settles(scene.absent(going))
        same(before, scene.host.picture())


def _link(one=None, other=None, **options):
    ends = [{"container": "web1", "interface": "to0", **(one or {})}]
    ends.append({"container": "web2", "interface": "to1", **(other or {})})
    return model.parse({"ends": ends, **options})


def _run(scene, *links):
    operations = scene.present(links).plan()
    assert settles(scene.present(links))
    return lines(operations)


def test_ends_with_one_address_each_have_a_route_to_the_other_and_those_of_a_subnet_have_none():
    scene = Scene(SimKernel())
    first = {"addresses": ["10.1.1.1/32", "fd00:1::1/128"]}
    done = _run(scene, _link(first, {"addresses": ["10.1.1.2/32", "fd00:1::2/128"]}))
    assert [line for line in done if line.startswith("set route")] == [
        "set route 10.1.1.2/32 dev to0 in web1",
        "set route fd00:1::2/128 dev to0 in web1",
        "set route 10.1.1.1/32 dev to1 in web2",
        "set route fd00:1::1/128 dev to1 in web2",
    ]
    # The route to an address goes with it, and one of the same subnet needs none.
    moved = _run(scene, _link({"addresses": ["10.1.1.0/31"]}, {"addresses": ["10.1.1.1/31"]}))
    assert not any("set route" in line for line in moved)
    assert "remove route 10.1.1.2/32 dev to0 in web1" in moved
    assert "remove route fd00:1::1/128 dev to1 in web2" in moved


def test_a_link_that_leads_elsewhere_is_made_anew_with_what_it_had():
    scene = Scene(SimKernel())
    _run(scene, _link({"addresses": ["10.1.1.1/32"], "mac": "02:00:00:00:00:07"}, {"addresses": ["10.1.1.2/32"]}))
    probe = {"container": None, "netns": "probe", "addresses": ["10.1.1.3/32"]}
    moved = _link({}, probe)
    done = _run(scene, moved)
    assert done[0] == "delete veth to0, whose peer is in none of the namespaces of this task, in web1"
    kept = scene.host.namespaces["web1"].links["to0"]
    assert (kept.mac, kept.addresses) == ("02:00:00:00:00:07", ["10.1.1.1/32"])
    assert "to1" not in scene.host.namespaces["web2"].links
    # Of the former link nothing is left, and nothing of the new one is meant by it.
    former = _link()
    assert scene.absent([former]).plan() == []
    assert lines(scene.absent([moved]).plan()) == ["delete veth to1 in /run/netns/probe with its peer to0 in web1"]


def test_an_end_that_is_to_lead_elsewhere_is_not_taken_for_another_one_that_is_new():
    scene = Scene(SimKernel())
    _run(scene, _link())
    to_probe = _link({}, {"container": None, "netns": "probe"})
    beside = _link({"interface": "to2"})
    _run(scene, to_probe, beside)
    here = scene.host.namespaces["web1"].links
    assert {name: here[name].peer.namespace.netns for name in ("to0", "to2")} == {
        "to0": "/run/netns/probe",
        "to2": "web2",
    }


def test_what_a_killed_run_left_beside_a_link_that_leads_elsewhere_is_in_nobodys_way():
    scene = Scene(SimKernel())
    _run(scene, _link())
    scene.kernel.patience = 1
    with pytest.raises(Killed):
        engine.apply(scene.present([_link({}, {"interface": "to2"})]).plan()[1:], scene.host)
    scene.kernel.patience = None
    assert len(scene.host.namespaces["web1"].links) == 2
    _run(scene, _link({}, {"container": None, "netns": "probe"}))
    assert list(scene.host.namespaces["web1"].links) == ["to0"]


def test_an_interface_of_another_is_never_touched():
    scene = Scene(SimKernel())
    link = model.parse({"ends": [{"host": True, "interface": "eth0"}, {"container": "web1", "interface": "to0"}]})
    for errand in (scene.present([link]), scene.absent([link])):
        with pytest.raises(Refused, match="'eth0' is taken in this host by an interface that this module did not make"):
            errand.plan()


@pytest.mark.parametrize(
    "options,sentence",
    [
        ({}, "^ends: is required; give the two ends of the link, or a list of links in links$"),
        (
            {"ends": [{"container": "web1", "interface": "to0"}]},
            "ends: 1 is not the number of ends that a link has; give two",
        ),
        (
            {"ends": [{"interface": "a"}, {"host": True, "interface": "b"}]},
            r"ends\[0\].container.*exactly one of.*host",
        ),
        (
            {"ends": [{"container": "x", "host": True, "interface": "a"}, {"host": True, "interface": "b"}]},
            r"ends\[0\].container: 'container and host' are mutually exclusive",
        ),
        ({"ends": [{"container": "a"}, {"container": "b", "interface": "b"}]}, r"ends\[0\].interface.*is required"),
        (
            {"ends": [{"container": "a", "interface": "a"}, {"container": "a", "interface": "b"}]},
            r"ends\[1\].container: 'a' is container a as that of the first end is",
        ),
        (
            {"ends": [{"host": True, "interface": "a"}, {"host": True, "interface": "b"}]},
            r"ends\[1\].host: 'host' is this host as that of the first end is",
        ),
        (
            {
                "ends": [
                    {"container": "a", "interface": "a", "addresses": ["10.0.0.1/32"]},
                    {"container": "b", "interface": "b", "addresses": ["10.0.0.1/24"]},
                ]
            },
            r"ends\[1\].addresses: '10.0.0.1/24' is an address of the first end too",
        ),
        (
            {
                "ends": [
                    {"container": "a", "interface": "a", "mac": "02:00:00:00:00:01"},
                    {"container": "b", "interface": "b", "mac": "02:00:00:00:00:01"},
                ]
            },
            r"ends\[1\].mac: '02:00:00:00:00:01' is the MAC of the first end too",
        ),
        (
            {"ends": [{"host": True, "interface": "a", "gateway": "10.0.0.1"}, {"container": "b", "interface": "b"}]},
            r"ends\[0\].gateway: '10.0.0.1' would take the place of this host's own default route",
        ),
        (
            {"ends": [{"container": "a", "interface": "a", "addresses": ["dhcp"]}, {"host": True, "interface": "b"}]},
            r"ends\[0\].addresses: 'dhcp' is for attachments \(veth_attach, nic_attach\)",
        ),
        (
            {"ends": [{"container": "a", "interface": "a", "mtu": 7}, {"container": "b", "interface": "b"}]},
            r"ends\[0\].mtu: 7 is out of range",
        ),
    ],
)
def test_options_that_can_not_be_right(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        model.parse(options)


def test_an_interface_that_is_in_a_list_twice_is_refused():
    one = {"ends": [{"container": "a", "interface": "to0"}, {"container": "b", "interface": "to0"}]}
    two = {"ends": [{"container": "a", "interface": "to0"}, {"host": True, "interface": "to0"}]}
    with pytest.raises(InvalidOption, match=r"links\[1\].ends\[0\].interface: 'to0' is an end of links\[0\]"):
        model.parse_list([one, two], {}, going=False)


def test_both_ends_have_the_mtu_of_the_one_that_names_one():
    assert [end.mtu for end in _link({"mtu": 9000}).ends] == [9000, 9000]
    assert [end.mtu for end in _link({"mtu": 9000}, mtu=1400).ends] == [9000, 1400]
    assert [end.mtu for end in _link().ends] == [1500, 1500]

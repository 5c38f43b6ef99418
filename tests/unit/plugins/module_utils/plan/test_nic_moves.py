# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NIC into a bridge and back, against a simulated host: what is left half-way is completed, and undone."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import (
    VlanRange,
    default,
    of_port,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.host_nic import parse
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import LINUX, OPENVSWITCH
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import (
    ACCESS,
    NATIVE_UNTAGGED,
    TRUNK,
    Vlans,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.wanted_vlans import WantedVlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import nic as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import nic_refusals
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.nic_refusals import NicFacts
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.nic import (
    ADDRESS,
    NEIGHBOUR,
    ROUTE,
    RULE,
    Entry,
    NicState,
    as_json,
    of_json,
)
from hypothesis import given
from hypothesis import strategies as st

_GENERATES = "net/ipv6/conf/{}/addr_gen_mode"
_PROMOTES = "net/ipv4/conf/{}/promote_secondaries"
_SYSCTLS = [
    _GENERATES,
    _PROMOTES,
    "net/ipv6/conf/{}/disable_ipv6",
    "net/ipv4/conf/{}/rp_filter",
    "net/ipv4/conf/{}/arp_ignore",
]


class Killed(Exception):
    """The program that does the steps has ended."""


class SimulatedNic:
    """A host with a NIC and a bridge, as ``plan.nic_steps.NicHost``: the kernel's order, and its refusals."""

    def __init__(self, state, alive=1000):
        self.state = state
        self._alive = alive

    def do(self, steps):
        for step in steps:
            if self._alive == 0:
                raise Killed
            self._alive -= 1
            step.do(self)
            self._is_reached()

    def _is_reached(self):
        """At no moment is an address nowhere."""
        if self.addresses is not None:
            held = {entry.text for entry in self.state.entries if entry.kind == ADDRESS}
            assert held >= self.addresses, self.addresses - held

    addresses = None

    def _now(self, **changed):
        self.state = self.state._replace(**changed)

    def make_bridge(self, name, kind, mac, mtu, netdev):
        assert not self.state.bridge_kind and name == self.state.bridge
        own = {one.format(name): "0" for one in _SYSCTLS}
        self._now(bridge_kind=kind, bridge_mac=mac, bridge_mtu=mtu, ours=True, netdev=netdev)
        if kind == LINUX:
            self._now(pvid=1, vlans={name: default(1)})
        self._now(sysctls={**self.state.sysctls, **own})

    def delete_bridge(self, name, kind):
        assert kind == self.state.bridge_kind and not self.state.master and name == self.state.bridge
        assert not [entry for entry in self.state.entries if name in entry.links]
        kept = {one: value for one, value in self.state.sysctls.items() if name not in one.split("/")}
        self._now(filters=False, pvid=0, vlans={})
        self._now(bridge_kind="", bridge_mac="", bridge_mtu=0, bridge_up=False, ours=False, sysctls=kept)

    def change_bridge(self, name, mac, mtu):
        self._now(bridge_mac=mac, bridge_mtu=mtu)

    def set_bridge(self, name, attributes):
        assert name == self.state.bridge and self.state.bridge_kind == LINUX
        if "vlan_default_pvid" in attributes:
            assert attributes.keys() == {"vlan_default_pvid"} and list(self.state.vlans) == [name]
            pvid = attributes["vlan_default_pvid"]
            self._now(pvid=pvid, vlans={name: default(pvid)})
        else:
            self._now(filters=bool(attributes["vlan_filtering"]))

    def set_vlans(self, name, vlans, own):
        assert own == (name == self.state.bridge) and name in self.state.vlans
        self._now(vlans={**self.state.vlans, name: vlans})

    def set_up(self, name, up):
        self._now(**({"up": up} if name == self.state.nic else {"bridge_up": up}))

    def join(self, nic, bridge, kind):
        assert self.state.bridge_kind == kind
        self._now(master=bridge)
        if kind == LINUX:
            self._now(vlans={**self.state.vlans, nic: default(self.state.pvid)})

    def leave(self, nic, bridge, kind):
        self._now(master="", vlans={name: held for name, held in self.state.vlans.items() if name != nic})

    def add_entry(self, entry):
        assert self.state.bridge_kind or self.state.bridge not in entry.links
        assert entry.same not in {one.same for one in self.state.entries}
        if entry.kind == ADDRESS and entry.family == 6:  # of IPv6 the kernel puts what comes last first
            self._now(entries=(entry, *self.state.entries))
        else:
            self._now(entries=(*self.state.entries, entry))

    def replace_route(self, entry):
        gone = [one for one in self.state.entries if (one.kind, one.identity) == (ROUTE, entry.identity)]
        assert len(gone) == 1
        self._now(entries=(*(one for one in self.state.entries if one is not gone[0]), entry))

    def remove_entry(self, entry):
        assert entry.same in {one.same for one in self.state.entries}
        kept = [one for one in self.state.entries if one.same != entry.same]
        if entry.kind == ADDRESS and self.state.sysctls.get(_PROMOTES.format(entry.links[0]), "1") == "0":
            kept = [one for one in kept if one is not _LATE or not _is_first_of_its_subnet(entry)]
        self._now(entries=tuple(kept))

    def drop_subnet(self, link, subnet):
        pass

    def set_sysctls(self, values):
        self._now(sysctls={**self.state.sysctls, **{k: v for k, v in values.items() if k in self.state.sysctls}})

    def announce(self, link, addresses):
        pass


def _address(number, family=4, link="eth0", scope=0, lasting=True):
    text = f"10.0.{number}.2/24" if family == 4 else f"fd00:{number}::2/64"
    body = bytes((2 if family == 4 else 10, 24, 0x80 if lasting else 0, scope)) + text.encode()
    return Entry(ADDRESS, family, (link,), link if family == 4 else "", body, body[3:], text)


# Of the subnet of _address(1), after that.
_LATE = Entry(ADDRESS, 4, ("eth0",), "eth0", bytes((2, 24, 0x81, 0)) + b"late", b"late", "10.0.1.77/24")


def _is_first_of_its_subnet(entry):
    return entry.links == _LATE.links and entry.text.startswith("10.0.1.")


def _route(number, family=4, links=("eth0",)):
    text = f"10.9.{number}.0/24 via 10.0.1.1" if family == 4 else f"fd09:{number}::/64 via fd00:1::1"
    return Entry(ROUTE, family, links, "", text.encode(), text.encode(), text)


def _other(kind, number, link="eth0"):
    links = (link, "") if kind == RULE else (link,)
    return Entry(kind, 4, links, "", bytes((number,)), bytes((number,)), str(number))


_ENTRIES = st.one_of(
    st.builds(_address, st.integers(0, 5), st.sampled_from([4, 6]), scope=st.sampled_from([0, 253])),
    st.builds(_address, st.integers(6, 9), st.sampled_from([4, 6]), lasting=st.just(False)),
    st.builds(_route, st.integers(0, 5), st.sampled_from([4, 6])),
    st.builds(_route, st.integers(6, 9), st.just(4), st.just(("eth0", "eth0"))),
    st.builds(_other, st.sampled_from([RULE, NEIGHBOUR]), st.integers(0, 5)),
)


_MODES = st.sampled_from(
    [Vlans(ACCESS, 1), Vlans(ACCESS, 7), Vlans(TRUNK, None, (7,)), Vlans(NATIVE_UNTAGGED, 1, (7,))]
)
_VLANS = st.one_of(st.just(()), st.just(default(1)), st.just(default(2)), _MODES.map(of_port))


@st.composite
def _wanted(draw):
    ports = draw(st.dictionaries(st.sampled_from(["eth0", "br0", "port1"]), _MODES))
    return WantedVlans("br0", draw(st.sampled_from([None, True, False])), tuple(ports.items()))


@st.composite
def _hosts(draw):
    """A host as somebody may have it: the NIC alone, a bridge beside it, or a NIC that is a port already."""
    entries = draw(st.lists(_ENTRIES, max_size=8, unique_by=lambda one: (one.kind, one.family, one.text)))
    kind = draw(st.sampled_from(["", LINUX, OPENVSWITCH]))
    on_bridge = draw(st.lists(st.booleans(), min_size=8, max_size=8)) if kind else [False] * 8
    placed = [
        entry._replace(links=tuple("br0" if link else "" for link in entry.links), label="br0" if entry.label else "")
        if there
        else entry
        for entry, there in zip(entries, on_bridge)
    ]
    # As a kernel that had them one after the other shows them.
    shown = sorted(placed, key=lambda one: one.rank if one.kind == ADDRESS and one.family == 4 else (False, -256))
    links = ["eth0", "br0"] if kind else ["eth0"]
    master = draw(st.sampled_from(["", "br0"])) if kind else ""
    ports = ["br0", "port1", *(["eth0"] if master else [])] if kind == LINUX else []
    return NicState(
        nic="eth0",
        bridge="br0",
        bridge_kind=kind,
        master=master,
        mac="02:00:00:00:00:01",
        mtu=1500,
        up=True,
        bridge_mac="02:00:00:00:00:02" if kind else "",
        bridge_mtu=1500 if kind else 0,
        bridge_up=bool(kind) and draw(st.booleans()),
        ours=bool(kind) and draw(st.booleans()),
        ports=("port1",) if kind and draw(st.booleans()) else (),
        entries=tuple(shown),
        sysctls={name.format(link): draw(st.sampled_from("01")) for link in links for name in _SYSCTLS},
        filters=kind == LINUX and draw(st.booleans()),
        pvid=draw(st.integers(0, 2)) if kind == LINUX else 0,
        vlans={port: draw(_VLANS) for port in ports},
    )


def _settled(host, goal):
    assert plan.differences(goal, host.state) == []
    assert plan.steps(host.state, goal) == []


@given(have=_hosts(), netdev=st.booleans(), moment=st.integers(0, 40), wanted=_wanted())
def test_a_move_settles_and_is_undone_from_wherever_it_was_killed(have, netdev, moment, wanted):
    goal = plan.moved(have, have.bridge_kind or LINUX, netdev, wanted)
    host = SimulatedNic(have, moment)
    host.addresses = {entry.text for entry in have.entries if entry.kind == ADDRESS}
    try:
        host.do(plan.steps(have, goal))
    except Killed:
        again = SimulatedNic(host.state)
        again.addresses = host.addresses
        again.do(plan.steps(again.state, goal))  # the next run completes it
        _settled(again, goal)
    else:
        _settled(host, goal)
        held = [entry.text for entry in host.state.of(ADDRESS, "eth0")]
        assert not [text for text in held if not have.master], held
    undone = SimulatedNic(host.state)
    undone.addresses = host.addresses
    undone.do(plan.steps(undone.state, have))
    _settled(undone, have)


@pytest.mark.parametrize("moment", range(20))
def test_addresses_of_ipv6_are_in_their_order_wherever_a_move_was_killed(moment):
    """Of equals, the kernel takes the first as source."""
    held = tuple(_address(number, 6) for number in range(3))
    have = NicState("eth0", "br0", "", "", "02::1", 1500, True, "", 0, False, False, False, (), held, {})
    host = SimulatedNic(have, moment)
    with contextlib.suppress(Killed):
        host.do(plan.steps(have, plan.moved(have, LINUX, False)))
    undone = SimulatedNic(host.state)
    undone.do(plan.steps(undone.state, have))
    assert undone.state.of(ADDRESS, "eth0") == have.of(ADDRESS, "eth0")


@given(have=_hosts(), moment=st.integers(0, 40))
def test_what_comes_after_the_look_goes_along(have, moment):
    goal = plan.moved(have, have.bridge_kind or LINUX, False)
    host = SimulatedNic(have)
    steps = plan.steps(have, goal)
    host.do(steps[:moment])
    host.add_entry(_LATE)
    host.do(steps[moment:])
    assert plan.keeping_later(have, goal, host.state).entries == (*have.entries, _LATE)
    later = plan.came_later(have, goal, host.state)
    assert later == [_LATE]
    before, goal = plan.with_later(have, goal, later)
    host.do(plan.steps(host.state, goal))
    _settled(host, goal)
    assert _LATE.text in {entry.text for entry in host.state.of(ADDRESS, "br0")}
    host.do(plan.steps(host.state, before))
    _settled(host, before)
    assert _LATE.same in {entry.same for entry in host.state.entries}


@given(have=_hosts(), moment=st.integers(0, 40))
def test_back_to_the_nic_settles_too(have, moment):
    there = SimulatedNic(have)
    there.do(plan.steps(have, plan.moved(have, have.bridge_kind or LINUX, False)))
    moved = there.state
    goal = plan.taken_back(moved, have if not have.master else None)
    host = SimulatedNic(moved, moment)
    try:
        host.do(plan.steps(moved, goal))
    except Killed:
        undone = SimulatedNic(host.state)
        undone.do(plan.steps(undone.state, moved))
        _settled(undone, moved)
        host = SimulatedNic(host.state)
        host.do(plan.steps(host.state, goal))
    _settled(host, goal)
    if not have.bridge_kind:
        assert plan.differences(have, host.state) == []


def test_a_bridge_keeps_what_was_its_own_and_what_came_later():
    """Containers' own subnet stays with the bridge that they are on."""
    own, later = _address(1, link="br0"), _address(3, link="br0")
    have = NicState(
        "eth0", "br0", LINUX, "", "02::1", 1500, True, "02::2", 1500, True, True, False, ("port1",),
        (own, _address(2), _route(1)), {},
    )  # fmt: skip
    host = SimulatedNic(have)
    host.do(plan.steps(have, plan.moved(have, LINUX, False)))
    host.add_entry(later)
    host.do(plan.steps(host.state, plan.taken_back(host.state, have)))
    assert [entry.text for entry in host.state.of(ADDRESS, "br0")] == [own.text, later.text]
    assert [entry.text for entry in host.state.of(ADDRESS, "eth0")] == [_address(2).text]
    assert [entry.links for entry in host.state.of(ROUTE, "eth0")] == [("eth0",)]
    assert (host.state.bridge_kind, host.state.master) == (LINUX, "")


@pytest.mark.parametrize(
    ("nic", "port", "words"),
    [
        ("eth0.5", "eth0", "br0 has eth0 as a port, and eth0.5 beside it would make one network"),
        ("eth0", "eth0.5", "br0 has eth0.5 as a port, and eth0 beside it would make one network"),
        ("br0.5", "", "'br0.5' is on br0 itself, and can't be its port"),
    ],
)
def test_a_vlan_is_not_joined_with_what_has_no_tag(nic, port, words):
    kinds = [("br0", "bridge", 0), ("eth0", "", 0), ("eth0.5", "vlan", 2), ("br0.5", "vlan", 1), ("eth1", "", 0)]
    links = {
        name: Link(number, name, kind, peer=below, master=int(name == port))
        for number, (name, kind, below) in enumerate(kinds, 1)
    }
    options = {"nic": nic, "bridge": "br0", "type": LINUX, "state": "present", "confirm_timeout": 45}
    want = parse({**options, "confirm": "auto", "persist": "none"})
    have = NicState(nic, "br0", LINUX, "", "02::1", 1500, True)
    with pytest.raises(Refused, match=words):
        nic_refusals.check(want, have, NicFacts(links, switch=False))
    apart = {name: link for name, link in links.items() if name != port}
    if port:
        nic_refusals.check(want, have, NicFacts(apart, switch=False))


_WITH_ADDRESS = NicState("eth0", "br0", "", "", "02::1", 1500, True, entries=(_address(1),))


def test_the_host_goes_on_untagged_and_filtering_comes_last():
    trunk = Vlans(NATIVE_UNTAGGED, 7, (100, 101))
    wanted = WantedVlans("br0", True, (("eth0", trunk), ("br0", Vlans(ACCESS, 7))))
    host = SimulatedNic(_WITH_ADDRESS)
    goal = plan.moved(_WITH_ADDRESS, LINUX, False, wanted)
    lines = [step.line() for step in plan.steps(_WITH_ADDRESS, goal)]
    assert lines[:4] == [
        "create bridge br0, mtu 1500, mac 02::1, vlan_default_pvid 7",
        "set eth0 master br0",
        "set eth0 VLANs 7 untagged (PVID), 100-101 tagged",
        "change bridge br0: vlan_filtering 0 to 1",
    ]
    nic_refusals.check_vlans(_WITH_ADDRESS, goal)
    host.do(plan.steps(_WITH_ADDRESS, goal))
    assert host.state.vlans == {"br0": default(7), "eth0": (VlanRange(7, 7, True, True), VlanRange(100, 101))}
    without = host.state._replace(filters=False, vlans={**host.state.vlans, "eth0": default(1)})
    assert plan.differences(goal, without) == [
        "vlan_filtering of br0 is false, and was to be true",
        "VLANs of eth0 are 1 untagged (PVID), and were to be 7 untagged (PVID), 100-101 tagged",
    ]


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([("eth0", Vlans(TRUNK, None, (100,)))], "that would no longer connect it"),
        ([("eth0", Vlans(ACCESS, 100))], "that would no longer connect it"),
        ([("br0", Vlans(TRUNK, None, (100,)))], "that would no longer connect it"),
        ([("br0", Vlans(ACCESS, 100)), ("eth0", Vlans(TRUNK, None, (100,)))], "that would connect it in VLAN 100"),
    ],
)
def test_vlans_that_cut_the_host_off_are_refused(ports, words):
    goal = plan.moved(_WITH_ADDRESS, LINUX, False, WantedVlans("br0", True, tuple(ports)))
    with pytest.raises(Refused, match=words):
        nic_refusals.check_vlans(_WITH_ADDRESS, goal)
    unreached = _WITH_ADDRESS._replace(entries=())
    nic_refusals.check_vlans(unreached, plan.moved(unreached, LINUX, False, WantedVlans("br0", True, tuple(ports))))


def test_a_bridge_of_others_is_never_deleted():
    have = NicState("eth0", "br0", "", "", "02::1", 1500, True, entries=(_address(1),))
    others = have._replace(bridge_kind=LINUX, bridge_mac="02::9", bridge_mtu=1500)
    assert plan.steps(others, have) == []
    assert plan.differences(have, others)[0] == "kind of br0 is linux, and was to be none"


@given(have=_hosts())
def test_a_state_comes_back_from_the_disk_as_it_was(have):
    assert of_json(as_json(have)) == have


@pytest.mark.parametrize("damage", [{"entries": [{}]}, {"entries": 3}, {"bridge_kind": "token-ring"}, {"other": 1}])
def test_a_document_that_is_none_is_refused(damage):
    with pytest.raises((KeyError, TypeError, ValueError)):
        of_json({**as_json(NicState("eth0", "br0", "", "", "02::1", 1500, True)), **damage})


def test_a_secret_by_which_addresses_are_made_is_told_nowhere():
    secret = "net/ipv6/conf/eth0/stable_secret"
    states = [
        NicState("eth0", "br0", "", "", "02:00:00:00:00:01", 1500, True, sysctls={secret: value})
        for value in ("2001:db8::1", "2001:db8::2")
    ]
    lines = [*plan.differences(*states), *(step.line() for step in plan.steps(*states))]
    assert len(lines) == 2 and not any("2001:" in line for line in lines), lines

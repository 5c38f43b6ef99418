# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nic_attach with NICs that move into containers, over random lists, histories and ends of containers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import nic_attachment as model
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.containers import Pinned
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe.nic_attachments import observe_all
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import nic_attachment as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.nic_attachment_result import (
    describe,
    predict,
    surprises,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Breakdown,
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
from hypothesis import given, settings
from hypothesis import strategies as st

IDENTITIES = {"web1": "docker:" + "a1" * 32, "web2": "docker:" + "b2" * 32}
NICS = {"eth1": "02:00:00:00:0e:01", "eth2": "02:00:00:00:0e:02", "eth3": "02:00:00:00:0e:03"}
SPOTS = [(container, interface) for container in IDENTITIES for interface in ("eth1", "lan0")]


@st.composite
def wanted(draw: st.DrawFn) -> tuple[model.NicAttachment, ...]:
    chosen = draw(st.lists(st.sampled_from(SPOTS), unique=True, min_size=1, max_size=2))
    nics = draw(st.permutations(list(NICS)))
    wants = []
    for (container, interface), nic in zip(chosen, nics):
        number = SPOTS.index((container, interface)) + 1
        kind = draw(st.sampled_from(["physical", "physical", "physical", "macvlan", "ipvlan"]))
        given_options: dict[str, Any] = {
            "container": container,
            "interface": interface,
            "nic": draw(st.sampled_from([nic, NICS[nic]])),
            "kind": kind,
            "vlan": draw(st.sampled_from([None, None, 100])) if kind != "physical" else None,
            "addresses": draw(st.sampled_from([None, [], [f"10.0.{number}.2/24", f"fd00:{number}::2/64"]])),
            "gateway": None,
            "mac": draw(st.sampled_from([None, f"02:00:00:00:01:0{number}"])) if kind != "ipvlan" else None,
            "mtu": draw(st.sampled_from([None, 1400])),
        }
        if given_options["addresses"]:
            given_options["routes"] = draw(st.sampled_from([None, [{"destination": f"10.2{number}.0.0/16"}]]))
        wants.append(model.parse(given_options))
    return tuple(wants)


class Scene:
    """A host with three NICs, one with addresses and routes, one with an alias, one down; and two containers."""

    def __init__(self, kernel: SimKernel | None = None) -> None:
        self.kernel = kernel or SimKernel()
        self.host = SimulatedHost(self.kernel)
        own = self.kernel.host
        for name, mac in NICS.items():
            own.new_link(name, "", mac, 9000 if name == "eth2" else 1500)
            own.set(name, up=name != "eth3")
        own.set("eth2", alias="to the LAN")
        for address in ("192.0.2.2/24", "192.0.2.3/24", "fd00:99::2/64"):
            own.add_address("eth1", address)
        own.set_route(Route("10.70.0.0/16", "192.0.2.1", "eth1", 77))
        for container in IDENTITIES:
            self.host.start(container)
        self.origin = self.picture()

    def picture(self):
        return self.host.picture()["host"]

    def state(self, wants, going=False):
        pinned = [
            Pinned(want, name if name in self.host.namespaces else None, IDENTITIES[name], None)
            for want in wants
            for name in [want.target.value]
        ]
        return observe_all(self.host, list(zip(wants, pinned)), going)

    def present(self, wants):
        def plan_now():
            sides, host_side = self.state(wants)
            return plan.present([(want, side) for want, side in sides if side is not None], host_side)

        return Errand(self.host, plan_now)

    def absent(self, wants):
        return Errand(self.host, lambda: plan.absent(*self.state(wants, going=True)))

    def every(self):
        """Return what takes away all that may be in containers."""
        return [
            model.parse({"container": name, "interface": interface, "nic": model.ANY_NIC, "kind": "macvlan"})
            for name, interface in SPOTS
        ]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    scene = Scene(SimKernel(rename_needs_down=draw(st.booleans())))
    for _run in range(draw(st.integers(0, 3))):
        scene.kernel.patience = draw(st.none() | st.integers(0, 30))
        try:
            engine.apply(scene.present(draw(wanted())).plan(), scene.host)
        except (PipefitterError, Killed):
            pass  # however far it came
        scene.kernel.patience = None
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
        nic = next(name for name, mac in NICS.items() if want.nic in (name, mac))
        assert link.up and link.alias.startswith(f"pipefitter {want.interface} container ")
        if want.kind == "physical":
            assert (link.kind, scene.host.kept[nic].name) == ("", nic) and nic not in scene.kernel.host.links
            assert link.mac in (want.mac, NICS[nic]) or want.mac is None
        else:
            lower = link.lower.lower if want.vlan else link.lower
            assert (link.kind, lower.name, lower.namespace) == (want.kind, nic, scene.kernel.host)
            assert link.lower.vlan_id == want.vlan
        if want.addresses is not None:
            assert set(link.addresses) == set(want.addresses)


@given(scenes(), wanted())
def test_check_mode_predicts_what_a_run_makes(scene, wants):
    errand = scene.present(wants)
    if errand.planned() is None:
        return
    predicted = predict(*scene.state(wants))
    settles(errand)
    for expected, shown in zip(predicted, describe(*scene.state(wants)), strict=True):
        assert {**shown, **expected} == shown


@given(scenes(), wanted(), st.integers(0, 40), st.booleans())
def test_a_run_that_was_killed_is_completed_by_the_next(scene, wants, patience, going):
    if going:
        settles(scene.present(wants))
    recovers(scene.absent(scene.every()) if going else scene.present(wants), patience)


@given(wanted(), wanted(), st.integers(0, 30), st.booleans())
def test_what_a_failed_run_did_is_undone(first, wants, number, going):
    scene = Scene()
    settles(scene.present(first))
    assert takes_back(scene.absent(scene.every()) if going else scene.present(wants), number) == []


@given(wanted(), wanted(), st.integers(0, 40), st.booleans())
def test_what_was_done_before_a_refusal_is_undone(first, wants, number, going):
    scene = Scene()
    settles(scene.present(first))
    errand = scene.absent(scene.every()) if going else scene.present(wants)
    assert takes_back_what_was_refused(errand, number) == []


@settings(max_examples=400)
@given(scenes(), st.booleans())
def test_no_nic_is_lost_whatever_happened(scene, ended):
    if ended:
        for container in IDENTITIES:
            scene.host.stop(container)
    assert settles(scene.absent(scene.every()))
    after = scene.picture()
    # What was made from it brought it up.
    after["links"]["eth3"]["up"] = False
    same(scene.origin, after)


def _wants(**changes):
    options = {"container": "web1", "nic": "eth1", "kind": "physical", "interface": "lan0", **changes}
    return (model.parse({name: value for name, value in options.items() if value is not None}),)


def test_one_that_came_back_under_a_name_of_the_kernels_is_found_by_its_mark():
    scene = Scene()
    settles(scene.present(_wants(interface="eth2")))
    scene.host.stop("web1")
    assert scene.kernel.host.links["dev0"].mac == NICS["eth1"]
    told = lines(scene.absent(_wants(container="web2")).plan())
    assert told == [
        "put NIC eth1, which came back as dev0, back as it was: eth1, up, address 192.0.2.2/24, "
        "address 192.0.2.3/24, address fd00:99::2/64, 1 route"
    ]
    scene.host.start("web1")
    assert lines(scene.present(_wants(interface="eth2")).plan())[0] == "move NIC eth1 into web1 as eth2"
    scene.kernel.host.new_link("eth1", "", "02:00:00:00:0e:77")
    with pytest.raises(Refused, match="'eth1' was the name of the NIC that is dev0 by now"):
        scene.present(_wants()).plan()
    # Nobody's name is taken for it.
    assert scene.absent(_wants(container="web2")).plan() == []


def test_nics_that_must_stay_are_refused():
    scene = Scene()
    own = scene.kernel.host
    scene.host.without_wire.add("eth2")
    with pytest.raises(Refused, match="eth2 is wireless, and leaves this host only with all of its radio"):
        scene.present(_wants(nic="eth2")).plan()
    scene.host.session = "192.0.2.3"
    with pytest.raises(Refused, match="eth1 would leave this host, and it carries the SSH session by which this was"):
        scene.present(_wants()).plan()
    own.new_link("eth3.7", "vlan").lower = own.links["eth3"]
    with pytest.raises(Refused, match=r"eth3 would leave this host, and eth3\.7, of kind vlan, is on it"):
        scene.present(_wants(nic="eth3")).plan()
    own.new_link("bond0", "bond")
    with pytest.raises(Refused, match="bond0 is a bond, which the kernel keeps in its network namespace"):
        scene.present(_wants(nic="bond0")).plan()
    own.links["eth3"].alternative_names.append("lan0")
    own.delete("eth3.7")
    with pytest.raises(Refused, match="interface: 'lan0' is an alternative name of eth3"):
        scene.present(_wants(nic="eth3")).plan()


def test_a_real_nic_is_told_of_only_where_it_takes_addresses_away():
    scene = Scene()
    (told,) = surprises(*scene.state(_wants()))
    assert "leaves this host with 192.0.2.2/24, 192.0.2.3/24, fd00:99::2/64" in told
    assert surprises(*scene.state(_wants(nic="eth2"))) == []


def test_a_nic_that_moves_has_nothing_else_of_the_list_on_it_nor_in_a_vlan_of_it():
    scene = Scene()
    for kind in ("macvlan", "ipvlan"):
        for vlan in (None, 100):
            beside = _wants(container="web2", kind=kind, vlan=vlan)
            for both in (_wants() + beside, beside + _wants()):
                with pytest.raises(Refused, match="eth1 is to be lan0 of container web1, and lan0 of .*web2 asks"):
                    scene.present(both).plan()


def test_one_in_a_container_is_in_no_vlan_of_the_host():
    scene = Scene()
    assert settles(scene.present(_wants()))
    moved = scene.host.namespaces["web1"].links["lan0"]
    assert scene.absent(_wants(kind="macvlan", vlan=100)).plan() == []
    # The kernel counts interfaces of each namespace anew.
    assert settles(scene.present(_wants(container="web2", nic="eth2", kind="ipvlan", vlan=100)))
    moved.index = scene.kernel.host.links["eth2"].index
    both = _wants() + _wants(container="web2", nic="eth2", kind="ipvlan")
    assert [line for line in lines(scene.present(both).plan()) if "eth2.100" in line] == [
        "delete eth2.100, on which nothing is any more"
    ]
    moved.index = scene.kernel.host.links["eth2.100"].index
    assert scene.present(_wants() + _wants(container="web2", nic="eth2", kind="ipvlan", vlan=100)).plan() == []


def test_what_becomes_the_nic_itself_leaves_none_of_its_rules_behind():
    scene = Scene()
    rules = [{"from": "10.0.0.1", "table": 7}]
    assert settles(scene.present(_wants(kind="macvlan", rules=rules, addresses=["10.0.0.1/24"])))
    assert settles(scene.present(_wants()))
    assert scene.host.namespaces["web1"].rules.shown == []


@pytest.mark.parametrize("nic", ["eth1", NICS["eth1"]])
@pytest.mark.parametrize("vlan", [None, 100])
def test_what_is_made_from_a_nic_is_on_the_one_that_is_so_called_once_all_are_back(nic, vlan):
    scene = Scene()
    both = _wants(interface="eth2") + _wants(nic="eth2", interface="eth1")
    assert settles(scene.present(both))
    scene.host.stop("web1")
    host = scene.kernel.host
    assert [host.links[name].mac for name in ("eth1", "eth2")] == [NICS["eth2"], NICS["eth1"]]
    assert settles(scene.present(_wants(container="web2", kind="macvlan", nic=nic, vlan=vlan)))
    made = scene.host.namespaces["web2"].links["lan0"]
    assert host.links["eth1.100" if vlan else "eth1"] is made.lower and host.links["eth1"].mac == NICS["eth1"]
    scene.host.start("web1")
    settles(scene.absent(scene.every()))
    assert settles(scene.present(_wants(interface="lan0") + _wants(nic="eth2", container="web2", interface="eth1")))
    scene.host.stop("web2")
    with pytest.raises(Refused, match="eth1 was moved into container web1 as lan0, and is not on this host"):
        scene.present(_wants(kind="macvlan", nic=nic, vlan=vlan, interface="eth5")).plan()


@pytest.mark.parametrize("number", range(10))
def test_nothing_is_said_not_to_be_undone_of_nics_that_have_each_others_names(number):
    scene = Scene()
    assert settles(scene.present(_wants(interface="eth2") + _wants(nic="eth2", interface="eth1")))
    scene.host.stop("web1")
    errand = scene.present(_wants(container="web2", kind="macvlan"))
    try:
        engine.apply([*errand.plan()[:number], Breakdown("")], scene.host)
    except engine.OperationFailed as failure:
        assert failure.not_undone == []
    assert settles(errand) and scene.kernel.host.links["eth1"].mac == NICS["eth1"]

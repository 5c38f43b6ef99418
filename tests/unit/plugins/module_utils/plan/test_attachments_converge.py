# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach, over random lists of attachments wanted on random hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.host import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import DEFAULT
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_state import describe, predict, unsettled
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.wiring import EXTERNAL_ID
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import BRIDGES, Scene, scenes, wanted
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    recovers,
    same,
    settles,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import given
from hypothesis import strategies as st


def made(scene: Scene, wants: Sequence[Attachment], purge: str | None = None) -> Errand:
    return Errand(scene.host, scene.present(wants, purge))


def removed(scene: Scene, wants: Sequence[Attachment]) -> Errand:
    return Errand(scene.host, scene.absent(wants))


def of_others(scene: Scene) -> Any:
    """What is neither an attachment's nor a default route (which a gateway is asked to take over)."""
    picture: Any = scene.host.picture()
    outers = {link.name for link in scene.kernel.host.links.values() if link.peer and not link.name.startswith("vethd")}
    picture["ovs"] = {name: port for name, port in picture["ovs"].items() if EXTERNAL_ID not in dict(port.external_ids) and name not in outers}
    for place in scene.host.places:
        here = picture[place or "host"]
        foreign = {name for name in here["links"] if name.startswith("vethd") or not _is_attachment(scene, place, name)}
        here["links"] = {name: here["links"][name] for name in foreign}
        for name in ("br0", "br1", "docker0"):
            # A bridge whose MTU and MAC were left to the kernel follows its ports.
            here["links"].get(name, {}).update(mtu=None, mac=None)
        here["routes"] = {entry for entry in here["routes"] if entry.link in foreign and entry.destination not in DEFAULT.values()}
    return picture


def _is_attachment(scene: Scene, place: str, name: str) -> bool:
    link = scene.host.places[place].links[name]
    return link.peer is not None and (link.alias.startswith(MARK) or not (name == "eth0" or link.peer.name == "eth0"))


@given(scenes(), wanted())
def test_a_second_run_finds_nothing_to_do(scene, wants):
    before = of_others(scene)
    if settles(made(scene, wants)):
        same(before, of_others(scene))
        assert unsettled(*scene.ends(wants)) == ""


@given(scenes(), wanted())
def test_what_was_asked_for_is_there(scene, wants):
    if not settles(made(scene, wants)):
        return
    for want in wants:
        link = scene.host.places[want.target.value].links[want.interface]
        outer = link.peer
        assert link.up and outer.up and outer.alias.startswith(f"{MARK} {want.interface} {want.target.kind} ")
        if want.bridge.startswith("ovs"):
            port = scene.host.ovs_ports[outer.name]
            assert (port.bridge, port.tag, outer.master) == (want.bridge, want.vlan, None)
            assert link.tx_checksum is False or want.bridge != "ovs1"
        else:
            assert outer.master.name == want.bridge and outer.name not in scene.host.ovs_ports
        if want.addresses is not None:
            assert {a for a in link.addresses if not a.startswith("fe80")} == {a for a in want.addresses if not a.startswith("fe80")}
        assert link.mtu == outer.mtu == (want.mtu or link.mtu) and (want.mac or link.mac) == link.mac
        table = {(entry.destination, entry.gateway, entry.link.name) for entry in link.namespace.table}
        for entry in want.routes or ():
            assert (entry.destination, entry.gateway, want.interface) in table
        for gateway in want.gateways:
            assert (DEFAULT[6 if ":" in gateway else 4], gateway, want.interface) in table


@given(scenes(), wanted())
def test_check_mode_predicts_what_a_run_makes(scene, wants):
    errand = made(scene, wants)
    if errand.planned() is not None:
        predicted = predict(*scene.ends(wants))
        settles(errand)
        for expected, shown in zip(predicted, describe(*scene.ends(wants)), strict=True):
            same(expected, {name: shown.get(name) for name in expected})


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_run_that_was_killed_is_made_good_by_the_next(scene, wants, patience):
    recovers(made(scene, wants), patience)


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_run_that_fails_leaves_the_host_as_it_was(scene, wants, place):
    assert takes_back(made(scene, wants), place) == []


@given(scenes(), wanted(), st.sampled_from(BRIDGES))
def test_purge_takes_away_what_is_ours_on_the_bridge_and_not_wanted(scene, wants, bridge):
    before = of_others(scene)
    if settles(made(scene, wants, bridge)):
        same(before, of_others(scene))
        kept = {scene.host.places[want.target.value].links[want.interface].peer.name for want in wants}
        for link in scene.kernel.host.links.values():
            on_it = scene.host.ovs_ports[link.name].bridge == bridge if link.name in scene.host.ovs_ports else link.master and link.master.name == bridge
            assert not (link.alias.startswith(MARK + " ") and on_it and link.name not in kept)


@given(scenes(), wanted(), st.sampled_from(BRIDGES), st.integers(0, 60))
def test_a_purge_that_was_killed_is_made_good_by_the_next(scene, wants, bridge, patience):
    recovers(made(scene, wants, bridge), patience)


@given(scenes(), wanted(), st.sampled_from(BRIDGES), st.integers(0, 60))
def test_a_purge_that_fails_owns_up_to_what_it_can_not_bring_back(scene, wants, bridge, place):
    lost = takes_back(made(scene, wants, bridge), place)
    assert all(line.startswith(("delete veth", "remove port")) for line in lost), lost


@given(scenes(), wanted(6), st.sets(st.sampled_from(["web1", "web2"])))
def test_absent_leaves_nothing_of_ours_and_all_of_others(scene, wants, stopped):
    for place in stopped:
        scene.host.stop(place)
    before = of_others(scene)
    if settles(removed(scene, wants)):
        same(before, of_others(scene))
        for want in wants:
            if want.target.value in scene.host.places:
                assert want.interface not in scene.host.places[want.target.value].links
            says = f"{MARK} {want.interface} {want.target.kind} {want.target.value}"
            assert not any(f"{link.alias} ".startswith(f"{says} ") for link in scene.kernel.host.links.values())


@given(scenes(), wanted(6), st.integers(0, 20))
def test_absent_that_was_killed_is_made_good_by_the_next(scene, wants, patience):
    recovers(removed(scene, wants), patience)


@given(scenes(), wanted(6), st.integers(0, 20))
def test_absent_that_fails_brings_the_attachments_back(scene, wants, place):
    assert takes_back(removed(scene, wants), place) == []


def test_a_default_route_that_goes_over_to_another_interface_is_not_put_back():
    """The first interface loses its last address, with which its routes are dropped and put back, after the second took the route over."""
    scene = Scene(SimKernel())
    common = {"container": "web1", "bridge": "br0"}
    first = attachment.parse_list([{**common, "addresses": ["10.0.0.11/24", "10.0.0.10/16"], "gateway": "10.0.0.1"}], {})
    assert settles(made(scene, first))
    wants = attachment.parse_list([{**common, "interface": "eth2", "gateway": "10.0.0.1"}, {**common, "addresses": []}], {})
    assert settles(made(scene, wants))
    assert {entry.link.name for entry in scene.host.places["web1"].table if entry.destination == "0.0.0.0/0"} == {"eth2"}


def test_a_container_that_was_restarted_leaves_open_vswitch():
    """The port of before is still in the database, and its name is the new veth's."""
    scene = Scene(SimKernel())
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": "ovs0", "vlan": 5}], {})))
    scene.host.stop("web1")
    scene.start("web1")
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": "br0"}], {})))
    assert set(scene.host.ovs_ports) == {"tap9"}


@given(scenes(), wanted(), wanted())
def test_the_way_there_does_not_matter(scene, first, wants):
    """Whatever was asked for before: in the end it is what was asked for last."""
    if settles(made(scene, first)):
        settles(made(scene, wants))

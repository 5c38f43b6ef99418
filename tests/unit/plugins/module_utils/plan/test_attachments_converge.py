# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach, over random lists of attachments wanted on random hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, route
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import (
    ANY_BRIDGE,
    Attachment,
    Purge,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import EXTERNAL_ID, MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import DEFAULT, PROTOCOL
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_result import (
    describe,
    neighbours_needed,
    predict,
    unsettled,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import HostSide
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import (
    BRIDGES,
    Scene,
    scenes,
    wanted,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    recovers,
    same,
    settles,
    takes_back,
    takes_back_what_was_refused,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import given
from hypothesis import strategies as st

# By VLAN whether it is the PVID, and whether it leaves untagged; of VLANs below 10.
_KERNEL_VLANS = {
    Vlans("access", 5): {5: (True, True)},
    Vlans("access", 6): {6: (True, True)},
    Vlans("trunk"): dict.fromkeys(range(1, 10), (False, False)),
    Vlans("trunk", None, (5, 6, 7)): dict.fromkeys((5, 6, 7), (False, False)),
    Vlans("native-untagged", 5, (6,)): {5: (True, True), 6: (False, False)},
    Vlans("native-tagged", 5): {**dict.fromkeys(range(1, 10), (False, False)), 5: (True, False)},
}


def made(scene: Scene, wants: Sequence[Attachment], bridge: str | None = None) -> Errand:
    return Errand(scene.host, scene.present(wants, Purge(bridge) if bridge is not None else None))


def removed(scene: Scene, wants: Sequence[Attachment]) -> Errand:
    return Errand(scene.host, scene.absent([replace(want, bridge=ANY_BRIDGE) for want in wants]))


def of_others(scene: Scene) -> Any:
    """What is neither an attachment's nor a default route (which a gateway is asked to take over)."""
    picture: Any = scene.host.picture()
    host_veths = {
        link.name for link in scene.kernel.host.links.values() if link.peer and not link.name.startswith("vethd")
    }
    picture["guards"] = {guard for guard in picture["guards"] if guard.port not in host_veths}
    picture["ovs"] = {
        name: port
        for name, port in picture["ovs"].items()
        if EXTERNAL_ID not in dict(port.external_ids) and name not in host_veths
    }
    for netns in scene.host.namespaces:
        here = picture[netns or "host"]
        foreign = {name for name in here["links"] if name.startswith("vethd") or not _is_attachment(scene, netns, name)}
        here["links"] = {name: here["links"][name] for name in foreign}
        for name in ("br0", "br1", "docker0"):
            # A bridge whose MTU and MAC were left to the kernel follows its ports.
            here["links"].get(name, {}).update(mtu=None, mac=None)
        here["routes"] = {each for each in here["routes"] if each.link in foreign and not each.is_default}
        # Sysctls of the whole container are asked for.
        here.update(sysctls=None, defaults=None, rules=[rule for rule in here["rules"] if rule[0] < PROTOCOL])
    return picture


def _is_attachment(scene: Scene, netns: str, name: str) -> bool:
    link = scene.host.namespaces[netns].links[name]
    return link.peer is not None and (link.alias.startswith(MARK) or not (name == "eth0" or link.peer.name == "eth0"))


@given(scenes(), wanted())
def test_a_second_run_finds_nothing_to_do(scene, wants):
    before = of_others(scene)
    if settles(made(scene, wants)):
        same(before, of_others(scene))
        assert unsettled(*scene.sides(wants)) == ""


@given(scenes(), wanted())
def test_what_was_asked_for_is_there(scene, wants):
    if not settles(made(scene, wants)):
        return
    for want in wants:
        link = scene.host.namespaces[want.target.value].links[want.interface]
        host_veth = link.peer
        assert link.up and host_veth.up and host_veth.alias.startswith(f"{MARK} {want.interface} {want.target.kind} ")
        if want.bridge.startswith("ovs"):
            port = scene.host.ovs_ports[host_veth.name]
            assert (port.bridge, port.vlans, host_veth.master) == (want.bridge, want.vlans or Vlans("trunk"), None)
            assert link.tx_checksum is False or want.bridge != "ovs1"
        else:
            assert host_veth.master.name == want.bridge and host_veth.name not in scene.host.ovs_ports
            shown = {vlan: flags for vlan, flags in host_veth.vlans.items() if vlan < 10}
            default = host_veth.master.bridge["vlan_default_pvid"]
            assert shown == (_KERNEL_VLANS[want.vlans] if want.vlans else {default: (True, True)} if default else {})
        if want.addresses is not None:
            assert {a for a in link.addresses if not a.startswith("fe80")} == {
                a for a in want.addresses if not a.startswith("fe80")
            }
        assert link.mtu == host_veth.mtu == (want.mtu or link.mtu) and (want.mac or link.mac) == link.mac
        table = {entry.route.key: entry.shown() for entry in link.namespace.table}
        for entry in want.routes or ():
            assert table[entry.key].leads_as(entry)
        for gateway in want.gateways:
            shown = table[DEFAULT[6 if ":" in gateway else 4], 1024 if ":" in gateway else 0]
            assert (shown.gateway, shown.link) == (gateway, want.interface)


@given(scenes(), wanted())
def test_check_mode_predicts_what_a_run_makes(scene, wants):
    errand = made(scene, wants)
    if errand.planned() is not None:
        predicted = predict(*scene.sides(wants))
        settles(errand)
        for expected, shown in zip(predicted, describe(*scene.sides(wants)), strict=True):
            same(expected, {name: shown.get(name) for name in expected})
            same(expected.get("routes"), shown.get("routes"))


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_run_that_was_killed_is_made_good_by_the_next(scene, wants, patience):
    recovers(made(scene, wants), patience)


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_run_that_fails_leaves_the_host_as_it_was(scene, wants, index):
    assert takes_back(made(scene, wants), index) == []


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_request_that_the_kernel_refuses_leaves_the_host_as_it_was(scene, wants, number):
    assert takes_back_what_was_refused(made(scene, wants), number) == []


@given(scenes(), wanted(), st.sampled_from(BRIDGES))
def test_purge_takes_away_what_is_ours_on_the_bridge_and_not_wanted(scene, wants, bridge):
    before = of_others(scene)
    if settles(made(scene, wants, bridge)):
        same(before, of_others(scene))
        kept = {scene.host.namespaces[want.target.value].links[want.interface].peer.name for want in wants}
        for link in scene.kernel.host.links.values():
            on_it = (
                scene.host.ovs_ports[link.name].bridge == bridge
                if link.name in scene.host.ovs_ports
                else link.master and link.master.name == bridge
            )
            assert not (link.alias.startswith(MARK + " ") and on_it and link.name not in kept)


@given(scenes(), wanted(), st.sampled_from(BRIDGES), st.integers(0, 60))
def test_a_purge_that_was_killed_is_made_good_by_the_next(scene, wants, bridge, patience):
    recovers(made(scene, wants, bridge), patience)


@given(scenes(), wanted(), st.sampled_from(BRIDGES), st.integers(0, 60))
def test_a_purge_that_fails_owns_up_to_what_it_can_not_bring_back(scene, wants, bridge, index):
    lost = takes_back(made(scene, wants, bridge), index)
    # With an interface went the routes through it.
    gone = [
        found.groups() for line in lost if (found := re.match(r"delete veth \S+ of (\S+) of container (\S+):", line))
    ]
    through = tuple(f"dev {interface} in {container}:" for interface, container in gone)
    others = [line for line in lost if not line.startswith(("delete veth", "remove port"))]
    assert all(any(words in line for words in through) for line in others), lost


@given(scenes(), wanted(6), st.sets(st.sampled_from(["web1", "web2"])))
def test_absent_leaves_nothing_of_ours_and_all_of_others(scene, wants, stopped):
    for netns in stopped:
        scene.host.stop(netns)
    before = of_others(scene)
    if settles(removed(scene, wants)):
        same(before, of_others(scene))
        for want in wants:
            if want.target.value in scene.host.namespaces:
                assert want.interface not in scene.host.namespaces[want.target.value].links
            says = f"{MARK} {want.interface} {want.target.kind} {want.target.value}"
            assert not any(f"{link.alias} ".startswith(f"{says} ") for link in scene.kernel.host.links.values())


def _bridges(scene: Scene) -> dict[str, str]:
    """The bridge that each link of ours is on."""
    of_links = {
        link.name: link.master.name
        for link in scene.kernel.host.links.values()
        if link.alias.startswith(MARK + " ") and link.master
    }
    return {
        **of_links,
        **{port.name: port.bridge for port in scene.host.ovs_ports.values() if EXTERNAL_ID in dict(port.external_ids)},
    }


@given(scenes(), wanted(6))
def test_absent_from_a_bridge_leaves_what_is_on_another(scene, wants):
    named = {want.bridge for want in wants}
    others = {name: bridge for name, bridge in _bridges(scene).items() if bridge not in named}
    if settles(Errand(scene.host, scene.absent(wants))):
        same(others, {name: bridge for name, bridge in _bridges(scene).items() if name in others})


@pytest.mark.parametrize(("first", "second"), [("br0", "br1"), ("br1", "ovs0"), ("ovs0", "ovs1"), ("ovs1", "br0")])
@pytest.mark.parametrize("stopped", [False, True])
def test_absent_from_the_bridge_that_an_attachment_has_left(first, second, stopped):
    """Taking down what was made for one bridge leaves containers that have moved to another."""
    scene = Scene(SimKernel())
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": second}], {})))
    if stopped:
        scene.host.stop("web1", lives_on=True)
    before = scene.host.picture()
    assert settles(
        Errand(scene.host, scene.absent(attachment.parse_list([{"container": "web1", "bridge": first}], {})))
    )
    same(before, scene.host.picture())
    assert scene.absent(attachment.parse_list([{"container": "web1", "bridge": second}], {}))()


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(("first", "second"), [("br1", "br0"), ("br1", "ovs0"), ("br0", "br1"), ("br0", "ovs1")])
@pytest.mark.parametrize("index", range(6))
def test_a_move_to_another_bridge_that_fails_gives_the_port_back_as_it_was(first, second, isolated, index):
    scene = Scene(SimKernel())
    if isolated:
        scene.host.icc_rules = IccRules(off=frozenset({first}))
    vlan = {"vlan": 5} if first == "br1" else {}
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": first, **vlan}], {})))
    moved = made(scene, attachment.parse_list([{"container": "web1", "bridge": second}], {}))
    assert takes_back(moved, index) == []
    assert settles(moved)


def test_absent_takes_away_what_is_on_no_bridge_any_more():
    scene = Scene(SimKernel())
    wants = attachment.parse_list([{"container": "web1", "bridge": "br1"}], {})
    assert settles(made(scene, wants))
    scene.kernel.host.delete("br1")
    assert settles(Errand(scene.host, scene.absent(wants)))
    assert "eth1" not in scene.host.namespaces["web1"].links


def test_a_longer_list_takes_only_as_much_longer_to_plan():
    def effort(count: int) -> int:
        kernel = SimKernel()
        scene = Scene(kernel)
        routes = [[{"destination": f"10.{number}.0.0/16", "gateway": f"203.0.113.{number}"}] for number in range(count)]
        items = [
            {"netns": "/run/netns/probe", "interface": f"eth{number}", "routes": routes[number]}
            for number in range(count)
        ]
        wants = attachment.parse_list(items, {"bridge": "br0"})
        with mock.patch.object(route, "host", wraps=route.host) as called:
            scene.present(wants)()
            predict(*scene.sides(wants))
        return called.call_count

    assert 0 < effort(40) == 2 * effort(20)


@given(scenes(), wanted(6), st.integers(0, 20))
def test_absent_that_was_killed_is_made_good_by_the_next(scene, wants, patience):
    recovers(removed(scene, wants), patience)


@given(scenes(), wanted(6), st.integers(0, 20))
def test_absent_that_fails_brings_the_attachments_back(scene, wants, index):
    for ns in scene.host.namespaces.values():
        for link in ns.links.values():
            link.sysctls["ipv4/promote_secondaries"] = ns.defaults[
                "ipv4/promote_secondaries"
            ]  # what a correction switched on is not looked at
    assert takes_back(removed(scene, wants), index) == []


def test_a_default_route_that_goes_over_to_another_interface_is_not_put_back():
    """The first interface loses its last address, after the second took the route over.

    With that address its routes are dropped, and put back.
    """
    scene = Scene(SimKernel())
    common = {"container": "web1", "bridge": "br0"}
    first = attachment.parse_list(
        [{**common, "addresses": ["10.0.0.11/24", "10.0.0.10/16"], "gateway": "10.0.0.1"}], {}
    )
    assert settles(made(scene, first))
    wants = attachment.parse_list(
        [{**common, "interface": "eth2", "gateway": "10.0.0.1"}, {**common, "addresses": []}], {}
    )
    assert settles(made(scene, wants))
    assert {entry.link.name for entry in scene.host.namespaces["web1"].table if entry.destination == "0.0.0.0/0"} == {
        "eth2"
    }


def test_a_container_that_was_restarted_leaves_open_vswitch():
    """The port of before is still in the database, and its name is the new veth's."""
    scene = Scene(SimKernel())
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": "ovs0", "vlan": 5}], {})))
    scene.host.stop("web1")
    scene.start("web1")
    assert settles(made(scene, attachment.parse_list([{"container": "web1", "bridge": "br0"}], {})))
    assert set(scene.host.ovs_ports) == {"tap9"}


@pytest.mark.parametrize(
    "routes",
    [
        [{"destination": "10.20.0.0/16", "gateway": "10.0.0.1"}, {"destination": "10.30.0.0/16"}],
        [
            {"destination": "10.20.0.0/16", "gateway": "203.0.113.1"},
            {"destination": "203.0.113.7/32"},
            {"destination": "fd00:30::/48"},
        ],
        [{"destination": "203.0.113.0/24", "metric": 9}, {"destination": "10.20.0.0/16", "gateway": "203.0.113.1"}],
        [{"destination": "10.30.0.0/16"}],
    ],
)
@pytest.mark.parametrize("gateway", [None, "10.0.0.1", "203.0.113.9"])
def test_what_is_shown_gives_all_routes_back(routes, gateway):
    scene = Scene(SimKernel())
    options = {
        "netns": "/run/netns/probe",
        "bridge": "br0",
        "addresses": ["10.0.0.10/24", "fd00:5::10/64"],
        "gateway": gateway,
        "routes": routes,
    }
    wants = attachment.parse_list([options], {})
    predicted = predict(*scene.sides(wants))
    assert settles(made(scene, wants))
    shown = describe(*scene.sides(wants))
    key = {(entry["destination"], entry.get("gateway"), entry["metric"]) for entry in shown[0]["routes"]}
    assert key == {(entry.destination, entry.gateway, entry.metric) for entry in wants[0].routes}
    assert predicted[0]["routes"] == shown[0]["routes"] and shown[0].get("gateway") == gateway
    assert scene.present(attachment.parse_list(shown, {}))() == []


@given(scenes(), wanted())
def test_what_is_shown_keeps_all_routes_when_it_is_given_back(scene, wants):
    if settles(made(scene, wants)):
        before = scene.host.picture()
        # A gateway may be there without an address, which can't be asked for; addresses that weren't may not be all. A
        # MAC that is asked for is what its port is bound to, whatever it was bound to before.
        shown = describe(*scene.sides(wants))
        for want, entry in zip(wants, shown, strict=True):
            for name in ("gateway", "gateway6", *(["addresses"] if want.addresses is None else []), "mac"):
                entry.pop(name, None)
        assert settles(made(scene, attachment.parse_list(shown, {})))
        same(before, scene.host.picture())


@given(scenes(), wanted(), wanted())
def test_the_way_there_does_not_matter(scene, first, wants):
    """Whatever was asked for before: in the end it is what was asked for last."""
    if settles(made(scene, first)):
        settles(made(scene, wants))


@pytest.mark.parametrize("mtu", [1500, 1000])
def test_check_mode_knows_which_routes_an_interface_keeps(mtu):
    """Their gateway may be out of reach by now: IPv4 keeps them all the same, and a small MTU takes all of IPv6."""
    scene = Scene(SimKernel())
    options = {"netns": "/run/netns/probe", "bridge": "br0", "interface": "eth1"}
    routes = [{"destination": "10.20.0.0/16", "gateway": "10.0.0.1"}]
    for first in ({"addresses": ["10.0.0.10/24", "10.7.0.1/24"], "routes": routes}, {"gateway6": "fd00:5::1"}):
        assert settles(made(scene, attachment.parse_list([{**options, **first}], {})))
    scene.host.namespaces["/run/netns/probe"].remove_address("eth1", "10.0.0.10/24")
    wants = attachment.parse_list([{**options, "mtu": mtu}], {})
    (predicted,) = predict(*scene.sides(wants))
    assert settles(made(scene, wants))
    (shown,) = describe(*scene.sides(wants))
    same(predicted, {name: shown.get(name) for name in predicted})
    assert predicted.get("routes") == shown["routes"] and predicted.get("gateway6") == shown.get("gateway6")
    assert ("gateway6" in shown) == (mtu == 1500)


@pytest.mark.parametrize("containers", [4, 5])
def test_containers_that_can_fill_the_table_of_neighbours_are_a_warning(containers):
    links = {f"pf{number}": Link(number, f"pf{number}", "veth", peer_netns=number) for number in range(containers)}
    links["own"] = Link(99, "own", "veth", peer=98)  # between two interfaces of the host
    warned = neighbours_needed(HostSide(NetworkState(links), {}), 9)
    assert [f"5 containers on bridges can need {2 * containers}" in text for text in warned] == [True] * (
        containers == 5
    )

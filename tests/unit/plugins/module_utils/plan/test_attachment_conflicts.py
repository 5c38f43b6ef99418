# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An address or MAC that an attachment is to bring to a bridge where another container, or the host, has it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import OvsPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import Scene
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import Errand, settles
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel

ADDRESS, OTHER, MAC = "10.0.0.10/24", "10.0.0.11/24", "02:00:00:00:00:0a"


@pytest.fixture
def scene():
    return Scene(SimKernel())


def make(scene, *items, bridge="br0", purge=None):
    wants = attachment.parse_list(items, {"bridge": bridge})
    errand = Errand(scene.host, scene.present(wants, purge))
    errand.plan()  # raises what settles() passes over
    assert settles(errand)


def refused(scene, sentence, *items, bridge="br0", purge=None):
    before = scene.host.picture()
    with pytest.raises(Refused, match=f"^{re.escape(sentence)}$"):
        make(scene, *items, bridge=bridge, purge=purge)
    assert scene.host.picture() == before


def web(number, **options):
    return {"container": f"web{number}", **options}


@pytest.mark.parametrize(
    ("bridge", "vlan", "where"),
    [
        ("br0", {}, "br0"),
        ("ovs0", {}, "ovs0"),
        ("br1", {}, "br1, in VLAN 1,"),
        ("ovs0", {"vlan": 5}, "ovs0, in VLAN 5,"),
    ],
)
def test_an_address_that_another_container_has_is_refused(scene, bridge, vlan, where):
    make(scene, web(1, addresses=[OTHER, "fd00::1/64"], **vlan), bridge=bridge)
    for asked in ("10.0.0.11/16", "fd00::1/64"):
        sentence = (
            f"addresses: {asked} is asked for for eth1 of container web2, and eth1 of container web1 has it on {where} "
            "already; give another, or detach that one first (state absent)"
        )
        refused(scene, sentence, web(2, addresses=[asked], **vlan), bridge=bridge)


def test_an_address_that_is_added_to_an_attachment_is_compared_as_well(scene):
    make(scene, web(1, addresses=[ADDRESS]), web(2, addresses=[OTHER]))
    with pytest.raises(Refused, match="addresses: 10.0.0.10/24 is asked for for eth1 of container web2"):
        make(scene, web(2, addresses=[OTHER, ADDRESS]))


@pytest.mark.parametrize("bridge", ["br0", "ovs0"])
def test_a_mac_that_another_container_has_is_refused(scene, bridge):
    make(scene, web(1, mac=MAC), bridge=bridge)
    sentence = (
        f"mac: {MAC} is to be that of eth1 of container web2, and eth1 of container web1 has it on {bridge} already; "
        "give one of them another mac or mac_seed"
    )
    refused(scene, sentence, web(2, mac=MAC), bridge=bridge)


def test_a_mac_that_the_list_leaves_to_its_owner_is_compared(scene):
    make(scene, web(1, mac=MAC))
    with pytest.raises(Refused, match=f"mac: {MAC} is to be that of eth1 of container web2"):
        make(scene, web(1, addresses=[ADDRESS]), web(2, mac=MAC))


def test_addresses_that_the_list_leaves_to_their_owner_are_compared(scene):
    make(scene, web(1, addresses=[ADDRESS]))
    with pytest.raises(Refused, match="addresses: 10.0.0.10/24 is asked for for eth1 of container web2"):
        make(scene, web(1), web(2, addresses=[ADDRESS]))


def test_what_others_have_made_is_named_by_its_port(scene):
    port = next(name for name in scene.kernel.host.links if name.startswith("vethd"))
    scene.kernel.host.set(port, master="docker0")
    sentence = (
        "addresses: 172.17.0.2/16 is asked for for eth1 of container web2, and the container behind "
        f"{port} has it on docker0 already; give another, or take it from that one first"
    )
    refused(scene, sentence, web(2, addresses=["172.17.0.2/16"]), bridge="docker0")


def test_an_address_of_this_host_is_refused_where_it_speaks_ip_on_the_bridge(scene):
    scene.kernel.host.add_address("br0", "10.0.0.1/24")
    scene.kernel.host.add_address("docker0", "172.17.0.1/16")
    sentence = (
        "addresses: 172.17.0.1/24 is asked for for eth1 of container web2, and is an address of docker0 of this host, "
        "which is reached by br0 too; give another"
    )
    refused(scene, sentence, web(2, addresses=["172.17.0.1/24"]))


@pytest.mark.parametrize("held", [True, False])
def test_an_address_of_this_host_is_free_where_it_does_not_speak_ip(scene, held):
    scene.kernel.host.add_address("docker0", "172.17.0.1/16")
    scene.kernel.host.add_address("br0", "fe80::1/64")
    vlan = {"vlan": 5} if held else {}
    if held:
        scene.kernel.host.add_address("br1", "10.0.0.1/24")
    make(scene, web(2, addresses=["172.17.0.1/24"], **vlan), bridge="br1" if held else "br0")


def test_another_bridge_or_vlan_has_addresses_of_its_own(scene):
    make(scene, web(1, addresses=[ADDRESS], mac=MAC))
    for bridge, vlan in (("br1", {"vlan": 5}), ("br1", {"vlan": 6}), ("ovs0", {"vlan": 5}), ("ovs0", {})):
        scene.start("web2")
        make(scene, web(2, addresses=[ADDRESS], mac=MAC, **vlan), bridge=bridge)
        scene.host.stop("web2")


def test_a_trunk_is_not_compared(scene):
    make(scene, web(1, addresses=[ADDRESS], mac=MAC, vlan=5), bridge="br1")
    make(scene, web(2, addresses=[ADDRESS], mac=MAC, trunks=[5, 6]), bridge="br1")


def test_a_move_to_where_another_has_the_address_is_refused(scene):
    make(scene, web(1, addresses=[ADDRESS], vlan=5), bridge="br1")
    make(scene, web(2, addresses=[ADDRESS], vlan=6), bridge="br1")
    with pytest.raises(Refused, match="eth1 of container web1 has it on br1, in VLAN 5, already"):
        make(scene, web(2, addresses=[ADDRESS], vlan=5), bridge="br1")
    make(scene, web(2, interface="eth2", addresses=[OTHER]))
    make(scene, web(1, interface="eth2", addresses=["10.0.0.12/24"]), bridge="ovs0")
    make(scene, web(1, interface="eth2", addresses=[OTHER]), bridge="ovs0")
    with pytest.raises(Refused, match="eth2 of container web2 has it on br0 already"):
        make(scene, web(1, interface="eth2", addresses=[OTHER]))


def test_vlans_that_ovs_vlan_port_set_count(scene):
    make(scene, web(1, addresses=[ADDRESS]), web(2, addresses=[OTHER]), bridge="ovs0")
    port = next(port for port in scene.host.ovs_ports.values() if "web1" in str(port.external_ids))
    scene.host.ovs_ports[port.name] = OvsPort(port.name, "ovs0", 7, external_ids=port.external_ids)
    make(scene, web(2, addresses=[ADDRESS]), bridge="ovs0")


def test_a_port_that_joins_in_recorded_vlans_is_compared_there(scene):
    make(scene, web(1, addresses=[ADDRESS], vlan=5), bridge="ovs0")
    (want,) = attachment.parse_list([web(2, addresses=[ADDRESS])], {"bridge": "ovs0"})
    for vlan, free in ((5, False), (6, True)):
        errand = Errand(scene.host, scene.present([replace(want, joins_in=(Vlans("access", vlan), ""))]))
        assert (errand.planned() is not None) is free


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_what_ovs_vlan_port_tags_later_is_not_compared_before(scene, name):
    make(scene, web(1, addresses=[ADDRESS]), bridge="ovs0")
    scene.tagged_later = {("ovs0", "container", name, "eth1")}
    make(scene, web(2, addresses=[ADDRESS]), bridge="ovs0")


def test_addresses_change_hands_within_a_list(scene):
    make(scene, web(1, addresses=[ADDRESS], mac=MAC), web(2, addresses=[OTHER]))
    make(scene, web(1, addresses=[OTHER], mac="02:00:00:00:00:0b"), web(2, addresses=[ADDRESS], mac=MAC))
    make(scene, web(1, addresses=[]), web(2, addresses=[ADDRESS, OTHER]))


def test_a_purge_with_an_owner_takes_what_bears_its_name_alone(scene):
    """The addresses of what stays are no more to be had than before."""
    lan = attachment.Purge("ovs0", "lan")
    make(scene, web(1, addresses=[ADDRESS], owner="vlans"), bridge="ovs0")
    make(scene, web(1, interface="eth2", addresses=[OTHER], owner="lan"), bridge="ovs0")
    with pytest.raises(Refused, match="eth1 of container web1 has it on ovs0 already"):
        make(scene, web(2, addresses=[ADDRESS]), bridge="ovs0", purge=lan)
    make(scene, web(2, addresses=[OTHER]), bridge="ovs0", purge=lan)
    assert sorted(link.alias.split()[1] + link.alias.split()[3] for link in scene.ours()) == ["eth1web1", "eth1web2"]
    make(scene, web(2, owner="vlans"), bridge="ovs0")
    make(scene, bridge="ovs0", purge=attachment.Purge("ovs0", "vlans"))
    assert scene.ours() == []
    sentence = "owner: 'lan' is noted on ports of Open vSwitch alone, and br0 is a Linux bridge; leave it out"
    refused(scene, sentence, web(1, owner="lan"))
    refused(scene, sentence, purge=attachment.Purge("br0", "lan"))


@pytest.mark.parametrize("bridge", ["br0", "ovs0"])
def test_addresses_of_what_is_purged_go_to_others(scene, bridge):
    make(scene, web(1, addresses=[ADDRESS], mac=MAC), bridge=bridge)
    make(scene, web(2, addresses=[ADDRESS], mac=MAC), bridge=bridge, purge=attachment.Purge(bridge))


@pytest.mark.parametrize("bridge", ["br0", "ovs0"])
def test_a_container_is_not_in_its_own_way(scene, bridge):
    """Moved, restarted with its old namespace still there, its interface deleted or renamed by hand."""
    item = web(1, addresses=[ADDRESS], mac=MAC)
    make(scene, item, bridge="br1")
    make(scene, item, bridge=bridge)
    scene.host.stop("web1", lives_on=True)
    scene.start("web1")
    make(scene, item, bridge=bridge)
    namespace = scene.host.namespaces["web1"]
    namespace.set("eth1", up=False)
    namespace.rename("eth1", "moved")
    make(scene, item, bridge=bridge)
    scene.kernel.host.delete(namespace.links["eth1"].peer.name)
    make(scene, item, bridge=bridge)


def test_two_interfaces_of_a_container_share_an_address(scene):
    make(scene, web(1, addresses=[ADDRESS]))
    make(scene, web(1, interface="eth2", addresses=[ADDRESS]))


def test_link_local_addresses_are_everybodys(scene):
    make(scene, web(1, addresses=["fe80::10/64"]))
    make(scene, web(2, addresses=["fe80::10/64"]))


def test_only_what_could_be_in_the_way_is_looked_at(scene):
    first, second = web(1, addresses=[ADDRESS], mac=MAC), web(2, addresses=[OTHER])
    make(scene, first)
    assert scene.host.asked_peers == []
    make(scene, first, web(1, interface="eth2"))
    assert scene.host.asked_peers == []
    make(scene, first, second)
    assert scene.host.asked_peers  # eth2 of web1, whose addresses the list leaves to it
    scene.host.asked_peers.clear()
    for items in ([first, second], [second], [web(1), web(2)]):
        make(scene, *items)
        assert scene.host.asked_peers == []

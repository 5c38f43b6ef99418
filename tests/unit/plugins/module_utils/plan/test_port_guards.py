# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ports of attachments are to let in: what is asked for, known, and seen, in this order.

That plans converge: test_attachments_converge.py, test_icc_policy_converges.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import ANY_BRIDGE
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import attachment_guards
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_match import find_all
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import Scene
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel

DENIED = {"security": {"mac_spoofing": "deny"}}


@pytest.fixture(name="scene")
def fixture_scene():
    return Scene(SimKernel())


def make(scene, bridge="br0", **options):
    """Attach probe, and return what its port lets in: MAC, addresses and whether no router advertisements."""
    items = [{"netns": "probe", "bridge": bridge, "interface": "eth1", **options}]
    engine.apply(scene.present(attachment.parse_list(items, {}))(), scene.host)
    assert scene.present(attachment.parse_list(items, {}))() == []
    found = [(guard.mac, guard.addresses, guard.no_adverts) for guard in scene.host.guard_rules.guards]
    peer = scene.host.namespaces["/run/netns/probe"].links["eth1"]
    assert peer.peer.bound == ({found[0][0]} if found and found[0][0] else set())
    return (*found, peer)


def test_a_port_is_bound_to_what_was_asked_for_and_not_to_what_the_container_makes_of_it(scene):
    scene.host.icc_rules = IccRules(frozenset({"br0"}))
    guard, peer = make(scene, addresses=["10.0.0.9/24", "fd00::9/64", "fe80::9/64"])
    assert guard == (peer.mac, ("10.0.0.9", "fd00::9"), True)
    own = peer.mac
    peer.namespace.set("eth1", mac="02:99:00:00:00:99")
    peer.namespace.add_address("eth1", "10.0.0.200/24")
    assert make(scene)[0] == guard
    # The rules are gone, and the bridge knows the MAC still.
    scene.host.guard_rules = type(scene.host.guard_rules)()
    assert make(scene, addresses=["10.0.0.9/24"])[0] == (own, ("10.0.0.9",), True)
    assert make(scene, mac="02:00:00:00:00:05", security={"address_spoofing": "allow"})[0] == (
        "02:00:00:00:00:05",
        None,
        True,
    )
    assert make(scene)[0] == ("02:00:00:00:00:05", None, True)
    assert make(scene, addresses=[], security={})[0] == ("02:00:00:00:00:05", (), True)
    # On a bridge that isn't isolated nothing is denied that nobody asked for.
    assert len(make(scene, bridge="br1")) == 1


def test_of_addresses_that_nobody_gave_none_are_denied(scene):
    scene.host.icc_rules = IccRules(frozenset({"br0"}))
    guard, peer = make(scene)
    assert guard == (peer.mac, None, True) and peer.peer.alias.endswith(" +d")
    assert make(scene, addresses=["10.0.0.9/24"])[0] == (peer.mac, ("10.0.0.9",), True)
    assert make(scene)[0] == (peer.mac, ("10.0.0.9",), True)


def test_a_container_whose_port_comes_again_is_bound_to_its_new_mac(scene):
    scene.host.icc_rules = IccRules(frozenset({"br0"}))
    guard, _peer = make(scene, addresses=["10.0.0.9/24"], mac="02:00:00:00:00:05")
    scene.host.stop("/run/netns/probe")
    scene.start("/run/netns/probe")
    again, peer = make(scene, addresses=["10.0.0.9/24"])
    assert again[0] == peer.mac != guard[0]


def test_a_port_that_does_not_come_back_is_not_bound_again_where_its_removal_is_undone(scene):
    scene.host.icc_rules = IccRules(frozenset({"br0"}))
    wants = attachment.parse_list([{"container": "web2", "bridge": "br0", "addresses": ["10.0.0.9/24"]}], {})
    engine.apply(scene.present(wants)(), scene.host)
    scene.host.stop("web2", lives_on=True)  # whatever keeps the namespace, the container is not there any more
    going = Errand(scene.host, scene.absent([replace(want, bridge=ANY_BRIDGE) for want in wants]))
    for index in range(4):
        assert takes_back(going, index) == []


def test_what_can_not_be_checked_is_refused_or_warned_of(scene):
    with pytest.raises(Refused) as refused:
        make(scene, bridge="ovs0", **DENIED)
    assert str(refused.value) == (
        "security: ovs0 is an Open vSwitch bridge, and what eth1 of netns /run/netns/probe sends is checked on "
        "Linux bridges only; give security: {}, or use a Linux bridge"
    )
    scene.host.can_guard = False
    with pytest.raises(MissingFeature) as missing:
        make(scene, **DENIED)
    assert str(missing.value).startswith("security: the program nft, and Linux 4.20 or later")
    scene.host.icc_rules = IccRules(frozenset({"br0"}))
    assert len(make(scene)) == 1
    wants = attachment.parse_list([{"netns": "probe", "bridge": "br0", "interface": "eth1"}], {})
    sides, host_side = scene.sides(wants)
    found = find_all([(want, side) for want, side in sides if side is not None], host_side)
    (told,) = attachment_guards.warnings(found, host_side)
    assert told.startswith("containers of br0 can use each other's MACs and addresses: the program nft")

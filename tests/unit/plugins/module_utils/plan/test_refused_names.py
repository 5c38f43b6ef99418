# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that other links bear, beside their own (ip link property add … altname), or bore just before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import attachment as attachment_plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge as bridge_plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge_deletion
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import (
    LINUX,
    AttachedBridgeState,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.bridge import BridgeState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import Scene
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel

LINKS = (
    Link(2, "wan1", alternative_names=("enp1s0",)),
    Link(3, "br9", "bridge", alternative_names=("lan",)),
)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"members": ["enp1s0"]}, "members[0]: 'enp1s0' is an alternative name of wan1; give wan1"),
        (
            {"vlan_filtering": True, "port_vlans": [{"port": "enp1s0", "tag": 5}]},
            "port_vlans[0].port: 'enp1s0' is an alternative name of wan1; give wan1",
        ),
        (
            {"name": "lan"},
            "name: 'lan' is an alternative name of br9 on this host; give br9, or choose another name, "
            "or take it off (ip link property del dev br9 altname lan)",
        ),
        (
            {"name": "enp1s0"},
            "name: 'enp1s0' is an alternative name of wan1 on this host; choose another name, "
            "or take it off (ip link property del dev wan1 altname enp1s0)",
        ),
    ],
)
def test_bridge(options, sentence):
    have = BridgeState(NetworkState({link.name: link for link in LINKS}))
    with pytest.raises(Refused) as refused:
        bridge_plan.present(bridge.parse({"name": "br0", **options}), have)
    assert str(refused.value) == sentence


def test_a_bridge_that_would_be_gone_only_by_its_own_name():
    have = BridgeState(NetworkState({link.name: link for link in LINKS}))
    with pytest.raises(Refused, match="^name: 'lan' is an alternative name of br9 on this host; give br9"):
        bridge_deletion.absent("lan", have, force=False)
    assert bridge_deletion.absent("enp1s0", have, force=False) == []


@pytest.fixture
def scene():
    return Scene(SimKernel())


def parsed(**item):
    return attachment.parse_list([{"bridge": "br0", **item}], {})


def attach(scene, **item):
    engine.apply(scene.present(parsed(**item))(), scene.host)


def test_names_that_are_alternative_names_of_other_links(scene):
    attach(scene, container="web1")
    (web1,) = scene.ours()
    assert web1.alternative_names == ["web1-eth1"]
    scene.kernel.host.links["br0"].alternative_names = ["lan"]
    scene.kernel.host.links["tap9"].alternative_names = ["vm"]
    scene.host.namespaces["web1"].links["eth0"].alternative_names = ["front"]
    for options, sentence in (
        (
            {"container": "web2", "host_interface": "web1-eth1"},
            f"host_interface: 'web1-eth1' is taken on this host as an alternative name of {web1.name}; "
            f"choose another, or take it off (ip link property del dev {web1.name} altname web1-eth1)",
        ),
        (
            {"container": "web1", "interface": "front"},
            "interface: 'front' is taken in web1 as an alternative name of eth0; choose another, or take it off there "
            "(ip link property del dev eth0 altname front)",
        ),
        ({"container": "web2", "bridge": "lan"}, "bridge: 'lan' is an alternative name of br0; give br0"),
    ):
        with pytest.raises(Refused) as refused:
            scene.present(parsed(**options))()
        assert str(refused.value) == sentence
    # As its own name, it may have it.
    attach(scene, container="web1", host_interface="web1-eth1")
    assert web1.name == "web1-eth1" and scene.present(parsed(container="web1"))() == []


def test_a_bridge_that_an_earlier_task_would_not_make(scene):
    """In check mode, a bridge that is not there counts as made, but for one that can't be."""
    scene.kernel.host.links["br0"].alternative_names = ["lan"]
    ((want, side),), host_side = scene.sides(parsed(container="web2", bridge="lan"))
    host_side = replace(host_side, bridges={"lan": AttachedBridgeState(LINUX, 1500, assumed=True)})
    with pytest.raises(Refused, match="^bridge: 'lan' is an alternative name of br0; give br0$"):
        attachment_plan.present([(want, side)], host_side)


def test_a_stale_veth_is_not_in_the_way_of_its_alternative_name(scene):
    attach(scene, container="web1")
    scene.host.stop("web1", lives_on=True)
    scene.start("web1")
    attach(scene, container="web1", host_interface="web1-eth1")
    assert [link.name for link in scene.ours()] == ["web1-eth1"]


def test_a_host_veth_whose_other_end_goes_while_it_is_looked_at(scene):
    attach(scene, container="web2")
    (host_veth,) = scene.ours()
    ((want, side),), host_side = scene.sides(parsed(container="web2"))
    side = replace(side, network=NetworkState({}))
    with pytest.raises(Refused) as refused:
        attachment_plan.present([(want, side)], host_side)
    assert str(refused.value) == (
        f"host_interface: '{host_veth.name}' was there when this host was looked at, and its other end in web2 was "
        "gone right after; stop what else deletes or renames it, and run the task again"
    )

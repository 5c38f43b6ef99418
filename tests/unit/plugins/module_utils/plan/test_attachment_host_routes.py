# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host routes to gateways outside of an attachment's subnets: who keeps them, and with what they go."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_result import predict
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import Scene
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import Errand, settles
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel


def _made(scene: Scene, wants: Sequence[Attachment]) -> Errand:
    return Errand(scene.host, scene.present(wants, None))


def _host_routes(scene: Scene) -> set[str]:
    return {
        entry.destination
        for entry in scene.host.namespaces["/run/netns/probe"].table
        if entry.destination.endswith(("/32", "/128"))
    }


def test_another_gateway_off_the_link_takes_the_host_route_of_the_old_one_along():
    scene = Scene(SimKernel())
    options = {"netns": "/run/netns/probe", "bridge": "br0", "addresses": ["10.0.0.10/24", "fd00:5::10/64"]}
    for gateway, gateway6 in (("192.168.5.1", "fd00:9::1"), ("192.168.6.1", "fd00:9::2")):
        wants = attachment.parse_list([{**options, "gateway": gateway, "gateway6": gateway6}], {})
        predicted = predict(*scene.sides(wants))
        assert settles(_made(scene, wants))
        assert _host_routes(scene) == {f"{gateway}/32", f"{gateway6}/128"}
        assert "routes" not in predicted[0]
    assert settles(_made(scene, attachment.parse_list([{**options, "gateway": "10.0.0.1"}], {})))
    assert _host_routes(scene) == {"fd00:9::2/128"}


def test_the_host_route_of_an_old_gateway_stays_for_another_route():
    scene = Scene(SimKernel())
    options = {"netns": "/run/netns/probe", "bridge": "br0", "addresses": ["10.0.0.10/24"]}
    routes = [{"destination": "10.20.0.0/16", "gateway": "192.168.5.1"}]
    assert settles(_made(scene, attachment.parse_list([{**options, "gateway": "192.168.5.1", "routes": routes}], {})))
    assert settles(_made(scene, attachment.parse_list([{**options, "gateway": "10.0.0.1"}], {})))
    assert _host_routes(scene) == {"192.168.5.1/32"}


def test_a_host_route_is_kept_for_routes_of_its_own_interface_alone():
    """Another interface reaches the same gateway by itself; once that one loses it, nothing may be left to do."""
    scene = Scene(SimKernel())
    common = {"container": "web1", "bridge": "br0"}
    first = [
        {**common, "interface": "eth1", "gateway6": "fd00:5::1"},
        {**common, "interface": "eth2", "routes": [{"destination": "fd00:5::1/128", "metric": 7}]},
    ]
    assert settles(_made(scene, attachment.parse_list(first, {})))
    second = [
        {**common, "interface": "eth1", "mtu": 1000},
        {**common, "interface": "eth2", "addresses": [], "routes": []},
    ]
    assert settles(_made(scene, attachment.parse_list(second, {})))
    assert not [entry for entry in scene.host.namespaces["web1"].table if entry.destination == "fd00:5::1/128"]

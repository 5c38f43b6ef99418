# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A link whose settings the kernel took in part is put back to what it was, and the kernel's reason goes on."""

from __future__ import annotations

import errno

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import bridge_vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.link_operations import (
    SetLink,
    of_same_keys,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import HOST
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)

VLANS = bridge_vlans.default(7)


@pytest.fixture
def host():
    host = SimulatedHost()
    ns = host.kernel.host
    for name in ("br0", "br1"):
        ns.new_link(name, "bridge")
        ns.change_bridge(name, {"vlan_filtering": 1})
    ns.new_link("port0", "veth")
    ns.new_link("tun0", "tun").ethernet = False
    return host


def fails(host, name, new, known, code=errno.EINVAL):
    before = host.picture()
    with pytest.raises(engine.OperationFailed) as failed:
        engine.apply([SetLink(HOST, name, new, of_same_keys(known, new))], host)
    assert isinstance(failed.value.__cause__, KernelError) and failed.value.__cause__.code == code
    assert host.picture() == before


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("more", [{}, {"isolated": True}, {"floods": False}, {"vlans": VLANS, "isolated": True}])
def test_a_link_that_no_bridge_takes(host, up, more):
    host.kernel.host.set("tun0", up=up)
    known = {"master": "", "up": up, "isolated": False, "floods": True, "vlans": None}
    fails(host, "tun0", {"master": "br0", "up": True, **more}, known)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("refused", ["br0", "vlans"])
def test_a_port_that_goes_to_another_bridge(host, monkeypatch, isolated, refused):
    ns = host.kernel.host
    ns.set("port0", master="br1", up=True)
    ns.isolate("port0", isolated)
    known = {"master": "br1", "up": True, "isolated": isolated, "floods": True, "vlans": bridge_vlans.default(1)}
    if refused == "vlans":
        real = ns.add_vlans

        def full(name, vlans):
            monkeypatch.setattr(ns, "add_vlans", real)
            raise KernelError(f"set VLANs of {name}", errno.ENOMEM, "")

        monkeypatch.setattr(ns, "add_vlans", full)
        code = errno.ENOMEM
    else:
        code = errno.EBUSY
        host.kernel.busy_bridges = {"br0"}
    fails(host, "port0", {"master": "br0", "isolated": True, "vlans": VLANS, "up": True}, known, code)


def test_an_mtu_that_was_not_taken_is_not_set_again(host):
    # A bridge follows its smallest port only as long as its own MTU was never set.
    with pytest.raises(engine.OperationFailed):
        engine.apply([SetLink(HOST, "br0", {"mtu": 70000}, {"mtu": 1500})], host)
    assert not host.kernel.host.links["br0"].mtu_is_set


def test_what_can_not_be_put_back_hides_no_reason(host):
    with pytest.raises(engine.OperationFailed, match="No such device"):
        engine.apply([SetLink(HOST, "gone", {"up": True}, {"up": False})], host)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of ports' VLANs is read once, whatever a run wants to know of it."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import VLAN_PORT, Record
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import ACCESS, Vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import recorded_vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import (
    LINUX,
    OVS,
    AttachedBridgeState,
    HostSide,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import NetworkState

WEB1 = Record(
    VLAN_PORT,
    ("ovs0", "container", "web1", "eth1"),
    {"bridge": "ovs0", "container": "web1", "interface": "eth1", "tag": 100, "owner": "lab"},
)


class FakeStore:
    """The record, which counts how often it is read."""

    reads = 0

    def __init__(self, mend):
        assert not mend

    def read(self, kind):
        assert kind == VLAN_PORT
        FakeStore.reads += 1
        return {WEB1.key: WEB1}


def test_a_run_reads_them_once_and_only_where_it_asks(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded_vlans, "Store", FakeStore)
    monkeypatch.setattr(recorded_vlans, "FOLDER", str(tmp_path))
    ports = recorded_vlans.RecordedPorts()
    linux, switch = (HostSide(NetworkState({}), {"b": AttachedBridgeState(kind, 1500)}) for kind in (LINUX, OVS))
    assert ports.tagged_later(linux) == frozenset()
    assert FakeStore.reads == 0, "on a Linux bridge nothing is tagged later"
    for _look in range(3):
        assert ports.tagged_later(switch) == {WEB1.key}
        assert ports.vlans() == {WEB1.key: (Vlans(ACCESS, 100), "lab")}
    assert FakeStore.reads == 1

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was chosen once outlives restarts, as the bridge keeps it."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.fleet_scenes import fleet


def test_what_was_chosen_is_chosen_again_after_all_containers_restarted():
    """Whoever came first has the place that its names lead to.

    Without what the bridges keep, the order of names would decide.
    """
    vlans = {"web": {"id": 100, "subnet": "192.168.0.0/29"}}
    names = [f"c{number}" for number in range(5)]

    def entries(*those):
        return [{"container": name, "vlan": "web"} for name in those]

    def given(found):
        attachments = vlan_fleet.attachments(found, "hosta")
        return {entry["container"]: entry["addresses"][0] for entry in attachments}

    def kept(found):
        return vlan_fleet.external_ids(found, "hosta", {"hosta": {"bridge": "ovs0"}}, {})

    def seen(ids, **holding):
        attached = [
            {"container": name, "interface": "eth1", "bridge": "ovs0", "vlan": 100, "addresses": [address]}
            for name, address in holding.items()
        ]
        return {"hosta": {"attachments": attached, "ovs_bridges": [{"name": "ovs0", "external_ids": ids}]}}

    shown, ids, addresses = {}, {}, {}
    for number in range(len(names), 0, -1):
        found = fleet(shown, vlans, hosta=entries(*names[number - 1 :]))
        ids, addresses = kept(found), given(found)
        shown = seen(ids, **addresses)
    assert len(set(addresses.values())) == len(names)
    # The host was restarted: nothing is attached.
    everybody = entries(*names)
    assert given(fleet(seen({}), vlans, hosta=everybody)) != addresses
    again = fleet(seen(ids), vlans, hosta=everybody)
    assert given(again) == addresses and kept(again) == ids
    # What is asked for, and what is in use, goes first; what somebody else wrote there does no harm.
    (first, taken), *_rest = addresses.items()
    other = next(name for name in names if name != first)
    asked = [entry if entry["container"] != other else {**entry, "address": taken} for entry in everybody]
    moved = given(fleet(seen(ids), vlans, hosta=asked))
    assert moved[other] == taken != moved[first]
    for broken in ("", "[]", "{", '{"container=c1 eth1": 7, "x": ["y"]}', '["a"]'):
        assert fleet(seen({"multi_host_vlan_addresses": broken}), vlans, hosta=everybody).problems == ()
    # Where nothing is chosen any more, nothing is kept.
    gone = fleet(seen(ids), vlans, hosta=[])
    assert vlan_fleet.external_ids(gone, "hosta", {"hosta": {"bridge": "ovs0"}}, seen(ids)) == {
        "multi_host_vlan_addresses": "{}"
    }
    assert vlan_fleet.external_ids(gone, "hosta", {"hosta": {"bridge": "ovs0"}}, seen({})) == {}

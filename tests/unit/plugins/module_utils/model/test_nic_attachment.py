# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of nic_attach that can't be right, and what is recorded of those that are."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import nic_attachment as model
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import record, record_objects

ON_ETH1 = {"container": "web1", "nic": "eth1", "kind": "macvlan"}


@pytest.mark.parametrize(
    "changes,sentence",
    [
        ({"mode": "l3"}, "mode: 'l3' is no mode of kind macvlan; give private, vepa, bridge or passthru"),
        ({"kind": "ipvlan", "mode": "vepa"}, "mode: 'vepa' is no mode of kind ipvlan; give l2, l3 or l3s"),
        ({"kind": "ipvlan", "mac": "02:00:00:00:00:01"}, "mac: .* is mutually exclusive with kind ipvlan, whose inter"),
        ({"kind": "ipvlan", "mac_seed": "web1"}, "mac_seed: 'web1' is mutually exclusive with kind ipvlan"),
        ({"kind": "ipvlan", "addresses": ["dhcp"]}, "addresses: 'dhcp' is not for kind ipvlan: a DHCP server tells"),
        (
            {"kind": "physical", "mode": "bridge"},
            "mode: 'bridge' is of kinds macvlan and ipvlan, and none of kind phys",
        ),
        (
            {"kind": "physical", "vlan": 100},
            "vlan: 100 is not for kind physical, which is the NIC itself with the fram",
        ),
        ({"vlan": 0}, "vlan: 0 is out of range; give 1 to 4094"),
        ({"vlan": 4095}, "vlan: 4095 is out of range; give 1 to 4094"),
        ({"vlan": 100, "nic": "*"}, "vlan: 100 is one of a NIC's, and none is named; give nic, too"),
    ],
)
def test_options_that_can_not_be_right(changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        model.parse({**ON_ETH1, **changes})


def test_one_is_asked_for_again_as_it_was():
    for options in (
        {},
        {"vlan": 100},
        {"kind": "ipvlan"},
        {"kind": "ipvlan", "mode": "l3s", "vlan": 7},
        {"kind": "physical"},
    ):
        want = model.parse({**ON_ETH1, **options})
        assert model.parse(record_objects.of_nic_attachment(want).options) == want
    assert model.parse({**ON_ETH1, "kind": "ipvlan"}).mode == "l2"


@pytest.mark.parametrize("alone", [{"mode": "passthru"}, {"kind": "ipvlan"}, {"kind": "physical"}])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("shown", [{}, {"mac": "02:00:00:00:00:01"}])
def test_what_comes_to_have_the_nics_mac_is_recorded_without_one(alone, given, shown):
    mac = {"mac": "02:00:00:00:00:01"}
    before = record_objects.of_nic_attachment(model.parse({**ON_ETH1, **(mac if given else {})}))
    before = before._replace(chosen={} if given else mac)
    after = record_objects.of_nic_attachment(model.parse({**ON_ETH1, **alone}))
    assert "mac" not in record.merged(before, after, shown).options


def test_a_vlan_that_is_not_asked_for_any_more_leaves_the_record():
    before = record_objects.of_nic_attachment(model.parse({**ON_ETH1, "vlan": 100, "mtu": 1400}))
    after = record_objects.of_nic_attachment(model.parse(ON_ETH1))
    merged = record.merged(before, after, {"mtu": 1400})
    assert "vlan" not in merged.want and str(before).endswith("from NIC eth1, VLAN 100")
    assert str(merged).endswith("from NIC eth1")


def test_what_comes_to_be_the_nic_itself_is_recorded_without_what_that_has_not():
    before = {**ON_ETH1, "vlan": 100, "mode": "vepa", "rules": [{"from": "10.0.0.1", "table": 7}]}
    itself = {**ON_ETH1, "kind": "physical"}
    after = record_objects.of_nic_attachment(model.parse(itself))
    merged = record.merged(record_objects.of_nic_attachment(model.parse(before)), after, {})
    assert model.parse(merged.options) == model.parse(itself)
    with_mac = record_objects.of_nic_attachment(model.parse({**itself, "mac": "02:00:00:00:00:01"}))
    assert record.merged(with_mac, after, {"mac": "02:00:00:00:00:01"}).options["mac"] == "02:00:00:00:00:01"

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs as they are asked for, and as the kernel keeps them of a Linux bridge's port."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import bridge_vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, merged
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans
from hypothesis import given
from hypothesis import strategies as st

OWN = VlanRange(5, 5, True, True)
OWN_TAGGED = VlanRange(5, 5, True, False)


@pytest.mark.parametrize(
    ("wanted", "kept", "text"),
    [
        (Vlans("access", 5), (OWN,), "5 untagged (PVID)"),
        (Vlans("trunk"), (VlanRange(1, 4094),), "1-4094 tagged"),
        (Vlans("trunk", None, (7, 8, 10)), (VlanRange(7, 8), VlanRange(10, 10)), "7-8,10 tagged"),
        (
            Vlans("native-untagged", 5),
            (VlanRange(1, 4), OWN, VlanRange(6, 4094)),
            "5 untagged (PVID), 1-4,6-4094 tagged",
        ),
        (Vlans("native-untagged", 5, (5, 6)), (OWN, VlanRange(6, 6)), "5 untagged (PVID), 6 tagged"),
        (
            Vlans("native-tagged", 5, (4, 6)),
            (VlanRange(4, 4), OWN_TAGGED, VlanRange(6, 6)),
            "5 tagged (PVID), 4,6 tagged",
        ),
    ],
)
def test_modes(wanted, kept, text):
    assert bridge_vlans.of_port(wanted) == kept
    assert bridge_vlans.described(kept) == text


@given(
    st.sets(st.sampled_from([1, 2, 3, 7, 8, 4093, 4094])), st.none() | st.sampled_from([1, 5, 8, 4094]), st.booleans()
)
def test_what_can_be_asked_for_comes_back_as_it_is_kept(tagged, pvid, untagged):
    own = [VlanRange(pvid, pvid, True, untagged)] if pvid else []
    kept = merged([*(VlanRange(vlan, vlan) for vlan in tagged if vlan != pvid), *own])
    wanted = bridge_vlans.as_wanted(kept)
    assert (wanted is None) == (kept == ())
    assert wanted is None or bridge_vlans.of_port(wanted) == kept


def test_what_nothing_asks_for_has_no_options():
    assert bridge_vlans.as_wanted((OWN, VlanRange(6, 6, False, True))) is None


def test_all_other_vlans():
    assert bridge_vlans.outside(()) == [(1, 4094)]
    assert bridge_vlans.outside((VlanRange(1, 4), OWN, VlanRange(7, 4094))) == [(6, 6)]
    assert bridge_vlans.outside((VlanRange(2, 4093),)) == [(1, 1), (4094, 4094)]
    assert bridge_vlans.outside((VlanRange(1, 4094),)) == []

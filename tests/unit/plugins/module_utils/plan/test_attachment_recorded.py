# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An address or MAC that is asked for, and that the record keeps for a container that may not run now."""

from __future__ import annotations

import re

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record_objects import of_attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import attachment_recorded

ADDRESS, OTHER, MAC, ID = "10.0.0.10/24", "10.0.0.11/24", "02:00:00:00:00:0a", "3f2a91c05d17"
WEB1 = {"container": "web1", "addresses": [ADDRESS], "mac": MAC}


def wanted(*items):
    return attachment.parse_list(items, {"bridge": "br0"})


def recorded(*items):
    """Records as runs have left them one after the other, in lists of their own."""
    return [of_attachment(want) for item in items for want in wanted(item)]


def check(items, records, purge=None, tagged_later=()):
    wants = wanted(*items)
    attachment_recorded.check(wants, wants, records, purge, tagged_later)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"addresses": [OTHER, "10.0.0.10/16"]}, "addresses: 10.0.0.10/16"),
        ({"mac": MAC.upper()}, f"mac: {MAC}"),
    ],
)
def test_what_is_recorded_for_another_container_is_refused(asked, said):
    sentence = (
        f"{said} is asked for for eth1 of container web2, and is recorded for eth1 of container web1 on br0; "
        "give another, or take that one out of the record first "
        '(state absent, or: pipefitter forget "eth1 of container web1")'
    )
    for record in (recorded(WEB1)[0], recorded({"container": "web1"})[0]._replace(chosen=WEB1)):
        with pytest.raises(Refused, match=f"^{re.escape(sentence)}$"):
            check([{"container": "web2", **asked}], [record])


@pytest.mark.parametrize(
    ("own", "asked"),
    [
        ({"vlan": 5}, {"vlan": 5}),
        ({"addresses": [OTHER]}, {}),  # what is added to its own
        ({"vlan": 5}, {}),  # its VLAN stays
        ({"bridge": "br1"}, {}),  # it comes from another bridge
    ],
)
def test_its_own_record_does_not_excuse_what_is_new(own, asked):
    common = {"vlan": 5} if own.get("vlan") else {}
    before = recorded({**WEB1, **common}, {"container": "web2", "addresses": [ADDRESS], **own, **asked})
    before[1] = before[1]._replace(want={**before[1].want, "addresses": [OTHER]})
    with pytest.raises(Refused, match="is recorded for eth1 of container web1 on br0"):
        check([{"container": "web2", "addresses": [ADDRESS], **asked}], before)


@pytest.mark.parametrize(
    "asked",
    [
        {"container": "web2", "addresses": [OTHER]},
        {"container": "web2", "addresses": [ADDRESS], "bridge": "br1"},
        {"container": "web2", "addresses": [ADDRESS], "vlan": 5},
        {"container": "web2", "addresses": [ADDRESS], "trunks": [5, 6]},
        {"container": "web1", "addresses": [ADDRESS], "interface": "eth2"},
        {"container": "web1", "addresses": [ADDRESS], "mac": MAC, "runtime": "podman"},
        {"container": ID, "addresses": [ADDRESS]},  # which may be web1
        {"pid": 7, "addresses": [ADDRESS]},
    ],
)
def test_what_is_in_nobodys_way(asked):
    check([asked], recorded(WEB1))


def test_two_old_records_that_contradict_each_other_stay():
    web2 = {**WEB1, "container": "web2"}
    check([web2], recorded(WEB1, web2))


def test_addresses_change_hands_within_a_list_and_by_a_purge():
    check(
        [{"container": "web1", "addresses": [], "mac": "02:00:00:00:00:0b"}, {**WEB1, "container": "web2"}],
        recorded(WEB1),
    )
    check([{**WEB1, "container": "web2"}], recorded(WEB1), purge=attachment.Purge("br0"))
    with pytest.raises(Refused, match="addresses: 10.0.0.10/24"):
        check([{**WEB1, "container": "web2"}, {"container": "web1"}], recorded(WEB1), purge=attachment.Purge("br0"))


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_vlans_that_ovs_vlan_port_gives_are_not_guessed(name):
    check([{**WEB1, "container": "web2"}], recorded(WEB1), tagged_later={("br0", "container", name, "eth1")})

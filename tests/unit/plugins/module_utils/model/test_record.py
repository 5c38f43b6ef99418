# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of what was asked for asks for the same."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import (
    attachment,
    record,
    record_objects,
    veth_link,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Target

ASKED = [
    {"container": "web1", "bridge": "br0"},
    {"container": "web1", "runtime": "podman", "bridge": "br0", "interface": "lan0", "host_interface": "to-web1"},
    {"netns": "probe", "bridge": "br0", "addresses": [], "routes": [], "ipv6": True},
    {
        "container": "web1",
        "bridge": "br0",
        "addresses": ["192.168.5.10/24", "2001:db8::a/64"],
        "gateway": "192.168.5.1",
        "gateway6": "2001:db8::1",
        "routes": [
            {"destination": "10.0.0.0/8", "gateway": "192.168.5.2"},
            {"destination": "fd00::/8"},
            {"destination": "10.9.0.0/16", "metric": 7},
        ],
        "mac": "02-00-00-00-00-AB",
        "mtu": 1400,
        "ipv6": True,
    },
    {"container": "web1", "bridge": "ovs0", "mac_seed": "a", "vlan": 100},
    {"container": "web1", "bridge": "ovs0", "vlan_mode": "trunk"},
    {"container": "web1", "bridge": "ovs0", "vlan_mode": "native-tagged", "vlan": 5, "trunks": "100,200-203"},
    {"pid": 17, "bridge": "br0"},
    {"pid": 17, "bridge": "br0", "rules": [], "sysctls": {}},
    {
        "container": "web1",
        "bridge": "br0",
        "interface": "lan0",
        "rules": [
            {"from": "10.0.0.1", "table": 100},
            {"family": "both", "fwmark": 7, "iif": "lan0", "table": "main"},
            {"to": "::/0", "type": "prohibit", "priority": 1, "fwmark": "0/0xff"},
        ],
        "sysctls": {
            "net.ipv4.conf.lan0.rp_filter": True,
            "net/ipv4/conf/eth0.7/tag": 3,
            "net.ipv4.tcp_rmem": " 1  2 3",
        },
    },
    {
        "container": "web1",
        "bridge": "br0",
        "routes": [
            {"destination": "0.0.0.0/0", "gateway": "10.0.0.1", "table": "100", "onlink": True, "mtu": 1400},
            {"destination": "::/0", "table": "local", "type": "throw", "metric": 5},
            {"destination": "10.1.0.0/16", "scope": "host", "src": "10.0.0.2"},
            {"destination": "10.2.0.0/16", "gateway": "10.0.0.1", "scope": "global", "table": "main"},
            {
                "destination": "10.3.0.0/16",
                "nexthops": [{"gateway": "10.0.0.1"}, {"gateway": "10.9.0.1", "interface": "eth2", "weight": 256}],
            },
        ],
    },
]


LINKS = [
    [{"container": "web1", "interface": "a"}, {"host": True, "interface": "b", "addresses": ["10.1.1.1/31"]}],
    [
        {"container": "web1", "runtime": "podman", "interface": "a", "gateway": "10.1.1.2", "mac_seed": "x"},
        {"netns": "probe", "interface": "b", "mtu": 9000, "ipv6": True, "routes": [{"destination": "10.3.0.0/16"}]},
    ],
]


@pytest.mark.parametrize("ends", LINKS)
def test_the_ends_of_a_link_are_asked_for_again_as_they_were_and_each_leads_to_the_other(ends):
    want = veth_link.parse({"ends": ends})
    made = [record_objects.of_link_end(end) for end in want.ends]
    kept = [record.Record(one.kind, one.key, json.loads(json.dumps(one.want))) for one in made]
    assert veth_link.parse({"ends": [record_objects.link_end_options(one) for one in kept]}) == want
    for one, other in (made, made[::-1]):
        assert record.Alike([other]).of(record_objects.other_link_end(one)) == [other]
        assert record.peer_of(one) == record.target_of(other)
    assert record.Alike(made).of(made[0]) == [made[0]] and made[0].bridge == ""


@pytest.mark.parametrize("options", ASKED)
def test_an_attachment_is_asked_for_again_as_it_was(options):
    want = attachment.parse(options)
    made = record_objects.of_attachment(want)
    # What comes back is what JSON made of it.
    again = attachment.parse(json.loads(json.dumps(made.want)))
    assert again == want
    assert [entry.details for entry in again.routes or ()] == [entry.details for entry in want.routes or ()]


def test_what_is_not_asked_for_again_is_wanted_still():
    old = record_objects.of_attachment(attachment.parse(ASKED[3]))
    new = record_objects.of_attachment(attachment.parse({"container": "web1", "bridge": "br0", "mtu": 1300}))
    shown = {"mac": old.want["mac"], "gateway": "192.168.5.1", "gateway6": "2001:db8::1", "mtu": 1300}
    assert record.merged(old, new, shown).want == {**old.want, "mtu": 1300}


def test_what_went_with_something_else_is_not_wanted_any_more():
    old = record_objects.of_attachment(attachment.parse(ASKED[3]))
    new = record_objects.of_attachment(
        attachment.parse({"container": "web1", "bridge": "br0", "addresses": ["10.0.0.5/24"]})
    )
    kept = record.merged(old, new, {"mac": old.want["mac"], "mtu": 1400})
    assert "gateway" not in kept.want and "gateway6" not in kept.want
    assert kept.want["mtu"] == 1400 and kept.want["addresses"] == ["10.0.0.5/24"]


def test_vlans_are_asked_for_as_one():
    old = record_objects.of_attachment(attachment.parse(ASKED[6]))
    new = record_objects.of_attachment(attachment.parse({"container": "web1", "bridge": "ovs0", "vlan": 7}))
    assert {name: record.merged(old, new, {}).want.get(name) for name in attachment.VLAN_OPTIONS} == {
        "vlan": 7,
        "vlan_mode": None,
        "trunks": None,
    }


def test_another_bridge_knows_nothing_of_what_was_asked_for_on_this_one():
    old = record_objects.of_attachment(attachment.parse({**ASKED[6], "mtu": 9000}))
    new = record_objects.of_attachment(attachment.parse({"container": "web1", "bridge": "br1"}))
    assert record.merged(old, new, {"mtu": 1500}).want == {**new.want}


def test_a_mac_that_was_chosen_gives_way_to_one_that_is_asked_for():
    old = record_objects.of_attachment(attachment.parse(ASKED[0]))._replace(chosen={"mac": "02:00:00:00:00:01"})
    new = record_objects.of_attachment(attachment.parse({**ASKED[0], "mac": "02:00:00:00:00:02"}))
    kept = record.merged(old, new, {"mac": "02:00:00:00:00:02"})
    assert kept.options["mac"] == "02:00:00:00:00:02" and kept.chosen == {}
    # And stays, where the next run doesn't ask.
    again = record.merged(kept, old._replace(chosen={}), {"mac": "02:00:00:00:00:02"})
    assert again.options["mac"] == "02:00:00:00:00:02"


@pytest.mark.parametrize(
    ("target", "lasting"),
    [
        (Target("container", "web1"), True),
        (Target("netns", "/run/netns/a"), True),
        (Target("netns", "/proc/17/ns/net"), False),
        (Target("pid", "17"), False),
    ],
)
def test_what_means_another_after_a_restart_is_not_recorded(target, lasting):
    assert record.lasts(target) is lasting

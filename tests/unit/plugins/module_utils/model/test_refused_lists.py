# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of attachments that can't be right: entries that want the same, options that must not be given with a list."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import attachment as kind
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import bridge as bridge_kind
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.refusals import ONE, complaint


@pytest.mark.parametrize(
    ("first", "second", "option", "found", "words"),
    [
        ({}, {}, "interface", "eth1", "is in attachments[0] for container web1 too; it must be unique"),
        (
            {"mac": "02:00:00:00:00:01"},
            {"container": "web2", "mac": "02-00-00-00-00-01"},
            "mac",
            "02:00:00:00:00:01",
            "is in attachments[0] too",
        ),
        (
            {"mac_seed": "x"},
            {"container": "web2", "mac_seed": "x"},
            "mac",
            "02:40:1b:30:e3:b8",
            "is in attachments[0] too",
        ),
        (
            {"host_interface": "w"},
            {"container": "web2", "host_interface": "w"},
            "host_interface",
            "w",
            "is in attachments[0] too",
        ),
        (
            {"addresses": ["10.0.0.2/24"]},
            {"container": "web2", "addresses": ["10.0.0.2/16"]},
            "addresses",
            "10.0.0.2/16",
            "is in attachments[0] too",
        ),
        (
            {"gateway": "10.0.0.1"},
            {"interface": "eth2", "gateway": "10.0.0.9"},
            "gateway",
            "10.0.0.9",
            "is a second default route of container web1, after that of attachments[0]; give it to one of the two",
        ),
        (
            {"routes": [{"destination": "10.20.0.0/16"}]},
            {"interface": "eth2", "routes": [{"destination": "10.20.0.0/16", "gateway": "10.0.0.1"}]},
            "routes",
            "10.20.0.0/16",
            "is a second route of that metric of container web1, after that of attachments[0]",
        ),
    ],
)
def test_list(first, second, option, found, words):
    def parse(items: Any) -> Any:
        return attachment.parse_list(items, {})

    complaint(parse, [{**ONE, **first}, {**ONE, **second}], f"attachments[1].{option}", found, words)


def test_a_name_and_its_path_are_one_namespace():
    items = [{"netns": "probe", "bridge": "br0"}, {"netns": "/run/netns/probe", "bridge": "br0"}]
    complaint(
        lambda options: attachment.parse_list(options, {}),
        items,
        "attachments[1].interface",
        "eth1",
        "for netns /run/netns/probe too",
    )


def test_an_address_may_be_on_two_segments():
    items = [
        {**ONE, "addresses": ["10.0.0.2/24"]},
        {"container": "web2", "bridge": "br1", "addresses": ["10.0.0.2/24"]},
    ]
    assert len(attachment.parse_list(items, {})) == 2


def test_an_error_in_a_list_says_its_place():
    complaint(
        lambda items: attachment.parse_list(items, {"bridge": "br0"}),
        [{"pid": 7}, {"pid": 8, "mtu": 1}],
        "attachments[1].mtu",
        1,
        "68 to 65535",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("container", "web1"), ("addresses", ["10.0.0.2/24"]), ("mac", "02:00:00:00:00:01"), ("host_interface", "w")],
)
def test_an_option_of_one_attachment_beside_the_list(option, value):
    options = {"state": "present", "attachments": [ONE], option: value}
    complaint(
        kind.parse,
        options,
        option,
        value,
        "is mutually exclusive with attachments; put it into the entry of the list that it is for",
    )


def test_a_gateway_beside_the_list_is_for_entries_with_addresses_of_its_family():
    common = {"bridge": "br0", "gateway": "10.0.0.1", "gateway6": "fd00::1"}
    items = [
        {"addresses": ["fd00::2/64"]},
        {"addresses": ["10.0.0.3/24"]},
        {"addresses": ["10.0.0.4/24", "fd00::4/64"]},
        {"addresses": []},
        {},
    ]
    parsed = attachment.parse_list([{"container": f"web{index}", **item} for index, item in enumerate(items)], common)
    both = ("10.0.0.1", "fd00::1")
    assert [one.gateways for one in parsed] == [("fd00::1",), ("10.0.0.1",), both, (), both]
    own = {"container": "web1", "addresses": ["fd00::2/64"], "gateway": "10.0.0.9"}
    complaint(
        lambda options: attachment.parse_list([options], common),
        own,
        "attachments[0].gateway",
        "10.0.0.9",
        "requires an IPv4 address in addresses",
    )
    wrong = {"container": "web1", "addresses": ["fd00::2/64"]}
    complaint(
        lambda options: attachment.parse_list([options], {**common, "gateway": "10.0.0"}),
        wrong,
        "gateway",
        "10.0.0",
        "is not an IPv4",
    )


# ---- bridges


@pytest.mark.parametrize(
    ("second", "option", "found", "words"),
    [
        ({}, "name", None, "is required; name the bridge"),
        ({"name": "br0"}, "name", "br0", "is in bridges[0] too; it must be unique"),
        ({"name": "a b"}, "name", "a b", "' '"),
        ({"name": "br1", "mtu": 9}, "mtu", 9, "68 to 65535"),
        ({"name": "br1", "members": ["eth1"]}, "members[0]", "eth1", "is in bridges[0] too; it must be unique"),
        ({"name": "br1", "members": ["br0"]}, "members[0]", "br0", "is a bridge of the list itself"),
        ({"name": "br1", "mac": "02-00-00-00-00-01"}, "mac", "02:00:00:00:00:01", "is in bridges[0] too"),
        (
            {"name": "br1", "addresses": ["192.168.5.9/28"]},
            "addresses",
            "192.168.5.9/28",
            "overlaps 192.168.5.1/24 of bridges[0]; choose another subnet or set allow_overlap",
        ),
        ({"name": "br1", "addresses": ["192.168.9.1/16"]}, "addresses", "192.168.9.1/16", "overlaps 192.168.5.1/24"),
        ({"name": "br1", "addresses": ["10.1.1.1"]}, "addresses[0]", "10.1.1.1", "prefix length"),
        ({"name": "br1", "port_vlans": [{"port": "e", "tag": 0}]}, "port_vlans[0].tag", 0, "1 to 4094"),
        ({"name": "br1", "forward_delay": 1}, "forward_delay", 1, "with stp on"),
        ({"name": "br1", "ageing_time": -1}, "ageing_time", -1, "out of range"),
        ({"name": "br1", "vlan_default_pvid": 5000}, "vlan_default_pvid", 5000, "1 to 4094"),
    ],
)
def test_bridges(second, option, found, words):
    first = {"name": "br0", "addresses": ["192.168.5.1/24"], "members": ["eth1"], "mac": "02:00:00:00:00:01"}

    def parse(items: Any) -> Any:
        return bridge.parse_list(items, {"stp": True})

    complaint(parse, [first, second], f"bridges[1].{option}", found, words)


def test_bridges_may_overlap_where_the_later_one_allows_it():
    items = [{"name": "br0", "addresses": ["10.0.0.1/8"]}, {"name": "br1", "addresses": ["10.9.0.1/16", "fe80::1/64"]}]
    assert bridge.parse_list([items[0], {**items[1], "allow_overlap": True}], {})
    complaint(
        lambda given: bridge.parse_list(given, {}),
        [{**items[0], "allow_overlap": True}, items[1]],
        "bridges[1].addresses",
        "10.9.0.1/16",
        "overlaps 10.0.0.1/8 of bridges[0]",
    )


def test_what_an_entry_says_comes_before_what_is_said_for_all():
    first, second = bridge_kind.parse(
        {
            "state": "present",
            "mtu": 9000,
            "up": True,
            "bridges": [{"name": "br0"}, {"name": "br1", "mtu": 1400, "up": False}],
        }
    )
    assert (first.mtu, first.up, second.mtu, second.up) == (9000, True, 1400, False)


@pytest.mark.parametrize(
    ("options", "option", "found", "words"),
    [
        ({}, "name", None, "is required; name the bridge, or give a list of them in bridges"),
        ({"bridges": [], "name": "br0"}, "name", "br0", "is mutually exclusive with bridges; put it into the entry"),
        ({"bridges": [], "addresses": []}, "addresses", [], "is mutually exclusive with bridges"),
        ({"bridges": [{"name": "br0"}], "members": ["e"]}, "members", ["e"], "is mutually exclusive with bridges"),
    ],
)
def test_options_of_one_bridge_beside_a_list(options, option, found, words):
    for state in ("present", "absent"):
        complaint(bridge_kind.parse, {"state": state, **options}, option, found, words)


def test_of_bridges_that_are_to_go_only_the_names_count():
    items = [{"name": "br0", "mtu": 3}, {"name": "br1", "members": ["br0"]}]
    assert [one.name for one in bridge_kind.parse({"state": "absent", "stp": True, "bridges": items})] == ["br0", "br1"]

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of attachments that can't be right: entries that want the same, options that must not be given with a list."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import attachment as kind
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

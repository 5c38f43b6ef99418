# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs of ports as options say them: what is taken, in canonical form, and what is refused by name and value."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlan_port import parse
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.vlans import Vlans, ranges, vlan_set
from hypothesis import given
from hypothesis import strategies as st

ONE = {"bridge": "ovs0", "port": "eth1"}


@pytest.mark.parametrize(
    ("options", "mode", "tag", "trunks"),
    [
        ({"tag": 1}, "access", 1, ()),
        ({"tag": 4094, "mode": "access"}, "access", 4094, ()),
        ({"mode": "trunk"}, "trunk", None, ()),
        ({"trunks": "100,200-202"}, "trunk", None, (100, 200, 201, 202)),
        ({"trunks": ["200-201", 100, "100"]}, "trunk", None, (100, 200, 201)),
        ({"trunks": 100}, "trunk", None, (100,)),
        ({"trunks": [0, 4094]}, "trunk", None, (0, 4094)),
        ({"trunks": " 7 , 9 - 9 ".replace(" - ", "-")}, "trunk", None, (7, 9)),
        ({"mode": "native-tagged", "tag": 5}, "native-tagged", 5, ()),
        ({"mode": "native-untagged", "tag": 5, "trunks": [6]}, "native-untagged", 5, (6,)),
        ({"mode": "dot1q-tunnel", "tag": 5}, "dot1q-tunnel", 5, ()),
    ],
)
def test_vlans(options, mode, tag, trunks):
    (port,) = parse({**ONE, **options}).ports
    assert port.vlans == Vlans(mode, tag, trunks)


@pytest.mark.parametrize(
    ("options", "option", "found", "words"),
    [
        ({"tag": 0}, "tag", 0, "is out of range; give 1 to 4094 for a VLAN id"),
        ({"tag": 4095}, "tag", 4095, "is out of range"),
        ({"tag": 5000}, "tag", 5000, "is out of range"),
        ({"tag": -1}, "tag", -1, "is out of range"),
        ({"trunks": "4095"}, "trunks", "4095", "is out of range; give VLAN ids of 1 to 4094"),
        ({"trunks": [5000]}, "trunks", [5000], "is out of range"),
        ({"trunks": "10-5"}, "trunks", "10-5", "has the range 10-5, which ends before it begins; write 5-10"),
        (
            {"trunks": "a"},
            "trunks",
            "a",
            "is not a set of VLANs; write a list such as [100, 200] or a text such as 100,200-210",
        ),
        ({"trunks": "1,,2"}, "trunks", "1,,2", "is not a set of VLANs"),
        ({"trunks": "-5"}, "trunks", "-5", "is not a set of VLANs"),
        ({"trunks": "²"}, "trunks", "²", "is not a set of VLANs"),
        ({"trunks": {"a": 1}}, "trunks", {"a": 1}, "is not a set of VLANs"),
        ({"trunks": ""}, "trunks", "", "is not a set of VLANs"),
        ({"trunks": [], "mode": "trunk"}, "trunks", [], "is empty; leave it out for a trunk of all VLANs"),
        ({"tag": 5, "trunks": "6"}, "trunks", "6", "give mode native-tagged or native-untagged"),
        ({"mode": "trunk", "tag": 5}, "tag", 5, "is mutually exclusive with mode trunk, which has no native VLAN"),
        ({"mode": "access"}, "mode", "access", "requires tag; give the VLAN of the port"),
        ({"mode": "native-tagged", "trunks": "5"}, "mode", "native-tagged", "requires tag"),
        ({"mode": "dot1q-tunnel"}, "mode", "dot1q-tunnel", "requires tag"),
        (
            {"mode": "access", "tag": 5, "trunks": "6"},
            "trunks",
            "6",
            "is mutually exclusive with mode access, which carries the VLAN of tag only",
        ),
        (
            {"mode": "dot1q-tunnel", "tag": 5, "trunks": "6"},
            "trunks",
            "6",
            "is mutually exclusive with mode dot1q-tunnel",
        ),
        ({"mode": "qinq", "tag": 5}, "mode", "qinq", "is not a VLAN mode; give one of access, trunk"),
        ({}, "mode", None, "give tag for an access port, or mode trunk for all VLANs"),
        (
            {"tag": 5, "container": "web1"},
            "port",
            "port and container",
            "give exactly one of port, container, netns and pid",
        ),
        ({"tag": 5, "port": "sixteen-bytes-xx"}, "port", "sixteen-bytes-xx", "has 16 bytes"),
        ({"tag": 5, "port": "a b"}, "port", "a b", "contains ' '"),
        ({"tag": 5, "bridge": "ovs/0"}, "bridge", "ovs/0", "contains '/'"),
        ({"tag": 5, "port": None, "netns": "a/b"}, "netns", "a/b", "is neither a name nor an absolute path"),
        ({"tag": 5, "port": None, "pid": 0}, "pid", 0, "is not a process id"),
        ({"tag": 5, "port": None}, "tag", 5, "requires a port; name it by"),
        ({"port": None}, "ports", None, "say which port is meant"),
        ({"port": None, "state": "absent", "bridge_options": {"stp": True}}, "ports", None, "say which port is meant"),
        (
            {"tag": 5, "external_ids": {"pipefitter": "x"}},
            "external_ids",
            "pipefitter",
            "is a key that marks what this collection made",
        ),
        ({"tag": 5, "external_ids": {"pipefitter-vlan": "x"}}, "external_ids", "pipefitter-vlan", "choose another"),
        ({"tag": 5, "external_ids": {"a": [1]}}, "external_ids", {"a": [1]}, "is not a string"),
        (
            {"tag": 5, "external_ids": {"a": "nul\0x"}},
            "external_ids",
            {"a": "nul\0x"},
            "contains the character NUL, which Open vSwitch does not accept",
        ),
        ({"tag": 5, "external_ids": {"\0": "x"}}, "external_ids", {"\0": "x"}, "contains the character NUL"),
        ({"tag": 5, "external_ids": {"a": "\udc80"}}, "external_ids", {"a": "\udc80"}, "is not UTF-8"),
        (
            {"tag": 5, "bridge_options": {"other_config": {"a": "\0"}}},
            "bridge_options.other_config",
            {"a": "\0"},
            "contains the character NUL",
        ),
        ({"tag": 5, "external_ids": {"a": None}}, "external_ids", {"a": None}, "is not a string"),
        (
            {"tag": 5, "bridge_options": {"external_ids": {"pipefitter": "x"}}},
            "bridge_options.external_ids",
            "pipefitter",
            "is a key that marks what this collection made",
        ),
        (
            {"tag": 5, "bridge_options": {"stp": True, "rstp": True}},
            "bridge_options.rstp",
            True,
            "is mutually exclusive with stp",
        ),
        ({"tag": 5, "wait_timeout": 0}, "wait_timeout", 0, "is below 1"),
        ({"tag": 5, "state": "absent", "purge": True}, "purge", True, "is mutually exclusive with state absent"),
        ({"tag": 5, "state": "absent", "prune": True}, "prune", True, "is mutually exclusive with state absent"),
        (
            {"port": None, "purge": True},
            "purge",
            True,
            "requires ports; to leave no port of this module on the bridge, give ports: []",
        ),
        (
            {"ports": [{"port": "a", "tag": 1}]},
            "port",
            "eth1",
            "is mutually exclusive with ports; put it into the entry of the list that it is for",
        ),
        ({"port": None, "tag": 4, "ports": [{"port": "a", "tag": 1}]}, "tag", 4, "is mutually exclusive with ports"),
        (
            {"port": None, "ports": [{"port": "a", "tag": 1}, {"port": "b", "tag": 0}]},
            "ports[1].tag",
            0,
            "is out of range",
        ),
        (
            {"port": None, "ports": [{"port": "a", "tag": 1}, {}]},
            "ports[1].port",
            None,
            "is required; give exactly one of port, container, netns and pid",
        ),
        (
            {"port": None, "ports": [{"port": "a", "tag": 1}, {"port": "a", "tag": 2}]},
            "ports[1]",
            "port a",
            "is in ports[0] too",
        ),
        (
            {"port": None, "ports": [{"container": "a", "tag": 1}, {"container": "a", "interface": "eth1", "tag": 2}]},
            "ports[1]",
            "eth1 of container a",
            "is in ports[0] too; name each port once",
        ),
    ],
)
def test_refused(options, option, found, words):
    with pytest.raises(InvalidOption) as refused:
        parse({**ONE, **options})
    assert (refused.value.option, refused.value.found) == (option, found)
    assert words in str(refused.value)


def test_an_absent_port_needs_no_vlans():
    want = parse({"bridge": "ovs0", "state": "absent", "ports": [{"port": "eth1"}, {"container": "web1", "tag": 100}]})
    assert [port.vlans for port in want.ports] == [None, None]


def test_texts_are_as_open_vswitch_writes_them():
    want = parse(
        {
            **ONE,
            "tag": 5,
            "external_ids": {"n": 7, "on": True, "t": 'a=b, "c"'},
            "bridge_options": {"other_config": {"stp-priority": 0x7800}},
        }
    )
    assert want.ports[0].external_ids == (("n", "7"), ("on", "true"), ("t", 'a=b, "c"'))
    assert want.settings.other_config == (("stp-priority", "30720"),)


@given(st.sets(st.integers(0, 4094), min_size=1))
def test_ranges_read_back(vlans):
    assert vlan_set("trunks", ranges(sorted(vlans))) == tuple(sorted(vlans)) == vlan_set("trunks", sorted(vlans))

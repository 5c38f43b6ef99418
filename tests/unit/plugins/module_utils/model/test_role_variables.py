# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the record to variables of the role bridge: what they ask for is what was recorded."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import record_objects, role_variables
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import (
    ATTACHMENT,
    BRIDGE,
    LINK_END,
    NIC_ATTACHMENT,
    OVS_BRIDGE,
    POLICY,
    PUBLICATION,
    VLAN_PORT,
    Record,
)

ROOT = pathlib.Path(__file__).resolve().parents[5]
SPEC = yaml.safe_load((ROOT / "roles/bridge/meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]["main"]
VARIABLES = SPEC["options"]

# What nobody asked for (chosen) would be the same on each host that gets the file.
BR0 = Record(
    BRIDGE,
    ("br0",),
    {"name": "br0", "addresses": ["192.168.5.1/24"], "up": True},
    {"mac": "02:00:00:00:00:02"},
)
WEB = Record(
    ATTACHMENT,
    ("container", "web1", "eth1"),
    {"container": "web1", "bridge": "br0", "interface": "eth1", "addresses": ["192.168.5.10/24"]},
    {"mac": "02:00:00:00:00:01", "runtime": "docker"},
)
PORTS = Record(
    PUBLICATION,
    ("br0", "container", "web1", "eth1"),
    {
        "container": "web1",
        "bridge": "br0",
        "interface": "eth1",
        "ports": [{"host_port": 8080, "container_port": 80, "protocol": "tcp"}],
        "protect": False,
    },
)
LINKED = Record(POLICY, ("br0",), {"bridge": "br0", "icc": False, "links": [{"from": "web1", "to": "db1"}]})
SWITCH = Record(OVS_BRIDGE, ("ovs0",), {"bridge": "ovs0", "create_bridge": True, "bridge_options": {}})
TAGGED = Record(VLAN_PORT, ("ovs1", "port", "p1"), {"bridge": "ovs1", "port": "p1", "mode": "access", "tag": 7})
ON_SWITCH = WEB._replace(key=("container", "db1", "eth1"), want={**WEB.want, "container": "db1", "bridge": "ovs1"})


def test_what_is_on_a_nic_is_on_no_bridge_and_told_of():
    end = Record(
        LINK_END,
        ("host", "host", "to-web2"),
        {"host": True, "interface": "to-web2", "peer": {"container": "web2", "interface": "up"}},
    )
    on_nic = Record(NIC_ATTACHMENT, ("container", "web2", "eth1"), {"container": "web2", "nic": "eth5"})
    assert role_variables.chosen([BR0, on_nic], None, ()) == "br0"
    made, left_out = role_variables.of([BR0, on_nic, end], "br0")
    assert "bridge_attachments" not in made
    assert left_out == [
        "eth1 of container web2, from NIC eth5: it is on no bridge, and the role makes bridges; nic_attach makes it",
        "to-web2 of this host, linked to up of container web2: it is on no bridge, and the role makes bridges; "
        "veth_link makes it",
    ]
    with pytest.raises(PipefitterError, match="^nothing of a bridge is recorded on this host$"):
        role_variables.chosen([on_nic, end], None, ())


def test_everything_of_a_bridge_becomes_a_variable():
    made, left_out = role_variables.of([BR0, WEB, PORTS, LINKED], "br0")
    assert made == {
        "bridge_name": "br0",
        "bridge_addresses": ["192.168.5.1/24"],
        "bridge_up": True,
        "bridge_attachments": [{"container": "web1", "interface": "eth1", "addresses": ["192.168.5.10/24"]}],
        "bridge_publications": [
            {
                "container": "web1",
                "interface": "eth1",
                "ports": [{"host_port": 8080, "container_port": 80, "protocol": "tcp"}],
            }
        ],
        "bridge_protect": False,
        "bridge_icc_policy": {"icc": False, "links": [{"from": "web1", "to": "db1"}]},
    }
    assert left_out == []
    assert set(made) <= set(VARIABLES)


def test_a_mac_and_an_engine_that_were_asked_for_are_in_it():
    asked = {"mac": "02:00:00:00:00:03", "runtime": "podman"}
    made, left_out = role_variables.of([BR0, WEB._replace(want={**WEB.want, **asked})], "br0")
    assert made["bridge_attachments"][0].items() >= asked.items() and left_out == []


@pytest.mark.parametrize(
    ("choices", "variable", "said"),
    [
        (("report", "report"), "report", []),
        (("repair", "repair"), None, []),
        (
            ("repair", "report"),
            None,
            ["drift: report of eth1 of container web1: the role has one drift (bridge_drift) for all that it makes"],
        ),
    ],
)
def test_drift_is_in_it_where_it_is_the_same_for_all(choices, variable, said):
    bridge, web = (record.with_drift(choice) for record, choice in zip((BR0, WEB), choices))
    made, left_out = role_variables.of([bridge, web], "br0")
    assert made.get("bridge_drift") == variable and left_out == said
    assert "drift" not in made["bridge_attachments"][0]


def test_the_role_has_a_variable_for_each_option_that_is_recorded():
    assert {f"bridge_{name}" for name in record_objects.BRIDGE_OPTIONS} <= set(VARIABLES)
    assert set(VARIABLES["bridge_attachments"]["options"]) >= role_variables.ATTACHMENT_OPTIONS
    assert set(VARIABLES["bridge_publications"]["options"]) >= role_variables.PUBLICATION_OPTIONS
    assert set(VARIABLES["bridge_icc_policy"]["options"]) >= role_variables.POLICY_OPTIONS


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (WEB._replace(want={**WEB.want, "netns": "/run/{{ a }}"}), "Ansible would take for a template"),
        (LINKED._replace(want={"bridge": "br0", "icc": False, "links": [{"to": {"label": "{% a"}}]}), "a template"),
        (WEB._replace(want={**WEB.want, "colour": "red"}), "it has no variable for colour"),
        (SWITCH, "the role makes Linux bridges only"),
        (ON_SWITCH, "the role makes Linux bridges only"),
    ],
)
def test_what_the_role_cannot_say_is_told_and_the_rest_is_there(one, why):
    made, left_out = role_variables.of([BR0, one, TAGGED, PORTS], "br0")
    assert made["bridge_publications"] and "bridge_attachments" not in made and "bridge_icc_policy" not in made
    assert [line for line in left_out if line.startswith(f"{one}: ") and why in line], left_out
    assert len(left_out) == 2


def test_what_is_for_another_linux_bridge_is_no_part_of_it():
    other = WEB._replace(want={**WEB.want, "bridge": "br1"})
    made, left_out = role_variables.of([BR0, other], "br0")
    assert "bridge_attachments" not in made and left_out == []


def test_the_bridge_is_the_one_that_is_recorded_or_is_named():
    assert role_variables.chosen([SWITCH, TAGGED, ON_SWITCH, BR0, WEB], None, ()) == "br0"
    assert role_variables.chosen([PORTS], None, ()) == "br0"
    br1 = BR0._replace(key=("br1",), want={"name": "br1"})
    assert role_variables.chosen([BR0, br1], "br1", ()) == "br1"
    for records, named, said in (
        ([], None, "nothing is recorded on this host"),
        ([BR0, br1], None, "2 bridges are recorded: br0, br1; name one of them with --bridge"),
        ([BR0], "br9", "nothing is recorded of bridge br9; recorded are br0"),
        ([SWITCH, TAGGED], None, "only Open vSwitch bridges are recorded: ovs0, ovs1"),
        ([WEB], None, "only Open vSwitch bridges are recorded: br0"),
        ([BR0, SWITCH], "ovs0", "ovs0 is a bridge of Open vSwitch"),
    ):
        with pytest.raises(PipefitterError, match=said):
            role_variables.chosen(records, named, ("br0",) if records == [WEB] else ())

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of lines that call pipework, and what is said of those that nothing is made of."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet.pipework_lines import translated
from ansible_collections.pipefitter.container_network.tests.pipework_page import BLOCKS

NIC = {"nic": "eth2", "kind": "macvlan"}
VETH, MACVLAN = "veth_attach", "nic_attach"


def options(text, module, **known):
    """Return the options of the only task of a module that a text gives; nothing of it is left."""
    found = translated(text, **known)
    assert not found.left
    (task,) = [task for task in found.tasks if f"pipefitter.container_network.{module}" in task]
    return task[f"pipefitter.container_network.{module}"]


def advice(text):
    """Return what is said of the only line of a text that nothing is made of."""
    (one,) = translated(text).left
    assert one.line in text
    return one.advice


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.title)
def test_the_page_shows_what_is_made(block):
    found = translated(block.lines)
    assert found.tasks == block.tasks
    assert [f"`{one.line}` {one.advice}." for one in found.left] == block.said
    assert found.tasks or found.left


@pytest.mark.parametrize(
    ("line", "module", "expected"),
    [
        ("pipework br1 web 10.0.0.1/24", VETH, {"bridge": "br1", "container": "web", "addresses": ["10.0.0.1/24"]}),
        (
            "sudo /usr/local/bin/pipework docker0 -i eth2 -l up -a inet6 web fd00::1/64@fd00::2 02:00:00:00:00:01",
            VETH,
            {
                "bridge": "docker0",
                "container": "web",
                "interface": "eth2",
                "addresses": ["fd00::1/64"],
                "gateway6": "fd00::2",
                "mac": "02:00:00:00:00:01",
                "host_interface": "up",
            },
        ),
        ("  X=1 pipework ovs7 web 0/0 U:a@7", VETH, {"bridge": "ovs7", "container": "web", "addresses": [], "vlan": 7}),
        (
            "pipework eth2 web 10.0.0.1/24  # the LAN",
            MACVLAN,
            {**NIC, "container": "web", "addresses": ["10.0.0.1/24"]},
        ),
        (
            "pipework mac:02:00:00:00:00:05 web 10.0.0.1/24",
            MACVLAN,
            {"nic": "02:00:00:00:00:05", "kind": "macvlan", "container": "web", "addresses": ["10.0.0.1/24"]},
        ),
        (
            "pipework eth2 web 10.0.0.1/24 02:00:00:00:00:01@100",
            MACVLAN,
            {**NIC, "container": "web", "addresses": ["10.0.0.1/24"], "mac": "02:00:00:00:00:01", "vlan": 100},
        ),
        (
            "pipework --direct-phys eth2 web 10.0.0.1/24",
            MACVLAN,
            {"nic": "eth2", "kind": "physical", "container": "web", "addresses": ["10.0.0.1/24"]},
        ),
    ],
)
def test_one_line(line, module, expected):
    found = options(line, module)
    assert found == ({**expected, "mac_seed": "a"} if "U:a" in line else expected)


def test_names_of_bridges_that_pipework_would_not_expect():
    assert options("pipework lan web 10.0.0.1/24", VETH, bridges=["lan"])["bridge"] == "lan"
    found = translated("pipework brv web 10.0.0.1/24 @5", ovs_bridges=["brv"])
    assert found.tasks[0]["pipefitter.container_network.ovs_vlan_port"]["create_bridge"] is True
    assert found.tasks[1]["pipefitter.container_network.veth_attach"]["vlan"] == 5


def test_a_script_becomes_a_task_for_each_bridge_and_nic():
    found = translated(
        """#!/bin/sh
        # pipework br9 old 10.9.0.1/24
        docker start web db
        pipework br1 web 10.0.0.1/24
        pipework eth2 web \\
            -i lan0 192.168.9.5/24
        pipework eth2 -i lan0 web 192.168.9.5/24
        pipework br1 db 10.0.0.2/24 &&
        pipework br1 db 10.0.0.2/24
        """
    )
    names = [task["name"] for task in found.tasks]
    assert names == ["Make br1", "Attach containers to br1", "Attach web to eth2"]
    entries = found.tasks[1]["pipefitter.container_network.veth_attach"]["attachments"]
    assert [entry["container"] for entry in entries] == ["web", "db"]
    assert [(one.number, one.line.split()[0]) for one in found.left] == [(5, "pipework"), (8, "pipework")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("add 10.1.0.0/16 via 10.0.0.9", {"destination": "10.1.0.0/16", "gateway": "10.0.0.9"}),
        ("append 10.1.0.5/16 dev eth2", {"destination": "10.1.0.0/16"}),
        ("add 10.1.0.7 src 10.0.0.1", {"destination": "10.1.0.7/32", "src": "10.0.0.1"}),
        (
            "replace default via 10.0.0.9 table 7 metric 5 onlink proto static mtu 1400",
            {
                "destination": "0.0.0.0/0",
                "gateway": "10.0.0.9",
                "table": 7,
                "metric": 5,
                "onlink": True,
                "mtu": 1400,
            },
        ),
        ("add default via fe80::1 table 7", {"destination": "::/0", "gateway": "fe80::1", "table": 7}),
        ("add blackhole 10.1.0.0/16", {"destination": "10.1.0.0/16", "type": "blackhole"}),
    ],
)
def test_a_route(line, expected):
    text = f"pipework br1 -i eth2 web 10.0.0.1/24\npipework route web {line}"
    assert options(text, VETH)["routes"] == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("add from 10.0.0.1 table 7", {"from": "10.0.0.1/32", "table": 7}),
        ("add to 10.2.0.5/24 lookup main pref 5", {"to": "10.2.0.0/24", "table": "main", "priority": 5}),
        (
            "add from all iif eth0 fwmark 0x1/0xf table 9",
            {"iif": "eth0", "fwmark": "0x1/0xf", "table": 9, "family": "ipv4"},
        ),
        ("add prohibit from fd00::/64", {"type": "prohibit", "from": "fd00::/64"}),
    ],
)
def test_a_rule(line, expected):
    text = f"pipework br1 web 10.0.0.1/24\npipework rule web {line}"
    assert options(text, VETH)["rules"] == [expected]


def test_a_rule_goes_to_the_attachment_that_has_its_address():
    text = "pipework br1 web 10.0.0.1/24\npipework br2 -i eth2 web 10.2.0.1/24\npipework rule web add from {} table 7"
    for source, expected in (("10.2.0.1", [False, True]), ("10.0.0.1", [True, False]), ("10.9.0.1", [True, False])):
        found = translated(text.format(source)).tasks[2:]
        assert ["rules" in task["pipefitter.container_network.veth_attach"] for task in found] == expected


def test_a_route_goes_to_the_attachment_that_has_its_gateway():
    text = "pipework br1 web 10.0.0.1/24\npipework br2 -i eth2 web 10.2.0.1/24\npipework route web add {}"
    for route, expected in (
        ("default via 10.2.0.9", [None, "10.2.0.9"]),
        ("default via 10.0.0.9", ["10.0.0.9", None]),
        ("default via 10.9.0.9", ["10.9.0.9", None]),
        ("default via 10.9.0.9 dev eth2", [None, "10.9.0.9"]),
    ):
        found = translated(text.format(route)).tasks[2:]
        assert [task["pipefitter.container_network.veth_attach"].get("gateway") for task in found] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pipework", "has no arguments"),
        ("pipework br1 web", "has no address"),
        ("pipework br1 web 10.0.0.1", "without the length of its prefix"),
        ("pipework br1 web 10.0.0.300/24", "10.0.0.300/24, which is no address"),
        ("pipework br1 web 10.0.0.1/24@gw", "has gw, which is no address"),
        ("pipework br1 web 10.0.0.1/24 @x", "has x after @"),
        ("pipework br1 web 10.0.0.1/24 @5", "asks for a VLAN on a Linux bridge"),
        ("pipework --direct-phys eth2 web 10.0.0.1/24 @5", "asks for VLAN 5 of a NIC as an interface of the host that"),
        ("pipework br1 web 10.0.0.1/24 02:00:00:00:00:01 more", "has words that pipework does not take (more)"),
        ("pipework br1 web 'half", "has a quote that is not closed"),
        ("pipework br1 $NAME 10.0.0.1/24", "by an expression of the shell ($NAME)"),
        ("pipework br1 web 10.0.0.1/24 ; ls", "has more than one command"),
        ("pipework eth2 -l up web 10.0.0.1/24", "names a host veth (-l)"),
        ("pipework route web add 10.0.0.0/8 via 10.0.0.1", "which no other line attaches"),
        ("pipework route web del 10.0.0.0/8", "leave it out of routes"),
        ("pipework route web show", "runs ip route show, which wires nothing"),
        ("pipework route web add 10.0.0.0/8 via", "has via without a value"),
        ("pipework route web add 10.0.0.0/8 metric x", "has metric x, which is no number"),
        ("pipework route web add 10.0.0.0/8 realm 5", "has realm, which routes of an attachment do not take"),
        ("pipework route web add default via 10.2.3.5.78", "has 10.2.3.5.78, which is no address"),
        ("pipework route web", "has no command for ip route"),
        ("pipework rule web show", "runs ip rule show, which wires nothing"),
        ("pipework rule web del from 10.0.0.1", "leave it out of rules, whose list is complete"),
        ("pipework rule web add from 10.0.0.1 table 7", "which no other line attaches; add it to rules"),
        ("pipework rule web add from 10.0.0.1 goto 7", "has goto, which rules of an attachment do not take"),
        ("pipework tc web qdisc add dev eth0 root fq", "sets traffic control with tc"),
    ],
)
def test_what_nothing_is_made_of(line, expected):
    assert expected in advice(line)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers on a container's link, asked by frames of our own in real namespaces."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.pipefitter.container_network.plugins.modules import container_neighbours_info
from capture import Capture
from lab_hosts import ModuleFailed
from wiring import attach, link, make_bridge, make_containers, make_namespaces

ADDRESSES = ("192.168.5.1", "192.168.5.2", "192.168.5.3", "fd00:5::1", "fd00:5::2", "192.168.5.99")


def ask(host, *probes, addresses=ADDRESSES, timeout=0.6):
    return host.module("container_neighbours_info", probes=list(probes), addresses=list(addresses), timeout=timeout)[
        "probes"
    ]


def wire(host):
    """a and b on one bridge, c on another with an address that a would find next to it."""
    make_bridge(host, "br0")
    make_bridge(host, "br1")
    make_namespaces(host, "a", "b", "c")
    attach(
        host,
        attachments=[
            {"netns": "a", "bridge": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"]},
            {"netns": "b", "bridge": "br0", "addresses": ["192.168.5.2/24", "fd00:5::2/64"]},
            {"netns": "c", "bridge": "br1", "addresses": ["192.168.5.3/24"]},
        ],
    )
    return {name: link(host, "eth1", name)["address"] for name in "abc"}


@pytest.mark.newest_pyroute2
def test_those_on_the_same_link_answer(hosta):
    macs = wire(hosta)
    found = ask(hosta, *({"netns": name} for name in "abc"))
    assert [entry["mac"] for entry in found] == list(macs.values())
    assert found[0]["neighbours"] == {"192.168.5.2": [macs["b"]], "fd00:5::2": [macs["b"]]}
    assert found[1]["neighbours"] == {"192.168.5.1": [macs["a"]], "fd00:5::1": [macs["a"]]}
    assert found[2]["neighbours"] == {}


def test_nobody_learns_of_the_question(hosta):
    wire(hosta)
    ask(hosta, {"netns": "a"}, {"netns": "b"})
    for name in "ab":
        assert [
            entry
            for entry in hosta.ip("neigh", "show", netns=name)
            if entry["dst"].startswith(("192.168.5.", "fd00:5:"))
        ] == []


def test_two_that_have_the_same_address_both_show(hosta):
    macs = wire(hosta)
    make_namespaces(hosta, "twin")
    # What was taken by hand: an attachment that asked for it would be refused.
    attach(hosta, netns="twin", bridge="br0", announce=False)
    hosta.run("ip", "-n", "twin", "addr", "add", "192.168.5.2/24", "dev", "eth1")
    macs["twin"] = link(hosta, "eth1", "twin")["address"]
    (found,) = ask(hosta, {"netns": "a"})
    assert found["neighbours"]["192.168.5.2"] == sorted((macs["b"], macs["twin"]))


def test_what_can_not_ask_has_no_mac_and_hinders_nobody(hosta):
    macs = wire(hosta)
    make_containers(hosta, "web1")
    found = ask(
        hosta,
        {"netns": "gone"},
        {"netns": "a", "interface": "eth7"},
        {"container": "web1"},
        {"container": "nobody"},
        {"netns": "a"},
    )
    assert [entry["mac"] for entry in found] == [None, None, None, None, macs["a"]]
    assert [entry["problem"] for entry in found] == [
        "it is not there",
        "it has no interface eth7",
        "it has no interface eth1",
        "it does not run",
        None,
    ]
    assert found[1]["interface"] == "eth7" and found[3]["container"] == "nobody"
    assert set(found[4]["neighbours"]) == {"192.168.5.2", "fd00:5::2"}


def test_a_link_that_is_down_gets_no_answer(hosta):
    wire(hosta)
    hosta.run("ip", "-n", "a", "link", "set", "eth1", "down")
    (found,) = ask(hosta, {"netns": "a"})
    assert found["neighbours"] == {}


def test_many_questions_are_one_round_after_the_other(hosta):
    """All are asked before the first is asked again, so they wait for answers together; and none gets lost."""
    macs = wire(hosta)
    addresses = [f"192.168.5.{number}" for number in range(2, 252)]
    with Capture(hosta, "b", "arp and ether src", macs["a"]) as capture:
        (found,) = ask(hosta, {"netns": "a"}, addresses=addresses)
    assert "192.168.5.2" in found["neighbours"]
    asked = re.findall(r"who-has (192\.168\.5\.\d+) ", capture.said)
    others = addresses[1:]  # the first answers, and need not be asked again
    assert [address for address in asked if address != addresses[0]] == [*others, *others, *others]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"addresses": ["192.168.5.1/24"]}, "addresses[0]: '192.168.5.1/24' is not an IPv4 or IPv6 address"),
        ({"timeout": 0}, "timeout: 0.0 is out of range; give more than 0 and at most 60 seconds"),
        ({"probes": [{"interface": "eth1"}]}, "exactly one of"),
    ],
)
def test_refused(hosta, options, sentence):
    with pytest.raises(ModuleFailed) as failure:
        hosta.module("container_neighbours_info", **{"probes": [{"netns": "a"}], "addresses": [], **options})
    assert sentence in failure.value.result["msg"]


def test_the_example(hosta):
    (task,) = yaml.safe_load(container_neighbours_info.EXAMPLES)
    options = task["pipefitter.container_network.container_neighbours_info"]
    make_bridge(hosta)
    make_containers(hosta, "web1", "web2")
    attach(
        hosta,
        bridge="br0",
        attachments=[
            {"container": "web1", "addresses": ["192.168.5.10/24"]},
            {"container": "web2", "interface": "eth2", "addresses": ["192.168.5.11/24"]},
        ],
    )
    web1, web2 = hosta.module("container_neighbours_info", **options)["probes"]
    assert web1["neighbours"] == {"192.168.5.11": [web2["mac"]]} and web2["neighbours"] == {
        "192.168.5.10": [web1["mac"]]
    }

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy where it must refuse, where it is interrupted, and where it runs many times at once."""

from __future__ import annotations

from icc_lab import ADDRESSES, icc, shows, wire, without_handles
from lab_hosts import ModuleFailed
from wiring import assert_same, attach, make_namespaces, make_ovs_bridge, ping, refused

LINK = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["5432/tcp", "icmp"]}
FULL = {"icc": False, "links": [LINK], "egress": "deny", "host_access": "deny"}


REFUSALS = [
    ({}, ("icc", "true or false")),
    ({"bridge": "eth0", "icc": False}, ("bridge", "'eth0'", "not a Linux bridge")),
    ({"bridge": "nope", "icc": False}, ("bridge", "'nope'", "create the bridge first")),
    ({"bridge": "ovs0", "icc": False}, ("bridge", "'ovs0'", "Open vSwitch", "Linux bridges only")),
    ({"bridge": "br*", "icc": False}, ("bridge", "firewall rule")),
    ({"icc": True, "links": [LINK]}, ("links", "icc: true", "set icc to false")),
    ({"icc": False, "links": [{**LINK, "ports": ["0/tcp"]}]}, ("links[0].ports[0]", "'0/tcp'", "1 to 65535")),
    (
        {"icc": False, "links": [LINK, {**LINK, "ports": ["80", "70000"]}]},
        ("links[1].ports[1]", "'70000'", "1 to 65535"),
    ),
    (
        {"icc": False, "links": [{**LINK, "ports": ["80/gre"]}]},
        ("links[0].ports[0]", "unknown protocol", "tcp, udp, sctp"),
    ),
    ({"icc": False, "links": [{**LINK, "ports": ["http"]}]}, ("links[0].ports[0]", "not a port")),
    ({"icc": False, "links": [{**LINK, "ports": []}]}, ("links[0].ports", "empty")),
    ({"icc": False, "links": [{**LINK, "to": {"netns": "web1"}}]}, ("links[0].to", "comes from", "two containers")),
    ({"icc": False, "links": [{**LINK, "to": {"label": ""}}]}, ("links[0].to", "not a label")),
    ({"icc": False, "links": [{**LINK, "to": {"image": "db"}}]}, ("links[0].to", "'image'", "not a way to name")),
    ({"icc": False, "links": [{**LINK, "to": "nobody"}]}, ("'nobody'", "not known to any container engine")),
    (
        {"icc": False, "links": [{**LINK, "to": {"netns": "lone"}}]},
        ("links[0].to", "lone", "no address on br0", "veth_attach"),
    ),
    ({"icc": False, "links": [{**LINK, "to": {"netns": "astray"}}]}, ("links[0].to", "192.168.9.9", "same subnet")),
    ({"icc": False, "links": [{**LINK, "to": {"netns": "six"}}]}, ("links[0]", "same family")),
    ({"icc": False, "links": [{**LINK, "to": {"label": "role=db"}}]}, ("links[0].to", "'role=db'", "start one")),
    (
        {"icc": False, "links": [{"from": {"netns": "web1"}, "to": {"netns": "db1"}}]},
        ("links[0]", "ports are left out", "name them"),
    ),
]


def test_refuses_with_a_sentence_and_changes_nothing(hosta):
    wire(hosta, "web1", "db1")
    make_namespaces(hosta, "six", "lone", "astray")
    attach(
        hosta,
        bridge="br0",
        attachments=[
            {"netns": "six", "addresses": ["fd00:5::66/64"]},
            {"netns": "astray", "addresses": ["192.168.9.9/24"]},
        ],
    )
    hosta.run("ip", "-n", "web1", "addr", "del", "fd00:5::10/64", "dev", "eth1")
    make_ovs_bridge(hosta)
    for options, words in REFUSALS:
        said = refused(hosta, "icc_policy", **{"bridge": "br0", **options})
        assert all(word in said for word in words), (options, said)


def test_links_within_a_bridge_and_a_lan_on_it_exclude_each_other(hosta):
    """The host answers ARP for every address of the subnet there: hosts of the LAN would get its answers, too."""
    wire(hosta, "web1", "db1")
    hosta.run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")
    pinged = [{**LINK, "ports": ["icmp"]}]
    try:
        icc(hosta, icc=False, links=[LINK])
        said = refused(hosta, "container_bridge", name="br0", members=["nic0"])
        assert (
            said.startswith("members[0]: 'nic0'") and "links between containers of br0" in said and "icc_policy" in said
        )
        icc(hosta, icc=False)
        hosta.module("container_bridge", name="br0", members=["nic0"])
        said = refused(hosta, "icc_policy", bridge="br0", icc=False, links=[LINK])
        assert said.startswith("links: ") and "nic0" in said and "ARP" in said and "between two bridges" in said
        # Of IPv6, the host answers for the linked containers alone.
        for name in ("web1", "db1"):
            hosta.run("ip", "-n", name, "-4", "addr", "flush", "dev", "eth1")
        assert icc(hosta, icc=False, links=pinged)["changed"] is True
        assert hosta.module("container_bridge", name="br0", members=["nic0"])["changed"] is False
        icc(hosta, state="absent")
    finally:
        hosta.run("ip", "link", "delete", "nic0")


def test_ip_forward_is_not_switched_off_under_links(hosta):
    wire(hosta, "web1", "db1", ip_forward=True)
    icc(hosta, icc=False, links=[LINK])
    said = refused(hosta, "container_bridge", name="br0", ip_forward=False)
    assert said.startswith("ip_forward: false") and "br0 has links" in said and "icc_policy" in said
    icc(hosta, icc=False)
    assert hosta.module("container_bridge", name="br0", ip_forward=False)["changed"] is True


def test_names_that_nft_can_not_quote_come_back_as_they_are(hosta):
    wire(hosta, "web1", "db1")
    odd = '/run/pf-odd"\\%41é'
    hosta.run("sh", "-c", 'touch "$1" && mount --bind /run/netns/web1 "$1"', "sh", odd)
    try:
        links = [{**LINK, "from": {"netns": odd}}]
        assert icc(hosta, icc=False, links=links)["policy"]["links"][0]["from"] == {"netns": odd}
        again = icc(hosta, icc=False, links=links)
        assert (again["changed"], again["policy"]["links"][0]["from"]) == (False, {"netns": odd})
        hosta.run("sh", "-c", "nft list table ip pipefitter > /run/pf-ruleset && nft -c -f /run/pf-ruleset")
    finally:
        hosta.run("sh", "-c", 'umount "$1"; rm -f "$1" /run/pf-ruleset', "sh", odd)


def test_a_run_killed_at_any_operation_is_completed_by_the_next(hosta):
    wire(hosta, "web1", "db1")
    before = shows(hosta)
    for options in (FULL, {"icc": True}):
        for killed_after in range(1, 25):
            icc(hosta, **(FULL if options["icc"] else {"icc": True}))
            if not icc(hosta, die_after=killed_after, **options).get("killed"):
                break
            icc(hosta, **options)
            assert icc(hosta, **options)["changed"] is False
            if options["icc"]:
                assert_same(before, shows(hosta))
            else:
                assert ping(hosta, "web1", ADDRESSES["db1"][4]) and not ping(hosta, "db1", ADDRESSES["web1"][4])
        assert killed_after > 6  # or the loop proved nothing


def test_an_operation_that_fails_undoes_those_before_it(hosta):
    wire(hosta, "web1", "db1")
    for before_that, options in (({"icc": True}, FULL), (FULL, {"icc": False}), (FULL, {"icc": True})):
        icc(hosta, **before_that)
        before = shows(hosta)
        for failing in range(25):
            try:
                icc(hosta, fail_after=failing, **options)
                break
            except ModuleFailed as failure:
                assert "a fault that the test injected while trying to" in str(failure)
                assert ("were undone" if failing else "nothing had been changed") in str(failure)
            assert_same(without_handles(before), without_handles(shows(hosta)))
        assert failing > 4


def test_eight_runs_at_once_make_one_policy(hosta):
    wire(hosta, "web1", "db1")
    results = hosta.modules_at_once("icc_policy", 8, bridge="br0", **FULL)
    assert [result["changed"] for result in results].count(True) == 1
    assert icc(hosta, **FULL)["changed"] is False
    assert ping(hosta, "web1", ADDRESSES["db1"][4])


def test_absent_of_nothing_is_no_change(hosta):
    assert icc(hosta, state="absent")["changed"] is False
    wire(hosta, "web1")
    assert icc(hosta, icc=True)["changed"] is False


def test_the_policy_of_a_bridge_that_is_gone_can_be_taken_away(hosta):
    before = shows(hosta)
    wire(hosta)
    icc(hosta, icc=False)
    hosta.run("ip", "link", "delete", "br0")
    hosta.run("nft", "add", "chain", "ip", "pipefitter", "theirs")
    assert icc(hosta, state="absent")["changed"]
    assert "theirs" in hosta.run("nft", "list", "ruleset").stdout
    hosta.run("nft", "delete", "table", "ip", "pipefitter")
    hosta.run("iptables", "-D", "DOCKER-USER", "-j", "PIPEFITTER", check=False)
    hosta.run("iptables", "-F", "PIPEFITTER", check=False)
    hosta.run("iptables", "-X", "PIPEFITTER", check=False)
    assert_same({**before, "nft": []}, {**shows(hosta), "nft": []})

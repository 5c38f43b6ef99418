# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing rules and sysctls as they are given: what they mean, and what is refused with what to do instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, nic_attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.rule import LOOKUP, Rule
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.refusals import ONE


def _said(options: dict[str, Any]) -> str:
    with pytest.raises(InvalidOption) as refused:
        attachment.parse(options)
    return str(refused.value)


RULES = [
    ({"table": 100}, "family", None, "is required where neither from nor to tells it; give ipv4, ipv6 or both"),
    (
        {"from": "10.0.0.1", "to": "fd00::1", "table": 1},
        "to",
        "fd00::1/128",
        "of another family than from, 10.0.0.1/32",
    ),
    (
        {"from": "10.0.0.1", "family": "ipv6", "table": 1},
        "family",
        "ipv6",
        "is another family than that of 10.0.0.1/32",
    ),
    (
        {"from": "10.0.0.1", "family": "both", "table": 1},
        "family",
        "both",
        "is another family than that of 10.0.0.1/32",
    ),
    ({"family": "inet", "table": 1}, "family", "inet", "is none of ipv4, ipv6, both; give one of them"),
    ({"from": "10.0.0.1/24", "table": 1}, "from", "10.0.0.1/24", "has host bits set; write 10.0.0.0/24"),
    ({"to": "web1", "table": 1}, "to", "web1", "is not an IPv4 or IPv6 address"),
    ({"from": "10.0.0.1"}, "table", None, "is required; name the table that is looked up, or give a type"),
    (
        {"from": "10.0.0.1", "table": "isp"},
        "table",
        "isp",
        "is no routing table; give 1 to 4294967295, or default, main",
    ),
    ({"from": "10.0.0.1", "table": 0}, "table", 0, "is no routing table"),
    ({"from": "10.0.0.1", "table": 0x70660070}, "table", 0x70660070, "keeps default routes whose place another took"),
    ({"from": "10.0.0.1", "table": 1, "type": "blackhole"}, "table", 1, "one of type blackhole does not; leave one of"),
    ({"from": "10.0.0.1", "type": "throw"}, "type", "throw", "is none of unicast, blackhole, unreachable, prohibit"),
    ({"from": "10.0.0.1", "table": 1, "iif": "a/b"}, "iif", "a/b", "contains '/'"),
    ({"from": "10.0.0.1", "table": 1, "priority": 0}, "priority", 0, "is out of range; give 1 to 4294967295"),
    ({"from": "10.0.0.1", "table": 1, "priority": 2**32}, "priority", 2**32, "is out of range"),
    ({"family": "both", "table": 1, "fwmark": "blue"}, "fwmark", "blue", "is no firewall mark; give a number up to"),
    ({"family": "both", "table": 1, "fwmark": "0x1ffffffff"}, "fwmark", "0x1ffffffff", "is no firewall mark"),
    ({"family": "both", "table": 1, "fwmark": "1/"}, "fwmark", "1/", "is no firewall mark"),
    ({"family": "both", "table": 1, "fwmark": "-1"}, "fwmark", "-1", "is no firewall mark"),
    ({"family": "both", "table": 1, "fwmark": "0/0"}, "fwmark", "0/0", "has a mask without a bit"),
    ({"family": "both", "table": 1, "fwmark": "0x11/0xf0"}, "fwmark", "0x11/0xf0", "its mask; write 0x10/0xf0"),
]


@pytest.mark.parametrize(("given", "option", "found", "words"), RULES)
def test_rules_that_can_not_be_right(given, option, found, words):
    said = _said({**ONE, "rules": [{"from": "10.7.7.7", "table": 7, "priority": 7}, given]})
    assert said.startswith(f"rules[1].{option}: " + (repr(found) if found is not None else ""))
    assert words in said


def test_two_rules_of_one_priority_are_refused():
    rules = [{"from": "10.0.0.1", "table": 1, "priority": 1001}, {"from": "10.0.0.2", "table": 1}]
    assert _said({**ONE, "rules": rules}) == (
        "rules[1].priority: 1001 is that of a rule which names none at place 1, and an earlier rule's of the list, "
        "too; give each its own"
    )
    rules[1]["priority"] = 1001
    assert _said({**ONE, "rules": rules}) == (
        "rules[1].priority: 1001 is an earlier rule's of the list, too; give each its own"
    )
    assert attachment.parse({**ONE, "rules": [rules[0], {**rules[1], "from": "fd00::2"}]}).rules


def test_rules_count_in_the_order_of_their_list():
    given = [
        {"from": "10.0.0.1", "table": "100"},
        {"family": "both", "fwmark": "0x10/0xf0", "table": "main"},
        {"to": "::/0", "type": "prohibit", "iif": "lo", "priority": 3},
        {"from": "0.0.0.0/0", "fwmark": "0", "table": "local"},
    ]
    assert attachment.parse({**ONE, "rules": given}).rules == (
        Rule(4, 1000, "10.0.0.1/32", table=100),
        Rule(4, 1001, fwmark=0x10, mask=0xF0, kind=LOOKUP, table=254),
        Rule(6, 1001, fwmark=0x10, mask=0xF0, kind=LOOKUP, table=254),
        Rule(6, 3, iif="lo", kind=8),
        Rule(4, 1003, mask=0xFFFFFFFF, table=255),
    )


SYSCTLS = [
    ({"kernel.hostname": "a"}, "sysctls: 'kernel.hostname' is none of a network namespace: those begin with net.;"),
    ({"ip_forward": 1}, "sysctls: 'ip_forward' is no sysctl; write it as net.ipv4.conf.IFNAME.rp_filter"),
    ({"net/ipv4/../../kernel/hostname": 1}, "sysctls: 'net/ipv4/../../kernel/hostname' is no sysctl; write it as"),
    ({"net.ipv4..ip_forward": 1}, "sysctls: 'net.ipv4..ip_forward' is no sysctl"),
    ({"/net/ipv4/ip_forward": 1}, "sysctls: '/net/ipv4/ip_forward' is no sysctl"),
    ({"net.ipv4.ip_forward\n": "1\0"}, "'1\\x00' is no value of a sysctl; give a number, or a text of 1 to 255 bytes"),
    ({"net.ipv4.ip_forward": ""}, "sysctls.net.ipv4.ip_forward: '' is no value of a sysctl"),
    ({"net.ipv4.ip_forward": "1" * 256}, "is no value of a sysctl"),
    (
        {"net.ipv4.ip_forward": [1]},
        "sysctls.net.ipv4.ip_forward: [1] is no value of a sysctl; give a number, or a text",
    ),
    ({"net.ipv4.ip_forward": None}, "sysctls.net.ipv4.ip_forward: is no value of a sysctl"),
    ({"net.ipv6.conf.all.disable_ipv6": 1}, "is what option ipv6 of an attachment is for; use that"),
    ({"net.ipv6.conf.eth1.disable_ipv6": 1}, "is what option ipv6 of an attachment is for; use that"),
    (
        {"net.ipv4.conf.IFNAME.promote_secondaries": 0},
        "is what keeps addresses while others of their subnet are changed",
    ),
    (
        {"net.ipv4.conf.eth1.rp_filter": 1, "net/ipv4/conf/IFNAME/rp_filter": 2},
        "sysctls: 'net/ipv4/conf/IFNAME/rp_filter' is net.ipv4.conf.IFNAME.rp_filter, which is in it twice; leave one",
    ),
    (
        {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.forwarding": 0},
        "sysctls: 'net.ipv4.conf.all.forwarding' is net.ipv4.ip_forward, which is in it twice; leave one",
    ),
]


@pytest.mark.parametrize(("given", "words"), SYSCTLS)
def test_sysctls_that_can_not_be_right(given, words):
    assert words in _said({**ONE, "sysctls": given})


@pytest.mark.parametrize("parse", [attachment.parse, nic_attachment.parse])
def test_sysctls_are_written_in_an_order_that_holds(parse):
    given = {
        "net.ipv4.conf.eth1.rp_filter": "  2 ",
        "net.core.somaxconn": 4096,
        "net/ipv4/conf/eth0.100/rp_filter": False,
        "net.ipv4.conf.eth0/200.rp_filter": 1,
        "net.ipv6.neigh.IFNAME.gc_stale_time": 60,
        "net.ipv6.conf.all.forwarding": True,
        "net.ipv4.conf.all.forwarding": "1",
        "net.ipv4.tcp_rmem": "4096\t131072   6291456",
    }
    want = parse({**ONE, "nic": "eth1", "kind": "macvlan", "sysctls": given})
    assert want.sysctls == (
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/core/somaxconn", "4096"),
        ("net/ipv4/conf/eth0.100/rp_filter", "0"),
        ("net/ipv4/conf/eth0.200/rp_filter", "1"),
        ("net/ipv4/tcp_rmem", "4096 131072 6291456"),
        ("net/ipv4/conf/IFNAME/rp_filter", "2"),
        ("net/ipv6/neigh/IFNAME/gc_stale_time", "60"),
    )

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports of the host rules of other tools take, as iptables-save and nft print them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.port_use import (
    dnat_iptables,
    dnat_nftables,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import HostPort

# In the ways of dockerd, portmap of CNI and kube-proxy.
SAVED = """\
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -d 10.0.0.7/32 -j DNAT --to-destination 192.0.2.7
-A PREROUTING -p tcp -m tcp ! --dport 22 -j FORWARDED
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.2:53
-A DOCKER -p tcp -m tcp --dport 9000:9010 -m comment --comment "a -j word" -j REDIRECT --to-ports 9
-A DOCKER -p tcp -m tcp --dport 7777 -j RETURN
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name" -m multiport --dports 8081,8090:8092 -j CNI-DN-1
-A CNI-DN-1 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 10.1.0.2:80
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT-1
-A KUBE-EXT-1 -j KUBE-MARK-MASQ
-A KUBE-EXT-1 -g KUBE-SEP-1
-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:80
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A POSTROUTING -p tcp -m tcp --dport 6666 -j MASQUERADE
COMMIT
""".splitlines()


def port(text, address="", family=4):
    number, _slash, protocol = text.partition("/")
    return HostPort(family, address, protocol or "tcp", int(number))


@pytest.mark.parametrize(
    ("host", "takes"),
    [
        (port("8080"), True),
        (port("8080", "10.0.0.9"), True),
        (port("8080/udp"), False),
        (port("8080", family=6), False),
        (port("5353/udp"), True),
        (port("5353/udp", "127.0.0.1"), True),
        (port("5353/udp", "10.0.0.9"), False),
        (port("9000"), True),
        (port("9010"), True),
        (port("9011"), False),
        (port("8081"), True),
        (port("8091"), True),
        (port("30080"), True),
        (port("7777"), False),
        (port("6666"), False),
        (port("22"), False),
        (port("23"), False),
        (port("1234", "10.0.0.7"), True),
        (port("1234/sctp", "10.0.0.7"), True),
        (port("1234"), False),
    ],
)
def test_rules_of_iptables(host, takes):
    assert any(one.takes(host) for one in dnat_iptables.read("ip", SAVED)) is takes


def test_the_rule_itself_is_named():
    (found,) = dnat_iptables.read("ip6", ["-A X -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00::2]:80"])
    assert found.takes(port("8080", family=6))
    assert (
        found.who
        == "the rule '-A X -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00::2]:80' of ip6tables, table nat,"
    )


def dport(protocol, right, op="=="):
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}}


def daddr(header, right):
    return {"match": {"op": "==", "left": {"payload": {"protocol": header, "field": "daddr"}}, "right": right}}


L4PROTO = {"meta": {"key": "l4proto"}}
TH_DPORT = {"payload": {"protocol": "th", "field": "dport"}}
TCP_DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
DNAT = {"dnat": {"family": "ip", "addr": "192.0.2.7", "port": 80}}
TO_SUB = {"jump": {"target": "sub"}}


def rule(*expressions, chain="pre", family="inet"):
    return {"rule": {"family": family, "table": "theirs", "chain": chain, "expr": list(expressions)}}


def mapped(key, data):
    return {"dnat": {"family": "ip", "addr": {"map": {"key": key, "data": data}}}}


@pytest.mark.parametrize(
    ("listing", "taken", "free"),
    [
        (
            [rule(dport("tcp", 8080), DNAT)],
            [port("8080"), port("8080", "10.0.0.9"), port("8080", family=6)],
            [port("8080/udp"), port("8081")],
        ),
        ([rule(dport("tcp", 8080), {"redirect": {"port": 1}}, family="ip6")], [port("8080", family=6)], [port("8080")]),
        ([rule(dport("tcp", 8080), {"redirect": None})], [port("8080")], [port("80")]),
        ([rule(dport("tcp", 8080, "!="), DNAT)], [], [port("80"), port("8080")]),
        (
            [rule(dport("tcp", {"set": [81, {"range": [90, 95]}]}), DNAT)],
            [port("81"), port("90"), port("95")],
            [port("82"), port("96")],
        ),
        (
            [
                rule(dport("tcp", "@ports"), DNAT),
                {"set": {"name": "ports", "elem": [1, {"elem": {"val": 2, "comment": "x"}}]}},
            ],
            [port("1"), port("2")],
            [port("3")],
        ),
        (
            [rule({"match": {"op": "==", "left": L4PROTO, "right": {"set": ["tcp", "udp"]}}}, dport("th", 53), DNAT)],
            [port("53"), port("53/udp")],
            [port("53/sctp")],
        ),
        (
            [rule(daddr("ip", "10.0.0.9"), dport("tcp", 80), DNAT)],
            [port("80"), port("80", "10.0.0.9")],
            [port("80", "10.0.0.8"), port("80", family=6)],
        ),
        (
            [rule(daddr("ip", {"prefix": {"addr": "10.0.0.0", "len": 8}}), dport("tcp", 80), DNAT)],
            [port("80", "10.0.0.9")],
            [port("80", "192.0.2.1")],
        ),
        (
            [rule(daddr("ip", {"range": ["10.0.0.1", "10.0.0.3"]}), dport("tcp", 80), DNAT)],
            [port("80", "10.0.0.2")],
            [port("81", "10.0.0.2")],
        ),
        (
            [rule(daddr("ip", "10.0.0.9"), DNAT)],
            [port("80", "10.0.0.9"), port("7/udp", "10.0.0.9")],
            [port("80"), port("80", "10.0.0.8")],
        ),
        ([rule(DNAT)], [], [port("80")]),
        (
            [rule(mapped(TCP_DPORT, {"set": [[444, "192.0.2.1"], [{"range": [500, 600]}, "192.0.2.2"]]}))],
            [port("444"), port("550")],
            [port("445"), port("444/udp")],
        ),
        (
            [
                rule(
                    mapped({"concat": [{"payload": {"protocol": "ip", "field": "daddr"}}, L4PROTO, TH_DPORT]}, "@all")
                ),
                {
                    "map": {
                        "name": "all",
                        "elem": [
                            [
                                {"elem": {"val": {"concat": ["10.0.0.9", "udp", 99]}, "comment": "x"}},
                                {"concat": ["192.0.2.1", 80]},
                            ]
                        ],
                    }
                },
            ],
            [port("99/udp"), port("99/udp", "10.0.0.9")],
            [port("99"), port("99/udp", "10.0.0.8")],
        ),
        (
            [
                rule({"vmap": {"key": {"concat": [L4PROTO, TH_DPORT]}, "data": "@verdicts"}}),
                {
                    "map": {
                        "name": "verdicts",
                        "elem": [
                            [{"concat": ["tcp", 30080]}, {"goto": {"target": "sub"}}],
                            [{"concat": ["tcp", 22]}, {"accept": None}],
                        ],
                    }
                },
                rule({"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}, TO_SUB, chain="marked"),
                rule(DNAT, chain="sub"),
            ],
            [port("30080")],
            [port("30080/udp"), port("22")],
        ),
        ([rule(dport("tcp", 80), TO_SUB), rule({"accept": None}, chain="sub")], [], [port("80")]),
        (
            [rule(dport("tcp", 80), TO_SUB), rule({"jump": {"target": "deep"}}, chain="sub"), rule(DNAT, chain="deep")],
            [port("80")],
            [port("81")],
        ),
        (
            [
                rule(
                    {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv4"}},
                    dport("tcp", 80),
                    DNAT,
                )
            ],
            [port("80")],
            [port("80", family=6)],
        ),
    ],
)
def test_rules_of_nftables(listing, taken, free):
    found = list(dnat_nftables.read(json.loads(json.dumps(listing))))
    assert [host for host in taken if not any(one.takes(host) for one in found)] == []
    assert [host for host in free if any(one.takes(host) for one in found)] == []
    assert all("of the nftables table" in one.who and "theirs" in one.who for one in found)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of both kinds of iptables that a test makes in namespaces of its own, and what is then in them."""

from __future__ import annotations

import json
import re

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.firewall import AcceptedBridge
from own_namespaces import run

KINDS = ("nft", "legacy")
PROGRAM = {"ip": "iptables", "ip6": "ip6tables"}
BR0, BR1 = AcceptedBridge("ip", "br0"), AcceptedBridge("ip", "br1")
BR1_OUT = AcceptedBridge("ip", "br1", ("eth0", "tun0"))
BR0_V6 = AcceptedBridge("ip6", "br0")
BR0_PUBLISHED = AcceptedBridge("ip", "br0", within=False)

# What Docker Engine 20.10 leaves behind with one published port, as iptables-save prints it.
DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""
DOCKER_V6 = "*filter\n:FORWARD DROP\n:DOCKER-USER -\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n"


def docker_starts(kind, *, ip6=False):
    run(f"iptables-{kind}-restore", text=DOCKER)
    if ip6:
        run(f"ip6tables-{kind}-restore", text=DOCKER_V6)


def saved(kind, family="ip"):
    """The complete ruleset, without counters and the time of day."""
    text = run(f"{PROGRAM[family]}-{kind}-save")
    return re.sub(r"\[\d+:\d+\]", "[0:0]", "\n".join(line for line in text.splitlines() if line[:1] != "#"))


def everything():
    """All rulesets of the namespace, in the eyes of each tool."""
    rulesets = [saved(kind, family) for kind in KINDS for family in PROGRAM]
    listed = json.loads(run("nft -j list ruleset"))["nftables"]
    rulesets.append(re.sub(r'"(handle|packets|bytes)": \d+', r'"\1": 0', json.dumps(listed)))
    return rulesets


def shown():
    seen = IptablesForward().read()
    return seen.families, seen.accepted


def chain(name, kind="nft"):
    return [line for line in saved(kind).splitlines() if line.startswith(f"-A {name} ")]

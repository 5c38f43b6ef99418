# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of ovs_vlan_port arrange, and what Open vSwitch then has of a port."""

from __future__ import annotations

import json

from wiring import assert_same, everything

NETDEV = {"datapath_type": "netdev"}


def vlans(host, port):
    return host.run("ovs-vsctl", "get", "port", port, "vlan_mode", "tag", "trunks").stdout.split("\n")[:3]


def columns(host, table, name, *wanted):
    shown = json.loads(
        host.run("ovs-vsctl", "-f", "json", f"--columns={','.join(wanted)}", "list", table, name).stdout
    )["data"][0]
    return [dict(value[1]) if isinstance(value, list) and value[0] == "map" else value for value in shown]


def ids(host, port):
    return columns(host, "port", port, "external_ids")[0]


def make_veth(host, *names):
    host.run("sh", "-c", " && ".join(f"ip link add {name} type veth peer name {name}x" for name in names))


def thoroughly(host, **options):
    """Check mode says what is done and does nothing; a second run does nothing."""
    before = everything(host)
    checked = host.module("ovs_vlan_port", check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = host.module("ovs_vlan_port", diff=True, **options)
    again = host.module("ovs_vlan_port", diff=True, **options)
    for key in ("operations", "changed", "diff", "bridge", "ports"):
        assert checked[key] == done[key], key
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert (again["ports"], again["bridge"]) == (done["ports"], done["bridge"])
    return done

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets of a few hosts, and what is read from their variables."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet

VLANS = {"web": {"id": 100, "subnet": "192.168.0.0/24"}, "db": {"id": 200, "subnet": "192.168.0.0/24"}}


def fleet(shown=None, vlans=None, running=None, more=None, **containers):
    variables = {
        host: {
            "bridge": "ovs0",
            "uplink": "eth1",
            "vlans": vlans or VLANS,
            "containers": entries,
            **(more or {}).get(host, {}),
        }
        for host, entries in containers.items()
    }
    return vlan_fleet.read(variables, shown or {}, running)


def problem(*words, **containers):
    found = fleet(*words, **containers).problems
    assert len(found) == 1, found
    return found[0]


def addresses(found):
    assert found.problems == ()
    return {
        f"{member.host}/{member.label}": ",".join(str(address.ip) for address in member.addresses)
        for member in found.members
    }


def shown(**by_host):
    """What hosts show: the container, its VLAN's id and its address."""
    return {
        host: {
            "attachments": [
                {"container": name, "bridge": "ovs0", "interface": "eth1", "vlan": vlan, "addresses": [f"{address}/24"]}
                for name, vlan, address in entries
            ]
        }
        for host, entries in by_host.items()
    }


def tunnelled(**hosts):
    vlans = {"web": {"id": 100}, "db": {"id": 200, "vni": 5200}}
    common = {"bridge": "ovs0", "transport": "vxlan", "vlans": vlans}
    return {
        host: {**common, "containers": [{"container": host, "vlan": "web"}], **given} for host, given in hosts.items()
    }


SEVEN = {"container": "n", "vlan": "web", "address": "192.168.0.7"}


BOTH = {
    "web": {
        "id": 100,
        "subnet": ["192.168.0.0/24", "fd00:1::/64"],
        "gateway": ["fd00:1::1", "192.168.0.1"],
        "pool": "fd00:1::10-fd00:1::1f",
    }
}

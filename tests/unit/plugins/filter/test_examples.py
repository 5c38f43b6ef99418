# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of filters work as they stand, and what they are given by mistake is told."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.pipefitter.container_network.plugins.filter import from_pipework, vlan_fleet, vlan_matrix


def hosts_and_variables(plugin):
    """What the example hands to the filter, with its other two variables put in."""
    (task,) = yaml.safe_load(plugin.EXAMPLES)
    variables = task["vars"]
    for given in variables["hosts_and_variables"].values():
        for name in ("vlans", "uplink"):
            assert given[f"multi_host_vlan_{name}"] == f"{{{{ {name} }}}}"
            given[f"multi_host_vlan_{name}"] = variables[name]
    return variables["hosts_and_variables"]


def test_vlan_fleet():
    found = vlan_fleet.FilterModule().filters()["vlan_fleet"](hosts_and_variables(vlan_fleet), ["hosta", "hostb"])
    assert found["problems"] == []
    assert found["unseen"] == ["hosta", "hostb"]
    assert found["hosts"]["hosta"] == {
        "external_ids": {},
        "ports": [{"port": "eth1", "mode": "trunk", "trunks": [100, 200]}],
        "attachments": [{"container": "test1", "interface": "eth1", "vlan": 100, "addresses": ["192.168.0.1/24"]}],
        "probes": [{"container": "test1", "interface": "eth1"}],
    }
    (chosen,) = found["hosts"]["hostb"]["attachments"][0]["addresses"]
    assert found["hosts"]["hostb"]["external_ids"] == {
        "multi_host_vlan_addresses": f'{{"container=test3 eth1":["{chosen.partition("/")[0]}"]}}'
    }
    assert chosen.startswith("192.168.0.") and chosen != "192.168.0.1/24"
    assert found["addresses"] == sorted(["192.168.0.1", chosen.partition("/")[0]])


def test_vlan_matrix():
    found = vlan_matrix.FilterModule().filters()["vlan_matrix"](hosts_and_variables(vlan_matrix), ["hosta", "hostb"])
    assert (found["pairs"], found["wrong"], found["told"]) == (2, [], "")
    assert found["lines"][1].endswith("=  +") and found["lines"][2].endswith("+  =")


def test_from_pipework(capsys):
    (line, script) = yaml.safe_load(from_pipework.EXAMPLES)
    assert "pipework br1 web1 192.168.1.1/24@192.168.1.254" in line["ansible.builtin.debug"]["msg"]
    sample = yaml.safe_load(from_pipework.RETURN)["_value"]["contains"]
    found = from_pipework.translate("pipework br1 web1 192.168.1.1/24@192.168.1.254")
    assert found == {"tasks": sample["tasks"]["sample"], "left": []}
    assert not capsys.readouterr().err
    found = from_pipework.translate("#!/bin/sh\n\npipework br1 $CONTAINER 192.168.1.3/24\n")
    assert found == {"tasks": [], "left": sample["left"]["sample"]}
    assert "from_pipework: line 3 (pipework br1" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(AnsibleFilterError, match="takes a command line or the text of a script"):
        from_pipework.translate(["pipework br1 web1 192.168.1.1/24"])


def test_facts_go_before_the_inventory_and_defaults_after_it():
    vlans = {"web": {"id": 100}}
    hostvars = {
        "hosta": {
            "multi_host_vlan_asked": {
                "ovs0": {"bridge": "ovs0", "uplink": "eth2", "containers": [{"container": "said", "vlan": "web"}]}
            }
        },
        "hostb": {
            "multi_host_vlan_containers": [{"container": "listed", "vlan": "web"}],
            "multi_host_vlan_uplink": "eth3",
        },
        "hostc": {
            "multi_host_vlan_state": "absent",
            "multi_host_vlan_containers": [{"container": "going", "vlan": "web"}],
        },
    }
    hostvars["hosta"]["multi_host_vlan_containers"] = [{"container": "older", "vlan": "web"}]
    found = vlan_fleet.work_out(
        hostvars, ["hosta", "hostb", "hostc"], {"bridge": "ovs0", "uplink": "eth1", "vlans": vlans}
    )
    assert found["problems"] == []
    assert [[entry["container"] for entry in found["hosts"][host]["attachments"]] for host in found["hosts"]] == [
        ["said"],
        ["listed"],
        [],
    ]
    assert [found["hosts"][host]["ports"][0]["port"] for host in ("hosta", "hostb")] == ["eth2", "eth3"]


@pytest.mark.parametrize("filter_", [vlan_fleet.work_out, vlan_matrix.compare])
def test_what_is_no_mapping_of_hosts(filter_):
    with pytest.raises(AnsibleFilterError, match="takes the variables of hosts by host, such as hostvars"):
        filter_(["hosta"], ["hosta"])

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vlan_fleet
short_description: Work out the VLAN wiring of all hosts of a play
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Reads the variables of the role
    R(multi_host_vlan,ansible_collections.pipefitter.container_network.multi_host_vlan_role) of all hosts, finds
    contradictions in them, chooses addresses for containers that name none, and returns what each host is to be
    configured with.
  - An address that is asked for is refused while another container has it, according to C(multi_host_vlan_shown) of its
    host, unless the variables take it from that one in this run.
  - A MAC that two containers would have in a VLAN is refused. One whose entry names none keeps the one that it has
    according to C(multi_host_vlan_shown) of its host, or that is recorded there for when it runs.
  - A container that names no address keeps the one that its interface has according to C(multi_host_vlan_shown) of its
    host. Otherwise it gets one that is derived from the names of host, container and interface, and that no other in
    the VLAN has. Where the VLAN has subnets of IPv4 and IPv6, this holds for each.
  - Nothing is read or changed on a host.
positional: _input, hosts
options:
  _input:
    description:
      - The variables of hosts, by host. Usually C(hostvars).
      - Of each host, C(multi_host_vlan_asked) is read if it is there (by bridge, as the role sets it), otherwise the
        variables of the role.
    type: dict
    required: true
  hosts:
    description: The hosts of the fleet. Usually C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  defaults:
    description:
      - Values of variables that a host does not set, by their names without the prefix C(multi_host_vlan_).
    type: dict
    default: {}
  running:
    description:
      - The hosts that this run changes. Usually C(ansible_play_hosts). What containers of other hosts have, they keep.
      - All of O(hosts) if it is left out.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say what is wrong with the variables, and which addresses are chosen
  ansible.builtin.debug:
    msg: "{{ fleet.problems or fleet.hosts.hosta.attachments }}"
  vars:
    fleet: "{{ hosts_and_variables | pipefitter.container_network.vlan_fleet(['hosta', 'hostb']) }}"
    uplink: eth1
    vlans:
      web: {id: 100, subnet: 192.168.0.0/24}
      db: {id: 200, subnet: 192.168.0.0/24}
    hosts_and_variables:
      hosta:
        multi_host_vlan_uplink: "{{ uplink }}"
        multi_host_vlan_vlans: "{{ vlans }}"
        multi_host_vlan_containers:
          - {container: test1, vlan: web, address: 192.168.0.1/24}
      hostb:
        multi_host_vlan_uplink: "{{ uplink }}"
        multi_host_vlan_vlans: "{{ vlans }}"
        multi_host_vlan_containers:
          - {container: test3, vlan: web}
"""

RETURN = r"""
_value:
  description: What is wrong, and what each host is to have.
  type: dict
  contains:
    problems:
      description: What is wrong with the variables, a sentence each. If there is any, no address is chosen.
      type: list
      elements: str
      sample:
        - >-
          hostb: multi_host_vlan_containers[0].vlan: 'wbe' is not a VLAN of multi_host_vlan_vlans; known are db, web
    warnings:
      description:
        - A sentence for each host that could not be asked which addresses its containers have, for hosts that
          C(--limit) leaves out, and for hosts whose MTU is not known.
      type: list
      elements: str
      sample: ["hostb: could not be asked which addresses its containers have; ..."]
    unseen:
      description: Hosts that were not asked for what is wired on them, without C(multi_host_vlan_shown).
      type: list
      elements: str
      sample: [hosta, hostb]
    hosts:
      description:
        - By host, C(external_ids) for the bridge, which keep the addresses that were chosen.
        - Beside them the entries for M(pipefitter.container_network.ovs_vlan_port),
          M(pipefitter.container_network.veth_attach) and M(pipefitter.container_network.container_neighbours_info).
          Empty where there is a problem.
      type: dict
      sample:
        hosta:
          external_ids: {}
          ports:
            - {port: eth1, mode: trunk, trunks: [100, 200]}
          attachments:
            - {container: test1, interface: eth1, vlan: 100, addresses: [192.168.0.1/24]}
          probes:
            - {container: test1, interface: eth1}
    addresses:
      description: Addresses of all containers of the fleet, each once.
      type: list
      elements: str
      sample: [192.168.0.1, 192.168.0.3]
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import variables as fleet_variables


def work_out(hostvars, hosts, defaults=None, running=None):
    try:
        variables, shown = fleet_variables.of_hosts(hostvars, hosts, defaults or {})
    except (AttributeError, TypeError) as error:
        raise AnsibleFilterError(
            f"vlan_fleet takes the variables of hosts by host, such as hostvars, and a list of hosts: {error}"
        ) from error
    fleet = vlan_fleet.read(variables, shown, running)
    wired = [] if fleet.problems else hosts
    return {
        "problems": list(fleet.problems),
        "warnings": list(fleet.warnings),
        "unseen": fleet_variables.unseen(hostvars, hosts),
        "hosts": {host: _wiring(fleet, host, variables, shown) for host in wired},
        "addresses": sorted({str(address.ip) for member in fleet.members for address in member.addresses}),
    }


def _wiring(fleet, host, variables, shown):
    return {
        "external_ids": vlan_fleet.external_ids(fleet, host, variables, shown),
        "ports": vlan_fleet.ports(fleet, host, variables, shown),
        "attachments": vlan_fleet.attachments(fleet, host),
        "probes": vlan_fleet.probes(fleet, host),
    }


class FilterModule:
    def filters(self):
        return {"vlan_fleet": work_out}

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vlan_matrix
short_description: Compare who reaches whom in VLANs with the variables
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Makes the matrix of all containers of a fleet that have an address. Containers of one VLAN must reach each other,
    and no others.
  - Warns if there is no pair, so that nothing was compared.
  - Reads the variables of the role
    R(multi_host_vlan,ansible_collections.pipefitter.container_network.multi_host_vlan_role), and what
    M(pipefitter.container_network.container_neighbours_info) returned for each host, in C(multi_host_vlan_probed).
positional: _input, hosts
options:
  _input:
    description: The variables of hosts, by host. Usually C(hostvars).
    type: dict
    required: true
  hosts:
    description: The hosts of the fleet. Usually C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  defaults:
    description: Values of variables that a host does not set, by their names without the prefix C(multi_host_vlan_).
    type: dict
    default: {}
seealso:
  - plugin: pipefitter.container_network.vlan_fleet
    plugin_type: filter
  - module: pipefitter.container_network.container_neighbours_info
"""

EXAMPLES = r"""
- name: Show who reaches whom
  ansible.builtin.debug:
    msg: "{{ (hosts_and_variables | pipefitter.container_network.vlan_matrix(['hosta', 'hostb'])).lines }}"
  vars:
    uplink: eth1
    vlans:
      web: {id: 100, subnet: 192.168.0.0/24}
    hosts_and_variables:
      hosta:
        multi_host_vlan_uplink: "{{ uplink }}"
        multi_host_vlan_vlans: "{{ vlans }}"
        multi_host_vlan_containers: [{container: test1, vlan: web, address: 192.168.0.1/24}]
        multi_host_vlan_probed:
          probes:
            - container: test1
              interface: eth1
              mac: "02:00:00:00:00:01"
              neighbours: {192.168.0.3: ["02:00:00:00:00:03"]}
      hostb:
        multi_host_vlan_uplink: "{{ uplink }}"
        multi_host_vlan_vlans: "{{ vlans }}"
        multi_host_vlan_containers: [{container: test3, vlan: web, address: 192.168.0.3/24}]
        multi_host_vlan_probed:
          probes:
            - container: test3
              interface: eth1
              mac: "02:00:00:00:00:03"
              neighbours: {192.168.0.1: ["02:00:00:00:00:01"]}
"""

RETURN = r"""
_value:
  description: The matrix, and what is wrong in it.
  type: dict
  contains:
    lines:
      description: The matrix for a person, a line for each container.
      type: list
      elements: str
      sample:
        - "                                   1  2"
        - " 1 web (100) hosta test1 192.168.0.1  =  +"
        - " 2 web (100) hostb test3 192.168.0.3  +  ="
        - "2 pairs, 0 not as they should be (+ reached, ...)"
    wrong:
      description: A sentence for each cell that is not as it should be.
      type: list
      elements: str
      sample: ["test1 of hosta (web, 192.168.0.1) does not reach test3 of hostb (web, 192.168.0.3)"]
    told:
      description: The first of RV(_value.wrong) in one text.
      type: str
      sample: "test1 of hosta (web, 192.168.0.1) does not reach test3 of hostb (web, 192.168.0.3)"
    pairs:
      description: How many cells there are, without those of a container with itself.
      type: int
      sample: 2
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import matrix
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import variables as fleet_variables


def compare(hostvars, hosts, defaults=None):
    try:
        variables, shown = fleet_variables.of_hosts(hostvars, hosts, defaults or {})
        probed = fleet_variables.probed(hostvars, hosts)
    except (AttributeError, TypeError) as error:
        raise AnsibleFilterError(
            f"vlan_matrix takes the variables of hosts by host, such as hostvars, and a list of hosts: {error}"
        ) from error
    fleet = vlan_fleet.read(variables, shown)
    if fleet.problems:
        raise AnsibleFilterError("; ".join(fleet.problems))
    found = matrix.matrix(fleet, probed)
    for sentence in found.warnings:
        Display().warning(f"vlan_matrix: {sentence}")
    return {
        "lines": list(found.lines),
        "wrong": list(found.wrong),
        "told": matrix.told(found.wrong),
        "pairs": found.cells,
    }


class FilterModule:
    def filters(self):
        return {"vlan_matrix": compare}

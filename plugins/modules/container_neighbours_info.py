#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_neighbours_info
short_description: Show which addresses answer on the links of containers
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Resolves addresses from interfaces of containers, by ARP (IPv4) and neighbour solicitation (IPv6), and returns the
    MAC addresses that answered. Those can be reached on the same link, in the same VLAN.
  - It asks from all interfaces at once, with up to a thousand requests a second, so that switches in userspace keep up.
    The container needs no C(ping) or C(arping), and no neighbour cache changes.
  - The playbook C(check_connectivity) makes the matrix of a whole fleet of it.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes.facts
options:
  probes:
    description:
      - Interfaces to ask from. One that is not there, or whose container has stopped, has no MAC address in the answer.
    type: list
    elements: dict
    required: true
    suboptions:
      container:
        description:
          - Name or id of a running container. Exactly one of this, O(probes[].netns) and O(probes[].pid) is required.
        type: str
      runtime:
        description:
          - Which engine to ask for the container. V(auto), also the default, asks all that run on the host.
        type: str
        choices: [auto, docker, podman]
      netns:
        description:
          - Network namespace, by its name in C(/run/netns) or by an absolute path.
        type: str
      pid:
        description:
          - Network namespace of a process, by its id.
        type: int
      interface:
        description:
          - Name of the interface in the container. Without it, C(eth1).
        type: str
  addresses:
    description:
      - Addresses to ask for, without prefix length.
    type: list
    elements: str
    required: true
  timeout:
    description:
      - Seconds to wait for answers, more than 0 and at most 60, on top of the time that asking takes. Each request is
        sent up to three times, until it is answered.
      - The module always waits this long, as no reply is a result, too.
    type: float
    default: 1.0
seealso:
  - module: pipefitter.container_network.container_network_info
"""

EXAMPLES = r"""
- name: See who answers to two containers
  pipefitter.container_network.container_neighbours_info:
    probes:
      - {container: web1}
      - {container: web2, interface: eth2}
    addresses: [192.168.5.10, 192.168.5.11]
  register: seen
"""

RETURN = r"""
probes:
  description: The interfaces in the order of O(probes).
  returned: success
  type: list
  elements: dict
  contains:
    interface:
      description: Name of the interface. Beside it is the container, C(netns) or C(pid), as it was given.
      type: str
    mac:
      description: MAC address of the interface; V(null) if it could not ask.
      type: str
    neighbours:
      description: Addresses that answered, each with the MAC addresses that the answers came from. More than one is a
        conflict.
      type: dict
    problem:
      description: Why it could not ask; V(null) if it could.
      type: str
  sample:
    - container: web1
      interface: eth1
      mac: 9a:4c:0d:a5:33:5b
      neighbours:
        192.168.5.11: ["5e:0b:8c:11:2f:d0"]
      problem: null
    - container: web2
      interface: eth2
      mac: null
      neighbours: {}
      problem: it has no interface eth2
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

PROBE = {
    **argument_specs.CONTAINER_TARGET,
    "interface": {"type": "str"},
}

ARGUMENT_SPEC = {
    "probes": {"type": "list", "elements": "dict", "options": PROBE, "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "default": 1.0},
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import neighbours_info

    return neighbours_info.gather


def main():
    ansible_module.run(load, ARGUMENT_SPEC, reports_changes=False)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: icc_policy
short_description: Control which containers of a bridge reach each other, and what they reach beyond it
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Keeps the containers of a Linux bridge from reaching each other (Docker's C(--icc=false)), and allows single
    connections between them (Docker's C(--link)), for any container runtime.
  - Isolation is that of the kernel's bridge ports. It stops all traffic between them, ARP, IPv6 link-local addresses
    and multicast too. The host, and other networks through it, remain reachable. Each port of the bridge is isolated,
    so containers no longer reach the LAN through an interface of the host that is a port of the bridge; they reach it
    through the host only.
  - A link is stateful. Replies pass, the other container can't open connections back, and no other port is reachable.
    Its packets go through the host, where nftables filters them with a number of rules that does not grow with the
    number of links.
  - M(pipefitter.container_network.veth_attach) and M(pipefitter.container_network.container_bridge) isolate new ports
    as they join. Ports that other tools add later are isolated only by the next run of this module; until then they
    reach all others.
  - Bridges of this collection are kept apart from isolated bridges, unless a link leads from a container of the one to
    a container of the other. It belongs in the policy of one of the two that is isolated; both require
    O(pipefitter.container_network.container_bridge#module:ip_forward=true), and both containers need a route to each
    other, by a gateway for example. Connections to published ports pass.
  - On a host whose firewall drops forwarded traffic (Docker's, iptables, ufw, firewalld), links are let through there,
    as M(pipefitter.container_network.container_bridge) says. On a bridge of another tool this is removed with the last
    link.
  - Nothing is switched on for the whole host, with one exception. Linux before 6.17 forwards IPv6 only if
    C(net.ipv6.conf.all.forwarding) is on; links between IPv6 addresses switch it on there, and the module warns when it
    does.
  - The policy lives in the tables C(ip pipefitter) and C(ip6 pipefitter) and in the flags of the bridge's ports, so it
    is gone after a reboot, as the bridge is. Where it is recorded (see O(persistent)), the service makes it again,
    before container engines start. Elsewhere, the next run does, also if the tables were deleted.
  - Links hold the addresses that the containers have when the task runs. Where it is recorded, they follow when the
    service sees that a container has started again; elsewhere, run it again after a container got another address.
  - Where the host's firewall sees bridged frames (br_netfilter), the kernel bridges what it translates, and isolation
    would keep it from ports that containers on the same bridge published, and a container from its own. So each
    isolated port gets a tc filter (clsact and cls_bpf) for packets to the bridge's own MAC, with which they pass
    br_netfilter and are routed. Rules of iptables with C(-m physdev) don't match them. C(tc filter show dev PORT
    ingress) shows it as C(pipefitter) and the MAC. Where the kernel has no such filter,
    M(pipefitter.container_network.port_publish) warns.
  - A container can't get what a link or a published port is for by taking the address or the MAC of another one,
    whatever its rights (C(NET_RAW), C(NET_ADMIN)). The port of each attachment of this collection lets in what comes
    from its own MAC and addresses only, and no router advertisements, and the bridge keeps its MAC behind that port.
    The rules are in the table C(bridge pipefitter). See
    O(pipefitter.container_network.veth_attach#module:security), which says otherwise for single containers, and which
    are not checked. What other tools attached is not looked at.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
  - nftables (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.persistent
options:
  bridge:
    description:
      - Name of a Linux bridge of the host. This collection need not have made it.
    type: str
    required: true
  state:
    description:
      - With V(absent), the bridge has no policy, as with O(icc=true) and nothing else. The bridge need not exist.
    type: str
    choices: [present, absent]
    default: present
  icc:
    description:
      - Whether the containers of the bridge reach each other. Required with O(state=present).
      - V(true) removes what V(false) set. Sysctls get their former values, and no port of the bridge is isolated any
        more.
    type: bool
  links:
    description:
      - Connections to allow despite O(icc=false). The list is complete.
      - The connections of a link that is removed from it end with their next packet.
      - For links within a bridge the host answers ARP requests for all addresses of the bridge's subnets. So IPv4 links
        within a bridge are refused while an interface that is no container's is a port of it, such as one to the LAN;
        links between two bridges are not.
      - Containers need addresses on the bridge that do not expire, in a subnet in which the bridge has an address.
    type: list
    elements: dict
    suboptions:
      from:
        description:
          - The container that may open connections, by name or id, or a dictionary with one of V(container), V(netns)
            (a name or path) and V(pid).
        type: raw
        required: true
      to:
        description:
          - The container that they go to, as for O(links[].from).
          - 'Or a dictionary with V(label), as in C({label: role=db}) or C({label: role}), for all running containers
            with this label that have an address on the bridge, or on another bridge of this collection, when the task
            runs.'
        type: raw
        required: true
      ports:
        description:
          - Ports as in V(5432/tcp), V(53/udp), V(9899/sctp) or V(80) (which is TCP), and V(icmp) for echo requests of
            both families.
          - Without this option, those that the container's image exposes.
        type: list
        elements: str
  egress:
    description:
      - Whether containers of the bridge may open connections to other interfaces (the LAN, other bridges). Replies
        always pass.
    type: str
    choices: [allow, deny]
    default: allow
  host_access:
    description:
      - Whether containers of the bridge may open connections to addresses of the host. With V(deny), ARP, neighbour
        discovery, DHCP and replies to the host's own connections pass, and connections that containers opened before
        end.
    type: str
    choices: [allow, deny]
    default: allow
seealso:
  - module: pipefitter.container_network.container_bridge
  - module: pipefitter.container_network.veth_attach
"""

EXAMPLES = r"""
- name: Containers that reach nobody on their bridge, but for one that reaches its database
  pipefitter.container_network.icc_policy:
    bridge: br0
    icc: false
    links:
      - {from: web1, to: db1, ports: ["5432/tcp"]}

- name: A link to a group, and one to the ports that an image exposes
  pipefitter.container_network.icc_policy:
    bridge: br0
    icc: false
    links:
      - from: web1
        to: {label: role=cache}
        ports: ["6379/tcp", icmp]
      - {from: web1, to: db1}

- name: Containers that only answer
  pipefitter.container_network.icc_policy:
    bridge: br0
    icc: false
    egress: deny
    host_access: deny

- name: Everybody reaches everybody again
  pipefitter.container_network.icc_policy:
    bridge: br0
    icc: true
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - keep the containers of br0 from reaching each other
    - allow connections over br0 from container web1 (192.168.5.10) to container db1 (192.168.5.11), 5432/tcp
    - set pf6f0b2a1c9d1 isolated
    - set sysctl net.ipv4.conf.br0.proxy_arp_pvlan from 0 to 1
policy:
  description:
    - The policy in the shape of this module's options; groups and left out ports are resolved.
  returned: success
  type: dict
  sample:
    bridge: br0
    icc: false
    egress: allow
    host_access: allow
    links:
      - from: web1
        to: db1
        ports: [5432/tcp]
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

LINK = {
    "from": {"type": "raw", "required": True},
    "to": {"type": "raw", "required": True},
    "ports": {"type": "list", "elements": "str"},
}

ARGUMENT_SPEC = {
    "bridge": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "icc": {"type": "bool"},
    "links": {"type": "list", "elements": "dict", "options": LINK},
    "egress": {"type": "str", "choices": ["allow", "deny"], "default": "allow"},
    "host_access": {"type": "str", "choices": ["allow", "deny"], "default": "allow"},
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import icc_policy

    return icc_policy.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth_attach
short_description: Attach containers to a Linux bridge or an Open vSwitch bridge
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Gives a container, or each of a list of containers, an interface on a bridge of the host, with addresses, gateway
    and routes.
  - What differs is corrected in place; the interface is not removed for it. A second run changes nothing.
  - Works from outside the container through netlink; nothing needs to be installed in the container.
  - A list (O(attachments)) is handled in one process that reads the host once, and is much faster than a loop.
  - If an operation fails, those before it are undone. A run that was interrupted is completed by the next one.
  - Attachments do not outlive a restart of their container. Where they are recorded (see O(persistent)), the service
    makes them again; elsewhere run the task again.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.container_target
  - pipefitter.container_network.attachment
  - pipefitter.container_network.bridge_attachment
  - pipefitter.container_network.persistent
options:
  attachments:
    description:
      - Attachments to create or remove, each with the options of a single one.
      - What an entry leaves out of O(bridge), O(runtime), O(interface), O(gateway), O(gateway6), O(routes), O(rules),
        O(sysctls), O(mtu), O(ipv6), O(required) and O(security) is taken from the module's own option of that name; so
        are O(vlan), O(vlan_mode) and O(trunks) for an entry that has none of the three.
      - O(gateway) and O(gateway6) apply to entries that have addresses of their family or leave O(addresses) out.
    type: list
    elements: dict
    suboptions:
      container:
        description: See O(container).
        type: str
      runtime:
        description: See O(runtime).
        type: str
        choices: [auto, docker, podman]
      netns:
        description: See O(netns).
        type: str
      pid:
        description: See O(pid).
        type: int
      bridge:
        description: See O(bridge).
        type: str
      interface:
        description: See O(interface).
        type: str
      host_interface:
        description: See O(host_interface).
        type: str
      addresses:
        description: See O(addresses).
        type: list
        elements: str
      gateway:
        description: See O(gateway).
        type: str
      gateway6:
        description: See O(gateway6).
        type: str
      routes:
        description: See O(routes).
        type: list
        elements: dict
        suboptions:
          destination:
            description: Subnet or address that the route leads to.
            type: str
            required: true
          gateway:
            description: Next hop; without one the destination is on-link.
            type: str
          metric:
            description: Priority; the lowest wins. 0 to 4294967295.
            type: int
          table:
            description: Routing table, by its number or as V(main), V(default) or V(local).
            type: str
          type:
            description: What becomes of a packet; all but V(unicast) lead nowhere.
            type: str
            choices: [unicast, blackhole, unreachable, prohibit, throw]
          src:
            description: Source address of what the container sends by the route.
            type: str
          scope:
            description: Scope of an IPv4 destination.
            type: str
            choices: [global, link, host]
          onlink:
            description: Take the gateway for one on the link, whatever the addresses say.
            type: bool
          mtu:
            description: Largest packet by the route in bytes.
            type: int
          nexthops:
            description: Several ways to share the traffic among.
            type: list
            elements: dict
            suboptions:
              gateway:
                description: Next hop.
                type: str
                required: true
              interface:
                description: Interface in the container that it is reached by.
                type: str
              weight:
                description: Share of the traffic, 1 to 256.
                type: int
      rules:
        description: See O(rules).
        type: list
        elements: dict
        suboptions:
          from:
            description: Subnet or address that packets come from.
            type: str
          to:
            description: Subnet or address that packets go to.
            type: str
          iif:
            description: Interface that packets come in by.
            type: str
          fwmark:
            description: Firewall mark that packets have, with a mask as V(0x10/0xf0).
            type: str
          family:
            description: For which packets the rule is, where neither C(from) nor C(to) tells it.
            type: str
            choices: [ipv4, ipv6, both]
          table:
            description: Routing table that is looked up, by its number or as V(main), V(default) or V(local).
            type: str
          type:
            description: What becomes of a packet; all but V(unicast) lead nowhere.
            type: str
            choices: [unicast, blackhole, unreachable, prohibit]
          priority:
            description: Which rule comes first; the lowest does.
            type: int
      sysctls:
        description: See O(sysctls).
        type: dict
      mac:
        description: See O(mac).
        type: str
      mac_seed:
        description: See O(mac_seed).
        type: str
      mtu:
        description: See O(mtu).
        type: int
      ipv6:
        description: See O(ipv6).
        type: bool
      required:
        description: See O(required).
        type: bool
      vlan:
        description: See O(vlan).
        type: int
      vlan_mode:
        description: See O(vlan_mode).
        type: str
        choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
      trunks:
        description: See O(trunks).
        type: raw
      security:
        description: See O(security).
        type: dict
        suboptions:
          mac_spoofing:
            description: Whether frames pass whose source MAC is not the interface's own.
            type: str
            choices: [allow, deny]
          address_spoofing:
            description: Whether packets pass that come from addresses other than O(attachments[].addresses).
            type: str
            choices: [allow, deny]
          router_advertisements:
            description: Whether router advertisements and redirects of IPv6 pass.
            type: str
            choices: [allow, deny]
  state:
    description:
      - Whether the attachments exist.
      - With V(absent), an attachment or a container that does not exist is no error. Only interfaces that this
        collection made are removed.
      - The default route of O(gateway) goes with the interface. One whose place it had taken comes back with all that
        it had, unless its interface is gone or another default route has its place by now. It is kept until then in
        routing table 1885732976 of the container's network namespace, to which no rule leads. A warning says where a
        container is left without one.
      - With V(absent) and O(bridge), an attachment that is on another bridge by now stays; one that is on no bridge is
        removed.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Also remove attachments of this collection from O(bridge) that are not listed; with O(owner), those alone that
        bear its name. The bridge must exist.
    type: bool
    default: false
  owner:
    description:
      - A word that is noted on the ports of the attachments, in the C(external_ids) of Open vSwitch, so that O(purge)
        removes those alone. The roles of this collection give their names, so that several of them may share a bridge.
      - On a Linux bridge it is refused.
    type: str
  bridge_type:
    description:
      - Of which kind O(bridge) is to be; one of the other kind is refused. Without this option, either will do.
      - In check mode, a bridge that is not there yet is taken for one of this kind, and is no warning.
    type: str
    choices: [linux, openvswitch]
  announce:
    description:
      - Send gratuitous ARP and unsolicited neighbour advertisements for addresses of interfaces that are new or
        changed, so that neighbours and switches learn them at once.
      - Where more than 16 join a bridge at once, those that do are closed to each other's until all have joined. In
        Open vSwitch their ports are C(protected) for that time, unless other ports of the bridge are.
seealso:
  - module: pipefitter.container_network.nic_attach
  - module: pipefitter.container_network.container_bridge
  - module: pipefitter.container_network.ovs_vlan_port
  - module: pipefitter.container_network.container_network_info
"""

EXAMPLES = r"""
- name: Attach three containers in one go
  pipefitter.container_network.veth_attach:
    bridge: br0
    attachments:
      - {container: web1, addresses: [192.168.5.10/24], gateway: 192.168.5.1}
      - {container: web2, interface: eth2, addresses: [192.168.5.11/24, "fd00:5::11/64"], mac_seed: web2}
      - {netns: /run/netns/probe, addresses: [192.168.5.12/24]}

- name: Attach one container
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web3
    addresses: [192.168.5.13/24]
    state: present

- name: A gateway outside of the container's own subnet
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web4
    addresses: [192.168.5.14/32]
    gateway: 192.168.5.1
    routes:
      - {destination: 10.20.0.0/16, gateway: 192.168.5.254}

- name: A router with a table for guests, two ways out, and one subnet that nobody is to reach
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web3
    addresses: [192.168.5.13/24]
    routes:
      - {destination: 0.0.0.0/0, gateway: 192.168.5.2, table: 100, mtu: 1400}
      - {destination: 10.20.0.0/16, gateway: 192.168.5.1, src: 192.168.5.13}
      - destination: 10.30.0.0/16
        nexthops:
          - {gateway: 192.168.5.1, weight: 2}
          - {gateway: 192.168.5.2}
      - {destination: 10.66.0.0/16, type: unreachable}

- name: A second uplink, by which what is asked there is answered
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web3
    interface: eth2
    addresses: [192.168.6.13/24]
    routes:
      - {destination: 0.0.0.0/0, gateway: 192.168.6.1, table: 102}
    rules:
      - {from: 192.168.6.13, table: 102}
    sysctls:
      net.ipv4.conf.IFNAME.rp_filter: 2

- name: A container that routes, and does so for marked packets by a table of their own
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web4
    rules:
      - {fwmark: 0x10/0xf0, family: both, table: 100}
      - {to: 10.66.0.0/16, type: unreachable}
    sysctls:
      net.ipv4.ip_forward: 1
      net.ipv6.conf.all.forwarding: 1

- name: A port of VLAN 100 on an Open vSwitch bridge
  pipefitter.container_network.veth_attach:
    bridge: ovs0
    container: web5
    addresses: [192.168.100.15/24]
    vlan: 100

- name: A firewall with VLAN interfaces of its own, on the same bridge
  pipefitter.container_network.veth_attach:
    bridge: ovs0
    container: web5
    interface: eth2
    trunks: "100,200-210"

- name: A container that routes for others, on a bridge that icc_policy isolates
  pipefitter.container_network.veth_attach:
    bridge: br0
    container: web3
    addresses: [192.168.5.13/24]
    security:
      address_spoofing: allow

- name: Remove one attachment
  pipefitter.container_network.veth_attach:
    container: web3
    state: absent

- name: Leave only one attachment on the bridge
  pipefitter.container_network.veth_attach:
    bridge: br0
    purge: true
    attachments:
      - {container: web1, addresses: [192.168.5.10/24], gateway: 192.168.5.1}
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create veth pf6f0b2a1c9d1 with its peer eth1 in container web1, mtu 1500
    - add address 192.168.5.10/24 to eth1 in container web1
    - set eth1 up in container web1
    - set route default via 192.168.5.1 dev eth1 in container web1
    - set pf6f0b2a1c9d1 master br0, up
    - announce 192.168.5.10 from eth1 in container web1
attachments:
  description:
    - The attachments in the shape of O(attachments), as M(pipefitter.container_network.container_network_info) returns
      them. C(sysctls) are those that were asked for, which the latter leaves out.
    - Empty with O(state=absent). In check mode, values that only the kernel can choose are missing.
  returned: success
  type: list
  elements: dict
  sample:
    - container: web1
      bridge: br0
      interface: eth1
      host_interface: pf6f0b2a1c9d1
      addresses: [192.168.5.10/24]
      gateway: 192.168.5.1
      routes:
        - {destination: 10.20.0.0/16, gateway: 192.168.5.1, metric: 0}
        - {destination: 10.66.0.0/16, metric: 0, type: unreachable}
      rules:
        - {priority: 1000, from: 192.168.5.10/32, table: "102"}
      sysctls:
        net.ipv4.conf.IFNAME.rp_filter: "2"
      mac: 9a:4c:0d:a5:33:5b
      mtu: 1500
pending:
  description: The attachments that are recorded and made when their containers start.
  returned: success, with O(state=present)
  type: list
  elements: dict
  sample:
    - container: web2
      interface: eth1
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

SECURITY = {
    "type": "dict",
    "options": {
        "mac_spoofing": {"type": "str", "choices": ["allow", "deny"]},
        "address_spoofing": {"type": "str", "choices": ["allow", "deny"]},
        "router_advertisements": {"type": "str", "choices": ["allow", "deny"]},
    },
}

ATTACHMENT = {
    **argument_specs.CONTAINER_TARGET,
    "bridge": {"type": "str"},
    **argument_specs.CONTAINER_SIDE,
    "host_interface": {"type": "str"},
    "required": {"type": "bool"},
    "vlan": {"type": "int"},
    "vlan_mode": {"type": "str", "choices": ["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]},
    "trunks": {"type": "raw"},
    "security": SECURITY,
}

ARGUMENT_SPEC = {
    **ATTACHMENT,
    "attachments": {"type": "list", "elements": "dict", "options": ATTACHMENT},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
    "owner": {"type": "str"},
    "bridge_type": {"type": "str", "choices": ["linux", "openvswitch"]},
    **argument_specs.ATTACHING,
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import attachment

    return attachment.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_bridge
short_description: Manage a Linux bridge that containers are attached to
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Creates a Linux bridge with its addresses, settings, forwarding and masquerading, or changes in place what differs.
  - What is not asked for is left as it is. All changes go through netlink; none of C(ip), C(brctl) or C(sysctl) is run.
  - If an operation fails, those before it are undone. A run that was interrupted is completed by the next one.
  - A list (O(bridges)) is handled in one process that reads the host once, and is much faster than a loop. Where one of
    its bridges can't be made or removed, none is.
  - On a host whose firewall drops forwarded traffic, traffic within the bridge is let through there, replies to it, and
    connections to its published ports (M(pipefitter.container_network.port_publish)). With O(ip_forward) or
    O(masquerade), so is what leaves by an interface that has routes, and what goes to another such bridge of this
    collection, but not what goes to networks of Docker. Other new connections from outside remain subject to the
    firewall.
  - With iptables (of either kind) this is one jump to a chain C(PIPEFITTER). It stands in Docker's chain
    C(DOCKER-USER), or, without Docker or with rules of others beside it, in C(FORWARD) where that drops what no rule
    accepts, as with ufw. Rules for certain packets that are there already come first, such as those of C(ufw route);
    the jump is made before the first that decides for all. The module warns of rules before it that drop all that comes
    from the bridge or goes to it, and says what to add. With firewalld the bridge becomes an interface of its zone
    C(trusted), at runtime, unless it is in a zone already; the host's own services are open to that zone. All of this
    is removed with the bridge. Chains of nftables of others that drop forwarded traffic are not changed; the module
    warns of those with the policy drop.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
  - nftables (on the host, for O(masquerade))
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.persistent
options:
  name:
    description:
      - Name of the bridge, 1 to 15 bytes without white space, V(/), V(:) or V(%). Required without O(bridges).
    type: str
  bridges:
    description:
      - Bridges to create or remove, each with the options of a single one; mutually exclusive with O(name).
      - What an entry leaves out of O(allow_overlap), O(mtu), O(stp), O(forward_delay), O(ageing_time),
        O(multicast_snooping), O(vlan_filtering), O(vlan_default_pvid), O(ip_forward), O(masquerade) and O(up) is taken
        from the module's own option of that name.
      - No two entries may have the same name, MAC address or port, nor subnets that overlap, unless the later of the
        two sets O(bridges[].allow_overlap).
      - With O(state=absent), only the names count.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      addresses:
        description: See O(addresses).
        type: list
        elements: str
      allow_overlap:
        description: See O(allow_overlap).
        type: bool
      mtu:
        description: See O(mtu).
        type: int
      mac:
        description: See O(mac).
        type: str
      stp:
        description: See O(stp).
        type: bool
      forward_delay:
        description: See O(forward_delay).
        type: float
      ageing_time:
        description: See O(ageing_time).
        type: float
      multicast_snooping:
        description: See O(multicast_snooping).
        type: bool
      vlan_filtering:
        description: See O(vlan_filtering).
        type: bool
      vlan_default_pvid:
        description: See O(vlan_default_pvid).
        type: int
      port_vlans:
        description: See O(port_vlans).
        type: list
        elements: dict
        suboptions:
          port:
            description: Name of the port, or the bridge's own.
            type: str
            required: true
          mode:
            description: See O(port_vlans[].mode).
            type: str
            choices: [access, trunk, native-tagged, native-untagged]
          tag:
            description: Access or native VLAN of the port, 1 to 4094.
            type: int
          trunks:
            description: VLANs that a trunk carries.
            type: raw
      members:
        description: See O(members).
        type: list
        elements: str
      ip_forward:
        description: See O(ip_forward).
        type: bool
      masquerade:
        description: See O(masquerade).
        type: bool
      up:
        description: See O(up).
        type: bool
  state:
    description:
      - Whether the bridge exists.
      - With V(absent), only a bridge that this collection made is deleted, with its masquerading and its published
        ports; interfaces that are its ports are released, not deleted.
    type: str
    choices: [present, absent]
    default: present
  addresses:
    description:
      - Addresses of the bridge with prefix lengths, IPv4 and IPv6.
      - The list is complete. An address that is not in it is removed from a bridge that this collection made, and kept
        on any other. On the former, one that is there with a peer, deprecated or without its route (noprefixroute) is
        made anew. One that the kernel found another machine to have (dadfailed) is a failure on each.
      - The entry V(auto) stands for the first address of a free private subnet (172.17.0.0/16 to 172.31.0.0/16, then
        /20 subnets of 192.168.0.0/16, as Docker picks them) that overlaps no route of the host. It is kept on later
        runs.
      - Without this option addresses are left as they are. Link-local IPv6 addresses are never removed.
    type: list
    elements: str
  allow_overlap:
    description:
      - Accept an address whose subnet overlaps a route of another interface.
    type: bool
    default: false
  mtu:
    description:
      - Largest frame payload in bytes, 68 to 65535.
    type: int
  mac:
    description:
      - MAC address of the bridge. Without one, the kernel chooses one when the bridge is made, and it stays; ports that
        come and go do not change it.
      - Quote it. YAML reads one of decimal digits alone, such as V(52:54:00:12:34:56), as a number.
    type: str
  stp:
    description:
      - Whether the kernel runs the spanning tree protocol on the bridge.
    type: bool
  forward_delay:
    description:
      - Seconds in each of the states listening and learning, 0 to 30; at least 2 with O(stp=true).
    type: float
  ageing_time:
    description:
      - Seconds after which a MAC address that was not seen is forgotten, 0 to 2592000.
    type: float
  multicast_snooping:
    description:
      - Whether multicast is forwarded only to ports with members of the group (IGMP and MLD snooping).
    type: bool
  vlan_filtering:
    description:
      - Whether the bridge is VLAN-aware, so that each of its ports carries its own VLANs only. Requires a kernel with
        bridge VLAN filtering.
      - Containers get theirs by O(pipefitter.container_network.veth_attach#module:vlan), other ports by O(port_vlans).
        A port without VLANs of its own is an untagged member of O(vlan_default_pvid). Where filtering is switched on
        for a bridge with ports, their VLANs are set before.
      - VLANs that would cut the host off are refused. It is reached by each address of the bridge and of interfaces on
        top of it (V(br0.100), a macvlan), but for those of O(addresses) where the bridge was made by this collection.
    type: bool
  vlan_default_pvid:
    description:
      - VLAN, 1 to 4094, of ports that join without VLANs of their own, and of the host itself by the bridge's own
        interface. With V(0) they are in none, and reach nobody. The kernel's default for a new bridge is 1.
      - Ports in the former one move to the new one, whether or not they were put there; those in other VLANs stay, and
        so do those that O(port_vlans) puts into another than the new one. During the change, ports that stay keep their
        VLANs and carry one more tagged for a moment, which is the new one or, with V(0), one that is unused.
    type: int
  port_vlans:
    description:
      - VLANs of ports that are O(members) or were before, and of the bridge itself; requires O(vlan_filtering). Ports
        that are not in the list are left as they are. VLANs of attachments are options of
        M(pipefitter.container_network.veth_attach).
      - On a bridge that filters already, ports are changed one after the other. Where the bridge itself and the port by
        which the host is reached move to another VLAN together, the host is cut off between the two changes.
    type: list
    elements: dict
    suboptions:
      port:
        description:
          - Name of the port. The bridge's own name stands for the VLANs of the host itself; where the bridge has
            addresses, an access port is best there.
        type: str
        required: true
      mode:
        description:
          - V(access) carries the VLAN of C(tag) untagged. V(trunk) carries those of C(trunks) tagged.
          - V(native-tagged) and V(native-untagged) carry C(trunks) tagged and have C(tag) as native VLAN; untagged
            frames that come in belong to it, and its frames leave tagged or untagged.
          - Without this option, C(tag) makes an access port and C(trunks) a trunk.
        type: str
        choices: [access, trunk, native-tagged, native-untagged]
      tag:
        description: Access or native VLAN of the port, 1 to 4094. Required by all modes but V(trunk), which has none.
        type: int
      trunks:
        description:
          - VLANs that a trunk carries, as a list or a text, with ranges (V(100,200-210)), 1 to 4094. Without it, all.
        type: raw
  members:
    description:
      - Interfaces of the host that are to be ports of the bridge. Ports that are not in the list are left alone.
      - An interface by which the host may be reached is refused, that is one that has an address or carries a default
        route.
    type: list
    elements: str
  ip_forward:
    description:
      - With V(true), packets from and to the bridge are forwarded. This switches forwarding on for the whole host, for
        IPv6 too if the bridge has IPv6 addresses; the module warns when it does. Interfaces that are configured by
        router advertisements go on accepting them.
      - With V(false), packets that come from the bridge are not forwarded; the host's own switch is not touched.
    type: bool
  masquerade:
    description:
      - Whether traffic from the bridge's subnets is masqueraded (source NAT to the host's address) where it leaves by
        another interface than the bridge.
      - Done by nftables, in the tables C(ip pipefitter) and C(ip6 pipefitter).
    type: bool
  up:
    description:
      - Whether the bridge is up.
    type: bool
    default: true
  force:
    description:
      - With O(state=absent), delete the bridge even if this collection did not make it.
    type: bool
    default: false
seealso:
  - module: pipefitter.container_network.veth_attach
  - module: pipefitter.container_network.container_network_info
"""

EXAMPLES = r"""
- name: A bridge for containers that reach other networks
  pipefitter.container_network.container_bridge:
    name: br0
    addresses: [192.168.5.1/24, "fd00:5::1/64"]
    ip_forward: true
    masquerade: true

- name: A bridge in a private subnet that is free on this host
  pipefitter.container_network.container_bridge:
    name: br1
    addresses: [auto]

- name: A bridge without addresses, for jumbo frames
  pipefitter.container_network.container_bridge:
    name: br2
    addresses: []
    mtu: 9000
    multicast_snooping: false

# On a kernel with bridge VLAN filtering.
- name: A bridge with VLANs, a trunk to the switch, and the host's address in VLAN 100
  pipefitter.container_network.container_bridge:
    name: br3
    addresses: [192.168.100.1/24]
    vlan_filtering: true
    vlan_default_pvid: 0
    members: [eth2]
    port_vlans:
      - {port: eth2, mode: trunk, trunks: "100,200-210"}
      - {port: br3, tag: 100}

- name: Three bridges at once, two of which reach other networks
  pipefitter.container_network.container_bridge:
    ip_forward: true
    masquerade: true
    bridges:
      - {name: front, addresses: [192.168.11.1/24]}
      - {name: back, addresses: [192.168.12.1/24], mtu: 9000}
      - {name: db, addresses: [192.168.13.1/24], ip_forward: false, masquerade: false}

- name: Remove two of them
  pipefitter.container_network.container_bridge:
    bridges: [{name: back}, {name: db}]
    state: absent

- name: Remove a bridge and its masquerading
  pipefitter.container_network.container_bridge:
    name: br2
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create bridge br0
    - add address 192.168.5.1/24 to br0
    - set br0 up
    - masquerade 192.168.5.0/24 when it leaves by another interface than br0
bridge:
  description:
    - The bridge in the shape of this module's options, as M(pipefitter.container_network.container_network_info)
      returns it.
    - V(null) with O(state=absent). In check mode, values that only the kernel can choose are missing.
  returned: success, with O(name)
  type: dict
  sample:
    name: br0
    addresses: [192.168.5.1/24]
    mtu: 1500
    mac: 16:9e:1c:e6:1b:02
    stp: false
    forward_delay: 15.0
    ageing_time: 300.0
    multicast_snooping: true
    members: []
    ip_forward: true
    masquerade: true
    up: true
    vlan_filtering: true
    vlan_default_pvid: 1
    port_vlans:
      - {port: eth2, mode: trunk, trunks: "100,200-210"}
bridges:
  description:
    - The bridges in the order of O(bridges), each in the shape of RV(bridge); with O(name), a list of that one.
    - Empty with O(state=absent).
  returned: success
  type: list
  elements: dict
  sample:
    - name: front
      addresses: [192.168.11.1/24]
      mtu: 1500
      ip_forward: true
      masquerade: true
      up: true
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

_OF_ONE = {
    "addresses": {"type": "list", "elements": "str"},
    "mtu": {"type": "int"},
    "mac": {"type": "str"},
    "stp": {"type": "bool"},
    "forward_delay": {"type": "float"},
    "ageing_time": {"type": "float"},
    "multicast_snooping": {"type": "bool"},
    "vlan_default_pvid": {"type": "int"},
    **argument_specs.BRIDGE_VLANS,
    "members": {"type": "list", "elements": "str"},
    "ip_forward": {"type": "bool"},
    "masquerade": {"type": "bool"},
}

# Without defaults: what an entry leaves out is as the module's own option of that name has it.
BRIDGE = {
    "name": {"type": "str", "required": True},
    **_OF_ONE,
    "allow_overlap": {"type": "bool"},
    "up": {"type": "bool"},
}

ARGUMENT_SPEC = {
    **_OF_ONE,
    "name": {"type": "str"},
    "bridges": {"type": "list", "elements": "dict", "options": BRIDGE},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "allow_overlap": {"type": "bool", "default": False},
    "up": {"type": "bool", "default": True},
    "force": {"type": "bool", "default": False},
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import bridge

    return bridge.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

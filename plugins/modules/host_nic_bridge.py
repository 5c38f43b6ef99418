#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_nic_bridge
short_description: Make a host's own NIC the port of a bridge without losing the host
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Makes a NIC a port of a bridge and moves to the bridge all that the NIC holds. These are its addresses with their
    order, scope, label and lifetime, its routes of all tables with all that they have, rules (C(ip rule)) that name it,
    neighbours that were set, and its sysctls. The bridge has the NIC's MAC and MTU. It works for the NIC through which
    Ansible is connected, and that is what it is for.
  - "What protects you: before the first change the whole state is on disk, and a process of its own, which depends
    neither on Ansible nor on the SSH session, stands by to put it back. After the move the module asks whoever answered
    before (O(verify)); where one is silent, it puts all back at once. Then Ansible drops its connection, connects anew,
    and only that confirms the move. If nothing confirms it within O(confirm_timeout), the process puts all back. A host
    that is booted in between comes up as it was. Where something could not be put back as it was, the task says what."
  - "What does not protect you: a switch that blocks the port for a second MAC, or an administrator of the network who
    permits one address only, may cut off containers later and not the host. Nothing is known of machines that were not
    asked for in O(verify)."
  - The move takes some milliseconds, in one process; open connections go on.
  - What comes to the NIC while it is moved goes along.
  - Refused is what would change silently or not last. That is a route through another interface to the place and with
    the metric of one of the NIC's, routes by C(ip nexthop), and what the kernel took from router advertisements.
  - Warnings tell what names the NIC and will not name the bridge. These are firewall rules, sockets that are bound to
    it (C(SO_BINDTODEVICE)), networks of Docker on it, policies of IPsec, address labels and its device group; MPTCP
    endpoints are not looked for. They also tell of addresses with a lifetime where it is not known who would renew
    them, and of a bridge that is there with another MAC, another MTU or spanning tree.
  - It is kept over a boot once it is confirmed, by whoever manages the NIC (O(persist)).
  - A host that was left half-way, by a crash or by hand (the address on both, the default route on the NIC that is a
    port already), is completed.
  - On the controller it runs as an action plugin, which connects anew; C(async) and C(delegate_to) to another kind of
    connection are of no use to it.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
options:
  nic:
    description:
      - Name of the NIC; a bond or a VLAN interface (V(bond0), V(eth0.100)) is one, too.
    type: str
    required: true
  bridge:
    description:
      - Name of the bridge, 1 to 15 bytes without white space, V(/), V(:) or V(%). One that is there already is used as
        it is, with its ports and addresses; else it is made, without spanning tree and without delay. Bridges of Docker
        (V(docker0), V(br-) and twelve digits) are refused.
    type: str
    required: true
  type:
    description:
      - Kind of the bridge. V(openvswitch) needs Open vSwitch on the host; the bridge goes on switching without a
        controller (C(fail_mode) standalone).
    type: str
    choices: [linux, openvswitch]
    default: linux
  datapath_type:
    description:
      - Datapath of an Open vSwitch bridge that is made. V(system) is the kernel module, V(netdev) C(ovs-vswitchd)
        itself, where the host does not listen on the NIC any more (C(rp_filter), C(arp_ignore) and C(disable_ipv6) of
        the NIC are set). Without this option, V(system), which is refused where the kernel has not that module.
    type: str
    choices: [system, netdev]
  vlan_filtering:
    description:
      - Whether a bridge of O(type=linux) is VLAN-aware, so that each of its ports carries its own VLANs only. Requires
        a kernel with bridge VLAN filtering. With O(state=absent) it says nothing.
      - What the host sends and takes without a tag goes on, or the move is refused. Of a bridge that is made, the
        bridge itself is an untagged member of VLAN 1, a number that nobody outside sees, where O(port_vlans) says
        nothing else; the NIC, and ports that join later without VLANs of their own, are members of the same.
      - Containers get theirs by O(pipefitter.container_network.veth_attach#module:vlan).
    type: bool
  port_vlans:
    description:
      - VLANs of the NIC as a port, of other ports of the bridge, and of the bridge itself, by which the host takes
        part; requires O(vlan_filtering) or a bridge that filters. Ports that are not in the list are left as they are.
      - VLAN interfaces on the NIC (V(eth0.100)) have their frames as before, which pass the bridge by.
    type: list
    elements: dict
    suboptions:
      port:
        description:
          - Name of the NIC, of the bridge, or of another port that the bridge has.
        type: str
        required: true
      mode:
        description:
          - As of O(pipefitter.container_network.container_bridge#module:port_vlans[].mode). A NIC that is to carry
            VLANs beside what the host has untagged is V(native-untagged).
        type: str
        choices: [access, trunk, native-tagged, native-untagged]
      tag:
        description:
          - Access or native VLAN of the port, 1 to 4094. Required by all modes but V(trunk), which has none.
        type: int
      trunks:
        description:
          - VLANs that a trunk carries, as a list or a text, with ranges (V(100,200-210)), 1 to 4094. Without it, all.
        type: raw
  state:
    description:
      - V(present) moves the NIC into the bridge, V(absent) moves all back to the NIC and deletes the bridge where
        nothing else is in it and it was not there before. What the service of this collection has recorded of a bridge
        that is deleted is taken out of its record.
      - V(confirmed) and V(rolled_back) end a move that waits for its confirmation (O(confirm=manual)), with its
        O(token). They may come from any machine with Ansible that reaches the host, also from the host itself. With
        V(confirmed), another SSH connection than that of the move says the most, as only a new one shows that the host
        can be reached.
    type: str
    choices: [present, absent, confirmed, rolled_back]
    default: present
  verify:
    description:
      - Who must answer after the move, as far as they answer before it. V(gateway) is each gateway of a default route,
        asked for by ARP or neighbour discovery; V(controller) the address from which Ansible came, by ping; any other
        is an address, by ping, or an address with a TCP port (V(10.0.0.5:443), V([fd00::5]:443)).
    type: list
    elements: str
    default: [gateway, controller]
  confirm:
    description:
      - V(auto) lets Ansible confirm the move from a new connection.
      - V(manual) leaves it waiting and returns RV(token), for whoever confirms it by a later task, by hand or from
        another system, with O(state=confirmed). From a shell that is C(ansible HOST -b -m
        pipefitter.container_network.host_nic_bridge -a "nic=eth0 bridge=br0 state=confirmed token=TOKEN").
      - Until then a further move of the NIC is refused. To have it undone, nothing has to be done but to wait, at the
        host's console neither. What waits is in C(/var/lib/pipefitter-nic/NIC/pending.json) there, with its token; how
        it ended, and what could not be put back, in C(ended.json) beside it.
    type: str
    choices: [auto, manual]
    default: auto
  confirm_timeout:
    description:
      - Seconds until a move that nobody confirmed is undone, 5 to 600. It has to be enough for a new connection, and
        less than what TCP sessions survive, if they are to go on after all is undone.
    type: int
    default: 45
  persist:
    description:
      - Who keeps the move over a boot. V(auto) finds whoever manages the NIC; where nobody does, nothing is written, as
        with V(none), and a warning says so. The service of this collection makes no NIC a port as a host boots, as
        nobody would confirm that; C(pipefitter status) tells of a NIC that is none any more.
      - Files are written only when the move has been confirmed; a move that is undone later has them as they were.
      - While a move waits for its confirmation, the manager is kept from putting addresses back. NetworkManager is
        stopped for that time; what else it manages, such as wireless links or VPNs, may be down then.
      - Name servers that a manager gives the NIC alone (systemd-resolved) are the bridge's once the move is confirmed.
    type: str
    choices: [auto, none, networkd, networkmanager, netplan, ifupdown]
    default: auto
  token:
    description:
      - Which move to end, as RV(token) of the task that made it told.
    type: str
seealso:
  - module: pipefitter.container_network.container_bridge
  - module: pipefitter.container_network.veth_attach
"""

EXAMPLES = r"""
- name: Put the NIC into a bridge, and its addresses onto that
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0

- name: The same, and a server of the LAN has to be reached as before
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0
    verify:
      - gateway
      - controller
      - 10.77.0.12:22

# On a kernel with bridge VLAN filtering. The host stays where it is, without a tag.
- name: The NIC as a trunk, for containers in VLANs of the switch
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0
    vlan_filtering: true
    port_vlans:
      - {port: eth0, mode: native-untagged, tag: 1, trunks: "100,200-210"}

- name: Back to the NIC
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0
    state: absent

- name: Move it, and leave it to somebody else to confirm that
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0
    confirm: manual
    confirm_timeout: 300
  register: moved

- name: Confirm it
  pipefitter.container_network.host_nic_bridge:
    nic: eth0
    bridge: br0
    state: confirmed
    token: "{{ moved.token }}"
  when: moved.pending
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create bridge br0, mtu 1500, mac 52:54:00:12:34:56
    - set eth0 master br0
    - add address 192.0.2.10/24 of br0
    - add route default via 192.0.2.1 through br0
    - remove route default via 192.0.2.1 through eth0
    - remove address 192.0.2.10/24 of eth0
    - announce 192.0.2.10 from br0
    - confirm the move of eth0
nic:
  description: The NIC.
  returned: success
  type: str
  sample: eth0
bridge:
  description: The bridge.
  returned: success
  type: str
  sample: br0
bridge_type:
  description: Kind of the bridge that is there in the end; null where there is none.
  returned: with O(state=present) and O(state=absent)
  type: str
  sample: linux
pending:
  description: Whether the move waits for its confirmation.
  returned: success
  type: bool
  sample: false
token:
  description: By what the move is confirmed or rolled back; null where nothing was moved.
  returned: success
  type: str
  sample: 5f0e6c1f7a0b4d7f9a3d2b1c8e4f6a70
confirm_within:
  description: Seconds after which a move that waits is undone; null where none waits.
  returned: with O(state=present) and O(state=absent)
  type: int
  sample: 45
persisted_in:
  description: The files that keep the move over a boot.
  returned: with O(state=present) and O(state=absent)
  type: list
  elements: str
  sample:
    - /etc/systemd/network/05-pipefitter-br0.netdev
    - /etc/systemd/network/05-pipefitter-br0.network
    - /etc/systemd/network/05-pipefitter-eth0.network
left:
  description: In what the host is not as it was before a move that was rolled back, a line each.
  returned: with O(state=confirmed) and O(state=rolled_back)
  type: list
  elements: str
  sample: []
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

ARGUMENT_SPEC = {
    "nic": {"type": "str", "required": True},
    "bridge": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["linux", "openvswitch"], "default": "linux"},
    "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
    "state": {"type": "str", "choices": ["present", "absent", "confirmed", "rolled_back"], "default": "present"},
    "verify": {"type": "list", "elements": "str", "default": ["gateway", "controller"]},
    "confirm": {"type": "str", "choices": ["auto", "manual"], "default": "auto"},
    "confirm_timeout": {"type": "int", "default": 45},
    "persist": {
        "type": "str",
        "choices": ["auto", "none", "networkd", "networkmanager", "netplan", "ifupdown"],
        "default": "auto",
    },
    "token": {"type": "str", "no_log": False},
    **argument_specs.BRIDGE_VLANS,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import host_nic
    from ansible_collections.pipefitter.container_network.plugins.module_utils.service import nic_guard

    del nic_guard  # what stands by comes to the host by this name
    return host_nic.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_vlan_port
short_description: Put ports of an Open vSwitch bridge into VLANs
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Sets the VLAN mode, tag and trunks of ports of an Open vSwitch bridge, and adds those that are not on it yet.
    Creates the bridge if asked to.
  - A port that is in other VLANs is corrected in place; it is not removed from the bridge for it.
  - A list (O(ports)) is one transaction, for one port as for a thousand, and much faster than a loop. Either all of it
    takes effect or nothing. The task ends when C(ovs-vswitchd) has applied it.
  - A port is named directly, or by container and interface, which means the attachment that
    M(pipefitter.container_network.veth_attach) made. With its option
    O(pipefitter.container_network.veth_attach#module:vlan) that module makes an access port in one step. An attachment
    without that option keeps the VLANs that this module gave it; one with it must have the same O(tag) here, or the two
    tasks undo each other.
  - What a port was before is recorded in its C(external_ids). With O(state=absent) it becomes that again; a port that
    this module added to the bridge is removed from it. A port that needed no change stays as it is, and so does any
    that this module never set. An attachment stays in VLANs that M(pipefitter.container_network.veth_attach) gave it
    since.
  - Open vSwitch keeps its configuration over a restart of the host.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
  - Open vSwitch 2.10 or later (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.persistent
  - pipefitter.container_network.container_target
options:
  bridge:
    description:
      - Name of the Open vSwitch bridge.
      - In check mode a bridge that is not there is a warning, not an error, as an earlier task may be the one that
        makes it.
    type: str
    required: true
  create_bridge:
    description:
      - Create the bridge if it does not exist. It is brought up, and with a datapath in userspace its device computes
        its own checksums.
      - With O(state=absent), delete the bridge if this module made it, only ports of this module are on it, and its
        device has no addresses or routes of the host.
    type: bool
    default: false
  bridge_options:
    description:
      - Settings of the bridge, new or not. What is left out stays as it is, and O(state=absent) does not put them back.
        It only removes keys of O(bridge_options.other_config) and O(bridge_options.external_ids) whose value is null,
        where the bridge stays.
    type: dict
    suboptions:
      datapath_type:
        description:
          - V(system) is the datapath of the kernel module C(openvswitch), which a new bridge has without this option.
            V(netdev) is the one in userspace.
          - A change takes down all ports of the bridge for a moment.
        type: str
        choices: [system, netdev]
      fail_mode:
        description: Whether the bridge switches frames by itself while no controller is connected (V(standalone)) or
          not (V(secure)).
        type: str
        choices: [standalone, secure]
      stp:
        description: Whether the bridge runs the spanning tree protocol (IEEE 802.1D).
        type: bool
      rstp:
        description: Whether the bridge runs the rapid spanning tree protocol. Only one of O(bridge_options.stp) and
          O(bridge_options.rstp) can be on.
        type: bool
      mcast_snooping:
        description: Whether multicast is forwarded only to ports with members of the group (IGMP and MLD snooping).
        type: bool
      other_config:
        description:
          - 'Further keys of the C(other_config) of the bridge with their values, such as C({hwaddr:
            "02:00:00:00:00:01"}). Other keys stay.'
          - Null removes a key.
        type: dict
      external_ids:
        description: Keys of the C(external_ids) of the bridge with their values, for other tools to read. Other keys
          stay, and null removes one.
        type: dict
  ports:
    description:
      - The ports, each with the options of a single one. What an entry leaves out of O(runtime) and O(interface) is
        taken from the module's own.
    type: list
    elements: dict
    suboptions:
      port:
        description: See O(port).
        type: str
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
      interface:
        description: See O(interface).
        type: str
      mode:
        description: See O(mode).
        type: str
        choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
      tag:
        description: See O(tag).
        type: int
      trunks:
        description: See O(trunks).
        type: raw
      external_ids:
        description: See O(external_ids).
        type: dict
      vxlan:
        description: See O(vxlan).
        type: dict
        suboptions:
          remote:
            description: See O(vxlan.remote).
            type: str
            required: true
          vni:
            description: See O(vxlan.vni).
            type: int
            required: true
          local:
            description: See O(vxlan.local).
            type: str
          protected:
            description: See O(vxlan.protected).
            type: bool
            default: true
  port:
    description:
      - Name of a port of the bridge, also the bridge's own, or of an interface of the host that is to become one.
      - An interface that becomes a port is brought up. One that has addresses or the default route is refused, as it
        would lose them.
      - Where the host has addresses on a device of the bridge, its own one or another, a port that leads out of the
        host must go on carrying their VLAN as it does, and that device must stay in its VLAN; the task is refused
        otherwise. So are O(purge) and O(state=absent) where they would remove that port from the bridge.
      - On a bridge with a datapath in userspace, what sends into the port must compute its own checksums (C(ethtool -K
        eth1 tx off) at the sender, if it is virtual). M(pipefitter.container_network.veth_attach) sees to that for
        containers.
    type: str
  container:
    description:
      - Name or id of a running container whose attachment is the port.
      - Exactly one of O(port), O(container), O(netns) and O(pid) selects a port. With O(state=absent) the container
        need not exist any more.
  interface:
    description:
      - Name of the attachment's interface in the container. Without it, C(eth1).
    type: str
  mode:
    description:
      - V(access) carries the VLAN of O(tag) untagged. V(trunk) carries those of O(trunks) tagged.
      - V(native-tagged) and V(native-untagged) carry O(trunks) tagged and have O(tag) as native VLAN; untagged frames
        that come in belong to it, and its frames leave tagged or untagged.
      - V(dot1q-tunnel) puts all frames, with their tags, into the VLAN of O(tag) (QinQ). Open vSwitch looks at one
        tag only unless C(other_config:vlan-limit) of its table C(Open_vSwitch) is V(2) or V(0).
      - Without this option, O(tag) makes an access port and O(trunks) a trunk.
    type: str
    choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
  tag:
    description:
      - Access or native VLAN of the port, 1 to 4094. Required by all modes but V(trunk), which has none.
    type: int
  trunks:
    description:
      - VLANs that a trunk carries, as a list or a text, with ranges (V(100,200-210)). 1 to 4094, and V(0) for untagged
        frames.
      - Without it, V(trunk), V(native-tagged) and V(native-untagged) carry all.
    type: raw
  external_ids:
    description:
      - Keys and values for the port's C(external_ids). Values may hold any character but NUL. Keys that others set
        stay; those that this option set before and no longer names get their former value. Without this option, all
        stay.
    type: dict
  vxlan:
    description:
      - Makes O(port) a VXLAN tunnel to another host, in place of an interface of this one. O(tag) is the VLAN that it
        carries.
      - With a datapath in userspace, Open vSwitch sends tunnels out itself, by a bridge of its own that holds the
        address of this end.
    type: dict
    suboptions:
      remote:
        description: Address of the other end.
        type: str
        required: true
      vni:
        description: VXLAN network identifier, 1 to 16777215. The same at both ends.
        type: int
        required: true
      local:
        description: Address of this end. Without it, the one that the route to O(vxlan.remote) takes.
        type: str
      protected:
        description:
          - Whether what comes out of this tunnel goes to no other protected port. A full mesh of tunnels would loop
            without it.
        type: bool
        default: true
  state:
    description:
      - With V(absent), ports become what they were before this module set them. No VLANs are required.
      - With V(absent), O(create_bridge=true) and no port at all, all ports that this module set on the bridge are
        meant.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Do what O(state=absent) does to all ports of O(bridge) that this module set and O(ports) does not list.
      - This happens in the transaction that adds the others, so that the old and the new path never exist at once. See
        O(owner), too.
    type: bool
    default: false
  owner:
    description:
      - A label that is stored on the ports that the task sets. With it, O(purge) is limited to ports with this label,
        so that several tasks or roles can each have ports of their own on a bridge.
    type: str
  prune:
    description:
      - Remove ports of attachments of this collection from O(bridge) whose container is gone, and their interface with
        it.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds, 1 or more, within which C(ovs-vswitchd) must confirm the change; 50 milliseconds a port are added. If
        it does not, the change is undone.
      - A container that is just restarting is waited for as long.
    type: int
    default: 10
seealso:
  - module: pipefitter.container_network.veth_attach
  - name: ovs-vswitchd.conf.db(5)
    description: The tables of Open vSwitch and what their columns mean.
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
"""

EXAMPLES = r"""
- name: A bridge with an uplink that carries two VLANs, and a container in one of them
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    create_bridge: true
    bridge_options:
      datapath_type: netdev
    ports:
      - {port: eth1, mode: trunk, trunks: "100,200"}
      - {container: test1, interface: eth1, tag: 100}

- name: The container goes to another VLAN
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    container: test1
    tag: 200

- name: More VLANs on the uplink, VLAN 5 as its native VLAN, and external_ids for other tools
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    port: eth1
    mode: native-untagged
    tag: 5
    trunks: [100, 200-210]
    external_ids:
      cable: 'rack 4, "left", patch=17'

- name: Only the uplink; ports of containers that are gone are removed
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    purge: true
    prune: true
    ports:
      - {port: eth1, mode: trunk}

- name: Only this uplink of those that this play set; ports that others set stay
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    owner: uplinks
    purge: true
    ports:
      - {port: eth1, mode: trunk}

- name: VLAN 100 in a tunnel to another host
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    port: vx100b
    tag: 100
    vxlan: {remote: 192.0.2.12, vni: 100}

- name: Give the uplink back
  pipefitter.container_network.ovs_vlan_port:
    bridge: ovs0
    port: eth1
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create Open vSwitch bridge ovs0 datapath_type netdev
    - add port eth1 to Open vSwitch bridge ovs0, trunk of VLANs 100,200
    - change port pf6f0b2a1c9d1 of Open vSwitch bridge ovs0, VLAN 100
    - switch the TX checksum offload of ovs0 off (userspace datapath)
    - set ovs0 up
bridge:
  description: The bridge and its settings, in the shape of O(bridge_options); null if there is none.
  returned: success
  type: dict
  sample:
    name: ovs0
    datapath_type: netdev
    fail_mode: standalone
    stp: false
    rstp: false
    mcast_snooping: false
    other_config: {}
    external_ids: {}
ports:
  description: The ports in the shape and order of O(ports). Empty with O(state=absent).
  returned: success
  type: list
  elements: dict
  sample:
    - port: eth1
      mode: trunk
      trunks: 100,200
      external_ids: {}
    - container: test1
      interface: eth1
      mode: access
      tag: 100
      external_ids: {}
port_names:
  description: The names that the ports of RV(ports) have on the bridge, in the same order.
  returned: success
  type: list
  elements: str
  sample: [eth1, pf6f0b2a1c9d1]
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

VXLAN = {
    "remote": {"type": "str", "required": True},
    "vni": {"type": "int", "required": True},
    "local": {"type": "str"},
    "protected": {"type": "bool", "default": True},
}

PORT = {
    "port": {"type": "str"},
    **argument_specs.CONTAINER_TARGET,
    "interface": {"type": "str"},
    "mode": {"type": "str", "choices": ["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]},
    "tag": {"type": "int"},
    "trunks": {"type": "raw"},
    "external_ids": {"type": "dict"},
    "vxlan": {"type": "dict", "options": VXLAN},
}

BRIDGE_OPTIONS = {
    "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
    "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
    "stp": {"type": "bool"},
    "rstp": {"type": "bool"},
    "mcast_snooping": {"type": "bool"},
    "other_config": {"type": "dict"},
    "external_ids": {"type": "dict"},
}

ARGUMENT_SPEC = {
    **PORT,
    "bridge": {"type": "str", "required": True},
    "create_bridge": {"type": "bool", "default": False},
    "bridge_options": {"type": "dict", "options": BRIDGE_OPTIONS},
    "ports": {"type": "list", "elements": "dict", "options": PORT},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
    "owner": {"type": "str"},
    "prune": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 10},
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import vlan_port

    return vlan_port.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

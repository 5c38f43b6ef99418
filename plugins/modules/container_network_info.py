#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_network_info
short_description: Show how containers are wired on a host
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Returns the bridges of a host, their ports, and which container each veth leads to, in a form that can be given back
    to M(pipefitter.container_network.container_bridge) and M(pipefitter.container_network.veth_attach); and which ports
    are published and who reaches whom, in forms that M(pipefitter.container_network.port_publish) and
    M(pipefitter.container_network.icc_policy) take back.
  - What this collection made is listed apart from what other tools made, such as Docker's own bridges.
  - What the modules recorded on the host is shown with whether it is so (RV(recorded)).
  - Without C(nft) on the host, no masquerading, no publications and no policies are shown.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes.facts
options:
  bridge:
    description:
      - Show only this bridge, its ports and its attachments, and what is recorded of it.
    type: str
seealso:
  - module: pipefitter.container_network.container_bridge
  - module: pipefitter.container_network.veth_attach
  - module: pipefitter.container_network.port_publish
  - module: pipefitter.container_network.icc_policy
"""

EXAMPLES = r"""
- name: See what is wired
  pipefitter.container_network.container_network_info:
  register: wired

- name: Wire it again, as it was
  pipefitter.container_network.veth_attach:
    attachments: "{{ wired.attachments }}"
  when: wired.attachments | length > 0

- name: Publish the same ports again
  pipefitter.container_network.port_publish:
    bridge: "{{ item.bridge }}"
    publications: "{{ item.publications }}"
    protect: "{{ item.protect }}"
  loop: "{{ wired.publications }}"

- name: Give the bridges their policies again
  pipefitter.container_network.icc_policy:
    bridge: "{{ item.bridge }}"
    icc: "{{ item.icc }}"
    links: "{{ item.links }}"
    egress: "{{ item.egress }}"
    host_access: "{{ item.host_access }}"
  loop: "{{ wired.policies }}"
"""

RETURN = r"""
bridges:
  description: Linux bridges that this collection made, each in the shape of
    M(pipefitter.container_network.container_bridge)'s options.
  returned: success
  type: list
  elements: dict
  sample:
    - name: br0
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
foreign_bridges:
  description: Linux bridges of others, in the same shape.
  returned: success
  type: list
  elements: dict
  sample:
    - name: docker0
      addresses: [172.17.0.1/16]
      mtu: 1500
      mac: 02:42:0c:9d:5e:11
      stp: false
      forward_delay: 15.0
      ageing_time: 300.0
      multicast_snooping: true
      members: [veth1b2c3d4]
      ip_forward: true
      masquerade: false
      up: true
ovs_bridges:
  description: Bridges of Open vSwitch.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ovs0
      datapath_type: system
      ports: [ovs0, pf6f0b2a1c9d1]
      external_ids: {}
attachments:
  description:
    - Attachments that this collection made, each in the shape of an entry of
      O(pipefitter.container_network.veth_attach#module:attachments).
    - One of a container that no engine knows, as none answers, has what its mark on the host says, without addresses
      and routes; a warning names it.
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
      mac: 9a:4c:0d:a5:33:5b
      mtu: 1500
unplugged_attachments:
  description: Attachments of this collection whose host veth is not a port of a bridge any more, in the same shape with
    V(null) for the bridge.
  returned: success
  type: list
  elements: dict
  sample: []
foreign_attachments:
  description: Veths of other tools from the host into a container or a named namespace, in the same shape.
  returned: success
  type: list
  elements: dict
  sample:
    - container: db1
      bridge: docker0
      interface: eth0
      host_interface: veth1b2c3d4
      addresses: [172.17.0.2/16]
      gateway: 172.17.0.1
      mac: 02:42:ac:11:00:02
      mtu: 1500
targets:
  description:
    - By host interface of RV(attachments), RV(unplugged_attachments) and RV(foreign_attachments), each name by which
      M(pipefitter.container_network.veth_attach) finds the same container; the first is the one that is shown there.
    - A process id is among them if an attachment was made with it.
  returned: success
  type: dict
  sample:
    pf6f0b2a1c9d1:
      - container: web1
      - container: 5f8d3a1b0c2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8
ports:
  description:
    - Every port of every bridge; RV(ports[].managed) tells those that this collection made.
    - A port of Open vSwitch whose interface is gone has no kind, MAC and MTU. A VXLAN tunnel of Open vSwitch has no MAC
      and MTU.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the interface on the host.
      type: str
    bridge:
      description: Bridge it is a port of.
      type: str
    managed:
      description: Whether this collection made it.
      type: bool
    kind:
      description: Kind of interface, as the kernel names it; V(null) for a physical one.
      type: str
    up:
      description: Whether it is up.
      type: bool
    mac:
      description: MAC address of the host's side.
      type: str
    mtu:
      description: MTU of the host's side, in bytes.
      type: int
  sample:
    - name: pf6f0b2a1c9d1
      bridge: br0
      managed: true
      kind: veth
      up: true
      mac: 6a:8e:91:3a:0c:77
      mtu: 1500
publications:
  description:
    - Published ports, for each bridge the options of M(pipefitter.container_network.port_publish) that give them back.
      Automatic ports are shown as the ports that they became.
  returned: success
  type: list
  elements: dict
  sample:
    - bridge: br0
      protect: true
      publications:
        - container: web1
          interface: eth1
          ports:
            - {host_port: 8080, container_port: 80, protocol: tcp}
            - {host_ip: 127.0.0.1, host_port: 8443, container_port: 443, protocol: tcp}
policies:
  description:
    - Who reaches whom, for each bridge with a policy the options of M(pipefitter.container_network.icc_policy) that
      give it back. Groups and ports that were left out are shown as the containers and ports that they stood for.
  returned: success
  type: list
  elements: dict
  sample:
    - bridge: br0
      icc: false
      egress: allow
      host_access: allow
      links:
        - from: web1
          to: db1
          ports: [5432/tcp]
interfaces:
  description:
    - Interfaces of the host, but for its loopback interface and what this collection made. O(bridge) makes no
      difference here.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the interface.
      type: str
    kind:
      description: Kind of interface, as the kernel names it; V(null) for a physical one.
      type: str
    up:
      description: Whether it is up.
      type: bool
    mtu:
      description: Largest frame payload in bytes.
      type: int
    addresses:
      description: Its addresses, leased ones too.
      type: list
      elements: str
    bridge:
      description: The Linux or Open vSwitch bridge that it is a port of; V(null) if it is none.
      type: str
    management:
      description:
        - Why it must not become a port of a bridge, as the host may be reached by it, or by the bridge that it is a
          port of; V(null) if it may become one.
      type: str
    management_vlans:
      description:
        - Where it is a port of an Open vSwitch bridge whose own devices have addresses, the tags of frames that reach
          them through it, V(0) for untagged frames. A trunk in its place must carry these. V(null) where it is none.
      type: list
      elements: int
  sample:
    - name: eth0
      kind: null
      up: true
      mtu: 1500
      addresses: [192.0.2.11/24]
      bridge: null
      management: holds 192.0.2.11/24; as a port it would lose its addresses and lock you out, so give another interface
      management_vlans: null
    - name: eth1
      kind: null
      up: true
      mtu: 1500
      addresses: []
      bridge: null
      management: null
      management_vlans: null
recorded:
  description:
    - What modules recorded on this host (their option O(pipefitter.container_network.veth_attach#module:persistent)),
      and whether it is so.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - What it is, and by that the module that takes RV(recorded[].options) -
          M(pipefitter.container_network.container_bridge) for V(bridge),
          M(pipefitter.container_network.veth_attach) for V(attachment),
          M(pipefitter.container_network.nic_attach) for V(nic_attachment),
          M(pipefitter.container_network.veth_link) for V(link_end), an end of a link,
          M(pipefitter.container_network.ovs_vlan_port) for V(ovs_bridge) and V(vlan_port),
          M(pipefitter.container_network.icc_policy) for V(icc_policy) and
          M(pipefitter.container_network.port_publish) for V(publication).
      type: str
    name:
      description: Its name, as C(pipefitter status) shows it and C(pipefitter forget) takes it.
      type: str
    options:
      description:
        - Options of that module that make it again; of an end of a link those of one of its C(ends), and in C(peer)
          what names the other one.
      type: dict
    state:
      description:
        - V(in order), or V(drifted) where it is not as recorded any more, which the service or C(pipefitter reconcile)
          puts right.
        - V(pending) where it waits for a container that is not running, V(failed) where it can't be made.
      type: str
    reason:
      description: Why it is pending or failed; V(null) otherwise.
      type: str
  sample:
    - kind: attachment
      name: eth1 of container web1
      options:
        container: web1
        bridge: br0
        interface: eth1
        addresses: [192.168.5.10/24]
        mac: 9a:4c:0d:a5:33:5b
      state: pending
      reason: container web1 is not running
program:
  description:
    - The program that makes again what is recorded. V(null) where it is not installed.
  returned: success
  type: dict
  contains:
    path:
      description: Where it is.
      type: str
    version:
      description:
        - Version of the collection that it was made of, and what tells one state of its code from another. V(null)
          where the file is damaged, or something else.
      type: str
  sample:
    path: /usr/local/lib/pipefitter/pipefitter
    version: 0.1.0+3f2a91c0
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import network_info

    return network_info.gather


def main():
    ansible_module.run(load, {"bridge": {"type": "str"}}, reports_changes=False)


if __name__ == "__main__":
    main()

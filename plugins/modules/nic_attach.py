#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nic_attach
short_description: Give containers an interface on a NIC of the host, without a bridge
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Gives a container, or each of a list of containers, an interface that is made from a NIC of the host, with
    addresses, gateway and routes. It stands in the NIC's LAN, or in a VLAN of it, as a machine of its own, with a MAC
    address of its own (V(macvlan)) or with the NIC's (V(ipvlan)).
  - With O(kind=physical) the interface is the NIC itself, which this host has not as long as the container has it.
  - What differs is corrected in place; the interface is not removed for it. Where the kernel can't change it so
    (another O(nic), O(vlan) or O(kind), to or from mode V(passthru)), it is made anew with what it had. A second run
    changes nothing.
  - Works from outside the container through netlink; nothing needs to be installed in the container.
  - A list (O(attachments)) is handled in one process that reads the host once, and is much faster than a loop.
  - If an operation fails, those before it are undone. A run that was interrupted is completed by the next one.
  - With V(macvlan), the NIC itself keeps its addresses; one that is down is brought up, and stays so. The host itself
    does not reach the containers by that NIC, nor they the host by its addresses on it. Where that is needed, use a
    bridge (M(pipefitter.container_network.veth_attach)).
  - Attachments do not outlive a restart of their container. Where they are recorded (see O(persistent)), the service
    makes them again, once the container runs; elsewhere run the task again.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.container_target
  - pipefitter.container_network.attachment
  - pipefitter.container_network.persistent
options:
  nic:
    description:
      - NIC of the host, by its name, its MAC address or its PCI address (V(eth1), V(02:00:00:00:00:01),
        V(0000:03:00.0)). Required unless O(state=absent). A VLAN interface, a bond or a bridge may be given, too.
      - With O(state=absent), interfaces on another NIC are left alone; without this option they are removed from
        whichever they are on.
      - Refused are one that is a port of a bridge or bond, one on which others of another kind are, and with
        V(macvlan) one that is wireless, as access points take frames of one MAC only.
      - Where what is behind the NIC takes frames of one MAC only, as in most clouds and behind switches with port
        security, what containers send by a V(macvlan) goes nowhere; V(ipvlan) is for that.
    type: str
  vlan:
    description:
      - The VLAN of O(nic) that the interface is in, 1 to 4094. What it sends leaves by the NIC with that tag (802.1Q).
      - It is made on the interface that the host has for that VLAN of that NIC, whatever its name is. Where there is
        none, one is made, up and with the NIC's MTU, and called as NIC and VLAN are (V(eth1.100)). The host itself is
        not in the VLAN by it, it has no addresses and speaks no IPv6 (but for modes V(l3) and V(l3s)).
      - One that was made so goes with the last that is on it, unless it has addresses, is a port or has other
        interfaces on it by then. One that others made stays, and nothing of it is changed but that it is brought up.
      - Without it, an interface is in no VLAN, and is made anew where it was in one.
      - With O(state=absent) beside O(nic), interfaces in another VLAN, or in none, are left alone.
      - Refused for a NIC that is a port of a bridge, as the bridge would get no frames of that VLAN any more, and for a
        bridge that filters VLANs and is not in this one itself.
    type: int
  kind:
    description:
      - What is made from the NIC. Required unless O(state=absent).
      - V(macvlan) is an interface with a MAC address of its own. The NIC may have many of them.
      - V(ipvlan) is one with the NIC's MAC address, as the kernel tells the NIC's many interfaces apart by their
        addresses. No two of them can have the same address, whatever containers they are in.
      - On one NIC are either V(macvlan) or V(ipvlan).
      - V(physical) is the NIC itself, which moves into the container's network namespace as O(interface), as pipework
        does it with C(--direct-phys). With O(state=absent) it is given back with the name, MAC address, MTU, alias,
        addresses, routes, rules, permanent neighbours and sysctls that it had, and up if it was up. Queueing
        disciplines and filters (tc) are not kept.
      - When the container ends, the kernel gives a real NIC back to the host, down, without addresses, and with another
        name where its own is taken. The next run of this module, whatever it is for, and the service put it back as it
        was, or where the attachment is recorded and its container runs again, move it in again. A NIC made of software
        (veth, VLAN interface) the kernel deletes then; take it out before, with O(state=absent).
      - What a NIC was like is kept in C(/run/pipefitter-nics), until the host boots. After that, each NIC is the
        host's, as the host configures it, until the service moves it in again.
      - O(vlan) and O(rules) are not for V(physical).
      - Refused with V(physical) are the NIC that carries the host's default route or the SSH session of the task, one
        that is a port of a bridge or bond, one with a VLAN interface or a macvlan of this host on it, one in another
        container, a wireless one, the loopback, and what the kernel keeps in its network namespace, as bridges.
    type: str
    choices: [macvlan, ipvlan, physical]
  mode:
    description:
      - How interfaces on one NIC reach each other. With V(bridge), also the default, they do so within the host.
      - With V(private) they do not reach each other.
      - With V(vepa) what one sends to another leaves by the NIC, and the switch has to send it back by the port that
        it came from (hairpin, 802.1Qbg).
      - V(passthru) gives all frames of the NIC, and its MAC address, to one container. It is refused where others are
        on the NIC, and for the NIC that carries the host's default route or the SSH session of the task.
      - These four are for O(kind=macvlan), and those that follow for O(kind=ipvlan). O(kind=physical) has none.
      - With V(l2), also the default, interfaces have broadcasts, and are in the NIC's LAN as the host is.
      - With V(l3) the host's routing table says where what they send goes, by the NIC in any case, and they have no
        broadcasts and no multicast. Nobody in the LAN is told of their addresses or answered who asks for them. It
        reaches them by a route through the host's address. What O(gateway) says matters in the container alone, as its
        default route; any address does.
      - V(l3s) is V(l3), and what they send and get passes the host's firewall and connection tracking (netfilter).
      - All ipvlans on one NIC have one mode. Another one is refused unless all that are on the NIC are in the list.
    type: str
    choices: [bridge, private, vepa, passthru, l2, l3, l3s]
  addresses:
    description:
      - Addresses of the interface with prefix lengths, IPv4 and IPv6. The list is complete; other addresses are
        removed, except link-local IPv6 ones. V([]) is an interface without addresses. Without this option, addresses
        are left as they are.
      - One that is there with a peer, deprecated or without its route (noprefixroute) is made anew. One that the kernel
        found another machine to have (dadfailed) is a failure.
      - IPv6 addresses are used at once, without duplicate address detection. Nobody looks whether another machine of
        the LAN has an address.
      - V(dhcp) in the list stands for an IPv4 address that a DHCP server gives. The service asks for it, renews it, and
        gives it back when the attachment goes. So the attachment has to be recorded (O(persistent)), and the host needs
        the DHCP client C(udhcpc), which is part of busybox.
      - To the server, the container is known by its MAC address, which it keeps where it is recorded, and gives its
        name as host name. Routes of the lease are set where no other is in their place; its default route is not where
        there is O(gateway). Nobody's C(resolv.conf) is touched. C(pipefitter status) shows the lease. It is not for
        O(kind=ipvlan), whose MAC address is not its own.
      - The task waits for the lease (O(wait_timeout)). Where none has come by then that is a warning, and the service
        goes on asking.
    type: list
    elements: str
  mac:
    description:
      - MAC address of the interface. Without O(mac) and O(mac_seed) the kernel chooses one when the interface is made;
        where the attachment is recorded (O(persistent)), the interface has it again after a restart.
      - With mode V(passthru) and kind V(ipvlan) the interface has the NIC's own, and none can be given. With kind
        V(physical) it has the NIC's own unless one is given, and the NIC has its own again on the host.
      - Quote it. YAML reads one of decimal digits alone, such as V(52:54:00:12:34:56), as a number.
    type: str
  mtu:
    description:
      - Largest frame payload in bytes, 68 to that of the NIC (with kind V(physical), to what its driver takes), at
        least 1280 with IPv6 addresses. Without it, that of the NIC.
    type: int
  attachments:
    description:
      - Attachments to create or remove, each with the options of a single one.
      - What an entry leaves out of O(nic), O(vlan), O(kind), O(mode), O(runtime), O(interface), O(gateway),
        O(gateway6), O(routes), O(rules), O(sysctls), O(mtu) and O(ipv6) is taken from the module's own option of that
        name.
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
      nic:
        description: See O(nic).
        type: str
      vlan:
        description: See O(vlan).
        type: int
      kind:
        description: See O(kind).
        type: str
        choices: [macvlan, ipvlan, physical]
      mode:
        description: See O(mode).
        type: str
        choices: [bridge, private, vepa, passthru, l2, l3, l3s]
      interface:
        description: See O(interface).
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
  state:
    description:
      - Whether the attachments exist.
      - With V(absent), an attachment or a container that does not exist is no error. Only interfaces that this
        module made are removed, and NICs that it moved given back.
      - The default route of O(gateway) goes with the interface. One whose place it had taken comes back with all that
        it had, unless its interface is gone or another default route has its place by now.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: pipefitter.container_network.veth_attach
  - module: pipefitter.container_network.host_nic_bridge
"""

EXAMPLES = r"""
- name: Put two containers into the LAN behind eth1
  pipefitter.container_network.nic_attach:
    nic: eth1
    kind: macvlan
    gateway: 192.168.9.1
    attachments:
      - {container: web1, addresses: [192.168.9.10/24]}
      - {container: web2, addresses: [192.168.9.11/24, "fd00:9::11/64"], mac_seed: web2}

- name: A container that must not reach the others on that NIC
  pipefitter.container_network.nic_attach:
    nic: eth1
    kind: macvlan
    mode: private
    container: web3
    interface: lan0
    addresses: [192.168.9.12/24]

- name: A second one in the same LAN, which answers by itself what it was asked
  pipefitter.container_network.nic_attach:
    nic: eth1
    kind: macvlan
    container: web3
    addresses: [192.168.9.13/24]
    routes:
      - {destination: 192.168.9.0/24, table: 109}
      - {destination: 0.0.0.0/0, gateway: 192.168.9.1, table: 109}
    rules:
      - {from: 192.168.9.13, table: 109}
    sysctls:
      net.ipv4.conf.IFNAME.arp_ignore: 1
      net.ipv4.conf.IFNAME.arp_announce: 2

- name: Containers in VLANs 100 and 200 of the same NIC, whose switch takes frames of its MAC only
  pipefitter.container_network.nic_attach:
    nic: eth1
    kind: ipvlan
    attachments:
      - {container: web5, vlan: 100, addresses: [10.100.0.15/24], gateway: 10.100.0.1}
      - {container: web6, vlan: 200, addresses: [10.200.0.16/24], gateway: 10.200.0.1}

- name: A container that has a NIC to itself
  pipefitter.container_network.nic_attach:
    nic: eth2
    kind: physical
    container: web4
    interface: wan0
    addresses: [192.168.8.10/24]
    gateway: 192.168.8.1

- name: Give that NIC back to the host, with the addresses that it had there
  pipefitter.container_network.nic_attach:
    nic: eth2
    container: web4
    interface: wan0
    state: absent

- name: Take one out again
  pipefitter.container_network.nic_attach:
    container: web3
    interface: lan0
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create macvlan eth1 in container web1 on eth1, mode bridge, mtu 1500
    - add address 192.168.9.10/24 to eth1 in container web1
    - set eth1 up in container web1
    - set route default via 192.168.9.1 dev eth1 in container web1
    - announce 192.168.9.10 from eth1 in container web1
attachments:
  description:
    - The attachments in the shape of O(attachments). The NIC is given by its name.
    - Empty with O(state=absent). In check mode, values that only the kernel can choose are missing.
  returned: success
  type: list
  elements: dict
  sample:
    - container: web1
      nic: eth1
      kind: macvlan
      mode: bridge
      interface: eth1
      addresses: [192.168.9.10/24]
      gateway: 192.168.9.1
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

ATTACHMENT = {
    **argument_specs.CONTAINER_TARGET,
    "nic": {"type": "str"},
    "vlan": {"type": "int"},
    "kind": {"type": "str", "choices": ["macvlan", "ipvlan", "physical"]},
    "mode": {"type": "str", "choices": ["bridge", "private", "vepa", "passthru", "l2", "l3", "l3s"]},
    **argument_specs.CONTAINER_SIDE,
}

ARGUMENT_SPEC = {
    **ATTACHMENT,
    "attachments": {"type": "list", "elements": "dict", "options": ATTACHMENT},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **argument_specs.ATTACHING,
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import nic_attachment

    return nic_attachment.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

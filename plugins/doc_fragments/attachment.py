# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's interface, whatever it leads to: the options of one attachment beside those of container_target."""

from __future__ import annotations


class ModuleDocFragment:
    # Of addresses, mac and mtu it says what is so on a bridge; a module for other attachments describes them itself.
    DOCUMENTATION = r"""
options:
  interface:
    description:
      - Name of the interface in the container, 1 to 15 bytes. Without it, C(eth1).
      - An interface of this collection that was renamed gets its name back in place.
      - A container that is renamed keeps its interface, until one of its former name is attached, which has it then.
    type: str
  addresses:
    description:
      - Addresses of the interface with prefix lengths, IPv4 and IPv6. The list is complete; other addresses are
        removed, except link-local IPv6 ones. V([]) is an interface without addresses. Without this option, addresses
        are left as they are.
      - One that is there with a peer, deprecated or without its route (noprefixroute) is made anew. One that the kernel
        found another machine to have (dadfailed) is a failure.
      - IPv6 addresses are used at once, without duplicate address detection. Instead, an address that the interface
        hasn't yet is refused before anything changes while another container on the bridge has it, whoever attached
        that, or the bridge itself; where the bridge has an address, also those of the host's other interfaces. Within a
        list, addresses change hands. Ports of another access VLAN are left out, as are trunks, and what stands behind
        the bridge's other ports, such as an uplink.
      - So is an address that is recorded on this host for another container (O(persistent)), until that attachment is
        taken away with O(state=absent), or out of the record with C(pipefitter forget). An address that was recorded
        for both already is told of by the service, for the container that comes second.
      - V(dhcp) in the list stands for an IPv4 address that a DHCP server gives. The service asks for it, renews it, and
        gives it back when the attachment goes. So the attachment has to be recorded (O(persistent)), and the host needs
        the DHCP client C(udhcpc), which is part of busybox.
      - To the server, the container is known by its MAC address, which it keeps where it is recorded, and gives its
        name as host name. Routes of the lease are set where no other is in their place; its default route is not where
        there is O(gateway). Nobody's C(resolv.conf) is touched. C(pipefitter status) shows the lease.
      - The task waits for the lease (O(wait_timeout)). Where none has come by then that is a warning, and the service
        goes on asking.
    type: list
    elements: str
  gateway:
    description:
      - IPv4 gateway of the container's default route. It may be outside of the interface's subnets; an on-link host
        route to it is then set first. A default route through another gateway is replaced in one step.
      - A network namespace has one default route of each family. Two attachments of one container that have a gateway
        in different tasks replace each other's default route on each run, so that neither task is idempotent; give the
        gateway to one of them.
    type: str
  gateway6:
    description:
      - IPv6 gateway, likewise.
    type: str
  routes:
    description:
      - Further routes through the interface. The list is complete for routes that this collection set, in all tables;
        others are left alone. An entry is complete too; what it leaves out goes.
      - A route belongs to the attachment that lists it and goes with it. Routes that lead nowhere (O(routes[].type))
        have no interface, so of a container's attachments only one can have such. With O(state=absent) they go; where
        an attachment of a container that the task does not name is purged, or somebody deletes the interface, they stay
        until the next task with O(routes) for that container.
    type: list
    elements: dict
    suboptions:
      destination:
        description:
          - Subnet or address that the route leads to. V(0.0.0.0/0) and V(::/0) are for other tables than the main one,
            which has O(gateway) and O(gateway6).
        type: str
        required: true
      gateway:
        description: Next hop; without one the destination is on-link.
        type: str
      metric:
        description: Priority; the lowest wins. 0 to 4294967295. Two routes to a destination in one table differ in it.
        type: int
      table:
        description:
          - Routing table, 1 to 4294967295, or V(main), V(default) or V(local). Without it, V(main). Other tables than
            these three are used where a rule leads to them.
        type: str
      type:
        description:
          - What becomes of a packet. V(blackhole) drops it, V(unreachable) and V(prohibit) tell its sender, V(throw)
            goes on to the next rule. These take O(routes[].table) and O(routes[].metric) alone. Without this option,
            V(unicast).
        type: str
        choices: [unicast, blackhole, unreachable, prohibit, throw]
      src:
        description:
          - Source address of what the container sends by the route, where a program chooses none. It has to be the
            container's own, and in IPv6 that of the interface.
        type: str
      scope:
        description:
          - Scope of an IPv4 destination. Without it, V(link) for one on the link, and V(global) for one behind a
            gateway, which is the only one for that.
        type: str
        choices: [global, link, host]
      onlink:
        description:
          - Take the gateway, or those of O(routes[].nexthops), for one on the link, whatever the addresses say. No host
            route to it is set then.
        type: bool
      mtu:
        description: Largest packet by the route in bytes, 68 to 65520, at least 1280 in IPv6.
        type: int
      nexthops:
        description:
          - Several ways in place of O(routes[].gateway), among which the kernel shares the traffic. The first one is by
            the attachment's own interface.
        type: list
        elements: dict
        suboptions:
          gateway:
            description: Next hop.
            type: str
            required: true
          interface:
            description: Interface in the container by which it is reached. Without it, the attachment's own.
            type: str
          weight:
            description: Share of the traffic, 1 to 256. Without it, 1.
            type: int
  rules:
    description:
      - Policy routing rules of the container's network namespace (C(ip rule)), by which it looks up other routing
        tables than the main one, such as those of O(routes[].table). They bear a protocol number (C(proto)), 112 to
        127, by which they are told from others; Linux does so from 4.17 on.
      - A rule belongs to the attachment that lists it, and its priority is its own within that. The list is complete
        for the rules of this attachment; V([]) is none. Those of the container's other attachments and of other
        programs are left alone. Without this option, rules are left as they are.
      - With O(state=absent) they go, as they do where a task that names the container purges the attachment. Where one
        of a container that the task does not name is purged, or somebody deletes the interface, they stay until the
        next task with O(rules) for that container. At most 16 attachments of a container can have rules.
    type: list
    elements: dict
    suboptions:
      from:
        description: Subnet or address that packets come from. V(0.0.0.0/0) and V(::/0) are all of a family.
        type: str
      to:
        description: Subnet or address that packets go to.
        type: str
      iif:
        description:
          - Interface that packets come in by. V(lo) stands for those that the container itself sends.
        type: str
      fwmark:
        description:
          - Firewall mark that packets have, as a number, or with a mask as V(0x10/0xf0).
        type: str
      family:
        description:
          - For which packets the rule is. Required where neither O(rules[].from) nor O(rules[].to) tells it; V(both)
            makes two rules.
        type: str
        choices: [ipv4, ipv6, both]
      table:
        description:
          - Routing table that is looked up, 1 to 4294967295, or V(main), V(default) or V(local). Where that has no
            route, the next rule counts.
        type: str
      type:
        description:
          - What becomes of a packet. V(unicast) goes by O(rules[].table), V(blackhole) drops it, V(unreachable) and
            V(prohibit) tell its sender. Without this option, V(unicast).
        type: str
        choices: [unicast, blackhole, unreachable, prohibit]
      priority:
        description:
          - Which rule comes first, 1 to 4294967295; the lowest does. The kernel's own are 0, 32766 (V(main)) and 32767.
          - Without it, 1000 for the first of the list, and 1 more for each place after it. So rules count in the order
            of the list, and where one is put in between, those after it are made anew.
        type: int
  sysctls:
    description:
      - Sysctls of the container's network namespace, by their names, such as C(net.ipv4.ip_forward). C(IFNAME)
        stands for the interface, as in C(net.ipv4.conf.IFNAME.rp_filter); its own name will do, too.
      - As with C(sysctl), an interface with a dot in its name is written with a slash, C(net.ipv4.conf.eth0/100.tag).
      - Values are numbers, several with a space between, or words. What a container hasn't, or can't be read and set,
        is refused before anything changes, as is a word for a number. A number that is out of range is a failure, and
        what was done is undone.
      - Those that are not named are left alone. Those that are not named any more stay as they are until the container
        restarts; V({}) names none, where leaving this option out means those that are recorded. Those of the interface
        go with it; where a task that takes it away fails, it comes back with those that this task names. Those of the
        whole container stay as they are, also with O(state=absent), until it restarts; what they were before is not
        known then.
      - Two attachments of one container that ask for different values of one that is for all of it are refused in one
        task, and take turns in several.
      - The kernel gives C(net.ipv4.ip_forward) and C(net.ipv6.conf.all.forwarding) to all interfaces, and
        C(net.ipv4.ip_forward) the opposite to C(net.ipv4.conf.all.accept_redirects), as they change. So they are set
        first, and all of these come back where a failed run is undone, but for routes by router advertisements, which
        a container that begins to route in IPv6 loses.
      - C(disable_ipv6) is refused, as O(ipv6) is for that; so is to switch C(promote_secondaries) off, by which
        addresses are changed.
    type: dict
  mac:
    description:
      - MAC address of the interface. Without O(mac) and O(mac_seed) the kernel chooses one when the interface is made.
      - One that another container on the bridge has, or is recorded for it, is refused as O(addresses) are.
      - Quote it. YAML reads one of decimal digits alone, such as V(52:54:00:12:34:56), as a number.
    type: str
  mac_seed:
    description:
      - Text that the MAC address is derived from, as pipework's C(U:) does it. It is 02 and the first 40 bits of the
        MD5 of the text and a newline, so that V(myhost.foo.com) gives C(02:72:6c:cd:9b:8d).
    type: str
  mtu:
    description:
      - Largest frame payload in bytes, 68 to 65535, at least 1280 with IPv6 addresses.
      - Without it, the MTU of the Linux bridge, as it is without those that other entries of the list ask for.
      - Without it on an Open vSwitch bridge, the one that was set for its own interface (C(mtu_request)), otherwise the
        smallest of its ports that are no attachments, such as the uplink, otherwise 1500. Attachments don't influence
        each other there.
    type: int
  ipv6:
    description:
      - Whether the interface speaks IPv6 (C(disable_ipv6)). V(true) is for addresses by router advertisements (SLAAC),
        or such as are set in the container. V(false) takes IPv6 off an interface that is there, with its addresses and
        routes.
      - Without this option, an interface speaks IPv6 if O(addresses), O(gateway6) or O(routes) names something of IPv6.
        A new one that has O(addresses) of IPv4 only does not, as with Docker; one that is there keeps what it has, and
        a new one without O(addresses) is as its container has it.
    type: bool
  announce:
    description:
      - Send gratuitous ARP and unsolicited neighbour advertisements for addresses of interfaces that are new or
        changed, so that neighbours and switches learn them at once.
    type: bool
    default: true
  wait:
    description:
      - Return only when the interface of each attachment has a carrier. A container that is just restarting is waited
        for, too.
      - With V(false), an attachment that is recorded (see O(persistent)) may be asked for before its container runs. It
        is made when that starts, and is in RV(pending) until then. One that is not recorded is refused then.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait before the task fails and what it did is undone.
    type: int
    default: 10
"""

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth_link
short_description: Link two containers, or a container and the host, directly
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Makes a point-to-point link without a bridge, as Docker's documentation builds it by hand. It is a veth with one end
    in a container and the other one in another container, of another engine too, or in the host. Each end has a name,
    addresses and routes of its own.
  - Where an address of one end is in none of the other one's subnets, as with C(/32) and C(/128), the other end has an
    on-link route to it.
  - What differs is corrected in place. Where an end leads to another place than was asked for, the link is made anew
    with the addresses, MAC address and gateway that its ends have. A second run changes nothing.
  - Works from outside the containers through netlink; nothing needs to be installed in them.
  - A list (O(links)) makes a whole topology in one process, and is much faster than a loop.
  - If an operation fails, those before it are undone. A run that was interrupted is completed by the next one. What
    can't be undone is that a link went whose other end is in a container that the task does not name.
  - A veth's ends go together, so that a link does not outlive a restart of either container. Where it is recorded (see
    O(persistent)), the service makes it again, once both run; elsewhere run the task again.
  - This host does not forward for a link between containers, and none of its firewall sees it. Of a link to the host
    it forwards what its own settings let it.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.persistent
options:
  ends:
    description:
      - The two ends of a link. Their order does not matter.
      - With O(state=absent), one end is enough, and its link is removed whatever it leads to. Of two ends, the link is
        removed only where it is the one between them.
    type: list
    elements: dict
    suboptions: &end
      container:
        description:
          - Name or id of a running container, or the unique beginning of an id.
          - Exactly one of O(ends[].container), O(ends[].netns), O(ends[].pid) and O(ends[].host) says where the end is.
        type: str
      runtime:
        description:
          - Which engine to ask for O(ends[].container). V(auto), also the default, asks all that run on the host.
        type: str
        choices: [auto, docker, podman]
      netns:
        description: Network namespace, by its name in C(/run/netns) or by an absolute path.
        type: str
      pid:
        description:
          - Network namespace of a process, by its id. A process id may have been reused by another process, and nothing
            tells; prefer O(ends[].container).
        type: int
      host:
        description: Put the end into the host itself. Nothing there is changed but the interface of that name.
        type: bool
      interface:
        description:
          - Name of the interface, 1 to 15 bytes. A name that another interface has is refused.
          - An end that was renamed gets its name back in place.
        type: str
        required: true
      addresses:
        description:
          - Addresses of the interface with prefix lengths, IPv4 and IPv6. The list is complete; other addresses are
            removed, except link-local IPv6 ones. V([]) is an interface without addresses. Without this option,
            addresses are left as they are.
          - IPv6 addresses are used at once, without duplicate address detection. Nobody looks whether another interface
            has an address.
        type: list
        elements: str
      gateway:
        description:
          - IPv4 gateway of the container's default route, such as the address of the other end. A default route through
            another gateway is replaced in one step. Refused with O(ends[].host), whose default route it would be.
        type: str
      gateway6:
        description: IPv6 gateway, likewise.
        type: str
      routes:
        description:
          - Further routes through the interface, beside those to addresses of the other end. The list is complete for
            routes that this collection set; others are left alone. Without this option there are no further ones.
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
            description: V(unicast); those that lead nowhere are for M(pipefitter.container_network.veth_attach).
            type: str
            choices: [unicast, blackhole, unreachable, prohibit, throw]
          src:
            description: Source address of what is sent by the route.
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
      mac:
        description:
          - MAC address of the interface. Without O(ends[].mac) and O(ends[].mac_seed) the kernel chooses one when the
            link is made. Where the link is recorded (O(persistent)), it has the same again after a restart.
          - Quote it. YAML reads one of decimal digits alone, such as V(52:54:00:12:34:56), as a number.
        type: str
      mac_seed:
        description: Text that the MAC address is derived from, as M(pipefitter.container_network.veth_attach) does it.
        type: str
      mtu:
        description:
          - Largest frame payload in bytes, 68 to 65535, at least 1280 with IPv6 addresses. Without it, O(mtu), else
            that of the other end, else 1500.
        type: int
      ipv6:
        description:
          - Whether the interface speaks IPv6 (C(disable_ipv6)). Without this option, it does if O(ends[].addresses),
            O(ends[].gateway6) or O(ends[].routes) names something of IPv6. A new one that has O(ends[].addresses) of
            IPv4 only does not; one that is there keeps what it has.
        type: bool
  mtu:
    description: Largest frame payload in bytes of both ends, 68 to 65535, for ends without O(ends[].mtu).
    type: int
  links:
    description:
      - Links to create or remove, each with its O(ends). What an entry leaves out of O(mtu) is taken from the module's
        own option.
    type: list
    elements: dict
    suboptions:
      ends:
        description: The two ends of the link.
        type: list
        elements: dict
        required: true
        suboptions: *end
      mtu:
        description: See O(mtu).
        type: int
  state:
    description:
      - Whether the links exist.
      - With V(absent), a link or a container that does not exist is no error. Only interfaces that this module made are
        removed.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Return only when both ends of each link have a carrier. A container that is just restarting is waited for, too.
      - With V(false), a link that is recorded (see O(persistent)) may be asked for before its containers run. It is
        made when both do, and is in RV(pending) until then. One that is not recorded is refused then.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait before the task fails and what it did is undone.
    type: int
    default: 10
seealso:
  - module: pipefitter.container_network.veth_attach
  - module: pipefitter.container_network.nic_attach
"""

EXAMPLES = r"""
- name: A point-to-point link between two containers, each of which has one address
  pipefitter.container_network.veth_link:
    ends:
      - {container: web1, interface: to-web2, addresses: [10.1.1.1/32, "fd00:1::1/128"]}
      - {container: web2, interface: to-web1, addresses: [10.1.1.2/32, "fd00:1::2/128"]}

- name: A container that reaches everything by the host
  pipefitter.container_network.veth_link:
    ends:
      - {host: true, interface: to-web3, addresses: [10.1.2.0/31]}
      - {container: web3, interface: uplink, addresses: [10.1.2.1/31], gateway: 10.1.2.0}

- name: Three routers in a triangle, with large frames
  pipefitter.container_network.veth_link:
    mtu: 9000
    links:
      - ends:
          - {container: r1, interface: to-r2, addresses: [10.2.12.1/30]}
          - {container: r2, interface: to-r1, addresses: [10.2.12.2/30]}
      - ends:
          - {container: r2, interface: to-r3, addresses: [10.2.23.1/30]}
          - {container: r3, interface: to-r2, addresses: [10.2.23.2/30]}
      - ends:
          - {container: r3, interface: to-r1, addresses: [10.2.31.1/30]}
          - {container: r1, interface: to-r3, addresses: [10.2.31.2/30]}

- name: Take one link away again
  pipefitter.container_network.veth_link:
    ends:
      - {container: web1, interface: to-web2}
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - create veth to-web2 in container web1 with its peer to-web1 in container web2, mtu 1500
    - add address 10.1.1.1/32 to to-web2 in container web1
    - set to-web2 up in container web1
    - set route 10.1.1.2/32 dev to-web2 in container web1
    - add address 10.1.1.2/32 to to-web1 in container web2
    - set to-web1 up in container web2
    - set route 10.1.1.1/32 dev to-web1 in container web2
links:
  description:
    - The links in the shape of O(links). Routes to addresses of the other end are among O(links[].ends[].routes).
    - Empty with O(state=absent). In check mode, values that only the kernel can choose are missing.
  returned: success
  type: list
  elements: dict
  sample:
    - ends:
        - container: web1
          interface: to-web2
          addresses: [10.1.1.1/32]
          mac: 9a:4c:0d:a5:33:5b
          mtu: 1500
          routes: [{destination: 10.1.1.2/32, metric: 0}]
        - container: web2
          interface: to-web1
          addresses: [10.1.1.2/32]
          mac: 42:1f:6e:05:8c:70
          mtu: 1500
          routes: [{destination: 10.1.1.1/32, metric: 0}]
pending:
  description: The links that are recorded and made when the containers of both ends run.
  returned: success, with O(state=present)
  type: list
  elements: dict
  sample:
    - ends:
        - {container: web1, interface: to-web2}
        - {container: web2, interface: to-web1}
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

# Rules and sysctls are of attachments: a rule's number is noted on a mark that the ends of links have not.
_OF_ATTACHMENTS = ("rules", "sysctls")

END = {
    **argument_specs.CONTAINER_TARGET,
    "host": {"type": "bool"},
    **{name: spec for name, spec in argument_specs.CONTAINER_SIDE.items() if name not in _OF_ATTACHMENTS},
    "interface": {"type": "str", "required": True},
}

ENDS = {"type": "list", "elements": "dict", "options": END}

ARGUMENT_SPEC = {
    "ends": ENDS,
    "mtu": {"type": "int"},
    "links": {
        "type": "list",
        "elements": "dict",
        "options": {"ends": {**ENDS, "required": True}, "mtu": {"type": "int"}},
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait": argument_specs.ATTACHING["wait"],
    "wait_timeout": argument_specs.ATTACHING["wait_timeout"],
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import veth_link

    return veth_link.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_publish
short_description: Publish ports of containers on their host
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Makes ports of containers on a bridge reachable by ports of the host, as C(docker run -p) and C(-P) do, for
    containers of any engine and for bare network namespaces. No daemon and no proxy process are involved.
  - A published port is reached from other hosts, from the host itself by its addresses and 127.0.0.1, from other
    bridges, from neighbours on the bridge, and from the container itself. The container sees the client's own address,
    except for the last two and for 127.0.0.1, where it sees an address of the host.
  - Connections are sent to the container's first address of each family on the bridge. Where the container has got
    another address, the next run corrects that.
  - Done by nftables, in the tables C(ip pipefitter) and C(ip6 pipefitter), with a number of rules that does not depend
    on the number of ports. All changes are one transaction.
  - The tables also hold which container each publication is for. If they were flushed, the service restores what is
    recorded (see O(persistent)), and otherwise the next run the publications that it names.
  - On a host whose firewall drops forwarded traffic (Docker's, iptables, ufw, firewalld), published ports of the bridge
    are let through there, as M(pipefitter.container_network.container_bridge) says. On a bridge of another tool this is
    removed with the last publication.
  - If an operation fails, those before it are undone. A run that was interrupted is completed by the next one.
notes:
  - In check mode a bridge that does not exist is taken for one that an earlier task would have created; its addresses
    and automatic ports are not known then.
  - Forwarding must be on for other hosts to get through;
    O(pipefitter.container_network.container_bridge#module:ip_forward=true) of
    M(pipefitter.container_network.container_bridge) switches it on. The module warns where it is off.
  - The container needs a route back to its clients, usually a default route via the bridge.
  - Answers are routed by the container's address. Where a rule of the host (C(ip rule add from ADDRESS lookup TABLE))
    has a table of its own for an address at which ports are published, the module warns, and says which rule to add
    for the containers, by which all goes by that table that they send outside of their bridge. It sets no marks on
    connections, as these are others' to use. Rules by other things than the source are not looked at.
  - The kernel routes C(::1) to no other interface, and forwards nothing from the link-local addresses that clients of
    such an address have, so at both, connections to published ports are refused. C(127.0.0.1) works, as
    C(net.ipv4.conf.BRIDGE.route_localnet) is set; traffic from the bridge to 127.0.0.0/8 is dropped at the same time,
    and on a bridge that this collection made, the sysctl is switched off with the last such publication.
  - C(nft flush ruleset), as a restart of C(nftables.service) does it, removes the rule that drops, and leaves
    C(route_localnet) as it is. Until the module has run again, a container that may send raw packets (C(NET_RAW), which
    Docker grants by default) can then reach what listens on 127.0.0.1 of the host. Run the module after a flush, unless
    the service is there. Ports that are published on certain addresses of the host other than those in 127.0.0.0/8, for
    example by O(default_host_ip), do without C(route_localnet).
  - Where the host's firewall sees bridged frames (br_netfilter), a container reaches itself by its published port only
    through the hairpin mode of its bridge port. It is switched on for interfaces that
    M(pipefitter.container_network.veth_attach) made.
  - On such a host, containers of a bridge that is isolated (O(pipefitter.container_network.icc_policy#module:icc=false)
    of M(pipefitter.container_network.icc_policy)) reach ports that are published for containers of the same bridge by
    a tc filter that comes with isolation. The module warns where it is missing, on a kernel without cls_bpf for
    example.
  - UDP flows follow a publication that is moved, and end with one that is removed, as connections of TCP and SCTP do
    that came by it. Such a connection goes on where its port is published for the same interface still, by another
    address of the host or to another address of the container.
  - Another tool's filter that drops forwarded traffic without a hook for others, such as a policy of DROP set by hand,
    drops traffic to published ports too.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
  - nftables (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
  - pipefitter.container_network.persistent
  - pipefitter.container_network.container_target
options:
  bridge:
    description:
      - Bridge that the containers are attached to, a Linux bridge or an Open vSwitch bridge, made by this collection or
        not.
    type: str
    required: true
  publications:
    description:
      - What to publish, a container's interface each.
      - What an entry leaves out of O(runtime) and O(interface) is taken from the module's own option of that name.
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
      interface:
        description: See O(interface).
        type: str
      ports:
        description: See O(ports).
        type: list
        elements: raw
      all_exposed:
        description: See O(all_exposed).
        type: bool
  container:
    description:
      - Name or id of a running container, or the unique beginning of an id.
      - Exactly one of O(container), O(netns) and O(pid) selects whose ports are meant.
  interface:
    description:
      - The container's interface on the bridge. Without it, C(eth1).
    type: str
  ports:
    description:
      - Ports to publish. The list is complete for the container's interface; other ports that were published for it are
        removed.
      - Each is written as for C(docker run -p), or given by the fields C(host_ip), C(host_port), C(container_port) and
        C(protocol).
      - V(8080:80) and V(127.0.0.1:8080:80) publish on a certain port, V(80) and V(10.0.0.5::80) on one from
        O(port_range), V(8000-8010:80) on the first free one, V(8000-8010:9000-9010) each on its own. V(53:53/udp) and
        V(/sctp) are for other protocols than TCP, V([2001:db8::1]:8080:80) for an IPv6 address.
      - Without a host address it is published on all of the host's, in each family that the container has; V(0.0.0.0)
        and V(::) are all of one family.
      - An automatic port is kept on later runs, as long as it lies in the range.
      - A port that another publication, a process of the host or a container of Docker has, is refused, and so is one
        that a rule of another tool leads elsewhere (DNAT or redirection, in iptables or nftables); automatic ports skip
        those.
      - With O(state=absent), only these are removed, by host address, host port (where given) and container port.
      - Quote every form with a colon. YAML reads V(22:22) without quotes as a number to the base of 60, 1342. What
        can't be a port is refused then. Of those that can, only the numbers of usual pairs such as V(22:22), V(443:22)
        and V(53:53) lead to a warning; a number in quotes never does.
      - A port that Docker is asked for later, by C(docker run -p), still leads here. Docker does not check for it.
    type: list
    elements: raw
  all_exposed:
    description:
      - Publish each port that the container's image exposes and O(ports) doesn't name, on automatic ports, as C(docker
        run -P) does.
    type: bool
  port_range:
    description:
      - Ports of the host that automatic ones are chosen from, the lowest first. Those in
        C(net.ipv4.ip_local_reserved_ports) are left out.
      - V(49000-49900) is the range of old versions of Docker.
    type: str
    default: 49153-65535
  default_host_ip:
    description:
      - Address of the host for ports that are given without one, as C(dockerd --ip).
    type: str
  host_ip_may_be_absent:
    description:
      - Accept addresses of O(ports) and O(default_host_ip) that the host does not have at the moment, as a virtual
        address that keepalived moves between hosts. The ports are reached there once the address is on the host, and
        the task changes nothing as it comes and goes.
      - Without it such an address is refused, as it is mostly one that was mistyped.
    type: bool
    default: false
  protect:
    description:
      - Drop new connections that are forwarded into the bridge from other interfaces and are not to a published port,
        in both families.
      - Hosts on the LAN then don't reach containers at their own addresses. It holds for the whole bridge, as long as
        something is published there.
    type: bool
    default: true
  state:
    description:
      - Whether the ports are published.
      - V(absent) removes O(ports) of the containers named, all ports of those named without O(ports), or all of the
        bridge where no container is named. A container that no longer exists can be named too.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - With O(state=present), remove all publications of the bridge that are for other containers than those named.
    type: bool
    default: false
seealso:
  - module: pipefitter.container_network.container_bridge
  - module: pipefitter.container_network.veth_attach
"""

EXAMPLES = r"""
- name: Publish ports of two containers
  pipefitter.container_network.port_publish:
    bridge: br0
    publications:
      - {container: web1, ports: ["8080:80", "127.0.0.1:8443:443", "5353:53/udp", "9000-9010:9000-9010"]}
      - {container: web2, ports: ["80"]}
  register: published # published.publications says which port of the host an automatic one became

- name: Publish on the IPv4 addresses of the host only, by fields
  pipefitter.container_network.port_publish:
    bridge: br0
    container: web1
    ports:
      - host_ip: 0.0.0.0
        host_port: 8080
        container_port: 80

- name: Publish what the image exposes, from Docker's old range
  pipefitter.container_network.port_publish:
    bridge: br0
    container: web2
    all_exposed: true
    port_range: 49000-49900

- name: No longer publish anything of the bridge
  pipefitter.container_network.port_publish:
    bridge: br0
    state: absent
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - publish port 8080/tcp of IPv4 to 192.168.5.10:80 of container web1
    - send connections from 192.168.5.0/24 to published ports back into br0 with the host's address
    - let only published ports be reached from outside of br0
    - send connections from 127.0.0.1 to published ports into br0
    - set sysctl net.ipv4.conf.br0.route_localnet from 0 to 1
publications:
  description:
    - All publications of the bridge in the shape of O(publications), also those of containers that were not named, with
      the host ports in effect. Ports without C(host_ip) are published on all addresses of both families.
  returned: success
  type: list
  elements: dict
  sample:
    - container: web1
      interface: eth1
      ports:
        - {host_ip: 0.0.0.0, host_port: 8080, container_port: 80, protocol: tcp}
        - {host_ip: 127.0.0.1, host_port: 8443, container_port: 443, protocol: tcp}
recorded:
  description: Whether all that was asked for is in the host's record, from which it is made again after restarts.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module, argument_specs

PUBLICATION = {
    **argument_specs.CONTAINER_TARGET,
    "interface": {"type": "str"},
    "ports": {"type": "list", "elements": "raw"},
    "all_exposed": {"type": "bool"},
}

ARGUMENT_SPEC = {
    **PUBLICATION,
    "bridge": {"type": "str", "required": True},
    "publications": {"type": "list", "elements": "dict", "options": PUBLICATION},
    "port_range": {"type": "str", "default": "49153-65535"},
    "default_host_ip": {"type": "str"},
    "host_ip_may_be_absent": {"type": "bool", "default": False},
    "protect": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
    **argument_specs.PERSISTENT,
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import publication

    return publication.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()

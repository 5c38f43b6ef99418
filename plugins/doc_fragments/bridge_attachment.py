# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a container's interface is attached to a bridge: the options of one attachment beside those of attachment."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  bridge:
    description:
      - Bridge to attach to, a Linux bridge or an Open vSwitch bridge. Required unless O(state=absent).
      - In check mode a bridge that is not there is a warning, not an error, as an earlier task may be the one that
        makes it.
      - With O(state=absent), attachments on another bridge are left alone; without this option they are removed from
        whichever they are on.
    type: str
  host_interface:
    description:
      - Name of the host veth, 1 to 15 bytes. Without it, a name derived from the container and its interface.
    type: str
  required:
    description:
      - Whether O(container) must not start without the attachment, where its engine runs the program C(pipefitter) as
        it starts (O(pipefitter.container_network.host_program#module:podman_hook),
        O(pipefitter.container_network.host_program#module:docker_runtime)). Elsewhere it changes nothing.
      - It is recorded, so it needs a host that records (O(persistent)). Without this option, the container starts, and
        the attachment is left to the service.
    type: bool
  security:
    description:
      - What the port of the container's interface lets in, on a Linux bridge. What is not named is denied where the
        bridge is isolated (O(pipefitter.container_network.icc_policy#module:icc=false)), and allowed elsewhere.
        Without this option, what was asked for before stays; V({}) is as if nothing had been.
      - A port is bound to what was asked for, and to the MAC that the interface had when it joined the bridge, not to
        what the container makes of it. So a container that takes a neighbour's address or MAC gets nothing of what is
        for that one, of its links and of its published ports neither, whatever its rights.
      - Needs nf_tables for bridges in the kernel, and C(nft). Without them a warning tells that nothing is checked on
        an isolated bridge, and V(deny) is refused.
    type: dict
    suboptions:
      mac_spoofing:
        description:
          - Whether frames pass whose source MAC is not the interface's own, and ARP packets that name another one as
            that of their sender.
          - V(allow) is for what has MACs of its own behind the interface, as macvlans or a bridge in the container.
        type: str
        choices: [allow, deny]
      address_spoofing:
        description:
          - Whether packets pass that come from addresses other than O(addresses), and ARP packets and neighbour
            advertisements that claim other ones. Link-local IPv6 addresses, duplicate address detection and requests to
            DHCP servers always pass.
          - Where O(addresses) was never given, or is V(dhcp), nobody knows which are its own, and they are not checked.
          - V(allow) is for a container that routes or tunnels for others, has addresses that move (VRRP), or has
            VLAN interfaces of its own.
        type: str
        choices: [allow, deny]
      router_advertisements:
        description:
          - Whether router advertisements and redirects of IPv6 pass. Linux heeds those that come in by a bridge of a
            host which does not forward IPv6.
        type: str
        choices: [allow, deny]
  vlan:
    description:
      - VLAN of the container's port, 1 to 4094, on an Open vSwitch bridge or on a Linux bridge that filters VLANs
        (O(pipefitter.container_network.container_bridge#module:vlan_filtering)).
      - Without O(vlan), O(vlan_mode) and O(trunks) a port of Open vSwitch carries all VLANs (trunk), unless
        M(pipefitter.container_network.ovs_vlan_port) set it, and a port of a Linux bridge carries the bridge's default
        VLAN. VLANs that it had from these options are removed.
    type: int
  vlan_mode:
    description:
      - V(access) carries the VLAN of O(vlan) untagged. V(trunk) carries those of O(trunks) tagged, for a container that
        has VLAN interfaces of its own.
      - V(native-tagged) and V(native-untagged) carry O(trunks) tagged and have O(vlan) as native VLAN; untagged frames
        that the container sends belong to it, and its frames reach the container tagged or untagged. V(dot1q-tunnel) is
        for Open vSwitch only.
      - Without this option, O(vlan) makes an access port and O(trunks) a trunk.
    type: str
    choices: [access, trunk, native-tagged, native-untagged, dot1q-tunnel]
  trunks:
    description:
      - VLANs that the port carries tagged, as a list or a text, with ranges (V(100,200-210)). 1 to 4094; on Open
        vSwitch also V(0), for untagged frames. Without it, V(trunk), V(native-tagged) and V(native-untagged) carry all.
    type: raw
"""

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""VLANs of NICs that must not be made, or lead nowhere, on this host as it is. Pure. Private to the collection."""

from __future__ import annotations

from ..errors import MissingFeature, Refused
from ..state.network import Link
from ..state.nic_attachments import NicHostSide
from .nic_attachment_match import NicMatch


def check(one: NicMatch, nic: Link, host_side: NicHostSide) -> None:
    """Refuse an attachment on a VLAN of ``nic``.

    :raises Refused: the NIC can't have it, or others have the name of the interface for it.
    :raises MissingFeature: the kernel has no such interfaces.
    """
    vlan, name, network = one.want.vlan, one.link.name, host_side.network
    there = network.by_index(one.link.index)
    if nic.kind == "bridge" and nic.bridge.get("vlan_filtering"):
        if not any(entry.first <= (vlan or 0) <= entry.last for entry in nic.vlans):
            raise Refused(
                f"vlan: {nic.name} is a bridge that filters VLANs and itself is not in VLAN {vlan}, so no frame of it "
                f"reaches {name}; put {nic.name} into it (port_vlans of container_bridge), or attach with veth_attach"
            )
    if there is None or there.name != name:
        taken = network.links.get(name) or network.by_alternative_name.get(name)
        if taken is not None:
            what = f"a {taken.kind} interface" if taken.kind else "an interface"
            raise Refused(
                f"vlan: {name}, as the interface for VLAN {vlan} of {nic.name} is to be called, is the name of {what} "
                "that is something else; rename that, or make one for the VLAN under another name"
            )
    if there is not None:
        return
    if "vlan" in host_side.lacking:
        raise MissingFeature(
            f"vlan: this host's kernel has no interfaces for VLANs (8021q, CONFIG_VLAN_8021Q), and there is none for "
            f"VLAN {vlan} of {nic.name}, which {one.want} is to be on; use a kernel that has them, or a bridge of Open "
            "vSwitch (veth_attach)"
        )
    if not nic.ethernet:
        raise Refused(f"nic: {nic.name} carries no Ethernet frames, and so no VLANs; give another NIC")
    master = network.by_index(nic.master) if nic.master else None
    if master is not None:
        bridge = master.kind == "bridge"
        raise Refused(
            f"nic: {nic.name} is a port of {'bridge ' if bridge else ''}{master.name}, from which an interface for "
            f"VLAN {vlan} would take its frames; "
            + (
                f"attach to {master.name} with veth_attach, and give it vlan where {master.name} filters VLANs"
                if bridge
                else f"give {master.name}"
            )
            + f", or take {nic.name} out of there first"
        )

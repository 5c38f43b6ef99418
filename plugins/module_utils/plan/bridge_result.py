# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Options of a bridge before and after a run, and what there is to warn of. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import addresses, bridge_vlans
from ..model.bridge import Bridge
from ..model.vlans import Vlans, ranges
from ..state.bridge import BridgeState
from . import firewall, forwarding
from .bridge_facts import addresses_of, joining, masqueraded, staying, wanted_attributes
from .bridge_vlans import default_vlans


def warnings(want: Bridge, have: BridgeState) -> list[str]:
    """Return what a person should know about a bridge as it will be."""
    told: list[str] = []
    if want.masquerade and not masqueraded(want, have, addresses_of(want, have)):
        told.append(f"bridge {want.name} has no address, so there is no subnet to masquerade; give addresses too")
    if want.name not in have.icc.off and have.network.all_isolated(want.name):
        told.append(
            f"every port of {want.name} is isolated, and the nftables tables pipefitter don't say so any more; "
            f"run icc_policy for {want.name} again, which makes its rules anew or ends the isolation"
        )
    if want.ip_forward or want.masquerade:
        told += firewall.warnings(want.name, have.firewall, addresses_of(want, have) or have.addresses(want.name))
    return told


def orphan_warnings(name: str, have: BridgeState, check: bool) -> list[str]:
    """Return a warning where attachments lose their bridge, and one where other ports do.

    In check mode, an earlier task of the play may be the one that takes the attachments away.
    """
    ports = have.network.ports(name)
    ours, others = ([port.name for port in ports if port.ours is whose] for whose in (True, False))
    told = []
    if ours:
        told.append(
            f"attachments of containers were ports of {name} and are in no bridge now: {', '.join(ours)}; "
            "remove them with veth_attach and state absent"
            if not check
            else f"attachments of containers are ports of {name}: {', '.join(ours)}; they would be in no bridge, "
            "unless an earlier task of the play removes them"
        )
    if others:
        told.append(
            f"{', '.join(others)} {'was a port' if len(others) == 1 else 'were ports'} of {name} that this collection "
            "did not make; what is behind is cut off from the others until it joins another bridge"
        )
    return told


def describe(name: str, have: BridgeState) -> dict[str, Any] | None:
    """Return the bridge as options that give it back, ``None`` if there is none."""
    link = have.link(name)
    if link is None or link.kind != "bridge":
        return None
    members = [port.name for port in have.network.ports(name) if not port.ours]
    described: dict[str, Any] = {
        "name": name,
        "addresses": sorted(address for address in have.addresses(name) if not addresses.is_link_local(address)),
        "mtu": link.mtu,
        "mac": link.mac,
        "stp": bool(link.bridge.get("stp")),
        "forward_delay": link.bridge.get("forward_delay", 0) / 100,
        "ageing_time": link.bridge.get("ageing_time", 0) / 100,
        "multicast_snooping": bool(link.bridge.get("multicast_snooping")),
        "members": members,
        "ip_forward": have.sysctls.get(forwarding.of_link(name, addresses.IPV4)) == "1",
        "masquerade": any(nat.bridge == name for nat in have.masquerades),
        "up": link.up,
    }
    if "vlan_filtering" in link.bridge:
        described["vlan_filtering"] = bool(link.bridge["vlan_filtering"])
    if described.get("vlan_filtering"):
        described["vlan_default_pvid"] = link.bridge.get("vlan_default_pvid", 0)
        vlans = {port.name: port.vlans for port in (link, *have.network.ports(name))}
        described["port_vlans"] = _shown_vlans(name, vlans, link.default_vlans, have)
    return described


def _port_vlans(port: str, vlans: Vlans) -> dict[str, Any]:
    entry: dict[str, Any] = {"port": port, "mode": vlans.mode}
    if vlans.tag is not None:
        entry["tag"] = vlans.tag
    if vlans.trunks:
        entry["trunks"] = ranges(vlans.trunks)
    return entry


def predict(want: Bridge, have: BridgeState) -> dict[str, Any]:
    """Return what ``describe`` will show once the plan was carried out, as far as it can be known."""
    described = describe(want.name, have) or {"name": want.name}
    existing = have.link(want.name)
    wanted_addresses = addresses_of(want, have)
    if existing is None or wanted_addresses is not None or want.up is False:
        described["addresses"] = sorted(_predicted_addresses(want, have, wanted_addresses))
    if joining(want, have):
        # A bridge follows its ports in what was not set expressly.
        described.pop("mtu", None)
        described.pop("mac", None)
    for option in ("mtu", "mac", "multicast_snooping", "ip_forward", "up"):
        value = getattr(want, option)
        if value is not None:
            described[option] = value
    _predict_vlans(want, have, described)
    for option, number in wanted_attributes(want, have, existing).items():
        if option in ("forward_delay", "ageing_time"):
            described[option] = number / 100
        elif option == "stp":
            described[option] = bool(number)
    if want.masquerade is not None:
        described["masquerade"] = bool(masqueraded(want, have, wanted_addresses))
    if want.members is not None:
        # Ports of ours are attachments, and shown with those.
        others = [name for name in want.members if not have.network.links[name].ours]
        described["members"] = sorted({*described.get("members", ()), *others})
    return described


def _predict_vlans(want: Bridge, have: BridgeState, described: dict[str, Any]) -> None:
    if want.vlan_filtering is not None and have.vlan_filtering:
        described["vlan_filtering"] = want.vlan_filtering
    if not described.get("vlan_filtering"):
        for option in ("vlan_default_pvid", "port_vlans"):
            described.pop(option, None)
        return
    existing = have.link(want.name)
    before, after = default_vlans(want.vlans, existing)
    described["vlan_default_pvid"] = next((entry.first for entry in after), 0)
    # A port that joins is in the default one, whatever it was in elsewhere.
    vlans = dict.fromkeys((want.name, *joining(want, have)), after)
    vlans.update(
        {
            link.name: after if link.vlans == before else link.vlans
            for link in (existing, *have.network.ports(want.name))
            if link is not None
        }
    )
    vlans.update({name: bridge_vlans.of_port(wanted) for name, wanted in want.port_vlans or ()})
    described["port_vlans"] = _shown_vlans(want.name, vlans, after, have)


def _shown_vlans(
    bridge: str, vlans: Mapping[str, bridge_vlans.PortVlans], default: bridge_vlans.PortVlans, have: BridgeState
) -> list[dict[str, Any]]:
    """Return what is in other VLANs than ``default``, as options; attachments are shown with those of their own."""
    links = have.network.links
    shown = {
        name: bridge_vlans.as_wanted(one)
        for name, one in vlans.items()
        if one != default and (name == bridge or not links[name].ours)
    }
    return [_port_vlans(name, one) for name, one in sorted(shown.items()) if one is not None]


def _predicted_addresses(want: Bridge, have: BridgeState, wanted: tuple[str, ...] | None) -> set[str]:
    existing = have.link(want.name)
    shown = staying(want, have)
    kept = shown if wanted is None or (existing is not None and not existing.ours) else ()
    return {address for address in (*(wanted or ()), *kept) if not addresses.is_link_local(address)}

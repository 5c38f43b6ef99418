# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From wanted VLANs of ports and what Open vSwitch shows to operations. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..errors import MissingFeature, Refused
from ..model.addresses import bounds
from ..model.attachment import Target
from ..model.ovs import (
    MADE_FOR_NIC,
    NETDEV,
    NO_BRIDGES,
    SYSTEM,
    OvsBridge,
    OvsBridgeChange,
    OvsPort,
    missing_device,
    with_vlans,
)
from ..model.ownership import EXTERNAL_ID, MARK, VLAN_RECORD, read_label
from ..model.route import Route
from ..model.vlan_port import BridgeSettings, VlanPort, VlanPorts
from ..state.network import HOST, Link
from ..state.vlan_ports import VlanPortState
from . import vlan_record
from .alternative_names import refuse_alternative
from .link_operations import SetLink, SetTxChecksumOffload
from .operations import Operation
from .ovs_ports import OvsChanges, ports_of
from .vlan_port_refusals import refuse_lockout, refuse_same_tunnels, refuse_unfit
from .vlan_record import VlanRecord

_BRIDGE_LABEL = "bridge"


def present(want: VlanPorts, have: VlanPortState, timeout: float = 10.0) -> list[Operation]:
    """Return what puts all ports into their VLANs, as one transaction.

    :raises Refused: a bridge, port or attachment that is not there, or is of another bridge.
    :raises MissingFeature: the bridge has no datapath.
    """
    bridges = _bridge_changes(want, have)
    ports = OvsChanges(have.host_side)
    names = port_names(want, have)
    for one, name in zip(want.ports or (), names):
        _put(one, name, want, have, ports)
    on_bridge = [
        port for port in have.host_side.ovs_ports.values() if port.bridge == want.bridge and port.name not in names
    ]
    for port in on_bridge:
        if want.prune and _dead(port, have):
            ports.clear(port.name)
        elif want.purge and _meant(port, want):
            _give_back(port, have, ports)
    refuse_same_tunnels(have, ports)
    return [*ports.at_once(bridges, timeout), *_devices(want, have, bridges, names)]


def absent(want: VlanPorts, have: VlanPortState, timeout: float = 10.0) -> list[Operation]:
    """Return what puts ports back to what they were before ovs_vlan_port set them.

    With ``create_bridge``, a bridge of ours that is empty then is deleted. One that
    stays loses the keys that are to go.
    """
    refuse_alternative("bridge", want.bridge, have.host_side.network)
    ports = OvsChanges(have.host_side)
    for port in _asked_for(want, have):
        _give_back(port, have, ports)
    bridge = have.bridges.get(want.bridge)
    change = NO_BRIDGES
    if bridge is not None:
        if want.create_bridge and _ours(bridge) and not left_on(bridge, ports.left) and not have.held:
            change = OvsBridgeChange(remove=(bridge,))
        else:
            change = _changed(bridge, _set(bridge, want.settings.removals))
    return ports.at_once(change, timeout)


def assumed(want: VlanPorts, have: VlanPortState) -> list[str]:
    """Return what check mode takes as made by an earlier task, a warning each."""
    if not have.assume:
        return []
    told = []
    if want.bridge not in have.bridges and not want.create_bridge:
        told.append(f"Open vSwitch bridge {want.bridge} is not there; checked as if an earlier task made it")
    for one, name in zip(want.ports or (), port_names(want, have)):
        if (
            name != want.bridge
            and one.tunnel is None
            and name not in have.host_side.ovs_ports
            and name not in have.host_side.network.links
        ):
            told.append(f"{one} is not there; checked as if an earlier task made it")
    return told


def warnings(want: VlanPorts, have: VlanPortState, absent_state: bool) -> list[str]:
    """Return what a user would not expect."""
    if not absent_state:
        return _stuck_tunnels(want, have)
    told = []
    ports = OvsChanges(have.host_side)
    for port in _asked_for(want, have):
        _give_back(port, have, ports)
        if vlan_record.read(port) is None and want.ports is not None:
            told.append(f"port {port.name} of bridge {port.bridge} was not set by this module and stays as it is")
    bridge = have.bridges.get(want.bridge)
    if bridge is not None and want.create_bridge:
        left = left_on(bridge, ports.left)
        if MADE_FOR_NIC in bridge.external_ids:
            told.append(
                f"Open vSwitch bridge {bridge.name} stays, as host_nic_bridge made it: host_nic_bridge with state "
                "absent and type openvswitch takes it away once nothing is in it"
            )
        elif not _ours(bridge):
            told.append(f"Open vSwitch bridge {bridge.name} was not made by this collection and stays")
        elif left:
            unless = "; it goes if an earlier task takes these away" if have.assume else ""
            told.append(
                f"Open vSwitch bridge {bridge.name} stays, as it has ports that ovs_vlan_port did not add: "
                f"{', '.join(left)}{unless}"
            )
        elif have.held:
            told.append(
                f"Open vSwitch bridge {bridge.name} stays, as its device has addresses or routes of this host: "
                f"{', '.join(have.held)}"
            )
    return told


def _stuck_tunnels(want: VlanPorts, have: VlanPortState) -> list[str]:
    """Return a warning for tunnels that have no way out.

    A datapath in userspace knows no interfaces but those of bridges with its own datapath_type.
    """
    if have.underlays is None:
        return []
    held = {address for addresses in have.underlays.values() for address in addresses}
    leading = _ways(have.routes)
    for one in want.ports or ():
        if one.tunnel is None:
            continue
        if one.tunnel.local:
            found = "" if one.tunnel.local in held else f"{one.tunnel.local} is not on the device of one"
        else:
            way = leading(one.tunnel.remote)
            by = f"the route to {one.tunnel.remote} leads by {way}" if way else f"no route leads to {one.tunnel.remote}"
            found = "" if have.underlays.get(way) else by
        if found:
            return [
                f"tunnels of bridge {want.bridge} carry nothing: with datapath_type {NETDEV} they leave by "
                f"an Open vSwitch bridge of that type, and {found}; "
                "make one with the NIC as its port, and give its device the address"
            ]
    return []


def _ways(routes: Iterable[Route]) -> Callable[[str], str]:
    """Return what says by which link an address is reached, '' where there is no route.

    The longest prefix counts, then the least metric (RFC 1812, 5.2.4.3).
    """
    spans = [(*bounds(route.destination), route.metric, route.link) for route in routes]

    def way(address: str) -> str:
        version, number, _last = bounds(address)
        found = [
            (last - first, metric, link)
            for family, first, last, metric, link in spans
            if family == version and first <= number <= last
        ]
        return min(found)[-1] if found else ""

    return way


def port_names(want: VlanPorts, have: VlanPortState) -> list[str]:
    """Return the port that each of ``want.ports`` means.

    :raises Refused: an attachment that is not there, or two that are the same port.
    """
    names: dict[str, VlanPort] = {}
    for one in want.ports or ():
        name = one.port if one.target is None else _attached(one.target, one.interface, have)
        if name in names:
            raise Refused(f"ports: {names[name]} and {one} are the same port {name}; name it once")
        names[name] = one
    return list(names)


def _attached(target: Target, interface: str, have: VlanPortState) -> str:
    side = have.sides.get(target)
    if side is not None:
        if side.netns_id is not None:
            for link in have.host_side.ours_by_netns.get(side.netns_id, []):
                label = read_label(link.alias)
                if label is not None and label.interface == interface:
                    return link.name
        if have.assume:
            return side.birth_name(interface)
    raise Refused(
        f"interface: {target} has no attachment {interface} of this collection; "
        "make it with veth_attach, or name the port itself in port"
    )


# ---- the bridge


def _bridge_changes(want: VlanPorts, have: VlanPortState) -> OvsBridgeChange:
    refuse_alternative("bridge", want.bridge, have.host_side.network)
    bridge = have.bridges.get(want.bridge)
    if bridge is None:
        return _new_bridge(want, have)
    changed = _set(bridge, want.settings)
    if changed.datapath_type == bridge.datapath_type:
        problem = missing_device(bridge, have.host_side.network.links, have.switch_runs)
        if problem:
            raise MissingFeature(problem)
    if (changed.stp and changed.rstp) and not (bridge.stp and bridge.rstp):
        raise Refused(f"bridge_options: {want.bridge} would run both stp and rstp; switch one of the two off")
    return _changed(bridge, changed)


def _changed(former: OvsBridge, bridge: OvsBridge) -> OvsBridgeChange:
    return OvsBridgeChange(change=(bridge,), former=(former,)) if bridge != former else NO_BRIDGES


def _new_bridge(want: VlanPorts, have: VlanPortState) -> OvsBridgeChange:
    link = have.host_side.network.links.get(want.bridge)
    if link is not None and link.kind == "bridge":
        raise Refused(
            f"bridge: {want.bridge!r} is a Linux bridge of this host; "
            "name an Open vSwitch bridge, or choose another name"
        )
    port = have.host_side.ovs_ports.get(want.bridge)
    if port is not None:
        raise Refused(
            f"bridge: {want.bridge!r} is a port of Open vSwitch bridge {port.bridge}; "
            "name a bridge, or choose another name"
        )
    if not want.create_bridge and not have.assume:
        raise Refused(
            f"bridge: {want.bridge!r} is no Open vSwitch bridge of this host; "
            "set create_bridge to have it made, or create it first"
        )
    if link is not None and not _left_by_open_vswitch(link, want.settings.datapath_type or SYSTEM):
        raise Refused(
            f"bridge: {want.bridge!r} is an interface of this host already; choose another name for the bridge"
        )
    if not want.create_bridge:
        return NO_BRIDGES
    new = OvsBridge(want.bridge, SYSTEM, (want.bridge,), ((EXTERNAL_ID, _BRIDGE_LABEL),))
    return OvsBridgeChange(add=(_set(new, want.settings),))


def _left_by_open_vswitch(link: Link, datapath_type: str) -> bool:
    """Tell a bridge's own device, of this datapath, that outlived the bridge: the database was emptied or replaced.

    A tap of which nobody holds the other end has no carrier; Open vSwitch takes it in.
    """
    if datapath_type == NETDEV:
        return link.kind == "tun" and link.ethernet and not link.carrier and not link.master
    return link.kind == "openvswitch"


def _set(bridge: OvsBridge, settings: BridgeSettings) -> OvsBridge:
    asked = {name: getattr(settings, name) for name in ("datapath_type", "fail_mode", "stp", "rstp", "mcast_snooping")}
    for name in ("other_config", "external_ids"):
        merged = {**dict(getattr(bridge, name)), **dict(getattr(settings, name))}
        asked[name] = tuple(sorted((key, value) for key, value in merged.items() if value is not None))
    return replace(bridge, **{name: value for name, value in asked.items() if value is not None})


def _ours(bridge: OvsBridge) -> bool:
    return dict(bridge.external_ids).get(EXTERNAL_ID) == _BRIDGE_LABEL


def left_on(bridge: OvsBridge, left: Mapping[str, OvsPort]) -> list[str]:
    """Return the ports of a bridge, without its own, that do not go."""
    return [name for name in bridge.ports if name != bridge.name and name not in left]


def _devices(want: VlanPorts, have: VlanPortState, bridges: OvsBridgeChange, names: Sequence[str]) -> list[Operation]:
    """Bring up what this module made a bridge or a port, as a run that was killed may not have come to."""
    operations: list[Operation] = []
    links = have.host_side.network.links
    shown = have.bridges.get(want.bridge)
    bridge = next(iter((*bridges.add, *bridges.change)), shown)
    if bridge is not None and _ours(bridge):
        link = links.get(bridge.name)
        reborn = shown is None or shown.datapath_type != bridge.datapath_type
        # A device of a userspace datapath passes on what its sender left to hardware that is not there.
        if bridge.datapath_type == NETDEV and (reborn or have.tx_checksum):
            operations.append(SetTxChecksumOffload(HOST, bridge.name, False))
        if link is None or reborn or not link.up:
            operations.append(SetLink(HOST, bridge.name, {"up": True}, {"up": False}))
    for name in names:
        port, link = have.host_side.ovs_ports.get(name), links.get(name)
        record = vlan_record.read(port) if port is not None else None
        if (
            link is not None
            and not link.up
            and name != want.bridge
            and (port is None or (record is not None and record.added))
        ):
            operations.append(SetLink(HOST, name, {"up": True}, {"up": False}))
    return operations


# ---- ports


def _put(one: VlanPort, name: str, want: VlanPorts, have: VlanPortState, ports: OvsChanges) -> None:
    bridge = want.bridge
    shown = have.host_side.ovs_ports.get(name)
    if shown is not None and shown.bridge != bridge:
        if name in have.unfit and name != shown.bridge:
            raise Refused(f"port: {name!r} {have.unfit[name]}")
        raise Refused(
            f"port: {name!r} is a port of Open vSwitch bridge {shown.bridge} already; "
            "take it out there first, or name that bridge"
        )
    if shown is None and one.tunnel is not None:
        refuse_alternative("port", name, have.host_side.network, "choose another name for the tunnel")
    if shown is None and one.tunnel is None:
        refuse_unfit(one, name, bridge, have)
    if shown is None and one.tunnel is not None and name in have.host_side.network.links:
        raise Refused(
            f"port: {name!r} is an interface of this host, and a tunnel has none; choose another name for the tunnel"
        )
    if shown is not None and one.tunnel is not None and shown.tunnel is None:
        raise Refused(
            f"port: {name!r} is a port of bridge {bridge} already, and no VXLAN tunnel; "
            "choose another name for the tunnel"
        )
    base, record = _base(one, name, bridge, have)
    if one.tunnel is not None:
        base = replace(base, tunnel=one.tunnel)
    wanted = base if one.vlans in (None, base.vlans) else with_vlans(base, one.vlans)
    if shown is not None:
        refuse_lockout(shown, wanted, have.uplinks.get(name, {}))
    # A port that was in the wanted VLANs all the time was not set by us, and is not given back.
    if record.vlans is None and not record.added and wanted.vlans != base.vlans:
        record = replace(record, vlans=(base.tag, base.trunks, base.vlan_mode))
    ids: dict[str, str | None] = dict(base.external_ids)
    if one.external_ids is not None:
        asked = dict(one.external_ids)
        ids.update({key: value for key, value in record.external_ids.items() if key not in asked})
        former = {key: record.external_ids.get(key, dict(base.external_ids).get(key)) for key in asked}
        kept = {key: value for key, value in former.items() if key in record.external_ids or value != asked[key]}
        ids.update(asked)
        record = replace(record, external_ids=kept)
    if want.owner:
        record = replace(record, owner=want.owner)
    ids[VLAN_RECORD] = None if record.empty else record.text()
    ports.put(
        replace(wanted, external_ids=tuple(sorted((key, value) for key, value in ids.items() if value is not None)))
    )


def _base(one: VlanPort, name: str, bridge: str, have: VlanPortState) -> tuple[OvsPort, VlanRecord]:
    """Return the port that is to be changed, and what is noted on it.

    One that is on no bridge is returned as it would be without us.
    """
    shown = have.host_side.ovs_ports.get(name)
    if shown is not None:
        return shown, vlan_record.read(shown) or VlanRecord()
    new = OvsPort(name, bridge)
    link = have.host_side.network.links.get(name)
    if name == bridge:
        return new, VlanRecord()
    if link is not None and link.ours and read_label(link.alias):
        # An attachment that has lost its port: it is veth_attach's, as it was.
        return replace(new, external_ids=((EXTERNAL_ID, link.alias[len(MARK) + 1 :]),)), VlanRecord()
    return new, VlanRecord(added=True) if one.target is None else VlanRecord()


def _asked_for(want: VlanPorts, have: VlanPortState) -> list[OvsPort]:
    """Return the ports that state absent is about. One that is on another bridge by now has moved there, and stays."""
    shown = have.host_side.ovs_ports
    if want.ports is None:
        found = [port for port in shown.values() if vlan_record.read(port) is not None]
    else:
        found = []
        for one in want.ports:
            if one.target is not None:
                found += ports_of(one.target, one.interface, have.host_side)
            elif one.port in shown:
                found.append(shown[one.port])
    return [port for port in found if port.bridge == want.bridge]


def _give_back(port: OvsPort, have: VlanPortState, ports: OvsChanges) -> None:
    record = vlan_record.read(port)
    if record is None:
        return
    former = None if record.added else vlan_record.former(port, record)
    refuse_lockout(port, former, have.uplinks.get(port.name, {}), given_back=True)
    if former is None:
        (ports.drop if port.tunnel is not None or port.name in have.host_side.network.links else ports.clear)(port.name)
    else:
        ports.put(former)


def _meant(port: OvsPort, want: VlanPorts) -> bool:
    """Tell whether a purge is about that port: with an owner, about ports that bear its name."""
    record = vlan_record.read(port)
    return record is not None and want.owner in ("", record.owner)


def _dead(port: OvsPort, have: VlanPortState) -> bool:
    """Tell a port of ours whose container is gone: its veth went with the container's namespace."""
    label = read_label(dict(port.external_ids).get(EXTERNAL_ID, ""))
    return label is not None and port.name not in have.host_side.network.links

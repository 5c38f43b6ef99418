# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""From what modules were asked for to records that ask for it again. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import icc_policy, vlans
from .addresses import DHCP
from .attachment import HOST_KIND, Attachment, Target
from .bridge import AUTO, COMMON_OPTIONS, OWN_OPTIONS
from .publication import PortSpec
from .record import (
    ATTACHMENT,
    BRIDGE,
    LINK_END,
    NIC_ATTACHMENT,
    OVS_BRIDGE,
    POLICY,
    PUBLICATION,
    VLAN_PORT,
    Record,
    lasts,
    peer_key,
    target_key,
)
from .route import as_options
from .vlan_port import BridgeSettings, VlanPort
from .vlans import ranges

if TYPE_CHECKING:
    from .nic_attachment import NicAttachment
    from .veth_link import LinkEnd


def of_attachment(want: Attachment) -> Record:
    """Return the record of an attachment to a bridge as it was asked for."""
    options: dict[str, Any] = {"bridge": want.bridge}
    if want.host_interface is not None:
        options["host_interface"] = want.host_interface
    if want.required:
        options["required"] = True
    if want.security is not None:
        options["security"] = want.security.options
    if want.vlans is not None:
        options.update(vlans.as_options(want.vlans))
    if want.owner:
        options["owner"] = want.owner
    return Record(ATTACHMENT, attachment_key(want), {**_container_side(want), **options})


def of_nic_attachment(want: NicAttachment) -> Record:
    """Return the record of an interface made from a NIC as it was asked for."""
    options: dict[str, Any] = {"nic": want.nic, "kind": want.kind}
    if want.mode:
        options["mode"] = want.mode
    if want.vlan is not None:
        options["vlan"] = want.vlan
    return Record(NIC_ATTACHMENT, attachment_key(want), {**_container_side(want), **options})


def of_link_end(want: LinkEnd) -> Record:
    """Return the record of a link's end as it was asked for; what it is linked to is in ``peer``."""
    options = {**_container_side(want), **_place(want.target)}
    if want.other is not None:
        target, interface = want.other
        options["peer"] = {**_place(target), "interface": interface}
    return Record(LINK_END, attachment_key(want), options)


def _place(target: Target) -> dict[str, Any]:
    return {HOST_KIND: True} if target.kind == HOST_KIND else target_options(target)


def link_end_options(record: Record) -> dict[str, Any]:
    """Return what to ask for to have a link's end again."""
    return {name: value for name, value in record.options.items() if name != "peer"}


def other_link_end(record: Record) -> Record:
    """Return a record by which that of the other end of a link is found; it has no more than what names it."""
    return Record(LINK_END, peer_key(record), dict(record.want["peer"]))


def attachment_key(want: Attachment) -> tuple[str, ...]:
    """Return the key of an attachment's record, whatever it leads to."""
    return *target_key(want.target), want.interface


def _container_side(want: Attachment) -> dict[str, Any]:
    options: dict[str, Any] = {**target_options(want.target), "interface": want.interface}
    for name in ("gateway", "gateway6", "mac", "mtu", "ipv6"):
        if getattr(want, name) is not None:
            options[name] = getattr(want, name)
    if want.addresses is not None:
        options["addresses"] = [*([DHCP] if want.dhcp else ()), *want.addresses]
    if want.routes is not None:
        options["routes"] = [as_options(entry) for entry in want.routes]
    if want.rules is not None:
        from . import rule

        options["rules"] = [rule.as_options(entry) for entry in want.rules]
    if want.sysctls is not None:
        from . import sysctls

        options["sysctls"] = sysctls.as_options(want.sysctls)
    return options


def target_options(target: Target) -> dict[str, Any]:
    """Return the options that name a container or namespace."""
    named: dict[str, Any] = {target.kind: int(target.value) if target.kind == "pid" else target.value}
    return named if target.runtime == "auto" else {**named, "runtime": target.runtime}


BRIDGE_OPTIONS = (*COMMON_OPTIONS, *(name for name in OWN_OPTIONS if name != "name"))
"""Of container_bridge: what a bridge is to be like; how it is to be removed is no part of these."""


def of_bridge(options: Mapping[str, Any], shown: Mapping[str, Any] | None, keeps_mac: bool = False) -> Record:
    """Return the record of a bridge by the options of container_bridge; ``shown`` is the bridge as it is now.

    With ``keeps_mac``, it is to have the MAC that it has again.
    """
    want = {name: options[name] for name in ("name", *BRIDGE_OPTIONS) if options.get(name) is not None}
    if shown is not None and AUTO in want.get("addresses", ()):
        want["addresses"] = list(shown["addresses"])
    chosen = {"mac": shown["mac"]} if keeps_mac and shown is not None and "mac" not in want else {}
    return Record(BRIDGE, (options["name"],), want, chosen)


def of_policy(options: Mapping[str, Any]) -> Record:
    """Return the record of a bridge's policy by the options of icc_policy, without links of what does not last."""
    want = {name: options[name] for name in ("bridge", "icc", "egress", "host_access") if options.get(name) is not None}
    links = icc_policy.parse(options).links
    want["links"] = [
        {name: value for name, value in entry.items() if value is not None}
        for entry, link in zip(options.get("links") or (), links)
        if all(target is None or lasts(target) for target in (link.source, link.destination))
    ]
    return Record(POLICY, (options["bridge"],), want)


def is_policy(want: icc_policy.IccPolicy) -> bool:
    """Tell whether a policy asks for anything that a bridge without one has not."""
    return want != icc_policy.IccPolicy(want.bridge)


def of_ovs_bridge(bridge: str, create: bool, settings: BridgeSettings) -> Record:
    """Return the record of an Open vSwitch bridge that a module was asked to make, or to set."""
    asked = {
        name: getattr(settings, name)
        for name in ("datapath_type", "fail_mode", "stp", "rstp", "mcast_snooping")
        if getattr(settings, name) is not None
    }
    asked.update(
        (name, dict(getattr(settings, name))) for name in ("other_config", "external_ids") if getattr(settings, name)
    )
    return Record(OVS_BRIDGE, (bridge,), {"bridge": bridge, "create_bridge": create, "bridge_options": asked})


def of_vlan_port(bridge: str, port: VlanPort, owner: str) -> Record:
    """Return the record of a port's VLANs."""
    want: dict[str, Any] = {"bridge": bridge}
    if port.target is None:
        key: tuple[str, ...] = (bridge, "port", port.port)
        want["port"] = port.port
    else:
        key = (bridge, *target_key(port.target), port.interface)
        want.update(target_options(port.target), interface=port.interface)
    if port.vlans is not None:
        want["mode"] = port.vlans.mode
        if port.vlans.tag is not None:
            want["tag"] = port.vlans.tag
        if port.vlans.trunks:
            want["trunks"] = ranges(port.vlans.trunks)
    if port.external_ids is not None:
        want["external_ids"] = dict(port.external_ids)
    if port.tunnel is not None:
        tunnel = port.tunnel
        want["vxlan"] = {"remote": tunnel.remote, "vni": tunnel.vni, "protected": tunnel.protected}
        if tunnel.local:
            want["vxlan"]["local"] = tunnel.local
    if owner:
        want["owner"] = owner
    return Record(VLAN_PORT, key, want)


def of_publication(
    want: Attachment, asked: Sequence[PortSpec], published: Sequence[Mapping[str, Any]], protect: bool
) -> Record:
    """Return the record of the ports published for a container's interface.

    ``published`` are they as they are shown, with the host ports that were chosen; ``asked`` says for which of the
    host's addresses each is.
    """
    ports = [{**entry, **_host_ip(entry, asked)} for entry in published]
    for entry in ports:
        if not entry["host_ip"]:
            del entry["host_ip"]
    options = {**target_options(want.target), "bridge": want.bridge, "interface": want.interface}
    return Record(
        PUBLICATION,
        (want.bridge, *target_key(want.target), want.interface),
        {**options, "ports": ports, "protect": protect},
    )


def _host_ip(entry: Mapping[str, Any], asked: Sequence[PortSpec]) -> dict[str, str]:
    """Return the host address that a published port was asked for: a container may have one family only, as yet."""
    shown = entry.get("host_ip", "")
    for port in asked:
        if (port.container_port, port.protocol) == (entry["container_port"], entry["protocol"]):
            if port.lowest <= entry["host_port"] <= port.highest and port.host_ip in ("", shown):
                return {"host_ip": port.host_ip}
    return {"host_ip": shown}

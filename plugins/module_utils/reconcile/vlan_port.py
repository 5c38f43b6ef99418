# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""VLANs of ports from options to result: what ovs_vlan_port, a role or the reconciler calls. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import lock
from ..host.machine import Machine
from ..model import vlan_port
from ..model.addresses import is_link_local
from ..model.attachment import Target
from ..model.ovs import NETDEV, OvsBridge, OvsPort
from ..model.vlan_port import VlanPorts
from ..observe.containers import pin_targets
from ..plan import management, vlan_record
from ..plan import vlan_port as plan
from ..plan import vlan_port_result as state
from ..state.attachments import ContainerSide, HostSide
from ..state.network import HOST, Link, NetworkState
from ..state.vlan_ports import VlanPortState
from . import engine
from .result import Result

_TIMEOUT = 10


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Put the ports of a bridge into VLANs as the options of ovs_vlan_port say, or tell what that would take.

    :raises PipefitterError: with a sentence for the user.
    """
    want = vlan_port.parse(options)
    is_absent = options["state"] == "absent"
    timeout = options.get("wait_timeout") or _TIMEOUT
    with lock.held(check), Machine() as machine:
        targets = {one.target for one in want.ports or () if one.target is not None}
        # What absent puts back, the ports themselves say.
        netns_of = {} if is_absent else pin_targets(machine, targets, must_run=True, patience=timeout)[0]

        def plan_of(have: VlanPortState) -> list[Any]:
            return plan.absent(want, have, timeout) if is_absent else plan.present(want, have, timeout)

        outcome = engine.converge(machine, lambda: observe(machine, want, netns_of, check, is_absent), plan_of, check)
        shown = state.after(outcome.before, outcome.operations) if check else outcome.after
        names = state.touched(outcome.operations) | (set() if is_absent else set(plan.port_names(want, outcome.before)))
        return Result(
            operations=outcome.lines,
            before=state.describe(want, outcome.before, names),
            after=state.describe(want, shown, names),
            values={
                "bridge": state.describe_bridge(shown.bridges.get(want.bridge)),
                "ports": [] if is_absent else state.values(want, shown),
                "port_names": [] if is_absent else plan.port_names(want, shown),
            },
            warnings=plan.warnings(want, outcome.before, is_absent),
        )


def observe(
    machine: Machine,
    want: VlanPorts,
    netns_of: Mapping[Target, tuple[str | None, str]],
    check: bool,
    is_absent: bool = False,
) -> VlanPortState:
    """Read Open vSwitch's database once, and the host's links in one dump."""
    bridges, ports = machine.ovsdb.read()
    netlink = machine.netlink(HOST)
    links = netlink.links()
    sides: dict[Target, ContainerSide | None] = {}
    for target, (netns, identity) in netns_of.items():
        # What an attachment is called inside, its label says; so no namespace is entered for it.
        sides[target] = (
            None
            if netns is None
            else ContainerSide(netns, identity, NetworkState({}), netlink.netns_id(machine.descriptor(netns)))
        )
    device = links.get(want.bridge)
    bridge = bridges.get(want.bridge)
    userspace = bridge is not None and bridge.datapath_type == NETDEV and device is not None
    to_be_userspace = (want.settings.datapath_type or (bridge.datapath_type if bridge is not None else "")) == NETDEV
    has_tunnels = not is_absent and any(one.tunnel is not None for one in want.ports or ())
    return VlanPortState(
        host_side=HostSide(NetworkState(links), {}, ports),
        bridges=bridges,
        sides=sides,
        **_management(machine, want, links, ports, is_absent),
        tx_checksum=machine.tx_checksum_offload(HOST, [device])[want.bridge]
        if userspace and device is not None
        else False,
        switch_runs=bridge is None or machine.ovsdb.switch_runs(),
        **(_ways_out(machine, bridges, links) if to_be_userspace and has_tunnels else {}),
        held=_held(machine, device, links) if device is not None and is_absent and want.create_bridge else (),
        assume=check,
    )


def _ways_out(machine: Machine, bridges: Mapping[str, OvsBridge], links: Mapping[str, Link]) -> dict[str, Any]:
    """Read what tunnels of a datapath in userspace may leave by, and which routes lead there."""
    devices = [
        links[bridge.name] for bridge in bridges.values() if bridge.datapath_type == NETDEV and bridge.name in links
    ]
    netlink = machine.netlink(HOST)
    held = netlink.addresses(devices, leased=True)
    # No tunnel comes from a link-local address without saying of which link.
    underlays = {
        link: [one.partition("/")[0] for one in shown if not is_link_local(one)] for link, shown in held.items()
    }
    return {
        "underlays": underlays,
        "routes": netlink.routes({link.index: link.name for link in links.values()}, connected=True),
    }


def _held(machine: Machine, device: Link, links: Mapping[str, Link]) -> tuple[str, ...]:
    netlink = machine.netlink(HOST)
    addresses = netlink.addresses([device], leased=True)[device.name]
    routes = netlink.routes({link.index: link.name for link in links.values()})
    # A link-local address the kernel gives to any interface that is up.
    return (
        *(one for one in addresses if not is_link_local(one)),
        *(str(route) for route in routes if route.link == device.name),
    )


def _management(
    machine: Machine, want: VlanPorts, links: Mapping[str, Link], ports: Mapping[str, OvsPort], is_absent: bool
) -> dict[str, Any]:
    """Read by which interfaces the host is reached, where ports are wanted or may go by which it may be."""
    names = [one.port for one in want.ports or ()]
    if want.purge or (is_absent and want.ports is None):
        names += [
            port.name for port in ports.values() if port.bridge == want.bridge and vlan_record.read(port) is not None
        ]
    if not any(name in links and not links[name].ours for name in names):
        return {}
    netlink = machine.netlink(HOST)
    host = NetworkState(links, {}, netlink.routes({link.index: link.name for link in links.values()}))
    held = netlink.addresses(links.values(), leased=True)
    return {"unfit": management.interfaces(host, held, ports), "uplinks": management.vlans(host, held, ports)}

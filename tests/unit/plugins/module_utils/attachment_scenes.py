# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random containers on random bridges, and what people and interrupted runs do to them between two tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Optional
from unittest import mock

from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import (
    ANY_BRIDGE,
    Attachment,
    Purge,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.icc_rules import IccRules
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import OvsPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.port_guard import GuardRules, PortGuard
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import PROTOCOL, Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.rule import Rule
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import attachments
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import attachment as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import (
    AttachmentState,
    ContainerSide,
    HostSide,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import SimLink
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import (
    Killed,
    SimKernel,
    SimNamespace,
)
from hypothesis import strategies as st

IDENTITIES = {"web1": "docker:" + "a1" * 32, "web2": "docker:" + "b2" * 32, "/run/netns/probe": "/run/netns/probe"}
BRIDGES = ("br0", "br1", "ovs0", "ovs1")
INTERFACES = ("eth1", "eth2")

Seen = tuple[list[tuple[Attachment, Optional[ContainerSide]]], HostSide]


VLANS: list[dict[str, Any]] = [
    {},
    {"vlan": 5},
    {"vlan": 6},
    {"vlan_mode": "trunk"},
    {"trunks": "5-7"},
    {"vlan": 5, "vlan_mode": "native-untagged", "trunks": [6]},
    {"vlan": 5, "vlan_mode": "native-tagged"},
]


def target(netns: str) -> dict[str, str]:
    return {"netns": netns} if netns.startswith("/") else {"container": netns}


# ---- what is wanted

SECURITY: list[dict[str, str] | None] = [
    None,
    None,
    None,
    {},
    {"mac_spoofing": "allow"},
    {"mac_spoofing": "deny"},
    {"address_spoofing": "allow", "router_advertisements": "deny"},
]


SYSCTLS: list[dict[str, Any] | None] = [
    None,
    None,
    None,
    {"net.ipv4.ip_forward": True},
    {"net.ipv4.ip_forward": 0, "net.ipv4.conf.IFNAME.forwarding": 1},
    {"net.ipv4.conf.IFNAME.rp_filter": "2", "net/ipv6/conf/all/forwarding": 1, "net.ipv6.conf.IFNAME.accept_ra": 2},
    {"net.ipv4.conf.default.rp_filter": 1, "net.ipv4.conf.IFNAME.rp_filter": 1},
    {"net.ipv4.conf.all.accept_redirects": 1, "net.ipv4.ip_forward": 1},
]


@st.composite
def options(draw: st.DrawFn, number: int, netns: str, interface: str) -> dict[str, Any]:
    """Options of one attachment; ``number`` keeps its addresses, MAC and host interface apart from the others'."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    host = 10 * number + 10
    v4 = [
        f"10.0.0.{host}/24",
        f"10.0.0.{host + 1}/24",
        f"10.0.0.{host + 2}/24",
        f"10.1.0.{host}/24",
        f"10.0.0.{host}/16",
        f"10.9.0.{host}/32",
    ]
    v6 = [
        f"fd00:5::{host}/64",
        f"fd00:5::{host}/48",
        f"fd00:5::{host + 1}/64",
        f"fd00:6::{host}/128",
        f"fe80::{host}/64",
    ]
    pool = draw(st.sampled_from([v4, v4 + v6, v6]))
    addresses = maybe(st.lists(st.sampled_from(pool), unique_by=lambda text: text.partition("/")[0], max_size=4))
    families = {":" in text for text in addresses} if addresses is not None else {True, False}
    bridge = draw(st.sampled_from(BRIDGES))
    routes: list[dict[str, Any]] = [
        {"destination": "10.20.0.0/16", "gateway": "10.0.0.1"},
        {"destination": "10.20.0.0/16", "gateway": "10.1.0.1", "metric": 50},
        {"destination": "10.30.0.0/16"},
        {"destination": "203.0.113.1/32"},
        {"destination": "10.40.0.0/16", "gateway": "203.0.113.9"},
        {"destination": "fd00:20::/48", "gateway": "fd00:5::1"},
        {"destination": "fd00:30::/48"},
        {"destination": "fd00:40::/48", "gateway": "fe80::1", "metric": 7},
        {"destination": "0.0.0.0/0", "gateway": "203.0.113.9", "table": "100", "mtu": 1400},
        {"destination": "10.20.0.0/16", "gateway": "10.0.0.1", "mtu": 1300},
        {"destination": "10.20.0.0/16", "table": "100", "type": "blackhole"},
        {"destination": "10.30.0.0/16", "scope": "host"},
        {"destination": "10.40.0.0/16", "nexthops": [{"gateway": "10.0.0.1"}, {"gateway": "203.0.113.9", "weight": 3}]},
        {"destination": "10.40.0.0/16", "gateway": "203.0.113.9", "onlink": True},
        {"destination": "fd00:40::/48", "metric": 7, "type": "unreachable"},
    ]
    rules: list[dict[str, Any]] = [
        {"from": f"10.0.0.{host}", "table": "100"},
        {"from": "10.0.0.0/24", "table": "main"},
        {"from": "fd00:5::/64", "table": "100", "priority": 5},
        {"iif": "eth1", "family": "both", "table": "100", "priority": 7},
        {"iif": "eth1", "from": "10.0.0.0/8", "table": "100", "priority": 7},
        {"fwmark": "1/0xff", "family": "ipv6", "type": "blackhole", "priority": 9},
        {"to": "10.9.0.0/16", "type": "prohibit"},
    ]
    return {
        **target(netns),
        "interface": interface,
        "bridge": bridge,
        "host_interface": maybe(st.just(f"host{number}")),
        "addresses": addresses,
        "gateway": maybe(st.sampled_from(["10.0.0.1", "10.1.0.1", "203.0.113.1"])) if False in families else None,
        "gateway6": maybe(st.sampled_from(["fd00:5::1", "fd00:99::1", "fe80::1"])) if True in families else None,
        "routes": maybe(st.lists(st.sampled_from(routes), unique_by=str, max_size=3)),
        "rules": maybe(st.lists(st.sampled_from(rules), unique_by=str, max_size=3)),
        "sysctls": draw(st.sampled_from(SYSCTLS)),
        "mac": maybe(st.just(f"02:00:00:00:01:{number:02x}")),
        "mtu": maybe(st.sampled_from([1500, 1400, 9000, 1000])),
        "ipv6": draw(st.sampled_from([None, None, True, False])),
        "security": draw(st.sampled_from(SECURITY)) if bridge in ("br0", "br1") else None,
        **(draw(st.sampled_from(VLANS)) if bridge != "br0" else {}),
    }


@st.composite
def wanted(draw: st.DrawFn, most: int = 3) -> tuple[Attachment, ...]:
    spots = [(netns, interface) for netns in IDENTITIES for interface in INTERFACES]
    chosen = draw(st.lists(st.sampled_from(spots), unique=True, min_size=1, max_size=most))
    items = [draw(options(spots.index(spot), *spot)) for spot in chosen]
    while True:
        try:
            return attachment.parse_list(items, {})
        except InvalidOption:
            # Two that ask for the same route, or IPv6 with too small an MTU: the smaller list is still one to try.
            if len(items) == 1:
                items[0].update(gateway6=None, addresses=["10.0.0.99/24"], routes=None, mtu=None, ipv6=None, rules=None)
            else:
                items.pop()


# ---- what is there


class Scene:
    """A host with bridges of both kinds, and containers, one of them Docker's own in its network."""

    def __init__(self, kernel: SimKernel, few: int = plan.FEW) -> None:
        self.kernel = kernel
        self.few = few
        self.host = SimulatedHost(kernel)
        self.tagged_later: set[tuple[str, str, str, str]] = set()
        ns = kernel.host
        for name, mac in (("docker0", "02:42:00:00:00:01"), ("br0", "02:00:00:00:0b:00"), ("br1", None)):
            ns.new_link(name, "bridge", mac, alias="" if name == "docker0" else MARK)
            ns.set(name, up=True)
        ns.change_bridge("br1", {"vlan_filtering": 1})
        for name, datapath in (("ovs0", "system"), ("ovs1", "netdev")):
            ns.new_link(name, "tun" if datapath == "netdev" else "openvswitch", "0a:00:00:00:00:0a")
            ns.new_link(f"ovs-{datapath}", "tun" if datapath == "netdev" else "openvswitch")
            self.host.ovs_bridges[name] = datapath
        ns.new_link("tap9", "tun")
        self.host.ovs_ports["tap9"] = OvsPort("tap9", "ovs0", 9, (), None, (("owner", "libvirt"),))
        for netns in IDENTITIES:
            self.start(netns)

    def start(self, netns: str) -> None:
        ns = self.host.start(netns)
        ns.rules.add(Rule(4, 1000, "10.0.0.10/32", table=100, protocol=4))  # somebody else's
        if netns == "web1":
            self.kernel.host.new_veth(f"vethd{self.kernel.next_index()}", "eth0", ns, 1500)
            ns.set("eth0", up=True)
            ns.add_address("eth0", "172.17.0.2/16")
            ns.set_route(Route("0.0.0.0/0", "172.17.0.1", "eth0", 0, 3))
            ns.set_route(Route("10.20.0.0/16", "172.17.0.9", "eth0", 77, 3))

    def sides(self, wants: Sequence[Attachment], leftovers: bool = False, purge: Purge | None = None) -> Seen:
        """Observe as reconcile.attachment does."""
        purged = {purge.bridge} if purge is not None else set()
        bridges = {want.bridge for want in wants if want.bridge != ANY_BRIDGE} | purged
        host_side = attachments.observe(self.host, bridges, leftovers)  # type: ignore[arg-type]
        by_netns: dict[str, list[Attachment]] = {}
        for want in wants:
            by_netns.setdefault(want.target.value, []).append(want)
        sides = {
            # type: ignore[arg-type]
            netns: attachments.observe_container(self.host, netns, IDENTITIES[netns], here, host_side)
            for netns, here in by_netns.items()
            if netns in self.host.namespaces
        }
        # type: ignore[arg-type]
        host_side = attachments.with_guards(self.host, wants, host_side)
        seen = AttachmentState([(want, sides.get(want.target.value)) for want in wants], host_side)
        seen = attachments.with_peers(self.host, seen, purge)  # type: ignore[arg-type]
        return list(seen.sides), replace(seen.host_side, tagged_later=self.tagged_later)

    def present(self, wants: Sequence[Attachment], purge: Purge | None = None) -> Callable[[], list[Any]]:
        def plan_now() -> list[Any]:
            sides, host_side = self.sides(wants, leftovers=purge is not None, purge=purge)
            with mock.patch.object(plan, "FEW", self.few):
                return plan.present([(want, side) for want, side in sides if side is not None], host_side, True, purge)

        return plan_now

    def absent(self, wants: Sequence[Attachment]) -> Callable[[], list[Any]]:
        return lambda: plan.absent(*self.sides(wants, leftovers=True))

    def ours(self) -> list[SimLink]:
        """Host veths of ours whose peer is in a container of now."""
        here = [self.host.namespaces[netns] for netns in IDENTITIES if netns in self.host.namespaces]
        return [
            link
            for link in self.kernel.host.links.values()
            if link.alias.startswith(MARK + " ") and link.peer and link.peer.namespace in here
        ]


def drift(draw: st.DrawFn, scene: Scene, link: SimLink) -> None:
    """One thing that somebody did to an attachment."""
    host_veth, peer = link, link.peer
    assert peer is not None and peer.namespace is not None
    ns, host = peer.namespace, scene.kernel.host
    kinds = [
        "down",
        "host_veth down",
        "mac",
        "mtu",
        "host_veth mtu",
        "master",
        "rename",
        "host_veth rename",
        "address",
        "no address",
        "route",
        "own route",
        "rule",
        "no rule",
        "sysctl",
    ]
    kind = draw(
        st.sampled_from(
            [
                *kinds,
                "no guards",
                "let in",
                "bound",
                "closed",
                "no route",
                "no mark",
                "tag",
                "no port",
                "vlans",
                "delete",
                "checksum",
                "no ipv6",
            ]
        )
    )
    if kind == "down":
        ns.set(peer.name, up=False)
    elif kind == "host_veth down":
        host.set(host_veth.name, up=False)
    elif kind == "mac":
        ns.set(peer.name, mac="02:99:00:00:00:99")
    elif kind == "mtu":
        ns.set(peer.name, mtu=draw(st.sampled_from([1300, 1000])))
    elif kind == "host_veth mtu":
        host.set(host_veth.name, mtu=1300)
    elif kind == "master":
        if host_veth.name not in scene.host.ovs_ports:
            host.set(host_veth.name, master=draw(st.sampled_from(["", "docker0", "br1"])))
    elif kind in ("rename", "host_veth rename"):
        where, one = (ns, peer) if kind == "rename" else (host, host_veth)
        new = draw(st.sampled_from(["moved", "eth1", "eth2"]))
        if new not in where.links:
            was_up = one.up
            where.set(one.name, up=False)
            where.rename(one.name, new)
            where.set(new, up=was_up)
    elif kind == "address":
        _try(
            lambda: ns.add_address(
                peer.name,
                draw(st.sampled_from(["10.0.0.200/24", "192.168.77.7/24", "fd00:5::200/64", "10.0.0.10/25"])),
            )
        )
    elif kind == "no address" and peer.addresses:
        ns.remove_address(peer.name, draw(st.sampled_from(peer.addresses)))
    elif kind in ("route", "own route"):
        protocol = PROTOCOL if kind == "own route" else 4
        extra = [
            Route("10.50.0.0/16", None, peer.name, 0, protocol),
            Route("10.60.0.0/16", "10.0.0.254", peer.name, 0, protocol),
            Route("0.0.0.0/0", "10.0.0.254", peer.name, 500, protocol),
            Route("fd00:60::/48", "fd00:5::fe", peer.name, 1024, protocol),
        ]
        _try(lambda: ns.set_route(draw(st.sampled_from(extra))))
    elif kind == "no route":
        found = [entry for entry in ns.table if entry.link is peer and entry.protocol == PROTOCOL]
        if found:
            ns.table.remove(draw(st.sampled_from(found)))
    elif kind == "rule":
        extra = [
            Rule(4, priority, "10.0.0.0/8", table=101, protocol=112 + draw(st.integers(0, 2))) for priority in (7, 1000)
        ]
        ns.rules.add(draw(st.sampled_from(extra)))
    elif kind == "no rule":
        found = [rule for rule in ns.rules.shown if rule.ours]
        if found:
            ns.rules.shown.remove(draw(st.sampled_from(found)))
    elif kind == "sysctl":
        ns.write_sysctl(draw(st.sampled_from([f"net/ipv4/conf/{peer.name}/rp_filter", "net/ipv4/ip_forward"])), "1")
    elif kind == "no guards":
        scene.host.guard_rules = GuardRules()
    elif kind == "let in" and scene.host.can_guard:
        guards = {*scene.host.guard_rules.guards, PortGuard(host_veth.name, "02:99:00:00:00:99", ("10.0.0.1",), True)}
        others = [guard for guard in guards if guard.port != host_veth.name or guard.no_adverts]
        scene.host.guard_rules = GuardRules(frozenset({guard.port: guard for guard in others}.values()))
    elif kind == "bound" and host_veth.master is not None:
        host_veth.bound = draw(st.sampled_from([set(), {"02:99:00:00:00:99"}]))
    elif kind == "no mark":
        host_veth.alias = ""
    elif kind == "tag" and host_veth.name in scene.host.ovs_ports:
        port = scene.host.ovs_ports[host_veth.name]
        scene.host.ovs_ports[host_veth.name] = OvsPort(
            port.name, port.bridge, draw(st.sampled_from([None, 8])), draw(st.sampled_from([(), (3, 4)])), None, ()
        )
    elif kind == "vlans" and host_veth.master is not None and host_veth.master.name == "br1":
        host.delete_vlans(host_veth.name, draw(st.sampled_from([{}, {5: ()}])))
        host.add_vlans(host_veth.name, {draw(st.sampled_from([1, 5])): (draw(st.booleans()), draw(st.booleans()))})
    elif kind == "closed" and host_veth.master is not None:
        host.flood(host_veth.name, False)
    elif kind == "no port":
        scene.host.ovs_ports.pop(host_veth.name, None)
    elif kind == "delete":
        host.delete(host_veth.name)
    elif kind == "checksum":
        peer.tx_checksum = not peer.tx_checksum
    elif kind == "no ipv6":
        ns.write_sysctl(f"net/ipv6/conf/{peer.name}/disable_ipv6", draw(st.sampled_from(["1", "0"])))


def _try(change: Callable[[], None]) -> None:
    try:
        change()
    except PipefitterError:
        pass  # what the kernel refuses has not happened


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    kernel = SimKernel(
        rename_needs_down=draw(st.booleans()), promote_secondaries=draw(st.sampled_from([False, False, True]))
    )
    scene = Scene(kernel, draw(st.sampled_from([plan.FEW, 0])))
    if draw(st.sampled_from([False, False, True])):
        scene.host.namespaces["web2"].defaults["ipv6/disable_ipv6"] = "1"
    scene.host.can_guard = draw(st.sampled_from([True, True, True, False]))
    for _run in range(draw(st.integers(0, 2))):
        scene.host.icc_rules = IccRules(frozenset(draw(st.sampled_from([(), ("br0",), ("br0", "br1")]))))
        kernel.patience = draw(st.none() | st.integers(0, 40))
        try:
            engine.apply(scene.present(draw(wanted()))(), scene.host)
        except (PipefitterError, Killed):
            pass  # however far it came
        kernel.patience = None
        for _change in range(draw(st.integers(0, 3))):
            ours = sorted(scene.ours(), key=lambda link: link.name)
            if ours:
                drift(draw, scene, draw(st.sampled_from(ours)))
        restarted = draw(st.sampled_from([None, None, *IDENTITIES]))
        if restarted:
            scene.host.stop(restarted, lives_on=draw(st.booleans()))
            scene.start(restarted)
    kernel.host.change_bridge("br1", {"vlan_default_pvid": draw(st.sampled_from([1, 1, 0, 5]))})
    if draw(st.booleans()):
        kernel.host.set("br0", mtu=draw(st.sampled_from([1400, 9000, 1000])))
    return scene


def namespace_of(scene: Scene, netns: str) -> SimNamespace:
    return scene.host.namespaces[netns]

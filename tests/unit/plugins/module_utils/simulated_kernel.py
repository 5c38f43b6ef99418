# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, VLANs and sysctls of network namespaces, with the rules of the kernel that surprise people.

What is here was seen on Linux 6.18: a bridge without an MTU or a MAC of its own
follows its ports. ``promote_secondaries`` and ``rename_needs_down`` (up to
Linux 6.1) are the variants.

Each request counts, so that a test can kill the program before any of them.
"""

from __future__ import annotations

import errno

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import KernelError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_addresses import SimLink
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_made_on_nics import (
    SimMadeOnNics,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_moves import SimMoves
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_rules import SimRules

NO_MAC = "00:00:00:00:00:00"

BRIDGE_DEFAULTS = {
    "stp": 0,
    "forward_delay": 1500,
    "ageing_time": 30000,
    "multicast_snooping": 1,
    "vlan_filtering": 0,
    "vlan_default_pvid": 1,
}
BRIDGE_MTU = 1500
_REDIRECTS = "net/ipv4/conf/all/accept_redirects"
_PASSTHRU = 8  # MACVLAN_MODE_PASSTHRU
LEAST_FORWARD_DELAY, MOST_FORWARD_DELAY = 200, 3000


class Killed(BaseException):
    """The program was killed: nothing after this runs, no undoing either."""


class SimNamespace(SimMoves, SimMadeOnNics):
    """One network namespace; its methods are requests to the kernel and fail as those do."""

    def __init__(self, kernel: SimKernel, netns: str) -> None:
        super().__init__(kernel)
        self.netns = netns
        kernel.namespaces.append(self)
        self.ids: dict[SimNamespace, int] = {}
        self.aside: list[Route] = []
        self.rules = SimRules()
        self.sysctls = {"net/ipv4/ip_forward": "0", "net/ipv6/conf/all/forwarding": "0", _REDIRECTS: "1"}
        self.defaults = {
            "ipv4/forwarding": "0",
            "ipv4/rp_filter": "0",
            "ipv4/promote_secondaries": str(int(kernel.promote_secondaries)),
            "ipv6/forwarding": "0",
            "ipv6/disable_ipv6": "0",
            "ipv6/accept_ra": "1",
        }
        # By family and name, whether under conf/ or neigh/.
        self.defaults.update(
            {"ipv4/proxy_arp_pvlan": "0", "ipv6/proxy_ndp": "0", "ipv4/proxy_delay": "80", "ipv6/proxy_delay": "80"}
        )

    def id_of(self, other: SimNamespace) -> int:
        return self.ids.setdefault(other, len(self.ids))

    # ---- links

    def new_link(self, name: str, kind: str, mac: str | None = None, mtu: int = 1500, alias: str = "") -> SimLink:
        self.kernel.request()
        return self._register(name, kind, mac, mtu, alias)

    def new_veth(self, name: str, peer: str, there: SimNamespace, mtu: int, mac: str | None = None) -> SimLink:
        self.kernel.request()
        if there.taken(peer) or (there is self and peer == name):
            raise KernelError(f"create veth {name}", errno.EEXIST, "")
        link = self._register(name, "veth", None, mtu)
        other = there._register(peer, "veth", mac, mtu)
        link.peer, other.peer = other, link
        if there is not self:
            self.id_of(there)
            there.id_of(self)
        return link

    def new_macvlan(self, nic: str, name: str, there: SimNamespace, mode: int, mtu: int, mac: str | None) -> SimLink:
        """macvlan_common_newlink()"""
        self.kernel.request()
        lower = self.find(f"create macvlan {name}", nic)
        there.refuse_beside(lower, mode)
        if lower.master is not None or mtu > lower.mtu:
            raise KernelError(f"create macvlan {name}", errno.EINVAL, "")
        link = there._register(name, "macvlan", lower.mac if mode == _PASSTHRU else mac, mtu)
        link.lower, link.macvlan_mode = lower, mode
        there.id_of(self)
        return link

    def refuse_beside(self, lower: SimLink, mode: int) -> None:
        beside = self._on(lower)
        if any(link.kind == "ipvlan" for link in beside):
            raise KernelError(f"create a macvlan on {lower.name}", errno.EBUSY, "")
        if beside and (mode == _PASSTHRU or any(link.macvlan_mode == _PASSTHRU for link in beside)):
            raise KernelError(f"create a macvlan on {lower.name}", errno.EINVAL, "")

    def set_macvlan_mode(self, name: str, mode: int) -> None:
        """macvlan_changelink()"""
        self.kernel.request()
        link = self.find(f"set the mode of {name}", name)
        if (link.macvlan_mode == _PASSTHRU) != (mode == _PASSTHRU):
            raise KernelError(f"set the mode of {name}", errno.EINVAL, "")
        link.macvlan_mode = mode

    def _register(self, name: str, kind: str, mac: str | None, mtu: int, alias: str = "") -> SimLink:
        if self.taken(name):
            raise KernelError(f"create {name}", errno.EEXIST, "")
        link = SimLink(
            self.kernel.next_index(),
            name,
            kind,
            mac or self.kernel.random_mac(),
            mac is not None,
            mtu,
            alias=alias,
            namespace=self,
        )
        if kind == "bridge":
            link.bridge = dict(BRIDGE_DEFAULTS)
            if not self.kernel.vlan_filtering:
                del link.bridge["vlan_filtering"], link.bridge["vlan_default_pvid"]
            link.vlans = self._default_vlans(link)
        link.sysctls = dict(self.defaults)
        self.links[name] = link
        return link

    def taken(self, name: str) -> bool:
        """netdev_name_in_use(): alternative names count."""
        return name in self.links or any(name in link.alternative_names for link in self.links.values())

    def delete(self, name: str) -> None:
        self.kernel.request()
        self.drop(self.find(f"delete {name}", name))

    def drop(self, link: SimLink) -> None:
        for one in (link, link.peer):
            if one is None or one.namespace is None:
                continue
            here = one.namespace
            here.table = [entry for entry in here.table if one not in entry.ways]
            master, one.master = one.master, None
            for port in [port for port in here.links.values() if port.master is one]:
                port.master = None
                port.isolated, port.floods = False, True
                port.vlans = {}
            if here.links.get(one.name) is one:
                del here.links[one.name]
            for other in [other for space in self.kernel.namespaces for other in space.links.values()]:
                if other.lower is one and other.namespace is not None:
                    other.namespace.drop(other)
            one.namespace = None
            if master is not None:
                here.follow_ports(master)

    def rename(self, name: str, new: str, alias: str | None = None) -> None:
        self.kernel.request()
        link = self.find(f"rename {name}", name)
        if new != name:
            if self.taken(new):
                raise KernelError(f"rename {name} to {new}", errno.EEXIST, "")
            if link.up and self.kernel.rename_needs_down:
                raise KernelError(f"rename {name} to {new}", errno.EBUSY, "")
            del self.links[name]
            self.links[new] = link
            link.name = new
        if alias is not None:
            link.alias = alias

    def change_bridge(self, name: str, attributes: dict[str, int]) -> None:
        """br_changelink(): the forward delay is set before STP is switched, whatever order was asked for."""
        self.kernel.request()
        settings = self.find(f"change bridge {name}", name).bridge
        if "vlan_default_pvid" in settings:
            self._change_default_pvid(
                self.links[name], attributes.get("vlan_default_pvid", settings["vlan_default_pvid"])
            )
        delay = attributes.get("forward_delay")
        if delay is not None:
            if settings["stp"] and not LEAST_FORWARD_DELAY <= delay <= MOST_FORWARD_DELAY:
                raise KernelError(f"change bridge {name}", errno.ERANGE, "")
            settings["forward_delay"] = delay
        settings.update({key: value for key, value in attributes.items() if key != "forward_delay" and key in settings})
        if attributes.get("stp"):
            settings["forward_delay"] = min(max(settings["forward_delay"], LEAST_FORWARD_DELAY), MOST_FORWARD_DELAY)

    def set(
        self,
        name: str,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: str | None = None,
        alias: str | None = None,
    ) -> None:
        """do_setlink(): MAC, MTU, alias, flags, master; what came before a refusal stays."""
        self.kernel.request()
        link = self.find(f"change {name}", name)
        if mac is not None:
            if link.kind == "ipvlan":
                raise KernelError(f"change {name}", errno.EOPNOTSUPP, "")
            if int(mac[:2], 16) & 1 or mac == NO_MAC:
                raise KernelError(f"change {name}", errno.EADDRNOTAVAIL, "")
            link.mac, link.mac_is_set = mac, True
            if link.master is not None:
                self.follow_ports(link.master)
        if mtu is not None and mtu != link.mtu:  # dev_set_mtu() is over at once where nothing changes
            self._set_mtu(link, mtu)
            link.mtu_is_set = True
            if link.master is not None:
                self.follow_ports(link.master)
        if alias is not None:
            link.alias = alias
        if up and link.lower is not None and not link.lower.up:
            raise KernelError(f"change {name}", errno.ENETDOWN, "")  # macvlan_open()
        if up is not None and up != link.up:
            link.up = up
            if up:
                self._connect_all(link)
            else:
                self._went_down(link)
        if master is not None:
            self._set_master(link, self.find(f"change {name}", master) if master else None)

    def isolate(self, name: str, isolated: bool) -> None:
        """br_port_slave_changelink(): only a port has the flag."""
        self.kernel.request()
        link = self.find(f"isolate {name}", name)
        if link.master is None:
            raise KernelError(f"isolate {name}", errno.EOPNOTSUPP, "")
        link.isolated = isolated
        if self.kernel.can_tag or not isolated:
            link.tags = link.master.mac if isolated else ""

    def tag(self, name: str, mac: str) -> None:
        self.kernel.request()
        link = self.find(f"tag what {name} hands to the host", name)
        assert self.kernel.can_tag or not mac, "a plan knows what the kernel can do"
        link.tags = mac

    def bind(self, name: str, mac: str, on: bool) -> None:
        """br_fdb_add(), br_fdb_delete(): only of a port."""
        self.kernel.request()
        link = self.find(f"bind {name}", name)
        if on and link.master is None:
            raise KernelError(f"bind {name}", errno.EINVAL, "")
        link.bound = link.bound | {mac} if on else link.bound - {mac}

    def flood(self, name: str, floods: bool) -> None:
        """br_port_slave_changelink(): only a port has the flags."""
        self.kernel.request()
        link = self.find(f"open {name}", name)
        if link.master is None:
            raise KernelError(f"open {name}", errno.EOPNOTSUPP, "")
        link.floods = floods

    @staticmethod
    def _default_vlans(bridge: SimLink) -> dict[int, tuple[bool, bool]]:
        pvid = bridge.bridge.get("vlan_default_pvid", 0)
        return {pvid: (True, True)} if pvid else {}

    def _change_default_pvid(self, bridge: SimLink, pvid: int) -> None:
        """__br_vlan_set_default_pvid(): what has the old one moves along, and from 0 everything."""
        old = bridge.bridge["vlan_default_pvid"]
        for link in [bridge, *(port for port in self.links.values() if port.master is bridge)]:
            if (
                pvid != old
                and (not old or link.vlans.get(old) == (True, True))
                and (not pvid or pvid not in link.vlans)
            ):
                link.vlans.pop(old, None)
                if pvid:
                    self._add_vlan(link, pvid, (True, True))

    @staticmethod
    def _add_vlan(link: SimLink, vlan: int, flags: tuple[bool, bool]) -> None:
        if flags[0]:
            link.vlans = {other: (False, untagged) for other, (_pvid, untagged) in link.vlans.items()}
        link.vlans[vlan] = flags

    def add_vlans(self, name: str, vlans: dict[int, tuple[bool, bool]]) -> None:
        """br_vlan_info() for RTM_SETLINK: only a bridge and its ports have VLANs."""
        self.kernel.request()
        link = self.find(f"set VLANs of {name}", name)
        if not self.kernel.vlan_filtering or (
            link.kind != "bridge" and (link.master is None or link.master.kind != "bridge")
        ):
            raise KernelError(f"set VLANs of {name}", errno.EOPNOTSUPP, "")
        for vlan, flags in vlans.items():
            self._add_vlan(link, vlan, flags)

    def delete_vlans(self, name: str, kept: dict[int, tuple[bool, bool]]) -> None:
        self.kernel.request()
        link = self.find(f"delete VLANs of {name}", name)
        link.vlans = {vlan: flags for vlan, flags in link.vlans.items() if vlan in kept}

    def _set_mtu(self, link: SimLink, mtu: int) -> None:
        if link.kind != "ipvlan" and link.lower is not None and mtu > link.lower.mtu:
            raise KernelError(f"change {link.name}", errno.EINVAL, "")  # macvlan_change_mtu()
        if not 68 <= mtu <= 65535:
            raise KernelError(f"change {link.name}", errno.EINVAL, "mtu out of range")
        link.mtu = mtu
        if mtu < 1280:
            self.drop_ipv6(link)

    def _set_master(self, link: SimLink, master: SimLink | None) -> None:
        """do_set_master(): it leaves its bridge, and then the new one is asked."""
        former = link.master
        if master is former:
            return
        link.isolated, link.floods, link.vlans, link.master, link.tags = False, True, {}, None, ""
        link.bound = set()
        if former is not None:
            self.follow_ports(former)
        if master is not None:
            if master.kind != "bridge":
                raise KernelError(f"change {link.name}", errno.EOPNOTSUPP, "")
            if link.kind == "bridge":
                raise KernelError(f"change {link.name}", errno.ELOOP, "Can not enslave a bridge to a bridge")
            if self.kernel.is_ovs_port(self, link.name):
                raise KernelError(f"change {link.name}", errno.EBUSY, "Device is already a port of Open vSwitch")
            if master.name in self.kernel.busy_bridges:
                raise KernelError(f"change {link.name}", errno.EBUSY, "")
            if not link.ethernet:
                raise KernelError(f"change {link.name}", errno.EINVAL, "")
            link.master, link.vlans = master, self._default_vlans(master)
            self.follow_ports(master)

    def follow_ports(self, bridge: SimLink) -> None:
        """br_mtu_auto_adjust() and br_stp_recalculate_bridge_id()."""
        if bridge.kind != "bridge":
            return
        ports = [link for link in self.links.values() if link.master is bridge]
        if not bridge.mtu_is_set:
            self._set_mtu(bridge, min((port.mtu for port in ports), default=BRIDGE_MTU))
        if not bridge.mac_is_set:
            bridge.mac = min((port.mac for port in ports), default=NO_MAC)

    # ---- sysctls

    def read_sysctl(self, name: str) -> str | None:
        if name in self.sysctls:
            return self.sysctls[name]
        if name.count("/") != 4:
            return None
        values, key = self._of_link(name)
        return values.get(key) if values is not None else None

    def write_sysctl(self, name: str, value: str) -> None:
        self.kernel.request()
        if name in self.sysctls:
            changed = self.sysctls[name] != value
            self.sysctls[name] = value
            if name == _REDIRECTS or not changed:
                return
            if name.endswith("ip_forward"):
                self.sysctls[_REDIRECTS] = "1" if value == "0" else "0"
            # inet_forward_change() and addrconf_forward_change(): every interface's, and that of those to come.
            key = "ipv4/forwarding" if name.endswith("ip_forward") else "ipv6/forwarding"
            for values in (self.defaults, *(link.sysctls for link in self.links.values())):
                values[key] = value
            return
        values, key = self._of_link(name)
        if values is None or key not in values:
            raise KernelError(f"write {name}", errno.ENOENT, "")
        values[key] = value
        link = self.links.get(name.split("/")[3])
        if key == "ipv6/disable_ipv6" and value == "1" and link is not None:
            self.drop_ipv6(link)

    def _of_link(self, name: str) -> tuple[dict[str, str] | None, str]:
        _net, family, _conf, link, key = name.split("/")
        if link == "all":
            return {"ipv4/promote_secondaries": "0"}, f"{family}/{key}"
        if link == "default":
            return self.defaults, f"{family}/{key}"
        return (self.links[link].sysctls if link in self.links else None), f"{family}/{key}"


class SimKernel:
    """All namespaces of a machine.

    ``patience`` is how many requests are served before the program is killed, ``refuses`` how many before one is
    refused, which is the only one.
    """

    def __init__(
        self, *, rename_needs_down: bool = False, promote_secondaries: bool = False, vlan_filtering: bool = True
    ) -> None:
        self.rename_needs_down = rename_needs_down
        self.promote_secondaries = promote_secondaries
        self.vlan_filtering = vlan_filtering
        self.can_tag = True
        self.patience: int | None = None
        self.refuses: int | None = None
        self.ovs_ports: dict[str, object] = {}
        self.busy_bridges: set[str] = set()
        self.kinds = {"macvlan", "ipvlan", "vlan"}
        self.namespaces: list[SimNamespace] = []
        self._index = 1
        self._macs = 0
        self.host = SimNamespace(self, "")

    def request(self) -> None:
        if self.patience is not None:
            if self.patience == 0:
                raise Killed
            self.patience -= 1
        if self.refuses is not None:
            self.refuses -= 1
            if self.refuses < 0:
                self.refuses = None
                raise KernelError("do what was asked for", errno.ENOMEM, "")

    def next_index(self) -> int:
        self._index += 1
        return self._index

    def random_mac(self) -> str:
        self._macs += 1
        # Spread, so that new ports come both below and above the others in the order of MACs.
        number = (self._macs * 0x9E3779B1) & 0xFFFFFFFF
        return "ae:00:" + ":".join(f"{(number >> shift) & 0xFF:02x}" for shift in (24, 16, 8, 0))

    def is_ovs_port(self, namespace: SimNamespace, name: str) -> bool:
        return namespace is self.host and name in self.ovs_ports

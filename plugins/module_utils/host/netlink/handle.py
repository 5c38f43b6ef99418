# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Links, addresses and routes of one network namespace. Private to the collection."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...errors import PipefitterError
from ...model import addresses as text
from ...model import names
from ...model.bridge_vlans import PortVlans
from ...model.limits import MTU
from ...model.ownership import MARK
from ...model.route import DEFAULT, DEFAULT_METRIC, Route
from ...state.network import Link
from .. import sysctl
from ..namespace import scratch
from . import bridge_vlans, neighbours, rtnetlink, wire
from .rtnetlink import RouteSocket
from .wire import KernelError

_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_IFINFO = struct.Struct("=BxHiII")  # family, type, index, flags, change
_IFADDR = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst_len, src_len, tos, table, protocol, scope, type, flags

_WITHOUT_STATISTICS = (("IFLA_EXT_MASK", 1 << 3),)  # RTEXT_FILTER_SKIP_STATS; they take most of the kernel's time
# IFLA_ADDRESS, IFNAME, MTU, LINK, MASTER, LINKINFO, IFALIAS, CARRIER, LINK_NETNSID and PROP_LIST (linux/if_link.h): what _link reads
_READ_OF_LINKS = frozenset((1, 3, 4, 5, 10, 18, 20, 33, 37, 52))
_IFA_F_NODAD, _IFA_F_PERMANENT = 0x02, 0x80
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_RTPROT_KERNEL = 2
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253

# A port of a bridge has no use for an address of its own, and with a thousand of them the kernel's multicast
# reports for each, flooded to all others, take longer than everything else (IN6_ADDR_GEN_MODE_NONE).
_NO_LINK_LOCAL = ("IFLA_AF_SPEC", {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]})

_FAMILIES = {text.IPV4: socket.AF_INET, text.IPV6: socket.AF_INET6}

# model.bridge.Bridge field -> IFLA_BR_* attribute
_BRIDGE_ATTRIBUTES = {
    "stp": "IFLA_BR_STP_STATE",
    "forward_delay": "IFLA_BR_FORWARD_DELAY",
    "ageing_time": "IFLA_BR_AGEING_TIME",
    "multicast_snooping": "IFLA_BR_MCAST_SNOOPING",
    "vlan_filtering": "IFLA_BR_VLAN_FILTERING",
    "vlan_default_pvid": "IFLA_BR_VLAN_DEFAULT_PVID",
}


class NetlinkHandle:
    """Reads and changes the namespace that is current when it is opened, for as long as it is open.

    Links are named, as users name them; indexes are looked up once and kept.
    """

    def __init__(self) -> None:
        self._socket = RouteSocket()
        self._indexes: dict[str, int] = {}

    def close(self) -> None:
        self._socket.close()

    # ---- reading

    def links(self) -> dict[str, Link]:
        """Return every link but the loopback, by name. One dump."""
        found = {}
        for payload, decode in self._socket.dump(
            rtnetlink.RTM_GETLINK, "ifinfmsg", {"family": 0}, _WITHOUT_STATISTICS, _READ_OF_LINKS
        ):
            if not _IFINFO.unpack_from(payload)[3] & _IFF_LOOPBACK:
                link = _link(decode())
                found[link.name] = link
        self._indexes = {link.name: link.index for link in found.values()}
        return found

    def with_vlans(self, links: Mapping[str, Link], always: bool = False) -> dict[str, Link]:
        """Return the links with the VLANs of bridges and of their ports, where any of them is a bridge that filters VLANs, or ``always``. One dump."""
        if not always and not any(link.bridge.get("vlan_filtering") for link in links.values()):
            return dict(links)
        vlans = bridge_vlans.shown(self._socket)
        return {
            name: replace(link, vlans=vlans[link.index]) if link.index in vlans else link
            for name, link in links.items()
        }

    def addresses(self, links: Iterable[Link], leased: bool = False) -> dict[str, tuple[str, ...]]:
        """Return the permanent addresses of ``links`` by link name. One dump for both families.

        ``leased`` adds those with a lifetime (DHCP, router advertisements), after the permanent ones.
        """
        by_index = {link.index: link.name for link in links}
        found: dict[str, list[str]] = {name: [] for name in by_index.values()}
        expiring: dict[str, list[str]] = {name: [] for name in by_index.values()}
        for payload, decode in self._socket.dump(rtnetlink.RTM_GETADDR, "ifaddrmsg", {"family": 0}):
            _family, prefix, flags, _scope, index = _IFADDR.unpack_from(payload)
            if index in by_index and (leased or flags & _IFA_F_PERMANENT):
                entry = decode()
                # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours (IPv4 only).
                address = entry.get_attr("IFA_LOCAL") or entry.get_attr("IFA_ADDRESS")
                (found if flags & _IFA_F_PERMANENT else expiring)[by_index[index]].append(f"{address}/{prefix}")
        return {name: (*entries, *expiring[name]) for name, entries in found.items()}

    def routes(
        self,
        names_by_index: Mapping[int, str],
        families: Iterable[int] = (text.IPV4, text.IPV6),
        connected: bool = False,
    ) -> tuple[Route, ...]:
        """Return the unicast routes of the main table; ``connected`` adds those the kernel made of addresses."""
        found = []
        for version in families:
            header = {"family": int(_FAMILIES[version]), "table": _RT_TABLE_MAIN}
            for payload, decode in self._socket.dump(rtnetlink.RTM_GETROUTE, "rtmsg", header):
                family, prefix, _src, _tos, table, protocol, _scope, kind, _flags = _RTMSG.unpack_from(payload)
                # Asked for a family it was built or booted without, the kernel shows all others.
                if (
                    family == header["family"]
                    and table == _RT_TABLE_MAIN
                    and kind == _RTN_UNICAST
                    and (connected or protocol != _RTPROT_KERNEL)
                ):
                    found.append(_route(decode(), version, prefix, protocol, names_by_index))
        return tuple(found)

    def netns_id(self, descriptor: int) -> int | None:
        """Return the id by which this namespace knows the one behind ``descriptor``, ``None`` where it has none yet."""
        answer = self._socket.get(rtnetlink.RTM_GETNSID, "nsidmsg", {"rtgen_family": 0}, [("NETNSA_FD", descriptor)])
        number = answer[1]().get_attr("NETNSA_NSID") if answer is not None else None
        # NETNSA_NSID_NOT_ASSIGNED is -1, which some pyroute2 versions show unsigned.
        return None if number is None or number in (-1, 0xFFFFFFFF) else number

    # ---- links

    def add_bridge(self, name: str, attributes: Mapping[str, int], mac: str) -> None:
        """Create a bridge that bears our mark from the moment it has its name.

        The kernel takes no ifalias when a link is made. So the bridge is made
        under a derived name and gets name and mark in one request: a run
        killed in between leaves only the derived name, which the next run
        takes up.

        Its link-local address is used at once: while the kernel still looks
        for duplicates of it, up to two seconds, the host asks for no
        neighbour (ndisc_send_ns() in net/ipv6/ndisc.c), so that what it
        forwards in IPv6 doesn't reach the containers.
        """
        birth_name = names.derived_name("pfb", name)
        request = [("IFLA_IFNAME", birth_name), _bridge_info(attributes), ("IFLA_ADDRESS", mac)]
        try:
            self._change(f"create bridge {name}", wire.NLM_F_CREATE | wire.NLM_F_EXCL, 0, request)
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise
            self._change(f"create bridge {name}", 0, self._index(birth_name), request[1:])
        try:
            if sysctl.read(_accept_dad(birth_name)) is not None:
                sysctl.write(_accept_dad(birth_name), "0")
            self._change(
                f"name bridge {name}", 0, self._index(birth_name), [("IFLA_IFNAME", name), ("IFLA_IFALIAS", MARK)]
            )
        except PipefitterError:
            self.delete_link(birth_name)
            raise
        self._renamed(birth_name, name)

    def set_bridge_vlans(self, name: str, vlans: PortVlans) -> None:
        """Set the VLANs that the host itself takes part in by a bridge's own interface."""
        bridge_vlans.change(self._socket, self._index(name), name, vlans, own=True)

    def change_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        """Set attributes of a bridge, named as in ``model.bridge.Bridge``."""
        self._change(f"change bridge {name}", 0, self._index(name), [_bridge_info(attributes)])

    def add_veth(
        self,
        birth_name: str,
        name: str,
        peer: str,
        descriptor: int,
        mac: str | None,
        mtu: int,
        alias: str,
        alternative_name: str,
    ) -> None:
        """Create a veth whose peer is born in the namespace behind ``descriptor``; both ends are down.

        Made under ``birth_name`` (derived from container and interface) for
        the reason that ``add_bridge`` gives.
        """
        end: list[tuple[str, Any]] = [("IFLA_IFNAME", peer), ("IFLA_MTU", mtu), ("IFLA_NET_NS_FD", descriptor)]
        if mac:
            end.append(("IFLA_ADDRESS", mac))
        data = {"attrs": [("VETH_INFO_PEER", {"attrs": end})]}
        info = ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]})
        self._change(
            f"create veth {name} with its peer {peer}",
            wire.NLM_F_CREATE | wire.NLM_F_EXCL,
            0,
            [("IFLA_IFNAME", birth_name), ("IFLA_MTU", mtu), info],
        )
        try:
            self.claim(birth_name, name, alias, alternative_name)
        except KernelError:
            self.delete_link(birth_name)
            raise

    def claim(self, birth_name: str, name: str, alias: str, alternative_name: str) -> None:
        """Give a link its name, our mark and, where the kernel has them (5.5), the readable name beside."""
        try:
            self._claim(birth_name, name, [("IFLA_IFALIAS", alias), _NO_LINK_LOCAL])
        except KernelError as error:
            if error.code != errno.EAFNOSUPPORT:
                raise
            self._claim(birth_name, name, [("IFLA_IFALIAS", alias)])  # a kernel without IPv6
        self._indexes.pop(birth_name, None)
        if not alternative_name:
            return
        properties = {"attrs": [("IFLA_ALT_IFNAME", alternative_name)]}
        try:
            self._socket.request(
                f"give {name} the name {alternative_name}", rtnetlink.RTM_NEWLINKPROP, "ifinfmsg",
                wire.NLM_F_CREATE | wire.NLM_F_EXCL, {"index": 0}, [("IFLA_IFNAME", name), ("IFLA_PROP_LIST", properties)],
            )  # fmt: skip
        except KernelError:
            pass  # a convenience: an older kernel, or the name is another link's

    def _claim(self, birth_name: str, name: str, marked: list[tuple[str, Any]]) -> None:
        if name == birth_name:
            self._change_named(f"name veth {name}", name, marked)
        else:
            self._change(f"name veth {name}", 0, self._index(birth_name), [("IFLA_IFNAME", name), *marked])

    def set_link(
        self,
        name: str,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: str | None = None,
        alias: str | None = None,
        isolated: bool | None = None,
        vlans: PortVlans | None = None,
    ) -> None:
        """Change what is given; ``master`` '' takes the link out of its bridge.

        With ``master`` and ``isolated`` or ``vlans``, nothing passes the port
        before it is isolated and in its VLANs: the kernel takes these only
        from what is a port already, so the link joins down. It stays so
        unless ``up`` is given.
        """
        joins_down = bool(master) and (bool(isolated) or vlans is not None)
        if joins_down:
            self.set_link(name, up=False)
            self.set_link(name, master=master)
        if isolated is not None:
            self._change_named(f"{'isolate' if isolated else 'no longer isolate'} {name}", name, [_isolation(isolated)])
        if vlans is not None:
            self._with_index(name, lambda index: bridge_vlans.change(self._socket, index, name, vlans))
        if joins_down:
            master = None
        header: dict[str, int] = {}
        attributes: list[tuple[str, Any]] = []
        if up is not None:
            header = {"flags": _IFF_UP if up else 0, "change": _IFF_UP}
        if mtu is not None:
            if self._get(name).get_attr("IFLA_MTU") == mtu:
                # Only an MTU that was changed counts as set (br_change_mtu()): a bridge else follows its smallest port.
                # The one above, as one below 1280 would take IPv6 off it.
                self._change_named(f"change {name}", name, [("IFLA_MTU", mtu + 1 if mtu < MTU[1] else mtu - 1)])
            attributes.append(("IFLA_MTU", mtu))
        if mac is not None:
            attributes.append(("IFLA_ADDRESS", mac))
        if master is not None:
            attributes.append(("IFLA_MASTER", self._index(master) if master else 0))
        if alias is not None:
            attributes.append(("IFLA_IFALIAS", alias))
        if not attributes and not header:
            return
        try:
            self._change_named(f"change {name}", name, attributes, header)
        except KernelError:
            if master and self._find(master) is None:
                del self._indexes[master]
                raise KernelError(
                    f"put {name} into bridge {master}", errno.ENODEV, "the bridge was deleted meanwhile"
                ) from None
            raise

    def rename_link(self, name: str, new: str, keep_addresses: Collection[str], keep_routes: Collection[Route]) -> None:
        """Rename a link. Up to Linux 6.1 an interface that is up must go down for it, which drops
        its IPv6 addresses and all its routes: those given are put back."""
        index = self._index(name)
        try:
            self._change(f"rename {name} to {new}", 0, index, [("IFLA_IFNAME", new)])
            self._renamed(name, new)
            return
        except KernelError as error:
            if error.code == errno.EEXIST and self._drop_alternative_name(name, new):
                self.rename_link(name, new, keep_addresses, keep_routes)
                return
            if error.code != errno.EBUSY:
                raise
        self._change(f"take {name} down", 0, index, [], {"flags": 0, "change": _IFF_UP})
        try:
            self._change(f"rename {name} to {new}", 0, index, [("IFLA_IFNAME", new)])
            self._renamed(name, new)
        finally:
            self._change(f"bring {name} up", 0, index, [], {"flags": _IFF_UP, "change": _IFF_UP})
        self.put_back(new, keep_addresses, keep_routes)

    def _drop_alternative_name(self, name: str, alternative: str) -> bool:
        """Take an alternative name off a link that is to bear it as its own; tell whether it had it."""
        properties = {"attrs": [("IFLA_ALT_IFNAME", alternative)]}
        try:
            self._socket.request(
                f"take the name {alternative} off {name}", rtnetlink.RTM_DELLINKPROP, "ifinfmsg",
                0, {"index": self._index(name)}, [("IFLA_PROP_LIST", properties)],
            )  # fmt: skip
        except KernelError:
            return False
        return True

    def delete_link(self, name: str) -> None:
        """Delete a link; one that is gone already is as good."""
        try:
            self._socket.request(
                f"delete {name}", rtnetlink.RTM_DELLINK, "ifinfmsg", 0, {"index": 0}, [("IFLA_IFNAME", name)]
            )
        except KernelError as error:
            if error.code != errno.ENODEV:
                raise
        self._indexes.pop(name, None)

    # ---- addresses and routes

    def add_address(self, link: str, address: str) -> None:
        """Add an address, for good: one that is there already on lease (DHCP) loses its lifetime.

        IPv6 addresses are used at once (NODAD): they were declared, and a
        tentative address fails connections for a second.
        """
        try:
            self._address(
                f"add address {address} to {link}",
                rtnetlink.RTM_NEWADDR,
                wire.NLM_F_CREATE | wire.NLM_F_REPLACE,
                link,
                address,
            )
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise

    def remove_address(
        self, link: str, address: str, keep_addresses: Collection[str] = (), keep_routes: Collection[Route] = ()
    ) -> None:
        """Remove an address. Without promote_secondaries the kernel drops the later addresses of its subnet, and
        with the last address the link's routes: those given are put back."""
        what = f"remove address {address} from {link}"
        try:
            self._address(what, rtnetlink.RTM_DELADDR, 0, link, address)
        except KernelError as error:
            if error.code not in (errno.EADDRNOTAVAIL, errno.ENODEV):
                raise
            if error.code == errno.EADDRNOTAVAIL and text.family(address) == text.IPV4:
                self._remove_peer_address(what, link, address)
        self.put_back(link, keep_addresses, keep_routes)

    def _remove_peer_address(self, what: str, link: str, address: str) -> None:
        """Remove an address that has the other end's beside it (``ip address add … peer …``): by itself alone."""
        header = {"family": int(socket.AF_INET), "prefixlen": int(address.partition("/")[2])}
        local = [("IFA_LOCAL", text.bare(address))]
        try:
            self._with_index(
                link,
                lambda index: self._socket.request(
                    what, rtnetlink.RTM_DELADDR, "ifaddrmsg", 0, {**header, "index": index}, local
                ),
            )
        except KernelError as error:
            if error.code != errno.EADDRNOTAVAIL:
                raise

    def neighbours(self) -> frozenset[tuple[str, str, str]]:
        """Return link, address and MAC of the neighbours that were learned on links of ``links()``."""
        by_index = {index: name for name, index in self._indexes.items()}
        return frozenset(
            (by_index[index], address, mac)
            for index, address, mac in neighbours.learned(self._socket)
            if index in by_index
        )

    def forget_neighbour(self, link: str, address: str) -> None:
        """Let a link ask anew for an address when it next sends to it."""
        self._with_index(link, lambda index: neighbours.forget(self._socket, index, address, link))

    def proxy_neighbours(self, link: str) -> frozenset[str]:
        """Return the IPv6 addresses for which the host answers on a link because we asked it to."""
        return neighbours.shown(self._socket, self._index(link))

    def add_proxy_neighbour(self, link: str, address: str) -> None:
        """Let the host answer neighbour solicitations for an IPv6 address on a link."""
        self._with_index(link, lambda index: neighbours.add(self._socket, index, address, link))

    def remove_proxy_neighbour(self, link: str, address: str) -> None:
        """Let it no longer answer; an entry that is gone already is as good."""
        self._with_index(link, lambda index: neighbours.remove(self._socket, index, address, link))

    def set_route(self, route: Route) -> None:
        """Add a route, or put it in the place of the one with the same destination and metric, in one step."""
        self._route(f"set route {route}", rtnetlink.RTM_NEWROUTE, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, route)

    def remove_route(self, route: Route) -> None:
        """Remove a route; one that is gone already is as good."""
        try:
            self._route(f"remove route {route}", rtnetlink.RTM_DELROUTE, 0, route)
        except KernelError as error:
            if error.code not in (errno.ESRCH, errno.ENODEV):
                raise

    def put_back(self, link: str, addresses: Collection[str], routes: Collection[Route]) -> None:
        """Add addresses and routes that the kernel dropped on the way; one whose gateway is out of reach by now is passed over."""
        for address in addresses:
            self.add_address(link, address)
        for route in routes:
            try:
                self.set_route(route)
            except KernelError as error:
                # IPv4 and IPv6 have each their own: the gateway left with an address that was to go.
                if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                    raise

    # ----

    def _address(self, what: str, kind: int, flags: int, link: str, address: str) -> None:
        ip, _slash, prefix = address.partition("/")
        version = text.family(address)
        attributes: list[tuple[str, Any]] = [("IFA_LOCAL", ip), ("IFA_ADDRESS", ip)]
        header = {"family": int(_FAMILIES[version]), "prefixlen": int(prefix)}
        if version == text.IPV6:
            header["flags"] = _IFA_F_NODAD
        elif int(prefix) <= 30 and kind == rtnetlink.RTM_NEWADDR:
            attributes.append(("IFA_BROADCAST", text.broadcast(address)))
        self._with_index(
            link,
            lambda index: self._socket.request(what, kind, "ifaddrmsg", flags, {**header, "index": index}, attributes),
        )

    def _route(self, what: str, kind: int, flags: int, route: Route) -> None:
        destination, _slash, prefix = route.destination.partition("/")
        attributes: list[tuple[str, Any]] = []
        if not route.is_default:
            attributes.append(("RTA_DST", destination))
        if route.gateway:
            attributes.append(("RTA_GATEWAY", route.gateway))
        if route.metric or route.family == text.IPV6:
            attributes.append(("RTA_PRIORITY", route.metric))
        scope = _RT_SCOPE_UNIVERSE if route.gateway or route.family == text.IPV6 else _RT_SCOPE_LINK
        header = {
            "family": int(_FAMILIES[route.family]), "dst_len": int(prefix), "table": _RT_TABLE_MAIN,
            "proto": route.protocol, "scope": scope, "type": _RTN_UNICAST,
        }  # fmt: skip
        self._with_index(
            route.link,
            lambda index: self._socket.request(what, kind, "rtmsg", flags, header, [("RTA_OIF", index), *attributes]),
        )

    def _change(
        self,
        what: str,
        flags: int,
        index: int,
        attributes: list[tuple[str, Any]],
        header: Mapping[str, int] | None = None,
    ) -> None:
        self._socket.request(
            what, rtnetlink.RTM_NEWLINK, "ifinfmsg", flags, {"index": index, **(header or {})}, attributes
        )

    def _change_named(
        self, what: str, name: str, attributes: list[tuple[str, Any]], header: Mapping[str, int] | None = None
    ) -> None:
        # Without an index the kernel takes the name for which link it is, not for a new name.
        self._change(what, 0, 0, [("IFLA_IFNAME", name), *attributes], header)

    def _get(self, name: str) -> Any:
        found = self._find(name)
        return found[1]() if found is not None else None

    def _find(self, name: str) -> tuple[bytes, Any] | None:
        return self._socket.get(
            rtnetlink.RTM_GETLINK, "ifinfmsg", {"index": 0}, [("IFLA_IFNAME", name), *_WITHOUT_STATISTICS]
        )

    def _index(self, name: str) -> int:
        if name not in self._indexes:
            found = self._find(name)
            if found is None:
                raise KernelError(f"find {name}", errno.ENODEV, "")
            self._indexes[name] = _IFINFO.unpack_from(found[0])[2]
        return self._indexes[name]

    def _with_index(self, name: str, send: Callable[[int], None]) -> None:
        known = name in self._indexes
        try:
            send(self._index(name))
        except KernelError as error:
            if error.code != errno.ENODEV or not known:
                raise
            # A veth deleted from its other end and made again has another index. The kernel does not reuse indexes soon.
            del self._indexes[name]
            send(self._index(name))

    def _renamed(self, old: str, new: str) -> None:
        self._indexes[new] = self._indexes.pop(old)


def _nested(entry: Any, attribute: str) -> Any:
    # pyroute2 shows a nest it has no definition for as text.
    return entry.get_attr(attribute) if hasattr(entry, "get_attr") else None


def _link(entry: Any) -> Link:
    # pyroute2's get_attr() walks through all attributes each time; a slot decodes its value when that is read.
    slots = {slot[0]: slot for slot in entry["attrs"]}

    def value(attribute: str, default: Any) -> Any:
        return slots[attribute][1] if attribute in slots else default

    info = value("IFLA_LINKINFO", None)
    kind = (info.get_attr("IFLA_INFO_KIND") if info is not None else None) or ""
    return Link(
        index=entry["index"],
        name=value("IFLA_IFNAME", ""),
        kind=kind,
        mac=value("IFLA_ADDRESS", ""),
        mtu=value("IFLA_MTU", 0),
        up=bool(entry["flags"] & _IFF_UP),
        carrier=bool(value("IFLA_CARRIER", 0)),
        master=value("IFLA_MASTER", 0),
        alias=value("IFLA_IFALIAS", ""),
        alternative_names=_alternative_names(value("IFLA_PROP_LIST", None)),
        peer=value("IFLA_LINK", 0),
        peer_netns=value("IFLA_LINK_NETNSID", None),
        bridge=_bridge(info) if kind == "bridge" else {},
        isolated=info is not None and info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge" and _is_isolated(info),
        vlan_id=_vlan_id(info) if kind == "vlan" else None,
    )


def _vlan_id(info: Any) -> int | None:
    data = _nested(info, "IFLA_INFO_DATA")
    found: int | None = data.get_attr("IFLA_VLAN_ID") if data is not None else None
    return found


def _is_isolated(info: Any) -> bool:
    data = _nested(info, "IFLA_INFO_SLAVE_DATA")
    return data is not None and bool(data.get_attr("IFLA_BRPORT_ISOLATED"))


def _isolation(isolated: bool) -> tuple[str, Any]:
    data = {"attrs": [("IFLA_BRPORT_ISOLATED", int(isolated))]}
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", data)]})


def _alternative_names(properties: Any) -> tuple[str, ...]:
    if properties is None:
        return ()
    return tuple(slot[1] for slot in properties["attrs"] if slot[0] == "IFLA_ALT_IFNAME")


def _bridge(info: Any) -> dict[str, int]:
    data = _nested(info, "IFLA_INFO_DATA")
    if data is None:
        return {}
    shown = {field: data.get_attr(attribute) for field, attribute in _BRIDGE_ATTRIBUTES.items()}
    if data.get_attr("IFLA_BR_VLAN_PROTOCOL") is None:
        # A kernel without CONFIG_BRIDGE_VLAN_FILTERING still shows IFLA_BR_VLAN_FILTERING, and takes 1 without a word.
        shown["vlan_filtering"] = shown["vlan_default_pvid"] = None
    return {field: value for field, value in shown.items() if value is not None}


def _accept_dad(link: str) -> str:
    return f"net/ipv6/conf/{link}/accept_dad"


def _bridge_info(attributes: Mapping[str, int]) -> tuple[str, Any]:
    data = [(_BRIDGE_ATTRIBUTES[field], int(value)) for field, value in attributes.items()]
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", {"attrs": data})]})


def _route(entry: Any, version: int, prefix: int, protocol: int, names_by_index: Mapping[int, str]) -> Route:
    destination = entry.get_attr("RTA_DST")
    index = entry.get_attr("RTA_OIF")
    return Route(
        destination=f"{destination}/{prefix}" if prefix else DEFAULT[version],
        gateway=entry.get_attr("RTA_GATEWAY"),
        # A multipath route has no one link; it must not look like any.
        link=names_by_index.get(index, f"#{index}") if index else "several links",
        metric=entry.get_attr("RTA_PRIORITY") or (0 if version == text.IPV4 else DEFAULT_METRIC[version]),
        protocol=protocol,
    )


def supports_vlan_filtering() -> bool:
    """Tell whether bridges of this kernel can filter VLANs.

    A kernel without it takes the attribute without a word, so a bridge is
    made and looked at, in a namespace of its own that is gone with it.
    """
    with scratch():
        namespace = NetlinkHandle()
    try:
        namespace.add_bridge("probe", {}, text.random_mac())
        return "vlan_filtering" in namespace.links()["probe"].bridge
    finally:
        namespace.close()

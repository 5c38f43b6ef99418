# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Links, addresses, routes and neighbours of one network namespace, by links' names. Private to the collection."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import PipefitterError
from ...model import names
from ...model.addresses import IPV4, IPV6, is_link_local
from ...model.bridge_vlans import PortVlans
from ...model.limits import MTU
from ...model.ownership import MARK
from ...model.route import Route
from ...state.network import Link, names_by_index, with_leases
from .. import sysctl
from . import addresses, alternative_names, bridge_vlans, links, neighbours, netns_ids, routes
from .addresses import Messages
from .named_links import NamedLinks
from .rtnetlink import RouteSocket
from .wire import NLM_F_CREATE, NLM_F_EXCL, KernelError


class NetlinkHandle(NamedLinks):
    """Reads and changes the namespace that is current when it is opened, for as long as it is open.

    Links are named, as users name them; indexes are looked up once and kept.
    """

    # ---- reading

    def links(self) -> dict[str, Link]:
        """Return every link but the loopback, by name. One dump."""
        found = links.shown(self._socket)
        self._indexes = {link.name: link.index for link in found.values()}
        return found

    def with_vlans(self, links: Mapping[str, Link], always: bool = False) -> dict[str, Link]:
        """Return the links with the VLANs of bridges and of their ports. One dump.

        Where none of them is a bridge that filters VLANs, they are returned as they are, unless ``always``.
        """
        if not always and not any(link.bridge.get("vlan_filtering") for link in links.values()):
            return dict(links)
        vlans = bridge_vlans.shown(self._socket)
        shown = ((name, link, vlans.get(link.index)) for name, link in links.items())
        return {name: link if held is None else replace(link, vlans=held) for name, link, held in shown}

    def addresses(self, links: Iterable[Link], leased: bool = False) -> dict[str, tuple[str, ...]]:
        """Return the permanent addresses of ``links`` by link name. One dump for both families.

        ``leased`` adds those with a lifetime (DHCP, router advertisements), after the permanent ones.
        """
        permanent, leases, _messages = self.addresses_and_leases(links)
        return with_leases(permanent, leases) if leased else permanent

    def addresses_and_leases(self, links: Iterable[Link]) -> tuple[dict[str, tuple[str, ...]], Messages, Messages]:
        """Return the permanent addresses, the messages of those with a lifetime, and of the permanent. One dump."""
        return addresses.shown(self._socket, {link.index: link.name for link in links})

    def address_faults(self, messages: Messages) -> dict[str, dict[str, str]]:
        """Return by link and address what of permanent addresses is not as ``add_address`` makes them."""
        return addresses.faults(messages)

    def tentative_addresses(self, link: Link) -> tuple[str, ...]:
        """Return the link's IPv6 addresses that can't be used yet, or not at all, as another machine has them."""
        return addresses.tentative(self._socket, link.index)

    def routes(
        self,
        by_index: Mapping[int, str],
        families: Iterable[int] = (IPV4, IPV6),
        connected: bool = False,
        everything: bool = False,
    ) -> tuple[Route, ...]:
        """Return the unicast routes of the main table, in the order in which the kernel looks at them.

        ``connected`` adds those the kernel made of addresses, ``everything`` other tables, blackholes and their like.
        """
        return routes.shown(self._socket, by_index, families, connected, everything)

    def netns_id(self, descriptor: int) -> int | None:
        """Return the id by which this namespace knows the one behind ``descriptor``, ``None`` where it has none yet."""
        return netns_ids.shown(self._socket, descriptor)

    def peer(self, port: Link, addresses: bool, mac: bool) -> tuple[str, tuple[str, ...]]:
        """Return MAC and addresses of a veth's end in another namespace: as much of it as is asked for."""
        from . import peers  # most runs bring no address to where it wasn't

        held = peers.addresses(self._socket, port) if addresses else ()
        return peers.mac(self._socket, port) if mac else "", held

    def neighbours(self) -> frozenset[tuple[str, str, str]]:
        """Return link, address and MAC of the neighbours that were learned on links of ``links()``."""
        by_index = {index: name for name, index in self._indexes.items()}
        return frozenset(
            (by_index[index], address, mac)
            for index, address, mac in neighbours.learned(self._socket)
            if index in by_index
        )

    def proxy_neighbours(self, link: str) -> frozenset[str]:
        """Return the IPv6 addresses for which the host answers on a link because we asked it to."""
        return neighbours.shown(self._socket, self._index(link))

    def priority_tags(self, ports: Iterable[Link]) -> dict[str, str]:
        """Return by name for which MAC ports give what they hand to the host a priority tag, '' for none."""
        from . import priority_tags  # few hosts isolate

        return {port.name: priority_tags.shown(self._socket, port.index) for port in ports}

    # ---- bridges

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
        self._make_bridge(name, birth_name, [links.bridge(attributes), ("IFLA_ADDRESS", mac)])
        try:
            accept_dad = f"net/ipv6/conf/{birth_name}/accept_dad"
            if sysctl.read(accept_dad) is not None:
                sysctl.write(accept_dad, "0")
            self._rename(f"name bridge {name}", birth_name, name, [("IFLA_IFALIAS", MARK)])
        except PipefitterError:
            self.delete_link(birth_name)
            raise

    def _make_bridge(self, name: str, birth_name: str, attributes: list[tuple[str, Any]]) -> None:
        what = f"create bridge {name}"
        try:
            links.change(
                self._socket, what, 0, [("IFLA_IFNAME", birth_name), *attributes], flags=NLM_F_CREATE | NLM_F_EXCL
            )
        except KernelError as error:
            if error.code != errno.EEXIST:
                raise
            links.change(self._socket, what, self._index(birth_name), attributes)

    def change_bridge(self, name: str, attributes: Mapping[str, int]) -> None:
        """Set attributes of a bridge, named as in ``model.bridge.Bridge``."""
        links.change(self._socket, f"change bridge {name}", self._index(name), [links.bridge(attributes)])

    def set_bridge_vlans(self, name: str, vlans: PortVlans) -> None:
        """Set the VLANs that the host itself takes part in by a bridge's own interface."""
        bridge_vlans.change(self._socket, self._index(name), name, vlans, own=True)

    # ---- links

    def add_veth(
        self,
        *,
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
        the reason that ``add_bridge`` gives. It has the readable alternative
        name where the kernel has such names (5.5).
        """
        links.change(
            self._socket,
            f"create veth {name} with its peer {peer}",
            0,
            [("IFLA_IFNAME", birth_name), ("IFLA_MTU", mtu), links.veth(peer, descriptor, mac, mtu)],
            flags=NLM_F_CREATE | NLM_F_EXCL,
        )
        self._indexes.pop(birth_name, None)  # of one that had the name before
        try:
            self._name_veth(birth_name, name, alias)
        except KernelError:
            self.delete_link(birth_name)
            raise
        if alternative_name:
            try:
                self.set_alternative_name(name, alternative_name, True)
            except KernelError:
                self.delete_link(name)
                raise

    def _name_veth(self, birth_name: str, name: str, alias: str) -> None:
        """Give a veth its name and our mark in one request."""
        try:
            self._mark_veth(birth_name, name, [("IFLA_IFALIAS", alias), links.NO_LINK_LOCAL])
        except KernelError as error:
            if error.code != errno.EAFNOSUPPORT:
                raise
            self._mark_veth(birth_name, name, [("IFLA_IFALIAS", alias)])  # a kernel without IPv6

    def _mark_veth(self, birth_name: str, name: str, attributes: list[tuple[str, Any]]) -> None:
        if name == birth_name:
            self._change_named(f"name veth {name}", name, attributes)
        else:
            self._rename(f"name veth {name}", birth_name, name, attributes)

    def set_alternative_name(self, name: str, alternative: str, on: bool) -> None:
        """Give a link a further name, or take it off; a kernel that knows none gives none."""
        change = alternative_names.add if on else alternative_names.drop
        change(self._socket, name, alternative)

    def drop_link_local(self, name: str) -> None:
        """Let a link make itself no link-local address, and take off the one that it has."""
        self._change_named(f"let {name} have no link-local address", name, [links.NO_LINK_LOCAL])
        index = self._index(name)
        for address in addresses.shown(self._socket, {index: name})[0][name]:
            if is_link_local(address):
                addresses.remove(self._socket, index, name, address)

    def set_link(
        self,
        name: str,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: str | None = None,
        alias: str | None = None,
        isolated: bool | None = None,
        floods: bool | None = None,
        vlans: PortVlans | None = None,
    ) -> None:
        """Change what is given; ``master`` '' takes the link out of its bridge.

        With ``master`` and what only a port has (``isolated``, ``floods``,
        ``vlans``), nothing passes the port before it is so: the kernel takes
        these only from what is a port already, so the link joins down. It
        stays so unless ``up`` is given.
        """
        if master and (isolated or floods is False or vlans is not None):
            self.set_link(name, up=False)
            self.set_link(name, master=master)
            master = None
        if master is not None:
            with suppress(KernelError):  # of the bridge that it leaves
                self.set_priority_tags(name, "")
        if isolated is not None:
            what = f"{'isolate' if isolated else 'no longer isolate'} {name}"
            self._change_named(what, name, [links.isolation(isolated)])
            with suppress(PipefitterError):  # what it needs may be missing here, and isolation needs none of it
                self.set_priority_tags(name, links.mac_above(self._socket, name) if isolated else "")
        if floods is not None:
            what = f"{'open' if floods else 'close'} {name} to floods"
            self._change_named(what, name, [links.flooding(floods)])
        if vlans is not None:
            self._with_index(name, lambda index: bridge_vlans.change(self._socket, index, name, vlans))
        if mtu is not None and links.mtu_of(self._socket, name) == mtu:
            # Only an MTU that was changed counts as set (br_change_mtu()): a bridge else follows its smallest port.
            # The one above, as one below 1280 would take IPv6 off it.
            self._change_named(f"change {name}", name, [("IFLA_MTU", mtu + 1 if mtu < MTU[1] else mtu - 1)])
        values = {"IFLA_MTU": mtu, "IFLA_ADDRESS": mac, "IFLA_MASTER": self._master(master), "IFLA_IFALIAS": alias}
        attributes = [(attribute, value) for attribute, value in values.items() if value is not None]
        header = links.up_or_down(up) if up is not None else {}
        if attributes or header:
            self._set(name, attributes, header, master)

    def _master(self, name: str | None) -> int | None:
        """Return IFLA_MASTER for a bridge's name: 0 for '', ``None`` for ``None``."""
        if not name:
            return None if name is None else 0
        return self._index(name)

    def _set(
        self, name: str, attributes: Sequence[tuple[str, Any]], header: Mapping[str, int], master: str | None
    ) -> None:
        try:
            self._change_named(f"change {name}", name, attributes, header)
        except KernelError as error:
            what = f"put {name} into bridge {master}"
            if master and error.code == errno.EXFULL:  # BR_MAX_PORTS, less number 0
                reason = "a Linux bridge takes 1023 ports; use another bridge for the rest"
                raise KernelError(what, error.code, reason) from None
            # The kernel answers the same (ENODEV) whichever of the two is gone.
            if master and links.index_of(self._socket, master) is None:
                del self._indexes[master]
                raise KernelError(what, errno.ENODEV, "the bridge was deleted meanwhile") from None
            raise

    def set_priority_tags(self, port: str, mac: str) -> None:
        """Let a port give IP packets for its bridge's MAC a priority tag, or where that is '' none any more."""
        from . import priority_tags

        self._with_index(port, lambda index: priority_tags.change(self._socket, index, port, mac))

    def rename_link(
        self, name: str, new: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route]
    ) -> None:
        """Rename a link.

        Up to Linux 6.1 an interface that is up must go down for it, which drops its IPv6 addresses and all its
        routes: those given are put back.
        """
        what = f"rename {name} to {new}"
        index = self._index(name)
        try:
            self._rename(what, name, new)
            return
        except KernelError as error:
            if error.code == errno.EEXIST and alternative_names.drop(self._socket, name, new):
                self.rename_link(name, new, keep_addresses, keep_routes)
                return
            if error.code != errno.EBUSY:
                raise
        links.change(self._socket, f"take {name} down", index, [], links.up_or_down(False))
        try:
            self._rename(what, name, new)
        finally:
            links.change(self._socket, f"bring {name} up", index, [], links.up_or_down(True))
        self.put_back(new, keep_addresses, keep_routes)

    def delete_link(self, name: str) -> None:
        """Delete a link; one that is gone already is as good."""
        links.delete(self._socket, name)
        self._indexes.pop(name, None)

    def delete_links(self, names: Collection[str]) -> None:
        """Delete links at once; those that are gone already are as good."""
        links.delete_all(self._socket, names)
        for name in names:
            self._indexes.pop(name, None)

    # ---- addresses, routes and neighbours

    def add_address(self, link: str, address: str) -> None:
        """Add an address, for good, and use it at once: one that is there on lease (DHCP) loses its lifetime."""
        self._with_index(link, lambda index: addresses.add(self._socket, index, link, address))

    def restore_address(self, link: str, message: bytes) -> None:
        """Put an address back as the kernel showed it."""
        self._with_index(link, lambda index: addresses.restore(self._socket, index, link, message))

    def remove_address(
        self, link: str, address: str, keep_addresses: Mapping[str, bytes], keep_routes: Collection[Route] = ()
    ) -> None:
        """Remove an address; one that is gone already, or its link, is as good.

        Without promote_secondaries the kernel drops the later addresses of its subnet, and with the last address
        the link's routes: those given are put back.
        """
        try:
            self._with_index(link, lambda index: addresses.remove(self._socket, index, link, address))
        except KernelError as error:
            if error.code != errno.ENODEV:
                raise
        self.put_back(link, keep_addresses, keep_routes)

    def set_route(self, route: Route) -> None:
        """Add a route, or put it in the place of the one with the same destination and metric, in one step."""
        self._send_route(routes.replace, route)

    def _send_route(self, send: Callable[[RouteSocket, Sequence[int], Route], None], route: Route) -> None:
        if route.has_link:
            self._with_index(route.link, lambda index: send(self._socket, (index,), route))
        else:
            send(self._socket, [] if send is routes.remove else self._indexes_now(route.through), route)

    def remove_route(self, route: Route) -> None:
        """Remove a route; one that is gone already, or its link, is as good."""
        try:
            self._send_route(routes.remove, route)
        except KernelError as error:
            if error.code != errno.ENODEV:
                raise

    def put_back(self, link: str, held: Mapping[str, bytes], lost: Collection[Route]) -> None:
        """Add addresses and routes that the kernel dropped.

        What is there stays as it is: an address has more than we ask for, and routes with one destination and metric
        would take each other's place. A route whose gateway is out of reach by now is passed over.
        """
        every = self.links() if held or lost else {}
        still_held = self.addresses([every[link]])[link] if held and link in every else ()
        for address, message in held.items():
            if address not in still_held and message:
                self.restore_address(link, message)
            elif address not in still_held:
                self.add_address(link, address)
        still_set = set(self.routes(names_by_index(every), connected=True, everything=True)) if lost else ()
        for route in lost:
            if route not in still_set:
                self._send_if_reached(routes.append, route)

    def put_in_place(self, route: Route) -> None:
        """Put a route back as ``set_route`` does; one whose gateway is out of reach by now is passed over."""
        self._send_if_reached(routes.replace, route)

    def _send_if_reached(self, send: Callable[[RouteSocket, Sequence[int], Route], None], route: Route) -> None:
        try:
            self._send_route(send, route)
        except KernelError as error:
            # IPv4 and IPv6 have each their own: the gateway left with an address that was to go.
            if error.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                raise

    def routes_aside(self, by_index: Mapping[int, str]) -> tuple[Route, ...]:
        """Return the default routes that are kept until the one that took their place goes."""
        from . import routes_aside

        return routes_aside.shown(self._socket, by_index)

    def put_aside(self, route: Route, on: bool) -> None:
        """Keep a default route whose place another takes, or no longer."""
        from . import routes_aside

        (routes_aside.put if on else routes_aside.drop)(self._socket, route)

    def take_back(self, route: Route) -> None:
        """Set a default route again that was put aside."""
        from . import routes_aside

        routes_aside.take_back(self._socket, route)

    def set_hairpin(self, port: str, on: bool) -> None:
        """Let frames leave by the bridge's port they came in by, or not; of a port that is gone, it is off."""
        links.set_hairpin(self._socket, port, on)

    def forget_neighbour(self, link: str, address: str) -> None:
        """Let a link ask anew for an address when it next sends to it."""
        self._with_index(link, lambda index: neighbours.forget(self._socket, index, address, link))

    def add_proxy_neighbour(self, link: str, address: str) -> None:
        """Let the host answer neighbour solicitations for an IPv6 address on a link."""
        self._with_index(link, lambda index: neighbours.add(self._socket, index, address, link))

    def remove_proxy_neighbour(self, link: str, address: str) -> None:
        """Let it no longer answer; an entry that is gone already is as good."""
        self._with_index(link, lambda index: neighbours.remove(self._socket, index, address, link))

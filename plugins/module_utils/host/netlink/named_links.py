# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A network namespace's links by their names, and the kernel's indexes of them. Private to the collection."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import links
from .rtnetlink import RouteSocket
from .wire import KernelError

if TYPE_CHECKING:
    from ...model.rule import Rule
    from .veth_pairs import NewVeth


class NamedLinks:
    """A socket into the namespace that is current when it is opened; indexes are looked up once and kept."""

    def __init__(self) -> None:
        self._socket = RouteSocket()
        self._indexes: dict[str, int] = {}

    def close(self) -> None:
        self._socket.close()

    def has_link(self, name: str) -> bool:
        """Tell whether there is a link of that name."""
        return links.index_of(self._socket, name) is not None

    def _change_named(
        self, what: str, name: str, attributes: Sequence[tuple[str, Any]], header: Mapping[str, int] | None = None
    ) -> None:
        links.change(self._socket, what, 0, [("IFLA_IFNAME", name), *attributes], header)

    def _rename(self, what: str, name: str, new: str, attributes: Sequence[tuple[str, Any]] = ()) -> None:
        links.change(self._socket, what, self._index(name), [("IFLA_IFNAME", new), *attributes])
        self._indexes[new] = self._indexes.pop(name)

    def _index(self, name: str) -> int:
        if name not in self._indexes:
            found = links.index_of(self._socket, name)
            if found is None:
                raise KernelError(f"find {name}", errno.ENODEV, "")
            self._indexes[name] = found
        return self._indexes[name]

    def _indexes_now(self, names: Sequence[str]) -> list[int]:
        """Return the indexes of next hops' links, which may have been made again since others were looked up."""
        for name in names:
            self._indexes.pop(name, None)
        # "#7" is one that had no name when the route was shown.
        return [int(name[1:]) if name.startswith("#") else self._index(name) for name in names]

    def _with_index(self, name: str, send: Callable[[int], None]) -> None:
        known = name in self._indexes
        try:
            send(self._index(name))
        except KernelError as error:
            if error.code != errno.ENODEV or not known:
                raise
            # A veth deleted from its other end and made again has another index. The kernel doesn't reuse them soon.
            del self._indexes[name]
            send(self._index(name))

    def can_make(self, kind: str) -> bool:
        """Tell whether the kernel can make links of a kind (``macvlan``)."""
        from . import macvlans  # few hosts have any

        return macvlans.has(self._socket, kind)

    def add_macvlan(self, nic: str, name: str, descriptor: int, mode: int, mac: str | None, mtu: int) -> None:
        """Make a macvlan on a NIC, which is down, in the namespace behind ``descriptor``."""
        from . import macvlans

        self._with_index(nic, lambda index: macvlans.add(self._socket, name, index, nic, descriptor, mode, mac, mtu))

    def set_macvlan_mode(self, name: str, mode: int) -> None:
        """Change the mode of a macvlan; the kernel refuses to or from passthru."""
        from . import macvlans

        macvlans.set_mode(self._socket, name, mode)

    def move_link(self, name: str, descriptor: int, new: str) -> None:
        """Move a link, which goes down and loses its addresses, into the namespace behind ``descriptor`` as ``new``."""
        what = f"move {name} into another network namespace as {new}"
        attributes = [("IFLA_IFNAME", new), ("IFLA_NET_NS_FD", descriptor)]
        try:
            self._with_index(name, lambda index: links.change(self._socket, what, index, attributes))
        except KernelError as error:
            if error.code != errno.EINVAL or error.reason:
                raise
            reason = "its driver keeps it in its network namespace (netns-local)"
            raise KernelError(what, error.code, reason) from None
        self._indexes.pop(name, None)

    def marked(self, alias: str) -> str:
        """Return the name of the link that bears a mark, '' where none does."""
        return next((link.name for link in links.shown(self._socket).values() if link.alias == alias), "")

    def add_veth_pair(self, own: NewVeth, other: NewVeth, descriptor: int) -> None:
        """Make a veth with one end here and the other one in the namespace behind ``descriptor``; both are down."""
        from . import veth_pairs  # few hosts have any

        veth_pairs.add(self._socket, own, other, descriptor)

    def add_ipvlan(self, nic: str, name: str, descriptor: int, mode: int, mtu: int) -> None:
        """Make an ipvlan on a NIC, which is down, in the namespace behind ``descriptor``."""
        from . import ipvlans

        self._with_index(nic, lambda index: ipvlans.add(self._socket, name, index, nic, descriptor, mode, mtu))

    def set_ipvlan_mode(self, name: str, mode: int) -> None:
        """Change the mode of an ipvlan, and so of all that are on its NIC."""
        from . import ipvlans

        ipvlans.set_mode(self._socket, name, mode)

    def add_vlan(self, nic: str, name: str, vlan: int, mtu: int) -> None:
        """Make an interface, which is down, that has a NIC's frames of one VLAN."""
        from . import vlan_interfaces

        self._with_index(nic, lambda index: vlan_interfaces.add(self._socket, name, index, nic, vlan, mtu))

    def name_link(self, birth_name: str, name: str, alias: str) -> None:
        """Give a link that was just made its name and our mark in one request; where that fails, it goes again."""
        self._indexes.pop(birth_name, None)  # of one that had the name before
        try:
            self._rename(f"name {name}", birth_name, name, [("IFLA_IFALIAS", alias)])
        except KernelError:
            links.delete(self._socket, birth_name)
            raise

    def own_rules(self) -> tuple[Rule, ...]:
        """Return the policy routing rules that bear our mark, in the order in which the kernel looks at them."""
        from . import own_rules  # few containers have any

        return own_rules.shown(self._socket)

    def add_rule(self, rule: Rule) -> None:
        """Add a policy routing rule, after those of its priority."""
        from . import own_rules

        own_rules.add(self._socket, rule)

    def remove_rule(self, rule: Rule) -> None:
        """Remove a policy routing rule: the first that has all that this one asks for, which may be none."""
        from . import own_rules

        own_rules.remove(self._socket, rule)

    def bound_macs(self) -> dict[str, frozenset[str]]:
        """Return by port of a bridge, of those in ``links()``, the MACs that no other port may have."""
        from . import bound_macs  # few hosts isolate

        return bound_macs.shown(self._socket, {index: name for name, index in self._indexes.items()})

    def bind_mac(self, port: str, mac: str, on: bool) -> None:
        """Let no other port of its bridge have a MAC, or let any."""
        from . import bound_macs

        change = bound_macs.bind if on else bound_macs.free
        self._with_index(port, lambda index: change(self._socket, index, port, mac))

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A veth between two network namespaces as it can be wanted, without a bridge. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, attachment, attachment_checks, limits
from .attachment import HOST_KIND, SELECTORS, Attachment, Target
from .ownership import LINK_MARK, OwnershipLabel


class ThisHost(Target):
    """The host's own network namespace as a place for an end."""

    def __str__(self) -> str:
        return "this host"


THIS_HOST = ThisHost(HOST_KIND, HOST_KIND)


@dataclass(frozen=True)
class LinkEnd(Attachment):
    """What is wanted of one end; its ``bridge`` is ''. ``other`` says where the other end is and how it is called.

    ``routes`` and ``mtu`` are always given: nothing of them is left as it is.
    """

    other: tuple[Target, str] | None = None

    @property
    def is_host(self) -> bool:
        return self.target.kind == HOST_KIND


@dataclass(frozen=True)
class VethLink:
    """Two ends, or one where the link is only to be taken away, whatever that leads to."""

    ends: tuple[LinkEnd, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.ends))


def alias(label: OwnershipLabel) -> str:
    """Return the mark that an end is to have."""
    return f"{LINK_MARK} {label.external_id()}"


def is_end(text: str) -> bool:
    """Tell whether an ifalias is the mark of an end."""
    return text.startswith(LINK_MARK + " ")


def named(target: Target) -> dict[str, Any]:
    """Return the options that name the place of an end."""
    if target.kind == HOST_KIND:
        return {HOST_KIND: True}
    value: Any = int(target.value) if target.kind == "pid" else target.value
    return {target.kind: value, **({"runtime": target.runtime} if target.runtime != "auto" else {})}


def target_of(options: Mapping[str, Any], prefix: str) -> Target:
    """Return the place that the options of an end name.

    :raises InvalidOption: they name none or several, or one that can't be right.
    """
    ways = (*SELECTORS, HOST_KIND)
    given = [name for name in ways if options.get(name) not in (None, False)]
    if len(given) != 1:
        raise InvalidOption(f"{prefix}container", " and ".join(given) or None, attachment.exactly_one(given, ways))
    return THIS_HOST if given == [HOST_KIND] else attachment.parse_target(options, prefix)


def parse_list(items: Iterable[Mapping[str, Any]], common: Mapping[str, Any], going: bool) -> tuple[VethLink, ...]:
    """Return the links of a list; what an item leaves out is taken from ``common``.

    :raises InvalidOption: as ``parse``, or an end that is in the list twice.
    """
    links: list[VethLink] = []
    seen: dict[tuple[Target, str], int] = {}
    for position, item in enumerate(items):
        own = {name: value for name, value in item.items() if value is not None}
        link = parse({**common, **own}, f"links[{position}].", going)
        for number, end in enumerate(link.ends):
            earlier = seen.setdefault((end.target, end.interface), position)
            if earlier != position:
                option = f"links[{position}].ends[{number}].interface"
                advice = f"is an end of links[{earlier}] for {end.target} too; an interface is the end of one link"
                raise InvalidOption(option, end.interface, advice)
        links.append(link)
    return tuple(links)


def parse(options: Mapping[str, Any], prefix: str = "", going: bool = False) -> VethLink:
    """Return the link that the options of veth_link ask for; of one that is ``going`` one end is enough.

    ``prefix`` is put before option names in errors (``links[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    items: Sequence[Mapping[str, Any]] = options.get("ends") or ()
    if len(items) != 2 and not (going and len(items) == 1):
        advice = "is not the number of ends that a link has; give two"
        if not items:
            advice = "is required; give the two ends of the link" + ("" if prefix else ", or a list of links in links")
        raise InvalidOption(f"{prefix}ends", len(items) or None, advice)
    common = limits.mtu(f"{prefix}mtu", options.get("mtu"))
    own = [limits.mtu(f"{prefix}ends[{number}].mtu", item.get("mtu")) for number, item in enumerate(items)]
    usual = common or next(filter(None, own), limits.USUAL_MTU)
    ends = [
        _end({**item, "mtu": mtu or usual}, f"{prefix}ends[{number}].", going)
        for number, (item, mtu) in enumerate(zip(items, own))
    ]
    if len(ends) == 2:
        _check_apart(ends[0], ends[1], prefix)
        others = [(end.target, end.interface) for end in reversed(ends)]
        ends = [replace(end, other=other) for end, other in zip(ends, others)]
    return VethLink(tuple(ends))


def _end(options: Mapping[str, Any], prefix: str, going: bool) -> LinkEnd:
    target = target_of(options, prefix)
    if not options.get("interface"):
        advice = f"is required; name the interface that {target} is to have"
        raise InvalidOption(f"{prefix}interface", None, advice)
    is_host = target.kind == HOST_KIND
    # Any name will do in place of the host, which is no container.
    fields = attachment.container_side({**options, "container": "any"} if is_host else options, prefix)
    want = LinkEnd(bridge="", **{**fields, "target": target, "routes": fields["routes"] or ()})
    if want.dhcp:
        advice = "is for attachments (veth_attach, nic_attach), and this is the end of a link; give its addresses"
        raise InvalidOption(f"{prefix}addresses", addresses.DHCP, advice)
    for position, entry in enumerate(want.routes or ()):
        if entry.leads_nowhere:
            advice = "leads nowhere, and so by no link; give it to an attachment of veth_attach, or leave it out"
            raise InvalidOption(f"{prefix}routes[{position}].destination", entry.destination, advice)
    if is_host and want.gateways and not going:
        name = "gateway" if want.gateway else "gateway6"
        advice = "would take the place of this host's own default route; leave it out, or give the subnets in routes"
        raise InvalidOption(f"{prefix}{name}", want.gateways[0], advice)
    attachment_checks.check(want, prefix)
    return want


def _check_apart(one: LinkEnd, other: LinkEnd, prefix: str) -> None:
    if one.target == other.target:
        advice = f"is {other.target} as that of the first end is; a link has its ends in two network namespaces"
        raise InvalidOption(f"{prefix}ends[1].{other.target.kind}", other.target.value, advice)
    if other.mac is not None and one.mac == other.mac:
        raise InvalidOption(f"{prefix}ends[1].mac", other.mac, "is the MAC of the first end too; each has its own")
    held = {addresses.bare(address) for address in one.addresses or () if not addresses.is_link_local(address)}
    for address in other.addresses or ():
        if addresses.bare(address) in held:
            advice = "is an address of the first end too; give each end its own"
            raise InvalidOption(f"{prefix}ends[1].addresses", address, advice)

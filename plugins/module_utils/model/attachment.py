# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A container's interface on a bridge as it can be wanted. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, attachment_checks, limits, names, port_guard, route, vlans
from .port_guard import Security
from .vlans import Vlans

if TYPE_CHECKING:
    from .rule import Rule

DEFAULT_INTERFACE = "eth1"

ANY_BRIDGE = "*"
"""Stands for the bridge of an attachment that is only to be taken away; no bridge can bear this name."""

VLAN_OPTIONS = ("vlan", "vlan_mode", "trunks")

# Most of what a user may give to name a container; exactly one of them.
SELECTORS = ("container", "netns", "pid")

HOST_KIND = "host"
"""``Target.kind`` of the host's own network namespace, where the end of a link may be."""

# The engines that are asked for a container of whose runtime nothing, or auto, is said.
RUNTIMES = ("docker", "podman")

# The engines' own rule for names (moby: daemon/names); ids fit it too.
CONTAINER_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]*"


@dataclass(frozen=True, order=True)
class Target:
    """Whose network namespace: ``kind`` is one of SELECTORS, ``runtime`` narrows the search for a container."""

    kind: str
    value: str
    runtime: str = "auto"

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    @property
    def named(self) -> dict[str, str]:
        """Return the options that name it, for a return value."""
        return {self.kind: self.value, **({"runtime": self.runtime} if self.runtime != "auto" else {})}


@dataclass(frozen=True)
class Attachment:
    """What is wanted of one attachment; ``None`` leaves what is there as it is.

    ``owner`` is for what it is asked; '' leaves what is noted on its port. ``joins_in`` are the VLANs, and the owner,
    that ovs_vlan_port set for its port: one that joins has them at once. Where ``removable`` is given, addresses
    beside those that are wanted stay unless they are among these: another program may have come with them since.
    With ``dhcp`` it has one more address, which the service asks a server for; that has a lifetime, and is its own.
    ``sysctls`` are as ``model.sysctls.parse`` returns them.
    """

    target: Target
    bridge: str
    interface: str = DEFAULT_INTERFACE
    host_interface: str | None = None
    addresses: tuple[str, ...] | None = None
    gateway: str | None = None
    gateway6: str | None = None
    routes: tuple[route.Route, ...] | None = None
    mac: str | None = None
    mtu: int | None = None
    vlans: Vlans | None = None
    ipv6: bool | None = None
    required: bool = False
    security: Security | None = None
    owner: str = ""
    joins_in: tuple[Vlans, str] | None = None
    removable: frozenset[str] | None = None
    dhcp: bool = False
    rules: tuple[Rule, ...] | None = None
    sysctls: tuple[tuple[str, str], ...] | None = None

    @property
    def wants_ipv6(self) -> bool | None:
        """Tell whether a new interface is to speak IPv6, ``None`` where that is as its container has it.

        It is where nobody said what addresses the interface has.
        """
        if self.ipv6 is not None:
            return self.ipv6
        if self.gateway6 or any(addresses.family(text) == addresses.IPV6 for text in self.addresses or ()):
            return True
        if any(entry.family == addresses.IPV6 for entry in self.routes or ()):
            return True
        return False if self.addresses is not None else None

    @property
    def segment(self) -> tuple[str, int | None]:
        """Return where addresses and MACs are unique, as far as that was asked for."""
        return self.bridge, self.vlans.tag if self.vlans is not None else None

    @property
    def gateways(self) -> tuple[str, ...]:
        """Return the gateways of its default routes, IPv4 first."""
        return tuple(gateway for gateway in (self.gateway, self.gateway6) if gateway)

    def __str__(self) -> str:
        return f"{self.interface} of {self.target}"


Parsed = TypeVar("Parsed", bound=Attachment)
"""An attachment to a bridge, or to something else."""


def adding_only(wants: Sequence[Parsed]) -> tuple[Parsed, ...]:
    """Return attachments of which surplus addresses go only where another one of the list is to have them."""
    listed = frozenset(addresses.bare(address) for want in wants for address in want.addresses or ())
    return tuple(replace(want, removable=listed) for want in wants)


class Purge(NamedTuple):
    """A bridge of which attachments go that are not listed; with an owner, those alone that bear its name."""

    bridge: str
    owner: str = ""

    def takes(self, bridge: str, owner: str) -> bool:
        """Tell whether it is about an attachment of a bridge, and of an owner."""
        return bridge == self.bridge and self.owner in ("", owner)


def parse(options: Mapping[str, Any], prefix: str = "") -> Attachment:
    """Return the attachment that a module's options ask for.

    ``prefix`` is put before option names in errors (``attachments[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    bridge = options.get("bridge")
    if not bridge:
        raise InvalidOption(f"{prefix}bridge", None, "is required for an attachment; name the bridge to attach to")
    host_interface = options.get("host_interface")
    attachment = Attachment(
        bridge=bridge if bridge == ANY_BRIDGE else names.interface_name(f"{prefix}bridge", bridge),
        host_interface=names.interface_name(f"{prefix}host_interface", host_interface) if host_interface else None,
        vlans=vlans.wanted(options, prefix, "vlan_mode", "vlan"),
        required=bool(options.get("required")),
        security=port_guard.parse(options.get("security"), f"{prefix}security", _declared(options)),
        owner=_owner(options.get("owner") or ""),
        **container_side(options, prefix),
    )
    if attachment.required and attachment.target.kind != "container":
        advice = f"is for what a container engine starts, and {attachment.target} is not; leave it out"
        raise InvalidOption(f"{prefix}required", True, advice)
    attachment_checks.check(attachment, prefix)
    return attachment


def container_side(options: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the fields of an attachment that are the container's side, whatever that leads to.

    :raises InvalidOption: naming the first option that can't be right.
    """
    interface = names.interface_name(f"{prefix}interface", options.get("interface") or DEFAULT_INTERFACE)
    if interface == "lo":
        raise InvalidOption(
            f"{prefix}interface", interface, "is the loopback interface of every namespace; choose another name"
        )
    wanted = options.get("addresses")
    fixed = addresses.interface_addresses(f"{prefix}addresses", wanted, addresses.DHCP) if wanted is not None else None
    # '' is what templates make of a variable that is not set: as if it was left out.
    mac, seed = options.get("mac") or None, options.get("mac_seed") or None
    if mac is not None and seed is not None:
        raise InvalidOption(f"{prefix}mac_seed", seed, "is mutually exclusive with mac; give one of the two")
    if mac is not None and (mac[:2].upper() == "U:" or "@" in mac):
        from .pipework import refuse_mac

        refuse_mac(f"{prefix}mac", mac)
    if seed is not None and seed[:2].upper() == "U:":
        advice = f"has 'U:' before the text as for pipework, and would be another seed than there; give {seed[2:]!r}"
        raise InvalidOption(f"{prefix}mac_seed", seed, advice)
    if seed is not None:
        mac = addresses.seeded_mac(seed)
    return {
        "target": parse_target(options, prefix),
        "interface": interface,
        "addresses": fixed,
        "dhcp": addresses.DHCP in (wanted or ()),
        "gateway": _gateway(options, f"{prefix}gateway", addresses.IPV4),
        "gateway6": _gateway(options, f"{prefix}gateway6", addresses.IPV6),
        "routes": _routes(options.get("routes"), interface, prefix),
        **_more(options, interface, prefix),
        "mac": addresses.mac(f"{prefix}mac", mac) if mac is not None else None,
        "mtu": limits.mtu(f"{prefix}mtu", options.get("mtu")),
        "ipv6": options.get("ipv6"),
    }


def _declared(options: Mapping[str, Any]) -> list[str] | None:
    """Return the addresses that an interface is to have, ``None`` where not all of them are known."""
    wanted: list[str] | None = options.get("addresses")
    return None if wanted is None or addresses.DHCP in wanted else wanted


def _owner(owner: str) -> str:
    if not owner.isprintable() or owner != owner.strip():
        raise InvalidOption("owner", owner, "is no word; give letters, digits and '_', such as the name of a role")
    return owner


def parse_list(
    items: Iterable[Mapping[str, Any]], common: Mapping[str, Any], option: str = "attachments"
) -> tuple[Attachment, ...]:
    """Return the attachments to bridges that a list asks for, as ``parse_each``."""
    return parse_each(items, common, option, parse)


def parse_each(
    items: Iterable[Mapping[str, Any]],
    common: Mapping[str, Any],
    option: str,
    parse_one: Callable[[Mapping[str, Any], str], Parsed],
) -> tuple[Parsed, ...]:
    """Return the attachments of a list, each by ``parse_one``; what an item leaves out is taken from ``common``.

    A gateway is taken from there only beside addresses of its family, and
    the options of VLANs only where the item has none of them.

    :raises InvalidOption: as ``parse``, or an interface, address, MAC or host
        interface that is in the list twice.
    """
    parsed = []
    for position, item in enumerate(items):
        given = {key: value for key, value in item.items() if value is not None}
        parsed.append(parse_one({**_inherited(common, given), **given}, f"{option}[{position}]."))
    _check_duplicates(parsed, option)
    return tuple(parsed)


def _inherited(common: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    inherited = dict(common)
    if "container" not in given:
        inherited.pop("required", None)
    if any(name in given for name in VLAN_OPTIONS):
        inherited = {name: value for name, value in inherited.items() if name not in VLAN_OPTIONS}
    if "addresses" in given:
        for name, version in (("gateway", addresses.IPV4), ("gateway6", addresses.IPV6)):
            if not any(addresses.family(address) == version for address in given["addresses"]):
                _gateway(common, name, version)  # one that can't be right is refused all the same
                inherited.pop(name, None)
    return inherited


def parse_target(options: Mapping[str, Any], prefix: str) -> Target:
    """Return whose namespace the one of SELECTORS that is given means.

    :raises InvalidOption: none or several are given, or one that can't be right.
    """
    given = [name for name in SELECTORS if options.get(name) is not None]
    if len(given) != 1:
        raise InvalidOption(f"{prefix}container", " and ".join(given) or None, exactly_one(given, SELECTORS))
    kind = given[0]
    value = options[kind]
    if kind == "pid":
        if value <= 0:
            raise InvalidOption(f"{prefix}pid", value, "is not a process id; give a number above 0")
        return Target(kind, str(value))
    if kind == "netns":
        return Target(kind, _netns(f"{prefix}netns", value))
    return container(f"{prefix}container", value, options.get("runtime") or "auto")


def container(option: str, name: str, runtime: str = "auto") -> Target:
    """Return the container of a name, an id or the beginning of one.

    :raises InvalidOption: no engine takes such a name.
    """
    _refuse_blank(option, name)
    if "/" in name:
        advice = "contains '/', which no container name does; give a namespace's path in netns"
        raise InvalidOption(option, name, advice)
    if not re.fullmatch(CONTAINER_NAME, name):
        raise InvalidOption(
            option,
            name,
            "is no container's name or id; give letters, digits, '_', '.' and '-', a letter or digit first",
        )
    return Target("container", name, runtime)


def _refuse_blank(option: str, name: str) -> None:
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise InvalidOption(option, name, "is empty or contains white space; give the name as its engine shows it")


def exactly_one(given: Sequence[str], options: Sequence[str]) -> str:
    """Return the advice for options of which exactly one is required, where none or several are ``given``."""
    several = "are mutually exclusive" if given else "is required"
    return f"{several}; give exactly one of {', '.join(options[:-1])} and {options[-1]}"


def _netns(option: str, value: str) -> str:
    _refuse_blank(option, value)
    if value.startswith("/"):
        return netns_path(value)
    if "/" in value or value in (".", ".."):
        raise InvalidOption(option, value, "is neither a name nor an absolute path; write probe or /run/netns/probe")
    return netns_path(value)


def netns_path(value: str) -> str:
    """Return the path of a network namespace of which the name or a path is given.

    A name and its paths are the same namespace: one canonical form, so that
    duplicates are found. /var/run has been a link to /run since FHS 3.0.
    """
    if value.startswith("/var/run/netns/"):
        return value[len("/var") :]
    return value if "/" in value else f"/run/netns/{value}"


def _gateway(options: Mapping[str, Any], option: str, version: int) -> str | None:
    text = options.get(option.rpartition(".")[2])
    return addresses.gateway(option, text, version) if text else None


def _routes(items: list[Mapping[str, Any]] | None, link: str, prefix: str) -> tuple[route.Route, ...] | None:
    if items is None:
        return None
    result: list[route.Route] = []
    for position, item in enumerate(items):
        option = f"{prefix}routes[{position}]"
        more = {name: item[name] for name in route.OPTIONS if item.get(name) is not None}
        destination = addresses.destination(f"{option}.destination", item["destination"], default="table" in more)
        version = addresses.family(destination)
        gateway = item.get("gateway")
        metric = item.get("metric")
        if metric is not None and not 0 <= metric < 2**32:
            raise InvalidOption(f"{option}.metric", metric, "is out of range; give 0 to 4294967295")
        if version == addresses.IPV6 and metric == 0:
            metric = None  # the kernel takes 0 for "not given" in IPv6
        entry = route.Route(
            destination,
            addresses.gateway(f"{option}.gateway", gateway, version) if gateway is not None else None,
            link,
            route.DEFAULT_METRIC[version] if metric is None else metric,
        )
        if more:
            from .route_options import extended

            entry = extended(entry, more, option, item["destination"])
        if any(entry.key == other.key for other in result):
            raise InvalidOption(
                f"{option}.destination",
                item["destination"],
                "is in the list twice with the same metric; give each its own metric",
            )
        result.append(entry)
    return tuple(result)


def _more(options: Mapping[str, Any], interface: str, prefix: str) -> dict[str, Any]:
    """Return the fields that few attachments have."""
    found: dict[str, Any] = {}
    if options.get("rules") is not None:
        from . import rule_options

        found["rules"] = rule_options.parse(options["rules"], prefix)
    if options.get("sysctls") is not None:
        from . import sysctls

        found["sysctls"] = sysctls.parse(options["sysctls"], f"{prefix}sysctls", interface)
    return found


def _held_routes(attachment: Attachment) -> list[tuple[tuple[str, int], str, str]]:
    """Return the routes that an attachment asks for and a network namespace has once: key, option and value."""
    routes = [(entry.key, "routes", entry.destination) for entry in attachment.routes or ()]
    defaults = [
        (route.default(value, attachment.interface).key, name, value)
        for name in ("gateway", "gateway6")
        if (value := getattr(attachment, name))
    ]
    return routes + defaults


def _check_duplicates(attachments: Sequence[Attachment], option: str) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for position, attachment in enumerate(attachments):
        segment = attachment.segment
        claims: list[tuple[str, str, tuple[object, ...]]] = [
            ("interface", attachment.interface, ("interface", attachment.target, attachment.interface)),
        ]
        if attachment.host_interface:
            claims.append(("host_interface", attachment.host_interface, ("host_interface", attachment.host_interface)))
        if attachment.mac:
            claims.append(("mac", attachment.mac, ("mac", segment, attachment.mac)))
        for address in attachment.addresses or ():
            claims.append(("addresses", address, ("address", segment, addresses.bare(address))))
        for key, name, found in _held_routes(attachment):
            earlier = seen.setdefault(("route", attachment.target, key), position)
            if earlier != position:
                what = "second default route" if name.startswith("gateway") else "second route of that metric"
                advice = (
                    f"is a {what} of {attachment.target}, after that of {option}[{earlier}]; give it to one of the two"
                )
                raise InvalidOption(f"{option}[{position}].{name}", found, advice)
        for name, found, claim in claims:
            if claim in seen:
                whose = f" for {attachment.target}" if name == "interface" else ""
                raise InvalidOption(
                    f"{option}[{position}].{name}",
                    found,
                    f"is in {option}[{seen[claim]}]{whose} too; it must be unique",
                )
            seen[claim] = position

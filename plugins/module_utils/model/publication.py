# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports of containers published on the host, as wanted and as in effect. Private to the collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, attachment
from .attachment import Attachment, Target

PROTOCOLS = ("tcp", "udp", "sctp")

PORTS = (1, 65535)

DEFAULT_RANGE = (49153, 65535)
"""What automatic ports come from: the dynamic ports of RFC 6335 without the first, as Docker had it."""

ANY = ""
"""The host address of a publication that holds for every address of the host, in both families."""

# NFTNL_UDATA_COMMENT_MAXLEN is 128 with the NUL; what nft takes between quotes is not everything.
_COMMENT_BYTES = 120
_INTERFACE_BYTES = 28
_ODD = r"[^A-Za-z0-9_./:@-]"

_FIELDS = ("host_ip", "host_port", "container_port", "protocol")


@dataclass(frozen=True, order=True)
class PortSpec:
    """One port to publish: the first free one of ``lowest`` to ``highest``, which are the same for a fixed one."""

    host_ip: str
    lowest: int
    highest: int
    container_port: int
    protocol: str

    @property
    def is_fixed(self) -> bool:
        """Tell whether the host port is given, not chosen from a range."""
        return self.lowest == self.highest

    def __str__(self) -> str:
        host = f"[{self.host_ip}]:" if ":" in self.host_ip else f"{self.host_ip}:" if self.host_ip else ""
        span = str(self.lowest) if self.is_fixed else f"{self.lowest}-{self.highest}"
        return f"{host}{span}:{self.container_port}/{self.protocol}"


@dataclass(frozen=True)
class Publication:
    """What is wanted of one container's interface; ``all_exposed`` adds the ports that its image exposes to ``ports``.

    ``ports`` of ``None`` stands for all that are published, where they are to be removed.
    """

    attachment: Attachment
    ports: tuple[PortSpec, ...] | None
    all_exposed: bool = False


@dataclass(frozen=True, order=True)
class HostPort:
    """A port of the host in one family; the address ``ANY`` is every address of it."""

    family: int
    address: str
    protocol: str
    port: int

    def __str__(self) -> str:
        if not self.address:
            return f"port {self.port}/{self.protocol} of IPv{self.family}"
        return f"{f'[{self.address}]' if self.family == addresses.IPV6 else self.address}:{self.port}/{self.protocol}"

    def meets(self, other: HostPort) -> bool:
        """Tell whether one packet could be for both."""
        same = (self.family, self.protocol, self.port) == (other.family, other.protocol, other.port)
        return same and (self.address == other.address or ANY in (self.address, other.address))


@dataclass(frozen=True, order=True)
class Endpoint:
    """The interface of a container on a bridge that a port is published for, as its element's comment names it."""

    bridge: str
    interface: str
    kind: str
    value: str

    @property
    def comment(self) -> str:
        return f"{self.bridge} {self.interface} {self.kind} {self.value}"

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


def endpoint(bridge: str, interface: str, kind: str, value: str) -> Endpoint:
    """Return an endpoint that a comment can hold: a name that is too long or odd is cut, with a digest of all of it."""
    interface = _word(interface, _INTERFACE_BYTES)
    return Endpoint(bridge, interface, kind, _word(value, _COMMENT_BYTES - len(f"{bridge} {interface} {kind} ")))


def _word(text: str, most: int) -> str:
    plain = re.sub(_ODD, "_", text)
    if plain == text and len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{plain[: most - 13]}~{digest}"


@cache
def read_endpoint(comment: str) -> Endpoint | None:
    """Return whose element it is by its comment, ``None`` if that isn't one of ours. Ten thousand may have the same."""
    words = comment.split(" ")
    return Endpoint(*words) if len(words) == 4 and all(words) else None


@dataclass(frozen=True, order=True)
class Published:
    """A port of the host that leads to a port of a container."""

    host: HostPort
    address: str
    port: int
    endpoint: Endpoint

    def __str__(self) -> str:
        target = f"[{self.address}]" if self.host.family == addresses.IPV6 else self.address
        return f"{target}:{self.port} of {self.endpoint}"


@dataclass(frozen=True, order=True)
class Hairpin:
    """A bridge's subnet: what comes from it and goes back into it by a published port gets the host's address."""

    bridge: str
    subnet: str


@dataclass(frozen=True)
class PublicationRules:
    """All that our tables hold of publications, or a part of it.

    ``protected`` are bridges into which nothing new is forwarded but what is
    published; ``loopback`` those that connections from 127.0.0.1 are sent
    into, and ``opened`` those of them whose route_localnet was set for it.
    """

    published: frozenset[Published] = frozenset()
    hairpins: frozenset[Hairpin] = frozenset()
    protected: frozenset[str] = frozenset()
    loopback: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.published or self.hairpins or self.protected or self.loopback or self.opened)

    def __or__(self, other: PublicationRules) -> PublicationRules:
        return PublicationRules(*(mine | theirs for mine, theirs in zip(self._sets(), other._sets())))

    def __sub__(self, other: PublicationRules) -> PublicationRules:
        return PublicationRules(*(mine - theirs for mine, theirs in zip(self._sets(), other._sets())))

    def _sets(self) -> tuple[Any, ...]:
        return self.published, self.hairpins, self.protected, self.loopback, self.opened

    def of_bridge(self, bridge: str) -> PublicationRules:
        """Return the part that is for a bridge."""
        return PublicationRules(
            frozenset(one for one in self.published if one.endpoint.bridge == bridge),
            frozenset(one for one in self.hairpins if one.bridge == bridge),
            self.protected & {bridge},
            self.loopback & {bridge},
            self.opened & {bridge},
        )


@dataclass(frozen=True, order=True)
class PublishedFlow:
    """Traffic to a port of the host that conntrack remembers a way for: to the container (``address`` and ``port``)
    that it is not to reach any more, except by ports of the host that lead there ``still``, or past our rules."""

    host: HostPort
    address: str = ""
    port: int = 0
    still: tuple[HostPort, ...] = ()


# ---- parsing


@dataclass(frozen=True)
class PortDefaults:
    """What a port that leaves something out gets: ``port_range`` and ``default_host_ip``."""

    range: tuple[int, int] = DEFAULT_RANGE
    host_ip: str = ANY


def parse_defaults(options: Mapping[str, Any]) -> PortDefaults:
    """Return the defaults that a module's options ask for.

    :raises InvalidOption: a range that is none, or an address that can't be published on.
    """
    text = options.get("port_range")
    host_ip = options.get("default_host_ip")
    return PortDefaults(
        _range("port_range", str(text)) if text is not None else DEFAULT_RANGE,
        _host_ip("default_host_ip", host_ip) if host_ip else ANY,
    )


def parse(options: Mapping[str, Any], defaults: PortDefaults, prefix: str = "", absent: bool = False) -> Publication:
    """Return the publication that options ask for.

    ``prefix`` is put before option names in errors (``publications[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    chosen = {
        key: options[key]
        for key in ("container", "runtime", "netns", "pid", "interface", "bridge")
        if options.get(key) is not None
    }
    whose = attachment.parse(chosen, prefix)
    items = options.get("ports")
    all_exposed = bool(options.get("all_exposed"))
    if items is None and not all_exposed and not absent:
        raise InvalidOption(
            f"{prefix}ports",
            None,
            "is required unless all_exposed is set; give the ports to publish, or [] for none",
        )
    if items is None and absent:
        return Publication(whose, None)
    ports: list[PortSpec] = []
    for number, item in enumerate(items or ()):
        ports += parse_port(item, f"{prefix}ports[{number}]", defaults)
    _refuse_twice(ports, f"{prefix}ports")
    return Publication(whose, tuple(ports), all_exposed)


def parse_list(
    items: Iterable[Mapping[str, Any]], common: Mapping[str, Any], defaults: PortDefaults, absent: bool = False
) -> tuple[Publication, ...]:
    """Return the publications of a list; what an item leaves out is taken from ``common``.

    :raises InvalidOption: as ``parse``, or a container's interface that is in the list twice.
    """
    parsed: list[Publication] = []
    seen: set[tuple[Target, str]] = set()
    for position, item in enumerate(items):
        given = {key: value for key, value in item.items() if value is not None}
        prefix = f"publications[{position}]."
        one = parse({**common, **given}, defaults, prefix, absent)
        whose = (one.attachment.target, one.attachment.interface)
        if whose in seen:
            option = one.attachment.target.kind
            raise InvalidOption(
                f"{prefix}{option}",
                one.attachment.target.value,
                "is in the list twice; put all its ports into one entry",
            )
        seen.add(whose)
        parsed.append(one)
    return tuple(parsed)


def doubtful_numbers(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a warning for each number among ``ports`` that YAML likely made of two; one in quotes is a text."""
    given = [port for entry in entries for port in entry.get("ports") or ()]
    numbers = {port for port in given if isinstance(port, int) and not isinstance(port, bool)}
    if not numbers:
        return []
    from . import yaml_numbers

    return [
        f"ports: {number} is taken for port {number} of the container; if {meant} was meant, quote it, as YAML reads "
        "that without quotes as this number (if not, quote the number)"
        for number in sorted(numbers)
        if (meant := yaml_numbers.ports_meant(number))
    ]


def parse_port(item: object, option: str, defaults: PortDefaults) -> list[PortSpec]:
    """Return the ports of one form that Docker's ``-p`` takes, or of its fields.

    ``8080:80``, ``127.0.0.1:8080:80``, ``10.0.0.5::80``, ``80``,
    ``8000-8010:9000-9010``, ``8000-8010:80`` (the first free one), each with
    ``/udp`` or ``/sctp``, an IPv6 address in brackets.

    :raises InvalidOption: with what is wrong.
    """
    if isinstance(item, Mapping):
        return _of_fields(item, option, defaults)
    text = str(item).strip()
    rest, slash, protocol = text.partition("/")
    if slash and not protocol:
        raise InvalidOption(option, text, "has no protocol after the slash; write it like 53:53/udp")
    host_ip, rest = _split_host_ip(rest, option, text)
    parts = rest.split(":")
    if len(parts) > 2 or (host_ip is not None and len(parts) != 2):
        raise InvalidOption(
            option,
            text,
            "is not a port to publish; write it like 8080:80, 127.0.0.1:8080:80, 10.0.0.5::80 or "
            "[2001:db8::1]:8080:80/udp",
        )
    host_port, container_port = parts if len(parts) == 2 else ("", parts[0])
    if len(parts) == 2 and host_ip is None and not host_port:
        raise InvalidOption(option, text, "has no host port before the colon; leave the colon out for an automatic one")
    return _ports(option, text, host_ip, host_port, container_port, protocol or "tcp", defaults)


def _of_fields(item: Mapping[str, Any], option: str, defaults: PortDefaults) -> list[PortSpec]:
    unknown = sorted(str(key) for key in item if key not in _FIELDS)
    if unknown:
        raise InvalidOption(
            option, unknown[0], f"is not a field of a port; give {', '.join(_FIELDS[:-1])} and {_FIELDS[-1]}"
        )
    container_port = item.get("container_port")
    if container_port in (None, ""):
        raise InvalidOption(f"{option}.container_port", None, "is required; give the port of the container")
    host_port = item.get("host_port")
    given = {key: value for key, value in item.items() if value is not None}
    return _ports(
        option,
        given,
        str(item["host_ip"]) if item.get("host_ip") else None,
        "" if host_port is None else str(host_port),
        str(container_port),
        str(item.get("protocol") or "tcp"),
        defaults,
    )


def _split_host_ip(rest: str, option: str, text: str) -> tuple[str | None, str]:
    """Return the host address, ``None`` where there is none, and the rest."""
    if rest.startswith("["):
        host_ip, bracket, after = rest[1:].partition("]")
        if not bracket or not after.startswith(":"):
            raise InvalidOption(
                option, text, "has no colon after the bracketed address; write it like [2001:db8::1]:8080:80"
            )
        return host_ip, after[1:]
    if rest.count(":") > 2:
        raise InvalidOption(
            option, text, "contains an IPv6 address without brackets; write it like [2001:db8::1]:8080:80"
        )
    if rest.count(":") == 2:
        host_ip, _colon, after = rest.partition(":")
        return host_ip, after
    return None, rest


def _ports(
    option: str,
    found: object,
    host_ip: str | None,
    host_port: str,
    container_port: str,
    protocol: str,
    defaults: PortDefaults,
) -> list[PortSpec]:
    if protocol.lower() not in PROTOCOLS:
        raise InvalidOption(option, found, f"has the protocol {protocol!r}; give one of {', '.join(PROTOCOLS)}")
    protocol = protocol.lower()
    address = defaults.host_ip if host_ip is None else _host_ip(option, host_ip, found)
    inner = _range(option, container_port, found)
    count = inner[1] - inner[0] + 1
    if not host_port:
        return [PortSpec(address, *defaults.range, port, protocol) for port in range(inner[0], inner[1] + 1)]
    outer = _range(option, host_port, found)
    if outer[1] - outer[0] + 1 == count:
        return [
            PortSpec(address, outer[0] + number, outer[0] + number, inner[0] + number, protocol)
            for number in range(count)
        ]
    if count == 1:
        return [PortSpec(address, *outer, inner[0], protocol)]
    raise InvalidOption(
        option, found, f"has ranges of {outer[1] - outer[0] + 1} and {count} ports; make them the same length"
    )


def _range(option: str, text: str, found: object = None) -> tuple[int, int]:
    """Return first and last port of ``8000`` or ``8000-8010``."""
    found = text if found is None else found
    first, dash, last = (part.strip() for part in text.partition("-"))
    ports = []
    for part in (first, last) if dash else (first, first):
        if not part.isascii() or not part.isdigit() or len(part) > 9:
            raise InvalidOption(
                option, found, f"has {part!r} where a port is needed; give numbers from {PORTS[0]} to {PORTS[1]}"
            )
        if not PORTS[0] <= int(part) <= PORTS[1]:
            alone = part == (found if isinstance(found, str) else text)
            from . import yaml_numbers  # nothing else of it is needed where all is right

            written = yaml_numbers.ports_written(int(part)) if alone else None
            hint = (
                f"; YAML reads {written} without quotes as this number: quote it if that was meant" if written else ""
            )
            raise InvalidOption(
                option, found, f"has the port {int(part)}, which is out of range; give {PORTS[0]} to {PORTS[1]}{hint}"
            )
        ports.append(int(part))
    if ports[0] > ports[1]:
        raise InvalidOption(option, found, f"has the range {first}-{last}, which ends before it begins; swap the two")
    return ports[0], ports[1]


def _host_ip(option: str, text: str, found: object = None) -> str:
    """Return an address of the host in canonical form; ``ANY`` for 0.0.0.0 and ::, as for Docker."""
    found = text if found is None else found
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    address = addresses.host_address(option, bare, found)
    if address in ("0.0.0.0", "::"):
        # Docker's own -p 0.0.0.0:8080:80 means IPv4 alone; so does :: for IPv6.
        return address
    if address == "::1":
        raise InvalidOption(
            option,
            found,
            "is on ::1, which the kernel routes to no other interface; publish on 127.0.0.1 or an address of the host",
        )
    return address


def _refuse_twice(ports: Sequence[PortSpec], option: str) -> None:
    seen: set[tuple[str, int, str]] = set()
    for port in ports:
        if port.is_fixed:
            key = (port.host_ip, port.lowest, port.protocol)
            if key in seen:
                raise InvalidOption(option, str(port), "is published twice; name each host port once")
            seen.add(key)

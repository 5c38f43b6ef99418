# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ports of an Open vSwitch bridge and their VLANs as they can be wanted. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, limits, names
from .attachment import DEFAULT_INTERFACE, SELECTORS, Target, exactly_one, parse_target
from .ovs import Tunnel
from .vlans import Vlans, needed

# Keys of external_ids by which this collection tells its own.
RESERVED_IDS = ("pipefitter", "pipefitter-vlan", "pipefitter-owner")

_OWN = ("port", *SELECTORS)
_VLANS = ("mode", "tag", "trunks")


@dataclass(frozen=True)
class VlanPort:
    """A port by its name, or by the container and interface whose attachment it is (``port`` is '' then).

    ``external_ids`` of ``None`` stay as they are.
    ``vlans`` of ``None`` is a port that is only to be taken away.
    """

    port: str
    target: Target | None
    interface: str = DEFAULT_INTERFACE
    vlans: Vlans | None = None
    external_ids: tuple[tuple[str, str], ...] | None = None
    tunnel: Tunnel | None = None

    def __str__(self) -> str:
        return f"port {self.port}" if self.port else f"{self.interface} of {self.target}"


@dataclass(frozen=True)
class BridgeSettings:
    """What is wanted of a bridge; ``None`` leaves what is there as it is.

    So do keys that ``other_config`` and ``external_ids`` do not name; one
    whose value is ``None`` is to be removed.
    """

    datapath_type: str | None = None
    fail_mode: str | None = None
    stp: bool | None = None
    rstp: bool | None = None
    mcast_snooping: bool | None = None
    other_config: tuple[tuple[str, str | None], ...] = ()
    external_ids: tuple[tuple[str, str | None], ...] = ()

    @property
    def removals(self) -> BridgeSettings:
        """What of it takes keys away, and nothing else."""
        other_config, external_ids = (
            tuple(pair for pair in pairs if pair[1] is None) for pairs in (self.other_config, self.external_ids)
        )
        return BridgeSettings(other_config=other_config, external_ids=external_ids)


@dataclass(frozen=True)
class VlanPorts:
    """All that is wanted of one bridge; with ``ports`` of ``None``, no port is meant.

    ``owner`` is noted on the ports, and ``purge`` removes only those that have it.
    """

    bridge: str
    ports: tuple[VlanPort, ...] | None
    create_bridge: bool = False
    settings: BridgeSettings = BridgeSettings()
    purge: bool = False
    prune: bool = False
    owner: str = ""


def parse(options: Mapping[str, Any]) -> VlanPorts:
    """Return what the options of ovs_vlan_port ask for.

    :raises InvalidOption: naming the first option that can't be right.
    """
    absent = options.get("state") == "absent"
    create, purge, prune = (bool(options.get(name)) for name in ("create_bridge", "purge", "prune"))
    settings = _settings(options.get("bridge_options") or {})
    ports = _ports(options, absent)
    timeout = options.get("wait_timeout")
    if timeout is not None and timeout < 1:
        raise InvalidOption("wait_timeout", timeout, "is below 1; give a number of seconds")
    owner = options.get("owner")
    if owner is not None and not owner.strip():
        raise InvalidOption("owner", owner, "is empty; give a word, or leave it out")
    if owner is not None and absent:
        raise InvalidOption(
            "owner",
            owner,
            "is mutually exclusive with state absent, which removes the ports that are named; leave it out",
        )
    for name, given in (("purge", purge), ("prune", prune)):
        if absent and given:
            raise InvalidOption(
                name,
                True,
                "is mutually exclusive with state absent; with state present it removes what is not asked for",
            )
    if purge and ports is None:
        raise InvalidOption(
            "purge", True, "requires ports; to leave no port of this module on the bridge, give ports: []"
        )
    if ports is None and not (create or (not absent and (prune or settings != BridgeSettings()))):
        raise InvalidOption(
            "ports", None, "is required without port, container, netns and pid; say which port is meant"
        )
    return VlanPorts(
        names.interface_name("bridge", options["bridge"]), ports, create, settings, purge, prune, owner or ""
    )


def _ports(options: Mapping[str, Any], absent: bool) -> tuple[VlanPort, ...] | None:
    items = options.get("ports")
    single = {
        name: options[name] for name in (*_OWN, *_VLANS, "external_ids", "vxlan") if options.get(name) is not None
    }
    common = {name: options[name] for name in ("runtime", "interface") if options.get(name) is not None}
    if items is None:
        if any(name in single for name in _OWN):
            return (_port({**common, **single}, "", absent),)
        for name, found in single.items():
            raise InvalidOption(name, found, "requires a port; name it by port, container, netns or pid")
        return None
    for name, found in single.items():
        raise InvalidOption(
            name, found, "is mutually exclusive with ports; put it into the entry of the list that it is for"
        )
    parsed = []
    for position, item in enumerate(items):
        given = {name: value for name, value in item.items() if value is not None}
        parsed.append(_port({**common, **given}, f"ports[{position}].", absent))
    _check_duplicates(parsed)
    return tuple(parsed)


def _port(options: Mapping[str, Any], prefix: str, absent: bool) -> VlanPort:
    given = [name for name in _OWN if options.get(name) is not None]
    if len(given) != 1:
        raise InvalidOption(f"{prefix}port", " and ".join(given) or None, exactly_one(given, _OWN))
    port = names.interface_name(f"{prefix}port", options["port"]) if given == ["port"] else ""
    target = parse_target(options, prefix) if not port else None
    interface = names.interface_name(f"{prefix}interface", options.get("interface") or DEFAULT_INTERFACE)
    vlans = None if absent else needed(options, prefix)
    return VlanPort(
        port,
        target,
        interface,
        vlans,
        _external_ids(options.get("external_ids"), prefix),
        _tunnel(options.get("vxlan"), port, prefix),
    )


def _tunnel(given: Mapping[str, Any] | None, port: str, prefix: str) -> Tunnel | None:
    if given is None:
        return None
    if not port:
        raise InvalidOption(
            f"{prefix}vxlan",
            given.get("remote"),
            "is for a tunnel, and the port of a container is none; name the tunnel by port",
        )
    local = given.get("local")
    protected = given.get("protected")
    return Tunnel(
        _unicast(f"{prefix}vxlan.remote", given["remote"]),
        limits.vni(f"{prefix}vxlan.vni", given["vni"]),
        "" if local is None else _unicast(f"{prefix}vxlan.local", local),
        True if protected is None else bool(protected),
    )


def _unicast(option: str, text: str) -> str:
    return addresses.gateway(option, text, addresses.family(text))


def _external_ids(given: Mapping[str, Any] | None, prefix: str) -> tuple[tuple[str, str], ...] | None:
    if given is None:
        return None
    _refuse_reserved(given, prefix)
    return _texts(given, f"{prefix}external_ids")


def _refuse_reserved(given: Mapping[str, Any], prefix: str) -> None:
    for key in RESERVED_IDS:
        if key in given:
            raise InvalidOption(
                f"{prefix}external_ids", key, "is a key that marks what this collection made; choose another"
            )


def _settings(options: Mapping[str, Any]) -> BridgeSettings:
    if options.get("stp") and options.get("rstp"):
        raise InvalidOption("bridge_options.rstp", True, "is mutually exclusive with stp; a bridge runs one of the two")
    wanted = {name: options.get(name) for name in ("datapath_type", "fail_mode", "stp", "rstp", "mcast_snooping")}
    other_config, external_ids = (options.get(name) or {} for name in ("other_config", "external_ids"))
    _refuse_reserved(external_ids, "bridge_options.")
    return BridgeSettings(
        **wanted,
        other_config=_changes(other_config, "bridge_options.other_config"),
        external_ids=_changes(external_ids, "bridge_options.external_ids"),
    )


def _changes(given: Mapping[str, Any], option: str) -> tuple[tuple[str, str | None], ...]:
    """Return texts, and ``None`` for keys that are to go."""
    gone = {str(key) for key, value in given.items() if value is None}
    texts = _texts({key: "" if value is None else value for key, value in given.items()}, option)
    return tuple((key, None if key in gone else text) for key, text in texts)


def _texts(given: Mapping[str, Any], option: str) -> tuple[tuple[str, str], ...]:
    texts = {}
    for key, value in given.items():
        if isinstance(value, (Mapping, list, tuple)) or value is None or not str(key):
            raise InvalidOption(option, {key: value}, "is not a string; give a key and a string, a number or a boolean")
        # Open vSwitch's own booleans are spelled in lower case.
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if "\0" in f"{key}{text}":
            raise InvalidOption(
                option, {key: value}, "contains the character NUL, which Open vSwitch does not accept; leave it out"
            )
        if not _encodable(f"{key}{text}"):
            raise InvalidOption(
                option, {key: value}, "is not UTF-8, the only encoding that Open vSwitch accepts; write it in UTF-8"
            )
        texts[str(key)] = text
    return tuple(sorted(texts.items()))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_duplicates(ports: Iterable[VlanPort]) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for position, port in enumerate(ports):
        key = ("port", port.port) if port.port else (port.target, port.interface)
        if key in seen:
            raise InvalidOption(f"ports[{position}]", str(port), f"is in ports[{seen[key]}] too; name each port once")
        seen[key] = position

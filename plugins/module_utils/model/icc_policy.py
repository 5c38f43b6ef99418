# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Who may reach whom across a bridge, as it can be wanted. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import names
from .attachment import RUNTIMES, SELECTORS, Target, container, parse_target
from .firewall_safe_name import firewall_safe_name
from .icc_rules import PING

PROTOCOLS = ("tcp", "udp", "sctp")
"""Those of a link that have ports."""

_PORT = re.compile(r"[0-9]{1,9}")
_HIGHEST_PORT = 65535

_RUNTIMES = ("auto", *RUNTIMES)

ALLOW, DENY = "allow", "deny"


@dataclass(frozen=True, order=True)
class IccPort:
    """``number`` is 0 with the protocol ``icmp``, which stands for echo requests of both families."""

    protocol: str
    number: int

    def __str__(self) -> str:
        return self.protocol if self.protocol == PING else f"{self.number}/{self.protocol}"


@dataclass(frozen=True)
class IccLink:
    """``source`` may open connections to ``destination``, or to each container with ``label``.

    ``label`` is ``role=db`` or ``role``. ``ports`` of ``None`` are those that the destination's image exposes.
    """

    source: Target
    destination: Target | None
    label: str | None
    ports: tuple[IccPort, ...] | None


@dataclass(frozen=True)
class IccPolicy:
    """What is wanted of the traffic of a bridge's containers; it is complete."""

    bridge: str
    icc: bool = True
    links: tuple[IccLink, ...] = ()
    egress: str = ALLOW
    host_access: str = ALLOW


def parse(options: Mapping[str, Any]) -> IccPolicy:
    """Return the policy that a module's options ask for.

    :raises InvalidOption: naming the first option that can't be right.
    """
    bridge = firewall_safe_name(names.interface_name("bridge", options["bridge"]))
    if options.get("state") == "absent":
        return IccPolicy(bridge)
    icc, links = options.get("icc"), options.get("links") or ()
    if icc is None:
        raise InvalidOption(
            "icc",
            icc,
            "is required with state present; set it to true or false: whether the containers reach each other",
        )
    if icc and links:
        raise InvalidOption(
            "links",
            f"{len(links)} of them",
            "are mutually exclusive with icc: true, where all containers reach each other; set icc to false",
        )
    return IccPolicy(
        bridge=bridge,
        icc=icc,
        links=tuple(_link(entry, f"links[{index}].") for index, entry in enumerate(links)),
        egress=options.get("egress") or ALLOW,
        host_access=options.get("host_access") or ALLOW,
    )


def _link(entry: Mapping[str, Any], prefix: str) -> IccLink:
    source = _end(entry["from"], f"{prefix}from")
    to = entry["to"]
    label = _label(to, f"{prefix}to")
    destination = None if label is not None else _end(to, f"{prefix}to")
    if source == destination:
        raise InvalidOption(
            f"{prefix}to", str(destination), "is the container that the link comes from; name two containers"
        )
    ports = entry.get("ports")
    if ports is not None and not ports:
        raise InvalidOption(
            f"{prefix}ports",
            ports,
            "is empty; name ports such as 5432/tcp, or leave it out for those that the image exposes",
        )
    parsed = (
        None
        if ports is None
        else tuple(dict.fromkeys(port(f"{prefix}ports[{number}]", text) for number, text in enumerate(ports)))
    )
    return IccLink(source, destination, label, parsed)


def _label(given: Any, option: str) -> str | None:
    if not isinstance(given, Mapping) or "label" not in given:
        return None
    label = given["label"]
    if len(given) > 1 or not isinstance(label, str) or not label.partition("=")[0]:
        raise InvalidOption(option, dict(given), "is not a label; write {label: role=db} or {label: role}")
    return label


def _end(given: Any, option: str) -> Target:
    if isinstance(given, Mapping):
        unknown = sorted(str(key) for key in set(given) - {*SELECTORS, "runtime"})
        if unknown:
            raise InvalidOption(
                option,
                unknown[0],
                "is not a way to name a container; write its name, or {netns: NAME}, or {pid: NUMBER}",
            )
        if given.get("runtime") not in (None, *_RUNTIMES):
            advice = f"is not supported; give {', '.join(_RUNTIMES[:-1])} or {_RUNTIMES[-1]}"
            raise InvalidOption(f"{option}.runtime", given["runtime"], advice)
        fields = {name: _text(given[name], f"{option}.{name}") for name in ("container", "netns") if name in given}
        pid = {"pid": _pid(given["pid"], option)} if given.get("pid") is not None else {}
        return parse_target({"runtime": given.get("runtime"), **fields, **pid}, f"{option}.")
    return container(option, str(given))


def _text(given: Any, option: str) -> str | None:
    """Return a name that nothing has made a text of so far: Ansible leaves alone what is below an end of a link."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    whose = "container" if option.endswith("container") else "namespace"
    raise InvalidOption(option, given, f"is not a text; write a {whose}'s name in quotes")


def _pid(given: Any, option: str) -> int:
    try:
        return int(given)
    except (TypeError, ValueError):
        raise InvalidOption(f"{option}.pid", given, "is not a process id; give a number above 0") from None


def port(option: str, text: str) -> IccPort:
    """Return a port in canonical form: ``5432/tcp``, ``53/udp``, ``80`` (TCP), ``icmp``.

    :raises InvalidOption: an unknown protocol, or a number outside 1 to 65535.
    """
    number, separator, protocol = str(text).strip().lower().partition("/")
    if number == PING and not separator:
        return IccPort(PING, 0)
    if separator and protocol not in PROTOCOLS:
        raise InvalidOption(
            option,
            text,
            f"has an unknown protocol; write a number and one of {', '.join(PROTOCOLS)} such as 5432/tcp, or icmp",
        )
    if not _PORT.fullmatch(number):
        raise InvalidOption(option, text, "is not a port; write a number and a protocol such as 5432/tcp, or icmp")
    if not 1 <= int(number) <= _HIGHEST_PORT:
        raise InvalidOption(option, text, f"is out of range; give a port of 1 to {_HIGHEST_PORT}")
    return IccPort(protocol or PROTOCOLS[0], int(number))

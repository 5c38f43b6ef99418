# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sysctls of a container's network namespace, as they can be wanted. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption

OWN = "IFNAME"
"""Stands in a name for the attachment's interface, as Docker's and CNI's sysctls of an endpoint have it."""

SWITCHES = {"net/ipv4/ip_forward": "net/ipv4/conf", "net/ipv6/conf/all/forwarding": "net/ipv6/conf"}
"""Those that the kernel writes into every interface's own ``forwarding``, with where these are."""

_ALIASES = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
_PART = re.compile(r"[A-Za-z0-9_.:@~+-]+")
_OF_INTERFACES = ("conf", "neigh")
_LONGEST = 255

# What other options of an attachment are for, by the last part of the name.
_OPTIONS = {"disable_ipv6": "ipv6"}


def parse(given: Mapping[str, Any], option: str, interface: str) -> tuple[tuple[str, str], ...]:
    """Return names, with slashes and OWN for the interface, and values, in the order in which they are to be written.

    :raises InvalidOption: naming the first that can't be right.
    """
    found: dict[str, str] = {}
    for key, asked in given.items():
        name = _name(option, str(key), interface)
        value = _value(f"{option}.{key}", asked)
        if name in found:
            raise InvalidOption(option, key, f"is {dotted(name)}, which is in it twice; leave one of the two out")
        _refuse_contradiction(f"{option}.{key}", name, value)
        found[name] = value
    return tuple(sorted(found.items(), key=lambda entry: (_rank(entry[0]), entry)))


def _rank(name: str) -> int:
    """Return what comes first: what is written into others' values, then what all have, then the interface's own."""
    return 0 if name in SWITCHES else 2 if is_own(name) else 1


def _name(option: str, key: str, interface: str) -> str:
    text = key.strip()
    dots, slashes = text.find("."), text.find("/")
    if dots < 0 or 0 <= slashes < dots:
        parts = text.split("/")
    else:
        # As sysctl(8): an interface eth0.100 is written eth0/100 then.
        parts = [part.replace("/", ".") for part in text.split(".")]
    least = 3 if parts[0] == "net" else 2
    if len(parts) < least or not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise InvalidOption(option, key, f"is no sysctl; write it as net.ipv4.conf.{OWN}.rp_filter")
    if parts[0] != "net":
        advice = "is none of a network namespace: those begin with net.; set it for the whole host, or leave it out"
        raise InvalidOption(option, key, advice)
    if _is_of_interface(parts) and parts[3] == interface:
        parts[3] = OWN
    name = "/".join(parts)
    return _ALIASES.get(name, name)


def _is_of_interface(parts: list[str]) -> bool:
    return len(parts) == 5 and parts[2] in _OF_INTERFACES


def _value(option: str, asked: Any) -> str:
    if isinstance(asked, bool):
        return "1" if asked else "0"
    if not isinstance(asked, (int, str)):
        raise InvalidOption(option, asked, "is no value of a sysctl; give a number, or a text of one line")
    value = " ".join(str(asked).split())
    if not value or not value.isprintable() or len(value.encode()) > _LONGEST:
        advice = f"is no value of a sysctl; give a number, or a text of 1 to {_LONGEST} bytes"
        raise InvalidOption(option, asked, advice)
    return value


def _refuse_contradiction(option: str, name: str, value: str) -> None:
    what = name.rpartition("/")[2]
    if what in _OPTIONS:
        advice = f"is what option {_OPTIONS[what]} of an attachment is for; use that"
        raise InvalidOption(option, value, advice)
    if what == "promote_secondaries" and value != "1":
        advice = "is what keeps addresses while others of their subnet are changed; leave it out, or give 1"
        raise InvalidOption(option, value, advice)


def is_own(name: str) -> bool:
    """Tell whether it is of the attachment's interface."""
    return f"/{OWN}/" in name


def path(name: str, interface: str) -> str:
    """Return the name with that of an interface in it."""
    return name.replace(f"/{OWN}/", f"/{interface}/")


def dotted(name: str) -> str:
    """Return a name as sysctl(8) writes it."""
    return ".".join(part.replace(".", "/") for part in name.split("/"))


def canonical(text: str) -> str:
    """Return a value as it is compared: the kernel shows numbers with tabs between them."""
    return " ".join(_without_zeros(word) for word in text.split())


def _without_zeros(word: str) -> str:
    return str(int(word)) if is_number(word) else word


def is_number(word: str) -> bool:
    """Tell whether it is a decimal number."""
    return re.fullmatch(r"[+-]?[0-9]{1,20}", word) is not None


def as_options(wanted: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return sysctls as the option that asks for them."""
    return {dotted(name): value for name, value in wanted}

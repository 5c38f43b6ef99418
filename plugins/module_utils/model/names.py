# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Names of interfaces, checked before they reach the kernel, and the names we derive. Private to the collection."""

from __future__ import annotations

import hashlib

from ..errors import InvalidOption

IFNAMSIZ = 15
"""Bytes in an interface name, without the closing NUL (linux/if.h has 16 with it)."""

ALTIFNAMSIZ = 127
"""Bytes in an alternative name, without the closing NUL (linux/if.h)."""

# What dev_valid_name() in net/core/dev.c refuses, plus '%', which the kernel takes for a template ("eth%d").
_FORBIDDEN = frozenset("/:%")

# sysctl_dev_name_is_allowed() of include/linux/inetdevice.h
_OF_SYSCTL = frozenset(("all", "default"))

# To the kernel's isspace() (lib/ctype.c) this byte is one, though in UTF-8 it is the end of letters such as "à".
_KERNEL_SPACE = b"\xa0"


def _bytes(text: str) -> bytes:
    # Ansible hands on what is no UTF-8 as surrogates.
    return text.encode(errors="surrogatepass")


def interface_name(option: str, name: str) -> str:
    """Return ``name`` if the kernel would take it for an interface.

    1 to 15 bytes; no white space, ``/``, ``:`` or ``%``; not ``.`` or ``..``
    (``dev_valid_name()`` in net/core/dev.c), nor ``all`` or ``default``.

    :raises InvalidOption: naming ``option`` and what is wrong.
    """
    if not name:
        raise InvalidOption(option, name, "is empty; give an interface name of 1 to 15 bytes")
    size = len(_bytes(name))
    if size > IFNAMSIZ:
        raise InvalidOption(option, name, f"has {size} bytes; an interface name has at most {IFNAMSIZ}")
    if name in _OF_SYSCTL:
        whose = "all interfaces" if name == "all" else "interfaces to come"
        raise InvalidOption(
            option, name, f"is where the kernel has the settings of {whose} (net.ipv4.conf.{name}); choose another name"
        )
    if name in (".", ".."):
        raise InvalidOption(option, name, "is not an interface name that the kernel accepts; choose another")
    for character in name:
        if (
            character in _FORBIDDEN
            or character.isspace()
            or not character.isprintable()
            or _KERNEL_SPACE in _bytes(character)
        ):
            raise InvalidOption(option, name, f"contains {character!r}, which no interface name may; choose another")
    return name


def derived_name(prefix: str, *parts: str) -> str:
    """Return a name of 13 bytes that is always the same for the same ``parts``.

    The digest is 44 bits, so that a thousand names on one host meet by
    chance in one of 35 million hosts.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return (prefix + digest)[:13]


def alternative_name_of(kind: str, value: str, interface: str) -> str:
    """Return ``alternative_name`` for a container as ``model.attachment.Target`` says it."""
    return alternative_name(f"pid{value}" if kind == "pid" else value.rpartition("/")[2], interface)


def alternative_name(container: str, interface: str) -> str:
    """Return the readable name a port carries beside its short one (``web1-eth1``)."""
    readable = "".join(
        "-" if c in _FORBIDDEN or c.isspace() or not c.isprintable() else c for c in f"{container}-{interface}"
    )
    if len(readable.encode()) > ALTIFNAMSIZ:
        # The end tells two interfaces of one container apart, the start is what a person looks for.
        readable = readable.encode()[: ALTIFNAMSIZ - 20].decode(errors="ignore") + "-" + derived_name("", readable)
    return readable

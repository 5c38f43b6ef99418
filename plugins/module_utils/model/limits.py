# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Ranges of numbers that several kinds of things share. Private to the collection."""

from __future__ import annotations

from ..errors import InvalidOption

MTU = (68, 65535)
"""ETH_MIN_MTU and ETH_MAX_MTU of linux/if_ether.h, in bytes."""

USUAL_MTU = 1500
"""ETH_DATA_LEN of linux/if_ether.h: what the kernel gives an interface of which nothing says another."""

IPV6_MTU = 1280
"""Bytes below which the kernel takes IPv6 off an interface (RFC 8200)."""

VLAN = (1, 4094)
"""VLAN ids a port may carry: 0 is a priority tag, 4095 reserved (IEEE 802.1Q)."""


VNI = (1, (1 << 24) - 1)
"""VXLAN network identifiers (RFC 7348, section 5); 0 is left out, as some switches do not take it."""


def vni(option: str, value: int) -> int:
    """Return ``value`` if it is a VXLAN network identifier (1 to 16777215)."""
    between(option, value, VNI, "for a VXLAN network identifier")
    return value


def mtu(option: str, value: int | None) -> int | None:
    """Return ``value`` if a veth or a bridge takes it (68 to 65535 bytes); ``None`` stays ``None``."""
    return between(option, value, MTU, "bytes")


def vlan(option: str, value: int | None) -> int | None:
    """Return ``value`` if it is a VLAN id a port may carry (1 to 4094); ``None`` stays ``None``."""
    return between(option, value, VLAN, "for a VLAN id")


def between(option: str, value: int | None, limits: tuple[int, int], unit: str) -> int | None:
    """Return ``value`` if it is within ``limits``; ``None`` stays ``None``.

    :raises InvalidOption: it is not, with the limits and the ``unit``.
    """
    # YAML's yes is an int to Python, and to Ansible's type int.
    if isinstance(value, bool):
        raise InvalidOption(option, value, f"is not a number; give {limits[0]} to {limits[1]} {unit}")
    if value is not None and not limits[0] <= value <= limits[1]:
        raise InvalidOption(option, value, f"is out of range; give {limits[0]} to {limits[1]} {unit}")
    return value

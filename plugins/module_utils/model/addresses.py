# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Addresses, subnets and MACs in canonical form. Private to the collection.

Everything is kept as text in canonical form (``192.168.5.1/24``,
``fd00:5::1/64``, ``02:72:6c:cd:9b:8d``): values of dataclasses then compare,
sort and print as they are.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from ..errors import InvalidOption

IPV4, IPV6 = 4, 6
_WIDTH = {IPV4: 32, IPV6: 128}
_AF = {IPV4: AF_INET, IPV6: AF_INET6}

_MAC = r"[0-9a-f]{2}(:[0-9a-f]{2}){5}"

# What docker network create falls back to (moby, daemon/libnetwork/ipamutils), in its order.
AUTO_SUBNETS = tuple([f"172.{second}.0.0/16" for second in range(17, 32)]) + tuple(
    [f"192.168.{third}.0/20" for third in range(0, 256, 16)]
)


def family(text: str) -> int:
    """Return 4 or 6 for a canonical address, subnet or route destination."""
    return IPV6 if ":" in text else IPV4


class _Ip:
    """An address as its ``version`` (4 or 6) and number; as text it is canonical.

    Read and written by the C library, which is loaded anyway; netaddr and ipaddress take each task longer to load.
    """

    def __init__(self, version: int, number: int) -> None:
        self.version = version
        self._number = number

    @classmethod
    def read(cls, text: str) -> _Ip:
        """Read an address.

        :raises ValueError: it is none in inet_pton's grammar: no 10.1 for 10.0.0.1, no octal.
        """
        version = family(text)
        try:
            return cls(version, int.from_bytes(inet_pton(_AF[version], text), "big"))
        except OSError:
            raise ValueError(f"{text!r} is not an IPv4 or IPv6 address") from None

    def __int__(self) -> int:
        return self._number

    def __str__(self) -> str:
        return inet_ntop(_AF[self.version], self._number.to_bytes(_WIDTH[self.version] // 8, "big"))


def _ip(option: str, text: str, found: str) -> _Ip:
    try:
        return _Ip.read(text)
    except ValueError:
        raise InvalidOption(
            option, found, "is not an IPv4 or IPv6 address; write it like 192.168.5.1 or fd00:5::1"
        ) from None


def _split(option: str, text: str) -> tuple[_Ip, int]:
    address, slash, prefix = text.partition("/")
    ip = _ip(option, address, text)
    width = _WIDTH[ip.version]
    if not slash:
        raise InvalidOption(option, text, f"has no prefix length; write it like {address}/{24 if width == 32 else 64}")
    if not prefix.isascii() or not prefix.isdigit() or int(prefix) > width:
        raise InvalidOption(
            option, text, f"has an invalid prefix length; give a number from 0 to {width} after the slash"
        )
    return ip, int(prefix)


def _refuse_reserved(option: str, ip: _Ip, found: str) -> None:
    value = int(ip)
    if ip.version == IPV4:
        reserved = (
            (value >> 24 == 0, "is in 0.0.0.0/8 (this network, RFC 1122)"),
            (value >> 24 == 127, "is a loopback address"),
            (value >> 28 == 0xE, "is a multicast address"),
            (value >> 28 == 0xF, "is in 240.0.0.0/4 (reserved, RFC 1112)"),
        )
    else:
        reserved = (
            (value == 0, "is the unspecified address"),
            (value == 1, "is the loopback address"),
            (value >> 120 == 0xFF, "is a multicast address"),
            (value >> 32 == 0xFFFF, "is an IPv4-mapped address"),
        )
    for matches, what in reserved:
        if matches:
            raise InvalidOption(option, found, f"{what}; an interface needs a unicast address")


def interface_address(option: str, text: str) -> str:
    """Return an interface's address with its prefix length in canonical form.

    :raises InvalidOption: malformed, without prefix length, or not usable on
        an interface (loopback, multicast, reserved, the subnet's own or
        broadcast address).
    """
    text = text.strip()
    try:
        ip, prefix = _split(option, text)
    except InvalidOption:
        from .pipework import refuse_address  # nothing of it is needed where all is right

        refuse_address(option, text)
        raise
    _refuse_reserved(option, ip, text)
    width = _WIDTH[ip.version]
    if prefix == 0:
        raise InvalidOption(option, text, "has prefix length 0, which would claim every address; give the subnet's own")
    host_bits = width - prefix
    # RFC 3021 and RFC 6164: with one host bit, both addresses are hosts.
    if host_bits > 1:
        host = int(ip) & ((1 << host_bits) - 1)
        if host == 0:
            what = "the subnet's own address" if ip.version == IPV4 else "the subnet-router anycast address"
            raise InvalidOption(option, text, f"is {what}; choose a host address in it")
        if ip.version == IPV4 and host == (1 << host_bits) - 1:
            raise InvalidOption(option, text, "is the subnet's broadcast address; choose a host address in it")
    return f"{ip}/{prefix}"


DHCP = "dhcp"
"""Stands in a list of addresses for the one that a DHCP server gives."""


def fixed(texts: Iterable[str]) -> list[str]:
    """Return the addresses of a list that stand in it."""
    return [text for text in texts if text != DHCP]


def interface_addresses(option: str, texts: list[str], but: str = "") -> tuple[str, ...]:
    """Return the canonical addresses of a list, in its order; entries that are ``but`` are left out.

    :raises InvalidOption: as ``interface_address``, or an address twice.
    """
    result: list[str] = []
    for index, text in enumerate(texts):
        if but and text == but:
            continue
        address = interface_address(f"{option}[{index}]", text)
        if any(bare(address) == bare(other) for other in result):
            raise InvalidOption(f"{option}[{index}]", text, "is in the list twice; name each address once")
        result.append(address)
    return tuple(result)


def gateway(option: str, text: str, version: int) -> str:
    """Return a gateway's address in canonical form.

    :raises InvalidOption: malformed, reserved, or not of family ``version``.
    """
    address = unicast(option, text)
    if family(address) != version:
        other = {IPV4: "gateway6 takes the IPv6 gateway", IPV6: "gateway takes the IPv4 gateway"}[version]
        found = f"is an IPv{family(address)} address where an IPv{version} one is needed"
        raise InvalidOption(option, text.strip(), f"{found}; {other}")
    return address


def unicast(option: str, text: str) -> str:
    """Return an address that an interface can have in canonical form.

    :raises InvalidOption: malformed or reserved.
    """
    text = text.strip()
    ip = _ip(option, text, text)
    _refuse_reserved(option, ip, text)
    return str(ip)


def host_address(option: str, text: str, found: object) -> str:
    """Return an address of the host that connections go to in canonical form; loopback and unspecified are such, too.

    :raises InvalidOption: malformed, multicast, link-local (which link?) or IPv4-mapped.
    """
    try:
        ip = _Ip.read(text)
    except ValueError:
        advice = (
            f"has the host address {text!r}, which is not an IPv4 or IPv6 address; "
            "write it like 192.168.5.1 or fd00:5::1"
        )
        raise InvalidOption(option, found, advice) from None
    value = int(ip)
    if ip.version == IPV4:
        wrong = (
            "a multicast address"
            if value >> 28 == 0xE
            else "reserved"
            if value >> 28 == 0xF or (value >> 24 == 0 and value)
            else ""
        )
    elif value >> 118 == 0xFE80 >> 6:
        wrong = "a link-local address"
    else:
        wrong = (
            "a multicast address" if value >> 120 == 0xFF else "an IPv4-mapped address" if value >> 32 == 0xFFFF else ""
        )
    if wrong:
        raise InvalidOption(
            option, found, f"has the host address {ip}, which is {wrong}; give a unicast address of the host"
        )
    return str(ip)


def destination(option: str, text: str, default: bool = False) -> str:
    """Return a route's destination as a canonical subnet; all addresses are one only with ``default``.

    :raises InvalidOption: malformed, or bits set below the prefix length.
    """
    text = text.strip()
    if "/" not in text:
        ip = _ip(option, text, text)
        return f"{ip}/{_WIDTH[ip.version]}"
    ip, prefix = _split(option, text)
    subnet = f"{ip}/{prefix}"
    if network(subnet) != subnet:
        raise InvalidOption(option, text, f"has host bits set; write {network(subnet)}")
    if prefix == 0 and not default:
        raise InvalidOption(option, text, "is the default route; use gateway or gateway6")
    return subnet


def mac(option: str, text: str) -> str:
    """Return a unicast MAC in canonical form (lower case, colons).

    :raises InvalidOption: malformed, multicast (lowest bit of the first byte set) or all zeros.
    """
    canonical = text.strip().lower().replace("-", ":")
    if not re.fullmatch(_MAC, canonical):
        from .yaml_numbers import mac_written  # nothing of it is needed where all is right

        written = mac_written(canonical)
        if written:
            advice = f"is a number; YAML reads {written} without quotes as that: quote the MAC address"
            raise InvalidOption(option, text, advice)
        raise InvalidOption(option, text, "is not a MAC address; write six bytes like 02:72:6c:cd:9b:8d")
    if int(canonical[:2], 16) & 1:
        raise InvalidOption(
            option, text, "is a multicast MAC (lowest bit of the first byte set); an interface needs a unicast one"
        )
    if canonical == "00:00:00:00:00:00":
        raise InvalidOption(option, text, "is all zeros; an interface needs a MAC of its own")
    return canonical


def seeded_mac(seed: str) -> str:
    """Return the MAC that pipework's ``U:`` scheme makes of ``seed``.

    02 and the first 40 bits of the MD5 of the text and a newline:
    ``myhost.foo.com`` gives ``02:72:6c:cd:9b:8d``.
    """
    try:
        digest = hashlib.md5(f"{seed}\n".encode(), usedforsecurity=False).hexdigest()
    except TypeError:  # usedforsecurity came with Python 3.9's hashlib on OpenSSL builds only
        digest = hashlib.md5(f"{seed}\n".encode()).hexdigest()
    return ":".join(["02"] + [digest[i : i + 2] for i in range(0, 10, 2)])


def random_mac() -> str:
    """Return a unicast MAC that is locally administered (second lowest bit of the first byte) and otherwise random."""
    return ":".join(f"{byte:02x}" for byte in (0x02, *os.urandom(5)))


def bare(address: str) -> str:
    """Return an interface address without its prefix length."""
    return address.partition("/")[0]


def network(address: str) -> str:
    """Return the canonical subnet an interface address lies in."""
    version, first, _last = bounds(address)
    return f"{_Ip(version, first)}/{_prefix_length(address, version)}"


@functools.lru_cache(maxsize=16384)
def bounds(subnet: str) -> tuple[int, int, int]:
    """Return family, first and last address as numbers, for cheap comparisons."""
    ip = _Ip.read(bare(subnet))
    others = (1 << (_WIDTH[ip.version] - _prefix_length(subnet, ip.version))) - 1
    return ip.version, int(ip) & ~others, int(ip) | others


def _prefix_length(subnet: str, version: int) -> int:
    _address, slash, written = subnet.partition("/")
    length = int(written) if slash else _WIDTH[version]
    if not 0 <= length <= _WIDTH[version]:
        raise ValueError(f"{subnet!r} has no prefix length of IPv{version}")
    return length


def overlap(one: str, other: str) -> bool:
    """Tell whether two subnets share an address."""
    family_one, first_one, last_one = bounds(one)
    family_other, first_other, last_other = bounds(other)
    return family_one == family_other and first_one <= last_other and first_other <= last_one


def is_within(subnet: str, other: str) -> bool:
    """Tell whether all addresses of a subnet lie in another one."""
    family, first, last = bounds(subnet)
    family_other, first_other, last_other = bounds(other)
    return family == family_other and first_other <= first and last <= last_other


def contains(subnet: str, address: str) -> bool:
    """Tell whether a bare address lies in a subnet (given as such or as an interface address)."""
    version, first, last = bounds(subnet)
    ip = _Ip.read(address)
    return ip.version == version and first <= int(ip) <= last


def is_private_ipv4(address: str) -> bool:
    """Tell whether an address is of RFC 1918."""
    return any(contains(block, bare(address)) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def first_host(subnet: str) -> str:
    """Return the subnet's first host address with its prefix length, where a gateway usually sits."""
    version, first, _last = bounds(subnet)
    return f"{_Ip(version, first + 1)}/{_prefix_length(subnet, version)}"


def broadcast(address: str) -> str:
    """Return the broadcast address of an IPv4 interface address."""
    version, _first, last = bounds(address)
    return str(_Ip(version, last))


def is_link_local(address: str) -> bool:
    """Tell whether an address is of fe80::/10: the kernel makes them, so one that nobody asked for is not drift."""
    return address.lower()[:3] in ("fe8", "fe9", "fea", "feb")

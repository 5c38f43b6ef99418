# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses are read, written and compared as netaddr does it, which takes 20 times as long to load as all of this."""

from __future__ import annotations

import ipaddress

import netaddr
import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import addresses
from hypothesis import example, given
from hypothesis import strategies as st

V4 = st.integers(0, 2**32 - 1)
# Runs of zeros of any length, and what is written with an IPv4 address in it.
V6 = st.integers(0, 2**128 - 1) | V4 | st.builds(lambda parts: sum(p << 16 * i for i, p in enumerate(parts)), st.lists(
    st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8))  # fmt: skip
IPS = st.builds(netaddr.IPAddress, V4, st.just(4)) | st.builds(netaddr.IPAddress, V6, st.just(6))
WRITTEN = IPS.map(str) | V6.map(lambda value: ipaddress.IPv6Address(value).exploded.upper())
NETWORKS = st.builds(
    lambda ip, prefix: f"{ip}/{min(prefix, 32 if ip.version == 4 else 128)}", IPS, st.integers(0, 128)
) | IPS.map(str)


@given(WRITTEN | st.text(alphabet="0123456789abcdefx:./ %\0é\udc00", max_size=20) | st.text(max_size=8))
@example("10.1")
@example("010.0.0.1")
@example("::ffff:1.2.3.4")
@example("::1.2.3.4")
@example("::1.2.3.04")
@example("fe80::1%eth0")
@example("1.2.3.4/24")
@example(" 1.2.3.4")
@example("")
def test_the_same_is_an_address_and_is_written_the_same(text):
    try:
        theirs = netaddr.IPAddress(text, flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        with pytest.raises(InvalidOption, match="is not an IPv4 or IPv6 address"):
            addresses._ip("addresses", text, text)
    else:
        ours = addresses._ip("addresses", text, text)
        assert (ours.version, int(ours), str(ours)) == (theirs.version, int(theirs), str(theirs))


@given(NETWORKS)
def test_subnets_are_the_same(text):
    theirs = netaddr.IPNetwork(text)
    assert addresses.network(text) == f"{theirs.network}/{theirs.prefixlen}"
    assert addresses.bounds(text) == (theirs.version, theirs.first, theirs.last)
    assert addresses.broadcast(text) == str(netaddr.IPAddress(theirs.last, theirs.version))
    if theirs.first != theirs.last:
        assert addresses.first_host(text) == f"{netaddr.IPAddress(theirs.first + 1, theirs.version)}/{theirs.prefixlen}"


@given(NETWORKS, IPS)
def test_the_same_is_in_a_subnet(text, ip):
    theirs = netaddr.IPNetwork(text)
    assert addresses.contains(text, str(ip)) == (ip in theirs)
    assert addresses.contains(text, str(netaddr.IPAddress(theirs.last, theirs.version)))


@pytest.mark.parametrize("text", ["default", "10.0.0.0/33", "::/129", "10.0.0.0/x", "10.0.0.0/-1", "1.2.3.4.5/8"])
def test_what_is_no_subnet_is_none(text):
    with pytest.raises((netaddr.AddrFormatError, ValueError)):
        netaddr.IPNetwork(text)
    with pytest.raises(ValueError):
        addresses.bounds(text)

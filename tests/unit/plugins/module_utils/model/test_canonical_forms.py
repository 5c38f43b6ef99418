# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, MACs and derived names in the one form in which they compare with what the kernel shows."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import addresses, attachment, names
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge import Bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.bridge_facts import addresses_of
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.bridge import BridgeState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState
from hypothesis import given
from hypothesis import strategies as st


def md5(data: bytes) -> bytes:
    """RFC 1321, written down here so that the library is compared with something else than itself."""
    shifts = [7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4
    sines = [int(abs(__import__("math").sin(i + 1)) * 2**32) & 0xFFFFFFFF for i in range(64)]
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    message = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    for start in range(0, len(message), 64):
        words = struct.unpack("<16I", message[start : start + 64])
        a, b, c, d = state
        for i in range(64):
            mix, pick = (
                ((b & c) | (~b & d), i),
                ((d & b) | (~d & c), 5 * i + 1),
                (b ^ c ^ d, 3 * i + 5),
                (c ^ (b | ~d & 0xFFFFFFFF), 7 * i),
            )[i // 16]
            total = (a + mix + sines[i] + words[pick % 16]) & 0xFFFFFFFF
            turned = (total << shifts[i] | total >> (32 - shifts[i])) & 0xFFFFFFFF
            a, d, c, b = d, c, b, (b + turned) & 0xFFFFFFFF
        state = [(one + other) & 0xFFFFFFFF for one, other in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


def test_mac_of_a_seed_is_pipeworks():
    assert addresses.seeded_mac("myhost.foo.com") == "02:72:6c:cd:9b:8d"
    assert (
        attachment.parse({"container": "web1", "bridge": "br0", "mac_seed": "myhost.foo.com"}).mac
        == "02:72:6c:cd:9b:8d"
    )


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_mac_of_any_seed(seed):
    mac = addresses.seeded_mac(seed)
    assert mac == "02:" + md5(f"{seed}\n".encode())[:5].hex(":")
    assert addresses.mac("mac", mac) == mac


def test_random_macs_are_such_as_may_be_asked_for():
    macs = {addresses.random_mac() for _number in range(50)}
    assert len(macs) == 50
    assert all(addresses.mac("mac", mac) == mac and mac.startswith("02:") for mac in macs)


@pytest.mark.parametrize("text", ["02-72-6C-CD-9B-8D", " 02:72:6c:cd:9b:8d ", "02:72:6C:cd:9b:8D"])
def test_mac_in_canonical_form(text):
    assert addresses.mac("mac", text) == "02:72:6c:cd:9b:8d"


@given(st.ip_addresses(), st.integers(0, 128))
def test_addresses_are_written_as_the_kernel_writes_them(ip, prefix):
    """The kernel's are shown through inet_ntop(); were ours another form, no run would ever be the last."""
    prefix %= ip.max_prefixlen + 1
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        written = addresses.interface_address("addresses[0]", f"{ip.exploded}/{prefix}")
    except InvalidOption:
        return
    assert written == f"{socket.inet_ntop(family, ip.packed)}/{prefix}"
    assert addresses.interface_address("addresses[0]", written) == written


@pytest.mark.parametrize(
    "text",
    [
        "::1.2.3.4/96",
        "64:ff9b::1.2.3.4/96",
        "fd00:0:0:1::a/64",
        "fd00:0:1::a/64",
        "1:0:2:3:4:5:6:7/64",
        "2001:DB8:0:0:1:0:0:1/64",
    ],
)
def test_awkward_ipv6_addresses(text):
    ip, _slash, prefix = text.partition("/")
    expected = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, ip))
    assert addresses.interface_address("addresses[0]", text) == f"{expected}/{prefix}"


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_overlap_and_hold_as_ipaddress_says(ip, prefix):
    prefix %= ip.max_prefixlen + 1
    interface = ipaddress.ip_interface(f"{ip}/{prefix}")
    assert ipaddress.ip_network(addresses.network(str(interface))) == interface.network
    for other in ("10.0.0.0/8", "192.168.5.0/24", "fd00::/8", "::/0", "0.0.0.0/0"):
        network = ipaddress.ip_network(other)
        same_family = network.version == interface.version
        assert addresses.overlap(str(interface.network), other) == (same_family and network.overlaps(interface.network))
        assert addresses.contains(other, str(ip)) == (same_family and ip in network)


# ---- subnets chosen by us


def have(*destinations: str, held: tuple[str, ...] = ()) -> BridgeState:
    links = {"br0": Link(7, "br0", "bridge")} if held else {}
    routes = tuple(Route(destination, None, "eth0", 0) for destination in destinations)
    return BridgeState(NetworkState(links, {"br0": held} if held else {}, routes))


def chosen(have: BridgeState, *others: str) -> tuple[str, ...]:
    return addresses_of(Bridge("br0", others, auto_address=True), have)


def test_subnets_are_chosen_in_dockers_order():
    """moby, daemon/libnetwork/ipamutils/utils.go: 172.17 to 172.31, each a /16, then 192.168.0.0/16 in /20."""
    pools = [
        ("172.17.0.0/16", 16),
        ("172.18.0.0/16", 16),
        ("172.19.0.0/16", 16),
        ("172.20.0.0/14", 16),
        ("172.24.0.0/14", 16),
        ("172.28.0.0/14", 16),
    ]
    order = [
        str(net)
        for pool, size in [*pools, ("192.168.0.0/16", 20)]
        for net in ipaddress.ip_network(pool).subnets(new_prefix=size)
    ]
    assert list(addresses.AUTO_SUBNETS) == order
    taken: list[str] = []
    for subnet in order:
        (address,) = chosen(have(*taken))
        assert ipaddress.ip_interface(address).network == ipaddress.ip_network(subnet)
        assert address.startswith(subnet.rpartition(".")[0] + ".1/")
        taken.append(subnet)


def test_a_route_that_only_touches_a_subnet_takes_it():
    assert chosen(have("172.17.200.4/32", "172.18.0.0/15")) == ("172.20.0.1/16",)
    assert chosen(have("172.16.0.0/12")) == ("192.168.0.1/20",)
    assert chosen(have("0.0.0.0/0")) == ("172.17.0.1/16",)


def test_addresses_that_stand_beside_auto_take_their_subnets():
    assert chosen(have(), "172.17.9.1/24", "fd00:5::1/64") == ("172.18.0.1/16", "172.17.9.1/24", "fd00:5::1/64")


def test_a_chosen_subnet_stays():
    assert chosen(have("172.18.0.0/16", held=("172.18.0.1/16",))) == ("172.18.0.1/16",)
    assert chosen(have(held=("203.0.113.1/24", "fd00::1/64", "10.4.0.1/24"))) == ("10.4.0.1/24",)
    # What is named is not what was chosen.
    assert chosen(have(held=("10.4.0.1/24",)), "10.4.0.1/24") == ("172.17.0.1/16", "10.4.0.1/24")


def test_no_subnet_left():
    with pytest.raises(
        Refused,
        match=r"bridge br0: addresses has auto, and each subnet .* overlaps a route of this host; "
        "name the address instead",
    ):
        chosen(have("172.16.0.0/12", "192.168.0.0/16"))


# ---- names that we derive

a_name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@given(a_name, a_name)
def test_derived_names_are_names_the_kernel_takes(container, interface):
    for prefix in ("pf", "pfb"):
        name = names.derived_name(prefix, container, interface)
        assert names.interface_name("host_interface", name) == name
        assert re.fullmatch(f"{prefix}[0-9a-f]+", name) and len(name) == 13
        assert name == names.derived_name(prefix, container, interface)


def test_derived_names_stay_what_they_are():
    """Another name after an update would leave every attachment made before behind."""
    assert names.derived_name("pf", "docker:" + "a1" * 32, "eth1") == "pf565830515d7"
    assert names.derived_name("pfb", "br0") == "pfb" + names.derived_name("", "br0")[:10]


def test_derived_names_are_distinct():
    parts = [(f"docker:{container:064x}", f"eth{interface}") for container in range(1000) for interface in range(10)]
    assert len({names.derived_name("pf", *one) for one in parts}) == len(parts)
    # The border between two parts counts.
    assert names.derived_name("pf", "web1", "0eth") != names.derived_name("pf", "web10", "eth")


@given(a_name, a_name)
def test_alternative_names_are_within_their_limit(container, interface):
    name = names.alternative_name(container, interface)
    assert 0 < len(name.encode()) <= 127
    assert not re.search(r"[/:%\s]", name)


def test_alternative_names_are_readable_and_tell_long_ones_apart():
    assert names.alternative_name("web1", "eth1") == "web1-eth1"
    assert names.alternative_name("my web", "eth0:1") == "my-web-eth0-1"
    long = "x" * 200
    assert names.alternative_name(long, "eth1") != names.alternative_name(long, "eth2")
    assert names.alternative_name(long, "eth1").startswith("x" * 100)

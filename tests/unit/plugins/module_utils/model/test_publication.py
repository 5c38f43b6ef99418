# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every form in which a port can be given, what it means, and what is refused."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import publication
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import (
    HostPort,
    PortDefaults,
    PortSpec,
    endpoint,
    parse_port,
    read_endpoint,
)

AUTO = (49153, 65535)


@pytest.mark.parametrize(
    ("form", "ports"),
    [
        ("8080:80", [("", 8080, 8080, 80, "tcp")]),
        (" 8080:80 ", [("", 8080, 8080, 80, "tcp")]),
        ("127.0.0.1:8080:80", [("127.0.0.1", 8080, 8080, 80, "tcp")]),
        ("10.0.0.5::80", [("10.0.0.5", *AUTO, 80, "tcp")]),
        ("80", [("", *AUTO, 80, "tcp")]),
        (80, [("", *AUTO, 80, "tcp")]),
        ("80-82", [("", *AUTO, 80, "tcp"), ("", *AUTO, 81, "tcp"), ("", *AUTO, 82, "tcp")]),
        ("8000-8001:9000-9001", [("", 8000, 8000, 9000, "tcp"), ("", 8001, 8001, 9001, "tcp")]),
        ("8000-8010:80", [("", 8000, 8010, 80, "tcp")]),
        ("8000-8000:80-80", [("", 8000, 8000, 80, "tcp")]),
        ("53:53/udp", [("", 53, 53, 53, "udp")]),
        ("53:53/UDP", [("", 53, 53, 53, "udp")]),
        ("77/sctp", [("", *AUTO, 77, "sctp")]),
        ("[2001:db8::1]:8080:80", [("2001:db8::1", 8080, 8080, 80, "tcp")]),
        ("[2001:DB8:0::1]:8080:80/udp", [("2001:db8::1", 8080, 8080, 80, "udp")]),
        ("[::]:8080:80", [("::", 8080, 8080, 80, "tcp")]),
        ("[fd00::1]::80", [("fd00::1", *AUTO, 80, "tcp")]),
        ("0.0.0.0:8080:80", [("0.0.0.0", 8080, 8080, 80, "tcp")]),
        ("1:65535", [("", 1, 1, 65535, "tcp")]),
        ({"container_port": 80}, [("", *AUTO, 80, "tcp")]),
        ({"container_port": "80-81", "host_port": "90-91"}, [("", 90, 90, 80, "tcp"), ("", 91, 91, 81, "tcp")]),
        (
            {"container_port": 80, "host_port": 8080, "host_ip": "10.0.0.5", "protocol": "udp"},
            [("10.0.0.5", 8080, 8080, 80, "udp")],
        ),
        ({"container_port": 80, "host_port": 8080, "host_ip": "fd00::1"}, [("fd00::1", 8080, 8080, 80, "tcp")]),
        ({"container_port": 80, "host_port": None, "host_ip": None, "protocol": None}, [("", *AUTO, 80, "tcp")]),
    ],
)
def test_forms(form, ports):
    assert parse_port(form, "ports[0]", PortDefaults()) == [PortSpec(*port) for port in ports]


def test_defaults_stand_for_what_is_left_out():
    defaults = publication.parse_defaults({"port_range": "49000-49900", "default_host_ip": "[fd00::1]"})
    assert parse_port("80", "ports[0]", defaults) == [PortSpec("fd00::1", 49000, 49900, 80, "tcp")]
    assert parse_port("0.0.0.0::80", "ports[0]", defaults) == [PortSpec("0.0.0.0", 49000, 49900, 80, "tcp")]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("0:80", "out of range"),
        ("8080:65536", "out of range"),
        ("1-3:1-2", "same length"),
        ("1:1-2", "same length"),
        ("3-1:80", "ends before"),
        ("80/icmp", "protocol"),
        ("80/", "no protocol"),
        ("", "port is needed"),
        ("８0:80", "port is needed"),
        ("+80:80", "port is needed"),
        ("80 81", "port is needed"),
        ("1e3:80", "port is needed"),
        (":80", "no host port"),
        ("[fd00::1]:80", "not a port to publish"),
        ("fd00::1:80:80", "without brackets"),
        ("10.1:8080:80", "not an IPv4 or IPv6 address"),
        ("localhost:8080:80", "not an IPv4 or IPv6 address"),
        ("[fe80::1]:8080:80", "link-local"),
        ("[::1]:8080:80", "127.0.0.1"),
        ("[ff02::1]:8080:80", "multicast"),
        ("[::ffff:10.0.0.1]:8080:80", "IPv4-mapped"),
        ("255.255.255.255:8080:80", "reserved"),
        (None, "port is needed"),
        ([80], "no colon"),
        (True, "port is needed"),
    ],
)
def test_what_is_no_port(form, sentence):
    with pytest.raises(InvalidOption, match=sentence) as refusal:
        parse_port(form, "ports[3]", PortDefaults())
    assert str(refusal.value).startswith("ports[3]: ")


def test_an_owner_is_read_back_from_its_comment_whatever_its_name():
    names = ["web1", "/run/netns/probe", "x" * 300, 'odd"name\\', "ü" * 100, "a;b"]
    comments = {endpoint("fifteen_bytes_x", "eth1", "container", name).comment for name in names}
    assert len(comments) == len(names)
    for name in names:
        made = endpoint("fifteen_bytes_x", 'e"th', "container", name)
        assert read_endpoint(made.comment) == made and len(made.comment.encode()) <= 127 and '"' not in made.comment
    assert read_endpoint("somebody else's") is None and read_endpoint("") is None


def test_ports_that_meet():
    any4, one4, other = (
        HostPort(4, "", "tcp", 80),
        HostPort(4, "10.0.0.1", "tcp", 80),
        HostPort(4, "10.0.0.2", "tcp", 80),
    )
    assert any4.meets(one4) and one4.meets(any4) and one4.meets(one4) and not one4.meets(other)
    assert not any4.meets(HostPort(6, "", "tcp", 80)) and not any4.meets(HostPort(4, "", "udp", 80))


def test_four_thousand_containers_are_read_in_one_pass():
    items = [{"container": f"c{number}", "ports": [f"{10000 + number}:80"]} for number in range(4000)]
    compared = 0

    def count(_frame, event, _argument):
        nonlocal compared
        compared += event == "call"

    sys.setprofile(count)
    try:
        parsed = publication.parse_list(items, {"bridge": "br0"}, PortDefaults())
    finally:
        sys.setprofile(None)
    assert len(parsed) == 4000 and compared < 200 * len(items)
    with pytest.raises(InvalidOption, match=r"publications\[4000\].container.*twice"):
        publication.parse_list([*items, items[7]], {"bridge": "br0"}, PortDefaults())

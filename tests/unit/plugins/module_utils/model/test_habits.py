# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write out of habit (YAML without quotes, pipework's words): each is told by what to write here."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import (
    attachment,
    bridge,
    icc_policy,
    publication,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import PortDefaults
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.refusals import ONE, complaint


def port(number):
    return publication.parse_port(number, "ports[0]", PortDefaults())


@pytest.mark.parametrize(
    ("number", "written"),
    [(8080 * 60 + 22, "8080:22"), (2222 * 60 + 1, "2222:1"), ((8080 * 60 + 22) * 60 + 53, "8080:22:53")],
)
def test_a_number_that_is_no_port_and_may_have_been_two(number, written):
    hint = f"YAML reads {written} without quotes as this number: quote it if that was meant"
    for form in (number, str(number)):
        with pytest.raises(InvalidOption) as refused:
            port(form)
        assert f"has the port {number}, which is out of range" in str(refused.value)
        assert str(refused.value).endswith(hint)
    with pytest.raises(InvalidOption) as refused:
        port({"container_port": 80, "host_port": number})
    assert str(refused.value).endswith(hint)


@pytest.mark.parametrize("form", ["70000:80", "65536-65537", 10**8 * 3600])
def test_what_no_two_ports_make_gets_no_hint(form):
    with pytest.raises(InvalidOption) as refused:
        port(form)
    assert "YAML" not in str(refused.value)


def doubts(*ports):
    return publication.doubtful_numbers([{"ports": None}, {}, {"ports": list(ports)}])


def test_a_number_that_may_have_been_two_ports_is_a_warning():
    assert doubts(1342, 26602, 1342) == [
        "ports: 1342 is taken for port 1342 of the container; if 22:22 was meant, quote it, as YAML reads that without "
        "quotes as this number (if not, quote the number)",
        "ports: 26602 is taken for port 26602 of the container; if 443:22 was meant, quote it, as YAML reads that "
        "without quotes as this number (if not, quote the number)",
    ]


USUAL = [20, 21, 22, 25, 53, 80, 143, 443, 993, 1433, 1521, 1883, 3000, 3306, 5000, 5432, 5672, 6379, 6443, 8000, 8080]
USUAL += [8443, 8888, 9000, 9090, 9092, 9200, 10022, 11211, 15672, 27017, 50051]


def test_ports_that_people_publish_are_no_warning():
    assert doubts(*USUAL, "1342", "22:22", True, None, {"container_port": 1342}) == []
    warned = [number for number in range(1, 65536) if doubts(number)]
    assert len(warned) < 20


@pytest.mark.parametrize(("mac", "number"), [("52:54:00:12:34:56", "41135085296"), ("10:00:00:00:00:00", "7776000000")])
def test_a_mac_that_yaml_made_a_number_of(mac, number):
    value = 0
    for part in mac.split(":"):
        value = value * 60 + int(part)
    assert str(value) == number
    words = f"is a number; YAML reads {mac} without quotes as that: quote the MAC address"
    complaint(attachment.parse, {**ONE, "mac": number}, "mac", number, words)
    complaint(bridge.parse, {"name": "br0", "mac": number}, "mac", number, words)


@pytest.mark.parametrize("mac", ["525400123456", "1", "0", "²²"])
def test_other_numbers_are_no_mac(mac):
    complaint(attachment.parse, {**ONE, "mac": mac}, "mac", mac, "is not a MAC address; write six bytes")

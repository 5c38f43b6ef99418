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
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record_objects import of_attachment
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


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "udhcpc-f",
            "is how pipework names a DHCP client; give an address such as 192.168.8.2/24, or, for a container's "
            "interface, dhcp, for which the service runs one",
        ),
        ("DHCP", "is how pipework names a DHCP client"),
        ("dhclient:-1", "is how pipework names a DHCP client"),
        ("0/0", "is how pipework writes that there is no address; give [] for the whole list"),
        (
            "192.168.8.2/24@192.168.8.1",
            "has a gateway after '@' as for pipework; give 192.168.8.2/24 here, and 192.168.8.1 in gateway of "
            "veth_attach",
        ),
        ("fd00::2/64@fd00::1", "give fd00::2/64 here, and fd00::1 in gateway6 of veth_attach"),
    ],
)
def test_addresses_as_pipework_takes_them(address, words):
    complaint(attachment.parse, {**ONE, "addresses": [address]}, "addresses[0]", address, words)
    complaint(bridge.parse, {"name": "br0", "addresses": [address]}, "addresses[0]", address, words)


def test_an_address_from_a_server_is_for_containers():
    want = attachment.parse({**ONE, "addresses": ["10.0.0.1/24", "dhcp"], "gateway": "192.168.0.1"})
    assert (want.dhcp, want.addresses, want.wants_ipv6) == (True, ("10.0.0.1/24",), False)
    assert of_attachment(want).want["addresses"] == ["dhcp", "10.0.0.1/24"]
    assert attachment.parse({**ONE, "addresses": ["dhcp"], "gateway": "192.168.0.1"}).addresses == ()
    assert not attachment.parse({**ONE, "addresses": []}).dhcp and not attachment.parse(ONE).dhcp
    complaint(
        bridge.parse,
        {"name": "br0", "addresses": ["dhcp"]},
        "addresses[0]",
        "dhcp",
        "is how pipework names a DHCP client",
    )
    words = "requires an IPv6 address in addresses"
    complaint(attachment.parse, {**ONE, "addresses": ["dhcp"], "gateway6": "fd00::1"}, "gateway6", "fd00::1", words)
    guarded = {**ONE, "addresses": ["dhcp"], "security": {"address_spoofing": "deny"}}
    complaint(attachment.parse, guarded, "security.address_spoofing", "deny", "requires addresses")
    complaint(attachment.parse, {**ONE, "addresses": ["dhcp", "nonsense"]}, "addresses[1]", "nonsense", "is no")


def test_a_mac_as_pipework_takes_it():
    words = "is how pipework derives a MAC address from a text; give 'web1' in mac_seed instead"
    complaint(attachment.parse, {**ONE, "mac": "U:web1"}, "mac", "U:web1", words)
    with pytest.raises(InvalidOption, match=r"^attachments\[1\]\.mac: 'u:web1' .* 'web1' in mac_seed"):
        attachment.parse_list([ONE, {**ONE, "container": "web2", "mac": "u:web1"}], {})


@pytest.mark.parametrize(
    ("mac", "rest"),
    [
        ("@10", "no mac"),
        ("52:54:00:12:34:56@10", "52:54:00:12:34:56 here"),
        ("U:web1@10", "'web1' in mac_seed"),
        ("u:we@b1", None),
        ("52:54:00:12:34:56@", None),
    ],
)
def test_a_vlan_where_pipework_has_it(mac, rest):
    words = f"has a VLAN after '@' as for pipework; give 10 in vlan, and {rest}"
    complaint(attachment.parse, {**ONE, "mac": mac}, "mac", mac, words if rest else "")


@pytest.mark.parametrize("seed", ["U:web1", "u:web1"])
def test_a_mac_seed_with_what_pipework_puts_before_it(seed):
    words = "has 'U:' before the text as for pipework, and would be another seed than there; give 'web1'"
    complaint(attachment.parse, {**ONE, "mac_seed": seed}, "mac_seed", seed, words)


NAMES = ["üü", "-web", "web:1", "web,1", "@web"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_engine_gives(name):
    words = "is no container's name or id; give letters, digits, '_', '.' and '-', a letter or digit first"
    complaint(attachment.parse, {**ONE, "container": name}, "container", name, words)
    links = {"bridge": "br0", "state": "present", "icc": False}
    complaint(icc_policy.parse, {**links, "links": [{"from": "web1", "to": name}]}, "links[0].to", name, words)
    complaint(icc_policy.parse, {**links, "links": [{"from": name, "to": "web1"}]}, "links[0].from", name, words)
    named = {"container": name}
    option = "links[0].to.container"
    complaint(icc_policy.parse, {**links, "links": [{"from": "web1", "to": named}]}, option, name, words)


@pytest.mark.parametrize(
    ("to", "option", "found", "words"),
    [
        ({"container": "db1", "runtime": "lxc"}, "runtime", "lxc", "is not supported; give auto, docker or podman"),
        ({"container": None}, "container", None, "is required; give exactly one of container, netns and pid"),
        ({"container": ["db1"]}, "container", ["db1"], "is not a text; write a container's name in quotes"),
        ({"netns": {"a": 1}}, "netns", {"a": 1}, "is not a text; write a namespace's name in quotes"),
    ],
)
def test_what_a_link_leads_to_by_fields(to, option, found, words):
    asked = {"bridge": "br0", "state": "present", "icc": False, "links": [{"from": "web1", "to": to}]}
    complaint(icc_policy.parse, asked, f"links[0].to.{option}", found, words)


def test_a_container_whose_name_yaml_takes_for_a_number():
    asked = {"bridge": "br0", "state": "present", "icc": False}
    links = icc_policy.parse({**asked, "links": [{"from": {"container": 17}, "to": {"netns": 18}}]}).links
    assert (links[0].source.value, links[0].destination.value) == ("17", "/run/netns/18")

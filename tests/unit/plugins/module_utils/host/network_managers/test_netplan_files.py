# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What netplan is told of a NIC that becomes a bridge's port."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import (
    netplan_files as files,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers.replaced_lines import (
    without,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import NicMove

MOVE = NicMove("eth0", "br0", "52:54:00:10:20:30", 9000)
SITE = """\
# Our site
network:
  version: 2
  ethernets:
    # the uplink
    uplink:
      match: {macaddress: 52:54:00:10:20:30}
      set-name: eth0
      mtu: 9000
      optional: yes
      # two of them
      addresses: [192.0.2.2/24, "2001:db8::2/64"]
      nameservers:
        search: [a.example]
        addresses:
        - 192.0.2.53
      routes:
        - to: default
          via: 192.0.2.1
          metric: 0100

    # spare
    eth1: {dhcp4: true}
  vlans:
    vlan7:
      id: 7
      link: uplink
"""
MORE = "network:\n  ethernets:\n    uplink:\n      dhcp6: true\n      nameservers: {addresses: [192.0.2.54]}\n"


def said(text):
    """Return what a file says, as netplan reads it: texts."""
    return yaml.load(text, Loader=yaml.BaseLoader)["network"]


def test_the_bridge_has_the_addresses_and_the_entry_what_is_of_the_device():
    bridge = files.bridge(MOVE, [SITE, MORE], "uplink")
    assert said(bridge) == {
        "version": "2",
        "bridges": {
            "br0": {
                "interfaces": ["uplink"],
                "macaddress": "52:54:00:10:20:30",
                "mtu": "9000",
                "parameters": {"stp": "false", "forward-delay": "0"},
                "optional": "yes",
                "addresses": ["192.0.2.2/24", "2001:db8::2/64"],
                "nameservers": {"search": ["a.example"], "addresses": ["192.0.2.53", "192.0.2.54"]},
                "routes": [{"to": "default", "via": "192.0.2.1", "metric": "0100"}],
                "dhcp6": "true",
            }
        },
    }
    # A MAC address that YAML 1.1 takes for a number in base 60.
    assert '"52:54:00:10:20:30"' in bridge
    port = files.port(SITE, "uplink", MOVE)
    off = {"dhcp4": "false", "dhcp6": "false", "accept-ra": "false", "link-local": []}
    before = said(SITE)
    assert said(port) == {
        **before,
        "ethernets": {
            "uplink": {
                **off,
                "match": {"macaddress": "52:54:00:10:20:30"},
                "set-name": "eth0",
                "mtu": "9000",
                "optional": "yes",
            },
            "eth1": {"dhcp4": "true"},
        },
    }
    for comment in ("# Our site\n", "    # the uplink\n", "\n    # spare\n"):
        assert comment in port
    assert without(port, MOVE) == SITE and without(SITE, MOVE) == SITE
    assert without(port, MOVE._replace(bridge="br1")) == port
    assert files.port(SITE, "eth9", MOVE) == SITE


def test_the_last_entry_of_a_file_comes_back_whole():
    for text in (
        MORE,
        "network:\n  ethernets:\n    uplink:\n",
        "network:\n  ethernets:\n    uplink: {}\n  version: 2\n",
    ):
        port = files.port(text, "uplink", MOVE)
        assert said(port)["ethernets"]["uplink"]["dhcp4"] == "false"
        assert without(port, MOVE) == text


def test_open_vswitch_makes_its_bridge_itself():
    made = said(files.bridge(MOVE._replace(openvswitch=True), [MORE], "uplink"))
    assert made == {
        "version": "2",
        "ethernets": {"br0": {"dhcp6": "true", "nameservers": {"addresses": ["192.0.2.54"]}}},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("network: {ethernets: {eth0: {dhcp4: true}}}\n", "has eth0 within braces"),
        ("network:\n  ethernets:\n    eth1: {}\n", "no file of netplan has eth0"),
        ("network:\n  ethernets:\n    eth0:\n      auth: {key-management: 802.1x}\n", "has 802.1X"),
        ("network:\n  ethernets:\n    eth0: {}\n  bonds:\n    bond0: {interfaces: [eth0]}\n", "part of bond0"),
        ("network:\n  ethernets:\n    eth0: {}\n  bridges:\n    br0: {}\n", "has br0 already"),
        ("network:\n\tethernets:\n", "can't be read"),
        ("", "no file of netplan has eth0"),
        ("network:\n  ethernets:\n    eth0: {}\n  bonds:\n    bond0: {interfaces: [eth1]}\n", ""),
    ],
)
def test_what_is_not_understood_is_left_alone(text, told):
    said_of_it = files.refusal({"/etc/netplan/x.yaml": text}, "eth0", MOVE)
    assert told in said_of_it and bool(told) == bool(said_of_it)

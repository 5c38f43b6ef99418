# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd-networkd is told of a NIC that becomes a bridge's port."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import (
    networkd_files as files,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, default
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import MoveVlans, NicMove

MOVE = NicMove("eth0", "br0", "52:54:00:00:00:01", 1500)
TRUNK = MOVE._replace(vlans=MoveVlans(7, (*default(7), VlanRange(100, 100), VlanRange(200, 210)), default(7)))
OWN = """\
# Our uplink
[Match]
Name=en*
MACAddress=52:54:00:00:00:01 \\
# a comment within
  52:54:00:00:00:02

[Link]
MTUBytes=1500
RequiredForOnline=routable

[Network]
Description=with = in it
Address=192.0.2.2/24
VLAN=eth0.100
LLDP=yes
Domains=a.example \\
  b.example
; another comment
[Address]
Address=192.0.2.3/24

[SR-IOV]
VirtualFunction=0
"""
DROP_IN = """\
[Network]
DNS=192.0.2.1
[RoutingPolicyRule]
IncomingInterface=eth0
Table=7
[RoutingPolicyRule]
IncomingInterface=eth1
Table=8
"""


def said(text):
    """Return a file as its sections, each with what it sets."""
    return [(part.name, [(entry.key, entry.value) for entry in part.entries]) for part in files.sections([text])]


def test_the_bridge_has_all_that_is_of_addresses_and_the_port_what_is_of_the_wire():
    given = files.sections([OWN, DROP_IN])
    bridge = files.bridge(MOVE, given, "/etc/systemd/network/20-uplink.network", files.Iaid(7, None))
    assert said(bridge) == [
        ("Match", [("Name", "br0")]),
        ("Link", [("MTUBytes", "1500"), ("RequiredForOnline", "routable")]),
        (
            "Network",
            [("Description", "with = in it"), ("Address", "192.0.2.2/24"), ("Domains", "a.example    b.example")],
        ),
        ("Address", [("Address", "192.0.2.3/24")]),
        ("Network", [("DNS", "192.0.2.1")]),
        ("RoutingPolicyRule", [("IncomingInterface", "br0"), ("Table", "7")]),
        ("RoutingPolicyRule", [("IncomingInterface", "eth1"), ("Table", "8")]),
        ("DHCPv4", [("IAID", "7")]),
    ]
    assert files.source(bridge) == "/etc/systemd/network/20-uplink.network"
    assert files.iaid_written(bridge) == files.Iaid(7, None)
    assert said(files.port(MOVE, given)) == [
        ("Match", [("Name", "eth0")]),
        ("Link", [("RequiredForOnline", "no"), ("MTUBytes", "1500")]),
        (
            "Network",
            [
                ("Bridge", "br0"),
                ("LinkLocalAddressing", "no"),
                ("IPv6AcceptRA", "no"),
                ("VLAN", "eth0.100"),
                ("LLDP", "yes"),
            ],
        ),
        ("SR-IOV", [("VirtualFunction", "0")]),
    ]


def test_networkd_makes_the_bridge_and_the_port_but_not_of_open_vswitch():
    assert said(files.netdev(MOVE._replace(mtu=9000))) == [
        ("NetDev", [("Name", "br0"), ("Kind", "bridge"), ("MACAddress", MOVE.mac), ("MTUBytes", "9000")]),
        ("Bridge", [("STP", "no"), ("ForwardDelaySec", "0")]),
    ]
    port = files.port(MOVE._replace(openvswitch=True, mtu=9000), [])
    assert "Bridge=" not in port and "LinkLocalAddressing=no" in port and "MTUBytes=9000" in port
    assert "MTUBytes" not in files.port(MOVE, [])


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("20-uplink.network", "05"),
        ("05-pipefitter-eth0.network", "00"),
        ("05-a.network", "00"),
        ("00-a.network", "0"),
        ("-a.network", None),
    ],
)
def test_our_files_sort_before_the_one_that_matches_today(name, prefix):
    assert files.prefix_before(name, MOVE) == prefix


@pytest.mark.parametrize(
    ("client_id", "iaid"),
    [
        ("ff7637e0bd00020000ab116738bd71127801d0", 0x7637E0BD),  # as networkd noted it
        ("01525400000001", None),  # ClientIdentifier=mac
        ("ff01", None),
        ("none", None),
        ("", None),
    ],
)
def test_the_iaid_of_a_lease(client_id, iaid):
    assert files.iaid_of_client(client_id) == iaid


def test_a_link_that_is_a_port_already():
    assert files.master(files.sections(["[Network]\nBond=bond0\n"])) == ("Bond", "bond0")
    assert files.master(files.sections(["[Network]\nBond=bond0\nBond=\nAddress=192.0.2.1/24"])) is None


def test_for_this_boot_a_file_for_many_is_one_for_the_nic_that_keeps_what_is_there():
    own = files.own(MOVE, [OWN, DROP_IN], "/etc/systemd/network/20-uplink.network")
    parts = said(own)
    assert [values for name, values in parts if name == "Match"] == [[("Name", "eth0")]]
    assert parts[-1] == ("Network", [("KeepConfiguration", "yes")])
    assert [part for part in parts if part[0] != "Match"][:-1] == [
        part for part in said(OWN) + said(DROP_IN) if part[0] != "Match"
    ]
    assert files.source(own) == "/etc/systemd/network/20-uplink.network"


def test_a_bridge_that_filters_is_one_after_a_boot():
    assert files.netdev(TRUNK).endswith("VLANFiltering=yes\nDefaultPVID=7\n")
    given = files.sections([OWN])
    trunk = "[BridgeVLAN]\nPVID=7\nVLAN=7\nEgressUntagged=7\n\n[BridgeVLAN]\nVLAN=100\n\n[BridgeVLAN]\nVLAN=200-210\n"
    assert files.port(TRUNK, given).endswith(trunk)
    assert "BridgeVLAN" not in files.bridge(TRUNK, given, "/etc/a.network", files.Iaid())
    # netplan has no words for it.
    assert files.of_netdev(TRUNK).endswith("[Bridge]\nVLANFiltering=yes\nDefaultPVID=7\n")
    assert files.vlans(TRUNK, own=False).endswith(trunk) and files.vlans(TRUNK, own=True) == ""
    assert (files.of_netdev(MOVE), files.vlans(MOVE, own=False)) == ("", "")
    nobody = TRUNK._replace(vlans=MoveVlans(0, (VlanRange(100, 100),), (VlanRange(9, 9, True, True),)))
    assert files.netdev(nobody).endswith("DefaultPVID=none\n")
    assert files.bridge(nobody, given, "/etc/a.network", files.Iaid()).endswith("PVID=9\nVLAN=9\nEgressUntagged=9\n")

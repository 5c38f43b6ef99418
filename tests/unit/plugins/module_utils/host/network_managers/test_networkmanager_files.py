# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NetworkManager is told of a NIC that becomes a bridge's port."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import (
    networkmanager_files as files,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, default
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import MoveVlans, NicMove

MOVE = NicMove("eth0", "br0", "52:54:00:00:00:01", 1500)
TRUNK = MOVE._replace(vlans=MoveVlans(7, (*default(7), VlanRange(100, 100), VlanRange(200, 210)), default(7)))
UUID = "11111111-1111-4111-8111-111111111111"
OWN = f"""\
# by the installer
[connection]
id=Wired connection 1
uuid={UUID}
type=ethernet
interface-name=eth0
autoconnect-priority=-5
zone=trusted
lldp=1
timestamp=1700000000

[ethernet]
mac-address=52:54:00:00:00:01

[ethtool]
ring-rx=4096

[ipv4]
method=auto
dhcp-client-id=stable
dns-search=a.example;b=c;

[ipv6]
method=auto
addr-gen-mode=stable-privacy

[user]
other.tool=1
"""
KEPT = files.Kept("101", "101", "ff:00:11", "7", "::1:2:3:4")


def test_the_bridge_has_the_addresses_and_the_port_what_is_of_the_wire():
    own = files.parsed(OWN)
    text = files.bridge(MOVE, own, KEPT)
    bridge = files.parsed(text)
    number = bridge["connection"].pop("uuid")
    assert bridge == {
        "connection": {
            "id": "br0",
            "type": "bridge",
            "interface-name": "br0",
            "autoconnect-priority": "-4",
            "autoconnect-slaves": "1",
            "zone": "trusted",
        },
        "ethernet": {"cloned-mac-address": MOVE.mac, "mtu": "1500"},
        "bridge": {"stp": "false", "forward-delay": "0"},
        "ipv4": {
            "method": "auto",
            "dhcp-client-id": "ff:00:11",
            "dns-search": "a.example;b=c;",
            "route-metric": "101",
        },
        "ipv6": {
            "method": "auto",
            "addr-gen-mode": "eui64",
            "route-metric": "101",
            "dhcp-iaid": "7",
            "token": "::1:2:3:4",
        },
    }
    # So that the next run, on a bridge, says the same.
    assert files.kept_in(text) == KEPT
    port_text = files.port(MOVE._replace(mtu=9000), own)
    port = files.parsed(port_text)
    assert port["connection"].pop("uuid") not in (number, UUID)
    assert port == {
        "connection": {
            "id": "br0 port eth0",
            "type": "ethernet",
            "autoconnect-priority": "-4",
            "interface-name": "eth0",
            "master": "br0",
            "slave-type": "bridge",
            "lldp": "1",
        },
        "ethernet": {"mac-address": MOVE.mac, "mtu": "9000"},
        "ethtool": {"ring-rx": "4096"},
        "bridge-port": {},
        "user": {"org.pipefitter.former-uuid": UUID},
    }
    assert files.former(port_text) == UUID


def test_static_addresses_need_no_identity_and_keep_metrics_of_their_own():
    own = files.parsed(f"[connection]\nuuid={UUID}\ntype=bond\n[bond]\nmode=1\n[ipv4]\nmethod=manual\nroute-metric=7\n")
    bridge = files.parsed(files.bridge(MOVE, own, KEPT))
    assert bridge["ipv4"] == {"method": "manual", "route-metric": "7"}
    assert files.parsed(files.port(MOVE, own))["bond"] == {"mode": "1"}


IF_INET6 = """\
fe80000000000000505400fffe000001 02 40 20 80   eth0
20010db8000000000001000200030004 02 40 00 200   br0
20010db800010000 0001000200030004 02 40 00 00   eth0
20010db80000000000000000dead0001 02 40 00 01   eth0
20010db8000000000000000000000005 02 80 00 80   eth0
20010db8000000000000000000000099 02 40 00 00   eth1
""".replace("0000 0001", "00000001")


def test_what_networkmanager_derives_from_the_name_of_an_interface_is_found_on_the_nic():
    state = files.parsed(
        "[device]\nmanaged=true\nroute-metric-default-effective=101\n"
        "[dhcp4]\ndhcp4.dhcp_client_identifier=ff:00:11\n[dhcp6]\ndhcp6.iaid=00:00:01:02\n"
    )
    own = files.parsed(OWN)
    assert files.kept_of(own, state, IF_INET6, ("eth0", "br0")) == files.Kept(
        "101", "101", "ff:00:11", "258", "::1:2:3:4"
    )
    # Derived from the MAC address, which the bridge has too; none there; several; none of ours.
    own["ipv6"]["addr-gen-mode"] = "eui64"
    assert files.kept_of(own, {}, IF_INET6, ("eth0", "br0")) == files.Kept()
    own["ipv6"].pop("addr-gen-mode")
    assert files.kept_of(own, {}, "", ("eth0", "br0")) == files.Kept()
    assert files.kept_of(own, {}, IF_INET6, ("eth0", "eth1")).token == ""
    assert files.kept_of(own, {}, IF_INET6, ("eth1",)).token == "::0:0:0:99"


@pytest.mark.parametrize(
    ("more", "others", "said"),
    [
        ("type=wifi\n", "", "is of type wifi"),
        ("type=ethernet\n[802-1x]\neap=tls\n", "", "has 802.1X"),
        ("type=ethernet\nmaster=bond0\nslave-type=bond\n", "", "part of bond0"),
        ("type=ethernet\nautoconnect-priority=999\n", "", "lower it"),
        ("type=ethernet\n", f"[connection]\nid=v\n[vlan]\nparent={UUID}\n", "the profile 'v' stands on"),
        ("type=bond\n", f"[connection]\nid=v\nmaster={UUID}\n", "the profile 'v' stands on"),
        ("type=ethernet\n", "[connection]\nid=mine\nuuid=1\ninterface-name=br0\n", "the profile 'mine' is for br0"),
        ("type=ethernet\n", "[connection]\nid=v\n[vlan]\nparent=eth0\n", ""),
        ("type=ethernet\n", f"[connection]\nuuid={files.uuids(MOVE)[0]}\ninterface-name=br0\n", ""),
    ],
)
def test_what_can_not_be_kept_is_left_alone(more, others, said):
    own = files.parsed(f"[connection]\nid=up\nuuid={UUID}\n{more}")
    told = files.refusal(own, [files.parsed(others)], MOVE)
    assert said in told and bool(told) == bool(said)


def test_a_bridge_that_filters_is_one_after_a_boot():
    own = files.parsed(OWN)
    bridge = files.parsed(files.bridge(TRUNK, own, KEPT))["bridge"]
    assert bridge == {"stp": "false", "forward-delay": "0", "vlan-filtering": "true", "vlan-default-pvid": "7"}
    assert files.parsed(files.port(TRUNK, own))["bridge-port"] == {"vlans": "7 pvid untagged, 100, 200-210"}
    itself = TRUNK._replace(vlans=TRUNK.vlans._replace(bridge=(*default(7), VlanRange(9, 9))))
    assert files.parsed(files.bridge(itself, own, KEPT))["bridge"]["vlans"] == "7 pvid untagged, 9"

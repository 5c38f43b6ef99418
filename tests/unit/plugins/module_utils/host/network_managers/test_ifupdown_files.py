# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ifupdown is told of a NIC that becomes a bridge's port."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers import (
    ifupdown_files as files,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.network_managers.replaced_lines import (
    without,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange, default
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.nic_move import MoveVlans, NicMove

MOVE = NicMove("eth0", "br0", "52:54:00:00:00:01", 1500)
TRUNK = MOVE._replace(vlans=MoveVlans(7, (*default(7), VlanRange(100, 100), VlanRange(200, 210)), default(7)))
MAIN = """\
# The uplink
auto lo eth0 \\
  eth0:1 eth1
allow-hotplug eth0
no-auto-down eth0
iface lo inet loopback

iface eth0 inet static
    address 192.0.2.2/24
    # a comment within
    gateway 192.0.2.1
    dns-nameservers 192.0.2.53
    hwaddress 52:54:00:00:00:01
    offload-tso off
    up ethtool -G eth0 rx 4096
    up ip route add 198.51.100.0/24 \\
        via 192.0.2.9 dev eth0
    up sysctl -w net.ipv4.conf.eth0.rp_filter=2; ip link show eth0.100
    up echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp
    down ip route delete 198.51.100.0/24 dev eth0

# The second address
iface eth0:1 inet static
    address 192.0.2.3/24

iface eth0.100 inet manual
    vlan-raw-device eth0
"""
SIX = "iface eth0 inet6 auto\n    privext 0"


def settings(text):
    """Return a file as what ifupdown sees, without comments."""
    return [
        " ".join(part.head.words) + "".join(f"\n  {' '.join(line.words)}" for line in part.options if line.words)
        for part in files.stanzas(text)
        if part.head.words
    ]


def test_what_was_the_nics_is_the_bridges():
    main, six = files.bridged([MAIN, SIX], MOVE)
    making = """
  pre-up [ -d /sys/class/net/br0 ] || ip link add name br0 address 52:54:00:00:00:01 mtu 1500 \
type bridge stp_state 0 forward_delay 0
  pre-up if [ -d /sys/class/net/eth0 ]; then ip link set dev eth0 master br0 up; fi"""
    assert settings(main) == [
        "auto lo eth0 br0 br0:1 eth1",
        "allow-hotplug eth0",
        "no-auto-down eth0 br0",
        "iface lo inet loopback",
        """iface eth0 inet manual
  hwaddress 52:54:00:00:00:01
  offload-tso off
  up ethtool -G eth0 rx 4096
  up ip link set dev eth0 up
  up if [ -d /sys/class/net/br0 ]; then ip link set dev eth0 master br0; fi""",
        f"""iface br0 inet static{making}
  address 192.0.2.2/24
  gateway 192.0.2.1
  dns-nameservers 192.0.2.53
  up ip route add 198.51.100.0/24 via 192.0.2.9 dev br0
  up sysctl -w net.ipv4.conf.br0.rp_filter=2; ip link show eth0.100
  up echo 1 > /proc/sys/net/ipv4/conf/br0/proxy_arp
  down ip route delete 198.51.100.0/24 dev br0""",
        "iface br0:1 inet static\n  address 192.0.2.3/24",
        "iface eth0.100 inet manual\n  vlan-raw-device eth0",
    ]
    assert settings(six) == ["iface br0 inet6 auto\n  privext 0"]
    assert main.startswith("# The uplink\n") and "\n# The second address\n" in main
    # All of it is found again, but for the end of the last line.
    assert [without(text, MOVE) for text in (main, six)] == [MAIN, SIX + "\n"]
    assert without(main, MOVE._replace(bridge="br1")) == main
    assert files.bridged([without(main, MOVE), without(six, MOVE)], MOVE) == [main, six]
    assert without(MAIN, MOVE) == MAIN


def test_nobody_plugs_a_bridge_in():
    (text,) = files.bridged(["allow-hotplug eth0\niface eth0 inet dhcp\n    mtu 9000\n"], MOVE._replace(mtu=9000))
    said = settings(text)
    assert said[:2] == ["allow-hotplug eth0", "auto br0"]
    assert said[2].startswith("iface eth0 inet manual\n  mtu 9000\n")
    assert said[3].startswith("iface br0 inet dhcp\n") and said[3].endswith("\n  mtu 9000")


def test_open_vswitch_makes_its_bridge_itself():
    (text,) = files.bridged(["iface eth0 inet dhcp\n"], MOVE._replace(openvswitch=True))
    assert "master" not in text and "ip link add" not in text
    assert "pre-up for i in $(seq 50); do [ -d /sys/class/net/br0 ] && break" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("iface eth0 inet dhcp\n wpa-conf /etc/wpa.conf\n", "eth0 has wpa-conf"),
        ("iface eth0 inet ppp\n", "'iface eth0 inet ppp' is none of"),
        ("iface eth0 inet dhcp\nmapping eth0\n script x\n", "'mapping eth0'"),
        ("iface eth0 inet dhcp\niface eth1 inet static inherits eth0\n", "takes over what is said of eth0"),
        ("iface eth0 inet manual\niface vmbr0 inet dhcp\n bridge_ports eth0\n", "part of vmbr0"),
        ("iface eth0 inet dhcp\niface br0 inet static\n", "there is an iface br0 already"),
        ("iface eth0:abcdefghijkl inet dhcp\n", "would be br0:abcdefghijkl, which is too long"),
        ("iface eth0 inet dhcp\niface eth1 inet dhcp\n bridge_ports eth2\n", ""),
    ],
)
def test_what_is_not_understood_is_left_alone(text, said):
    told = files.refusal([text], MOVE)
    assert said in told and bool(told) == bool(said)


def test_a_dhcp_client_is_another_ones():
    argv = [
        "/sbin/dhclient",
        "-pf",
        "/run/dhclient.eth0.pid",
        "-lf",
        "/var/lib/dhcp/dhclient.eth0.leases",
        "eth0",
        "-e",
    ]
    assert files.command_of(argv, "eth0", "br0") == [
        *("/sbin/dhclient", "-pf", "/run/dhclient.br0.pid", "-lf", "/var/lib/dhcp/dhclient.br0.leases", "br0", "-e")
    ]
    lease = 'default-duid "x";\nlease {\n  interface "eth0";\n  fixed-address 192.0.2.9;\n}\n'
    assert files.lease_of(lease, "eth0", "br0") == lease.replace("eth0", "br0")


def test_other_files_are_named():
    text = "source /etc/network/interfaces.d/*\nsource-directory more\n#source none\n"
    assert files.sources(text) == [("source", "/etc/network/interfaces.d/*"), ("source-directory", "more")]


def test_a_bridge_that_filters_is_one_after_a_boot():
    main, _six = files.bridged([MAIN, SIX], TRUNK)
    added = [f"bridge vlan add dev eth0 vid {which}" for which in ("7 pvid untagged", "100", "200-210")]
    trunk = "; ".join(["", *added, "fi\n"])
    assert f"up if [ -d /sys/class/net/br0 ]; then ip link set dev eth0 master br0{trunk}" in main
    making = main.partition("iface br0 inet static")[2]
    assert "type bridge stp_state 0 forward_delay 0 vlan_default_pvid 7\n" in making
    enslaved, filtering = making.find(f"master br0 up{trunk}"), making.find("type bridge vlan_filtering 1\n")
    assert 0 < enslaved < filtering < making.find("address 192")
    own = TRUNK._replace(vlans=TRUNK.vlans._replace(bridge=(*default(7), VlanRange(9, 9))))
    assert "    pre-up bridge vlan add dev br0 vid 9 self\n" in files.bridged([MAIN], own)[0]

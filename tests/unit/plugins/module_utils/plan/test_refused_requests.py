# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for and must not be done on this host.

Each refusal names what was asked for, what is there, and what to do.
"""

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import features
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment, bridge, bridge_vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import OvsPort
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.route import Route
from ansible_collections.pipefitter.container_network.plugins.module_utils.observe import bridge as observing
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import bridge as plan
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan import (
    bridge_deletion,
    bridge_result,
    forwarding,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_match import find_bridge
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.attachments import HostSide
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.bridge import BridgeState
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link, NetworkState
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import Scene
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_host import (
    SimulatedHost,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel


@pytest.fixture
def host():
    host = SimulatedHost(SimKernel(vlan_filtering=False))
    ns = host.kernel.host
    ns.new_link("eth0", "")
    ns.set("eth0", up=True)
    ns.add_address("eth0", "203.0.113.9/24")
    ns.set_route(Route("0.0.0.0/0", "203.0.113.1", "eth0", 0, 16))
    for name, alias in (("br9", "lab"), ("br5", MARK)):
        ns.new_link(name, "bridge", alias=alias)
    ns.new_link("tap1", "tun")
    ns.set("tap1", master="br9")
    ns.new_link("tun1", "tun").ethernet = False
    ns.set("br9", up=True)
    ns.add_address("br9", "fd00:9::1/64")
    return host


def plans(host, want):
    with mock.patch.object(features, "supports_vlan_filtering", lambda: host.kernel.vlan_filtering):
        return plan.present(want, observing.observe(host, want))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"name": "eth0"},
            "name: 'eth0' is a physical interface of this host and not a Linux bridge; choose another name",
        ),
        (
            {"name": "tap1"},
            "name: 'tap1' is a tun interface of this host and not a Linux bridge; "
            "choose another name, or ovs_vlan_port if it is a bridge of Open vSwitch",
        ),
        (
            {"members": ["eth7"]},
            "members[0]: 'eth7' is not an interface of this host; create it first or take it off the list",
        ),
        (
            {"members": ["eth0"]},
            "members[0]: 'eth0' carries this host's default route; "
            "as a port it would lose its addresses and lock you out, so give another interface",
        ),
        ({"members": ["br9"]}, "members[0]: 'br9' is a bridge itself; join two bridges by a veth pair"),
        (
            {"members": ["tun1"]},
            "members[0]: 'tun1' is a tun interface without Ethernet frames, which a Linux bridge can't have as a port; "
            "give an Ethernet interface (tap in place of tun), or route to it",
        ),
        ({"members": ["tap1"]}, "members[0]: 'tap1' is a port of br9 already; take it out there first"),
        (
            {"addresses": ["203.0.113.77/28"]},
            "bridge br0: address 203.0.113.77/28 overlaps route 203.0.113.0/24 via eth0; "
            "choose another subnet or set allow_overlap",
        ),
        (
            {"name": "br9", "mtu": 1000},
            "bridge br9: mtu 1000 is below 1280 bytes, with which the kernel takes IPv6 off it, and it is to have "
            "fd00:9::1/64; set a larger mtu or leave the IPv6 addresses out",
        ),
        (
            {"name": "br9", "addresses": ["fd00:9::1/48"]},
            "bridge br9: address fd00:9::1/48 is there as fd00:9::1/64, and the bridge was not made by this "
            "collection; name it as it is",
        ),
    ],
)
def test_bridge(host, options, sentence):
    before = host.picture()
    with pytest.raises(Refused) as refused:
        plans(host, bridge.parse({"name": "br0", **options}))
    assert str(refused.value) == sentence
    assert host.picture() == before


def test_a_forward_delay_that_stp_does_not_allow(host):
    host.kernel.host.change_bridge("br5", {"stp": 1})
    sentence = (
        "^bridge br5: forward_delay 0 is below 2 seconds, the minimum that the kernel accepts with stp on, as it is; "
        "raise it or set stp to false$"
    )
    with pytest.raises(Refused, match=sentence):
        plans(host, bridge.parse({"name": "br5", "forward_delay": 0}))
    assert plans(host, bridge.parse({"name": "br5", "forward_delay": 0, "stp": False}))


def test_vlan_filtering_that_the_kernel_has_not(host):
    with pytest.raises(
        MissingFeature, match="^bridge br0: vlan_filtering was asked for, and this kernel has no bridge VLAN filtering "
    ):
        plans(host, bridge.parse({"name": "br0", "vlan_filtering": True}))
    assert plans(host, bridge.parse({"name": "br0", "vlan_filtering": False}))


def test_overlap_that_was_allowed_and_link_local_addresses_of_every_interface(host):
    host.kernel.host.add_address("eth0", "fe80::9/64")
    assert plans(host, bridge.parse({"name": "br0", "addresses": ["203.0.113.77/28"], "allow_overlap": True}))
    assert plans(host, bridge.parse({"name": "br0", "addresses": ["fe80::1/64"]}))


def test_absent_of_another_tools_bridge(host):
    have = observing.observe(host, bridge.Bridge("br9"))
    with pytest.raises(
        Refused, match="^bridge br9 was not made by this collection and stays; set force to delete it all the same$"
    ):
        bridge_deletion.absent("br9", have, force=False)
    assert [line for one in bridge_deletion.absent("br9", have, force=True) for line in one.lines()] == [
        "delete bridge br9"
    ]


def test_switching_the_hosts_forwarding_on_is_a_warning(host):
    want = bridge.parse({"name": "br0", "ip_forward": True, "addresses": ["192.168.5.1/24", "fd00:5::1/64"]})
    operations = plans(host, want)
    assert forwarding.warnings(operations) == [
        f"{name} is switched on for the whole host: it now forwards between all its interfaces, not only this bridge"
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    ]
    engine.apply(operations, host)
    assert forwarding.warnings(plans(host, want)) == []
    assert bridge_result.warnings(want, observing.observe(host, want)) == []


def test_masquerading_a_bridge_that_has_no_address_is_a_warning(host):
    want = bridge.parse({"name": "br0", "masquerade": True})
    (told,) = bridge_result.warnings(want, observing.observe(host, want))
    assert told.startswith("bridge br0 has no address")


# ---- attachments


@pytest.fixture
def scene():
    return Scene(SimKernel())


def attach(scene, *items):
    return scene.present(attachment.parse_list([{"bridge": "br0", **item} for item in items], {}))()


def refusal(scene, *items):
    before = scene.host.picture()
    with pytest.raises(Refused) as refused:
        attach(scene, *items)
    assert scene.host.picture() == before
    return str(refused.value)


def test_a_bridge_that_is_not_there(scene):
    said = refusal(scene, {"container": "web2", "bridge": "br7"})
    assert said == (
        "bridge: 'br7' is neither a Linux bridge nor an Open vSwitch bridge of this host; "
        "create it first (container_bridge makes a Linux bridge, ovs_vlan_port with create_bridge one of Open vSwitch)"
    )


def test_a_bridge_that_is_an_interface_of_another_kind(scene):
    scene.kernel.host.new_link("enp3s0", "")
    scene.kernel.host.new_link("bond0", "bond")
    for name, kind in (("enp3s0", "a physical interface"), ("bond0", "a bond interface")):
        said = refusal(scene, {"container": "web2", "bridge": name})
        assert said == (
            f"bridge: {name!r} is {kind} of this host and not a bridge; make it a port of one (members of "
            "container_bridge, or add it in Open vSwitch) and name that bridge here"
        )
    stopped = HostSide(NetworkState({"enp3s0": Link(7, "enp3s0", "")}), {}, {}, False)
    with pytest.raises(Refused, match="physical interface of this host and not a bridge"):
        find_bridge("enp3s0", stopped)


@pytest.mark.parametrize("kind", ["openvswitch", "tun"])
def test_the_device_of_an_open_vswitch_bridge_is_no_interface_of_another_kind(kind):
    stopped = HostSide(NetworkState({"ovs0": Link(7, "ovs0", kind)}), {}, {}, False)
    with pytest.raises(Refused, match="and Open vSwitch does not run; .*, or start Open vSwitch"):
        find_bridge("ovs0", stopped)


def test_a_purge_of_a_bridge_that_is_not_there(scene):
    said = "^bridge: 'br7' is neither a Linux bridge nor an Open vSwitch bridge of this host; create it first"
    for wants in ((), attachment.parse_list([{"container": "web2", "bridge": "br0"}], {})):
        with pytest.raises(Refused, match=said):
            scene.present(wants, "br7")()


def test_vlans_that_a_linux_bridge_can_not_carry(scene):
    advice = "that does not filter VLANs; set vlan_filtering on it (container_bridge), or use an Open vSwitch bridge"
    for options, asked in (
        ({"vlan": 7}, "vlan: 7"),
        ({"trunks": "7,9"}, "trunks: 7,9"),
        ({"vlan_mode": "trunk"}, "vlan_mode: trunk"),
    ):
        assert (
            refusal(scene, {"container": "web2", **options}) == f"{asked} was asked for on br0, a Linux bridge {advice}"
        )
    said = refusal(scene, {"container": "web2", "bridge": "br1", "vlan_mode": "dot1q-tunnel", "vlan": 7})
    assert (
        said == "vlan: 7 was asked for on br1, a Linux bridge: mode dot1q-tunnel is for Open vSwitch only; "
        "use an Open vSwitch bridge, or give another mode"
    )
    said = refusal(scene, {"container": "web2", "bridge": "br1", "trunks": [0, 7]})
    assert said.endswith(
        "0 is no VLAN of a Linux bridge; for frames without a tag, give mode native-untagged and their VLAN as tag"
    )


def test_vlans_where_the_kernel_has_no_filtering():
    scene = Scene(SimKernel(vlan_filtering=False))
    with pytest.raises(MissingFeature) as raised:
        attach(scene, {"container": "web2", "vlan": 7})
    assert str(raised.value) == (
        "vlan: 7 was asked for on br0, a Linux bridge, and this kernel has no bridge VLAN filtering "
        "(CONFIG_BRIDGE_VLAN_FILTERING); use an Open vSwitch bridge, or a kernel that has it"
    )


def test_an_interface_of_dockers(scene):
    said = refusal(scene, {"container": "web1", "interface": "eth0"})
    assert (
        said == "interface: 'eth0' is taken in web1 by a veth interface that this collection did not make; "
        "choose another interface"
    )
    with pytest.raises(
        Refused,
        match="^interface: 'eth0' of web1 was not made by this collection and stays; remove it with what made it$",
    ):
        scene.absent(attachment.parse_list([{"container": "web1", "interface": "eth0", "bridge": "*"}], {}))()


def test_a_host_interface_that_is_taken(scene):
    engine.apply(attach(scene, {"container": "web1", "host_interface": "web"}), scene.host)
    for name, whose in (("web", "the attachment eth1 of container web1"), ("tap9", "a tun interface that is not ours")):
        said = refusal(scene, {"container": "web2", "host_interface": name})
        assert said == f"host_interface: '{name}' is taken on this host by {whose}; choose another"


def test_a_host_interface_that_is_a_port_of_another_tool(scene):
    scene.host.ovs_ports["vm7"] = OvsPort("vm7", "ovs0", None, (), None, (("owner", "libvirt"),))
    said = refusal(scene, {"container": "web2", "host_interface": "vm7", "bridge": "ovs0"})
    assert (
        said
        == "host_interface: 'vm7' is the name of a port of Open vSwitch bridge ovs0 that is not ours; choose another"
    )


def test_an_mtu_of_the_bridge_that_is_too_small_for_ipv6(scene):
    scene.kernel.host.set("br0", mtu=1000)
    said = refusal(scene, {"container": "web2", "addresses": ["fd00::2/64"]})
    assert said.startswith(
        "mtu: 1000 is that of bridge br0 for eth1 of container web2, and is below 1280 bytes, the minimum MTU of IPv6; "
    )


def test_a_route_that_is_another_tools(scene):
    said = refusal(
        scene,
        {"container": "web1", "addresses": ["10.0.0.2/24"], "routes": [{"destination": "10.20.0.0/16", "metric": 77}]},
    )
    assert (
        said
        == "routes: 10.20.0.0/16 is in web1 already (10.20.0.0/16 via 172.17.0.9 dev eth0 metric 77), and not ours; "
        "give it another metric"
    )


def test_links_that_were_swapped_by_hand(scene):
    engine.apply(attach(scene, {"container": "web2"}, {"container": "web2", "interface": "eth2"}), scene.host)
    ns = scene.host.namespaces["web2"]
    for old, new in (("eth1", "eth9"), ("eth2", "eth1")):
        ns.rename(old, new)
    said = refusal(scene, {"container": "web2"})
    assert (
        said == "interface: 'eth1' in web2 is the attachment eth2 under another name, and eth1 is eth9 there; "
        "rename them back first"
    )


def test_one_link_for_two_attachments(scene):
    engine.apply(attach(scene, {"container": "web2"}), scene.host)
    scene.host.namespaces["web2"].rename("eth1", "eth2")
    said = refusal(scene, {"container": "web2"}, {"container": "web2", "interface": "eth2"})
    assert (
        said == "interface: 'eth2' and 'eth1' are the same link eth2 in web2; it was renamed, so rename it back first"
    )


def test_vlans_that_would_cut_the_host_off():
    host = SimulatedHost(SimKernel())
    ns = host.kernel.host
    ns.new_link("lan0", "bridge", "02:00:00:00:00:05")
    ns.new_link("eth0", "", "02:00:00:00:00:06")
    ns.set("eth0", up=True, master="lan0")
    ns.set("lan0", up=True)
    ns.add_address("lan0", "203.0.113.9/24")

    def asked(port_vlans, **options):
        return {"name": "lan0", "vlan_filtering": True, "port_vlans": port_vlans, **options}

    trunk = {"port": "eth0", "mode": "trunk", "trunks": "100,200"}
    for options, then in (
        (asked([trunk]), "no longer"),
        (asked([trunk, {"port": "lan0", "tag": 100}]), "do so in VLAN 100"),
        (asked([{"port": "lan0", "tag": 100}]), "no longer"),
        (asked([{"port": "eth0", "tag": 100}]), "no longer"),
        (asked([trunk], vlan_default_pvid=0), "no longer"),
    ):
        with pytest.raises(Refused) as raised:
            plans(host, bridge.parse(options))
        assert str(raised.value) == (
            f"port_vlans: this host is reached by lan0, which eth0 connects untagged, and it would {then}; "
            "give VLANs with which it goes on, to eth0 and to lan0 itself, or use another bridge"
        ), options
    native = {"port": "eth0", "mode": "native-untagged", "trunks": "100"}
    for port_vlans in ([], [{**native, "tag": 1}], [{**native, "tag": 7}, {"port": "lan0", "tag": 7}]):
        assert plans(host, bridge.parse(asked(port_vlans)))


FILTERS = {"vlan_filtering": 1, "vlan_default_pvid": 1}
FIRST = bridge_vlans.default(1)
NIC, NESTED_NIC = (
    Link(6, "up0", "", master=5, vlans=FIRST),
    Link(6, "up0", "veth", master=5, peer=2, peer_netns=0, vlans=FIRST),
)
TAP = Link(6, "up0", "tun", master=5, vlans=FIRST)
TRUNK = {"port": "up0", "mode": "trunk", "trunks": "100,200"}
HELD = {"br0": ("10.8.0.1/24",)}


def asks_for_a_trunk(*links, held=None, default="", ours=False, **options):
    """Plan a trunk on the only NIC of a bridge; return the VLANs by which the refusal says that the host is reached."""
    own = Link(5, "br0", "bridge", bridge=FILTERS, vlans=FIRST, alias=MARK if ours else "")
    routes = (Route("0.0.0.0/0", "10.8.0.254", default, 0),) if default else ()
    have = BridgeState(NetworkState({link.name: link for link in (own, *links)}, {}, routes), held=held or {})
    try:
        assert plan.present(bridge.parse({"name": "br0", "port_vlans": [TRUNK], **options}), have)
    except Refused as refused:
        words = str(refused).partition("this host is reached by ")[2].partition(", and it would")[0]
        assert words, refused
        return words
    return None


def test_a_nic_that_is_a_veth_of_another_namespace_is_an_uplink_where_it_is_the_way_out():
    assert asks_for_a_trunk(NESTED_NIC, held=HELD, default="br0") == "br0, which up0 connects untagged"
    assert asks_for_a_trunk(NESTED_NIC, held=HELD) is None
    assert (
        asks_for_a_trunk(
            NESTED_NIC, Link(7, "eth0", master=5, vlans=FIRST), held=HELD, default="br0", port_vlans=[TRUNK]
        )
        is None
    )
    assert asks_for_a_trunk(TAP, held=HELD, default="br0") == "br0, which up0 connects untagged"
    assert asks_for_a_trunk(TAP, held=HELD) is None


def test_an_interface_on_top_of_a_bridge_is_an_uplink():
    upper = Link(7, "mv0", "macvlan", peer=5)
    assert asks_for_a_trunk(NIC, upper, held={"mv0": ("10.8.0.1/24",)}) == "mv0, which up0 connects untagged"
    assert asks_for_a_trunk(NIC, upper, held={"mv0": ("fe80::1/64",)}) is None
    assert (
        asks_for_a_trunk(NIC, Link(7, "mv0", "macvlan", peer=5, peer_netns=0), held={"mv0": ("10.8.0.1/24",)}) is None
    )
    # A veth has the other one as its peer, and is not on top of it.
    assert asks_for_a_trunk(NIC, Link(7, "ve0", "veth", peer=5), held={"ve0": ("10.8.0.1/24",)}) is None

    tagged = Link(7, "br0.5", "vlan", peer=5, vlan_id=5)
    peer = Link(8, "br0.5.6", "vlan", peer=7, vlan_id=6)
    both = [
        {"port": "up0", "mode": "native-untagged", "tag": 1, "trunks": "5,6"},
        {"port": "br0", "mode": "native-untagged", "tag": 1, "trunks": "5,6"},
    ]
    carried = Link(6, "up0", master=5, vlans=(*FIRST, bridge_vlans.VlanRange(5, 5)))
    assert asks_for_a_trunk(NIC, tagged, peer, held={"br0.5.6": ("10.8.0.1/24",)}, port_vlans=both) is None
    seen = asks_for_a_trunk(carried, tagged, peer, held={"br0.5.6": ("10.8.0.1/24",)}, vlan_filtering=True)
    assert seen is None  # the bridge itself does not carry it so far

    on_top = Link(7, "br0q", "vlan", peer=5, vlan_id=100, master=8)
    top, unfiltered = Link(8, "brm", "bridge"), {"vlan_filtering": 0, "vlan_default_pvid": 1}
    own = Link(5, "br0", "bridge", bridge=unfiltered, vlans=FIRST)
    said = asks_for_a_trunk(NIC, on_top, top, own, held={"brm": ("10.8.0.1/24",)}, default="brm", vlan_filtering=True)
    assert said == "brm, which up0 connects in VLAN 100"
    said = asks_for_a_trunk(NIC, tagged, peer, own, held={"br0.5.6": ("10.8.0.1/24",)}, vlan_filtering=True)
    assert said == "br0.5.6, which up0 connects in VLAN 5"


def test_an_address_on_a_bridge_of_ours_that_the_options_do_not_name_is_an_uplink():
    assert asks_for_a_trunk(NIC, held=HELD, ours=True) == "br0, which up0 connects untagged"
    assert (
        asks_for_a_trunk(NIC, held=HELD, ours=True, addresses=["192.168.5.1/24"]) == "br0, which up0 connects untagged"
    )
    assert asks_for_a_trunk(NIC, held=HELD, ours=True, addresses=["10.8.0.1/24"]) is None
    assert asks_for_a_trunk(NIC, held=HELD, addresses=["10.8.0.1/24"]) == "br0, which up0 connects untagged"
    assert (
        asks_for_a_trunk(NIC, held=HELD, ours=True, default="br0", addresses=["10.8.0.1/24"])
        == "br0, which up0 connects untagged"
    )

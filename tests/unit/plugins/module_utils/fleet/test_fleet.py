# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of a fleet contradict is told in one sentence each; addresses that are left out are chosen, and kept."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from hypothesis import given
from hypothesis import strategies as st

VLANS = {"web": {"id": 100, "subnet": "192.168.0.0/24"}, "db": {"id": 200, "subnet": "192.168.0.0/24"}}


def fleet(shown=None, vlans=None, running=None, more=None, **containers):
    variables = {
        host: {
            "bridge": "ovs0",
            "uplink": "eth1",
            "vlans": vlans or VLANS,
            "containers": entries,
            **(more or {}).get(host, {}),
        }
        for host, entries in containers.items()
    }
    return vlan_fleet.read(variables, shown or {}, running)


def problem(*words, **containers):
    found = fleet(*words, **containers).problems
    assert len(found) == 1, found
    return found[0]


def addresses(found):
    assert found.problems == ()
    return {
        f"{member.host}/{member.label}": ",".join(str(address.ip) for address in member.addresses)
        for member in found.members
    }


def shown(**by_host):
    """What hosts show: the container, its VLAN's id and its address."""
    return {
        host: {
            "attachments": [
                {"container": name, "bridge": "ovs0", "interface": "eth1", "vlan": vlan, "addresses": [f"{address}/24"]}
                for name, vlan, address in entries
            ]
        }
        for host, entries in by_host.items()
    }


def test_the_wiring_of_the_headline_case():
    found = fleet(
        hosta=[
            {"container": "test1", "vlan": "web", "address": "192.168.0.1/24"},
            {"container": "test2", "vlan": "db", "address": "192.168.0.2/24"},
        ],
        hostb=[
            {"container": "test3", "vlan": "web", "address": "192.168.0.3/24"},
            {"container": "test4", "vlan": "db", "address": "192.168.0.4/24"},
        ],
    )
    assert found.problems == ()
    assert vlan_fleet.attachments(found, "hosta") == [
        {"container": "test1", "interface": "eth1", "vlan": 100, "addresses": ["192.168.0.1/24"]},
        {"container": "test2", "interface": "eth1", "vlan": 200, "addresses": ["192.168.0.2/24"]},
    ]
    assert [entry["container"] for entry in vlan_fleet.attachments(found, "hostb")] == ["test3", "test4"]


def test_an_address_takes_its_prefix_length_from_the_vlan_and_a_gateway_comes_along():
    vlans = {
        "web": {"id": 100, "subnet": "10.0.0.0/20", "gateway": "10.0.0.1"},
        "six": {"id": 6, "subnet": "fd00:6::/64", "gateway": "fd00:6::1"},
    }
    found = fleet(
        vlans=vlans,
        hosta=[
            {"container": "a", "vlan": "web", "address": "10.0.1.0"},
            {"netns": "b", "vlan": "six", "address": "fd00:6::7", "interface": "eth3", "mtu": 1400},
            {"pid": 71, "vlan": "web", "address": "10.0.1.255", "gateway": "10.0.0.2"},
        ],
    )
    assert found.problems == ()
    assert vlan_fleet.attachments(found, "hosta") == [
        {"container": "a", "interface": "eth1", "vlan": 100, "addresses": ["10.0.1.0/20"], "gateway": "10.0.0.1"},
        {
            "netns": "/run/netns/b",
            "interface": "eth3",
            "vlan": 6,
            "addresses": ["fd00:6::7/64"],
            "gateway6": "fd00:6::1",
            "mtu": 1400,
        },
        {"pid": 71, "interface": "eth1", "vlan": 100, "addresses": ["10.0.1.255/20"], "gateway": "10.0.0.2"},
    ]


def test_the_same_address_in_two_vlans_is_no_duplicate():
    found = fleet(
        hosta=[
            {"container": "a", "vlan": "web", "address": "192.168.0.1"},
            {"container": "b", "vlan": "db", "address": "192.168.0.1"},
        ]
    )
    assert addresses(found) == {"hosta/a": "192.168.0.1", "hosta/b": "192.168.0.1"}


def test_a_vlan_without_a_subnet_gives_no_address():
    found = fleet(
        vlans={"dhcp": {"id": 7}},
        hosta=[{"container": "a", "vlan": "dhcp"}, {"container": "b", "vlan": "dhcp", "address": "10.1.1.1/8"}],
    )
    assert found.problems == ()
    assert [entry.get("addresses") for entry in vlan_fleet.attachments(found, "hosta")] == [None, ["10.1.1.1/8"]]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"vlan": "web"},
            "hosta: multi_host_vlan_containers[0]: names no container; give exactly one of container, netns, pid",
        ),
        ({"container": "a", "pid": 1, "vlan": "web"}, "names container and pid; give exactly one"),
        (
            {"container": "a"},
            "hosta: multi_host_vlan_containers[0].vlan: nothing is not a VLAN of multi_host_vlan_vlans; known are db, web",
        ),
        ({"container": "a", "vlan": "wbe"}, "vlan: 'wbe' is not a VLAN of multi_host_vlan_vlans; known are db, web"),
        (
            {"container": "a", "vlan": "web", "address": "192.168.1.1/24"},
            "'192.168.1.1/24' is not in 192.168.0.0/24, the subnet of VLAN web; give an address",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.0/24"},
            "'192.168.0.0/24' is the network address of 192.168.0.0/24",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.255/24"},
            "is the broadcast address of 192.168.0.0/24",
        ),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0.9/16"},
            "has prefix length 16 where VLAN web has subnet 192.168.0.0/24; write 192.168.0.9/24",
        ),
        ({"container": "a", "vlan": "web", "address": "fd00::1/64"}, "'fd00::1/64' is not in 192.168.0.0/24"),
        (
            {"container": "a", "vlan": "web", "address": "192.168.0"},
            "address: '192.168.0' is not an address; write it like 192.168.0.1/24",
        ),
        ({"container": "a", "vlan": "web", "address": "192.168.0.1/x"}, "is not an address"),
        (
            {"container": "a", "vlan": "web", "address": ["192.168.0.1", "192.168.0.2"]},
            "'192.168.0.2' is the second of IPv4; give one IPv4 and one IPv6",
        ),
        (
            {"container": "a", "vlan": "web", "adress": "192.168.0.1"},
            "has adress, which no entry has; the keys are container",
        ),
        (
            {"pid": 71, "vlan": "web"},
            "[0].pid: an address is left out, which could not be kept, as 71 is another process some day; give address, or",
        ),
        ("a", "hosta: multi_host_vlan_containers[0]: 'a' is not a mapping"),
    ],
)
def test_an_entry_that_can_not_be_right(entry, sentence):
    assert sentence in problem(hosta=[entry])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"id": 0}, "hosta: multi_host_vlan_vlans.x.id: 0 is not a VLAN id; give a number from 1 to 4094"),
        ({"id": 4095}, "4095 is not a VLAN id"),
        ({"id": 5000}, "5000 is not a VLAN id"),
        ({"id": True}, "True is not a VLAN id"),
        ({"subnet": "10.0.0.0/8"}, "id: nothing is not a VLAN id"),
        ({"id": 1, "subnet": "10.0.0.1/8"}, "'10.0.0.1/8' has bits set below its prefix length; write 10.0.0.0/8"),
        ({"id": 1, "subnet": "10.0.0.0"}, "'10.0.0.0' has no room for two hosts; give its prefix length"),
        ({"id": 1, "subnet": "ten"}, "subnet: 'ten' is not a subnet; write it like"),
        (
            {"id": 1, "subnet": "10.0.0.0/8", "gateway": "11.0.0.1"},
            "gateway: '11.0.0.1' is not in 10.0.0.0/8; give an address of a host in 10.0.0.0/8",
        ),
        ({"id": 1, "gateway": "11.0.0.1"}, "gateway: '11.0.0.1' is given and no subnet that it could lie in"),
        (
            {"id": 1, "subnet": "10.0.0.0/8", "pool": "10.0.0.9-10.0.0.8"},
            "pool: '10.0.0.9-10.0.0.8' is not a range of host addresses in 10.0.0.0/8",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "11.0.0.0/8"]},
            "subnet: '11.0.0.0/8' is the second of IPv4; a VLAN has one IPv4 and one IPv6 subnet at most",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "fd00::/64"], "gateway": ["10.0.0.1", "10.0.0.2"]},
            "gateway: '10.0.0.2' is the second in 10.0.0.0/8",
        ),
        (
            {"id": 1, "subnet": ["10.0.0.0/8", "fd00::/64"], "pool": "fd01::1-fd01::9"},
            "'fd01::1-fd01::9' is not a range of host addresses in fd00::/64",
        ),
        (
            {"id": 1, "vni": 1 << 24},
            "vni: 16777216 is not a VXLAN network identifier; give a number from 1 to 16777215",
        ),
        ({"id": 1, "tag": 5}, "has tag, which no VLAN has; the keys are id, subnet"),
        (100, "multi_host_vlan_vlans.x: 100 is not a mapping"),
    ],
)
def test_a_vlan_that_can_not_be_right_is_told_once_for_all_hosts(spec, sentence):
    assert sentence in problem(vlans={"x": spec}, hosta=[], hostb=[])


def test_duplicates_over_the_fleet():
    taken = {"container": "a", "vlan": "web", "address": "192.168.0.9"}
    assert problem(hosta=[taken], hostb=[{**taken, "container": "b"}]) == (
        "hostb: multi_host_vlan_containers[0].address: 192.168.0.9 is the address of a of hosta in VLAN web (100) already; give one of them another"
    )
    assert "eth1 of a is in the list twice" in problem(
        hosta=[taken, {"container": "a", "vlan": "db", "address": "192.168.0.7"}]
    )
    assert "the gateway of VLAN web" in problem(
        vlans={"web": {**VLANS["web"], "gateway": "192.168.0.9"}}, hosta=[taken]
    )


def test_one_mac_address_twice_in_a_vlan():
    one = {"container": "a", "vlan": "web"}
    for first, second in (
        ({"mac": "02:00:00:00:00:0A"}, {"mac": "02-00-00-00-00-0a"}),
        ({"mac_seed": "x"}, {"mac_seed": "x"}),
    ):
        said = problem(hosta=[{**one, **first}], hostb=[{**one, "container": "b", **second}])
        assert said.startswith(f"hostb: multi_host_vlan_containers[0].{next(iter(second))}: ")
        assert said.endswith(" is that of a of hosta in VLAN web (100) already; give one of them another")
        assert fleet(hosta=[{**one, **first}], hostb=[{**one, "vlan": "db", **second}]).problems == ()


@pytest.mark.parametrize(
    ("subnet", "kind"),
    [
        ("224.1.0.0/24", "multicast"),
        ("ff05::/64", "multicast"),
        ("127.5.0.0/24", "loopback"),
        ("0.0.0.0/24", "unspecified"),
        ("fe80::/64", "link-local"),
    ],
)
def test_addresses_that_no_container_can_have(subnet, kind):
    said = problem(vlans={"x": {"id": 1, "subnet": subnet}}, hosta=[], hostb=[])
    assert f"vlans.x.subnet: '{subnet}' holds {kind} addresses, which no container can be given; choose another" in said
    address = f"{ipaddress.ip_network(subnet)[1]}/24"
    if kind != "unspecified":
        assert f"is a {kind} address" in problem(
            vlans={"x": {"id": 1}}, hosta=[{"container": "a", "vlan": "x", "address": address}]
        )


def test_vlans_that_differ_between_hosts():
    one = {"bridge": "ovs0", "uplink": "eth1", "containers": [], "vlans": {"web": {"id": 100}}}
    found = vlan_fleet.read({"hosta": one, "hostb": {**one, "vlans": {"web": {"id": 101}}}}, {})
    assert found.problems == (
        "hostb: multi_host_vlan_vlans.web: is id 101, without a subnet here and id 100, without a subnet on hosta; "
        "a VLAN means the same on all hosts, so make them equal",
    )
    found = vlan_fleet.read({"hosta": one, "hostb": {**one, "vlans": {"www": {"id": "100"}}}}, {})
    assert found.problems == (
        "hostb: multi_host_vlan_vlans.www.id: 100 is the id of VLAN web on hosta already; give each VLAN an id of its own",
    )
    assert "is the id of VLAN db already" in problem(vlans={"db": {"id": 5}, "web": {"id": 5}}, hosta=[], hostb=[])


def test_the_management_interface_is_no_uplink():
    interfaces = [
        {
            "name": "eth0",
            "management": "holds 10.77.0.11/24; as a port it would lose its addresses and lock you out, so give another interface",
        },
        {"name": "eth1", "management": None},
    ]
    seen = {"hosta": {"attachments": [], "interfaces": interfaces}}

    def found(**more):
        return vlan_fleet.read({"hosta": {"bridge": "ovs0", "vlans": VLANS, "containers": [], **more}}, seen).problems

    assert found(uplink="eth1") == found() == found(transport="none") == ()
    assert (
        "'eth1' stands beside multi_host_vlan_transport: none, which has none"
        in found(uplink="eth1", transport="none")[0]
    )
    assert found(uplink="eth0") == (
        "hosta: multi_host_vlan_uplink: 'eth0' holds 10.77.0.11/24; as a port it would lose its addresses and lock you out, so give another interface",
    )
    assert found(uplink="eth9") == (
        "hosta: multi_host_vlan_uplink: 'eth9' is not an interface of this host; it has eth0, eth1",
    )


def test_an_uplink_that_is_a_port_already():
    def found(**said):
        uplink = {"name": "eth1", "management": None, "bridge": None, "management_vlans": None, **said}
        seen = {"hosta": {"attachments": [], "interfaces": [uplink]}}
        return vlan_fleet.read(
            {"hosta": {"bridge": "ovs0", "vlans": VLANS, "containers": [], "uplink": "eth1"}}, seen
        ).problems

    assert found(bridge="ovs0") == ()
    assert found(bridge="br0") == (
        "hosta: multi_host_vlan_uplink: 'eth1' is a port of bridge br0 already; take it out there first, or give another interface",
    )
    assert found(bridge="br0", management="is a port of Linux bridge br0, which") == (
        "hosta: multi_host_vlan_uplink: 'eth1' is a port of Linux bridge br0, which",
    )
    # The bridge has an address in VLAN 100, which the trunk carries as it always did; one without a tag it would not.
    assert found(bridge="ovs0", management="leads to it", management_vlans=[100]) == ()
    for vlans in ([0], [0, 100], [300]):
        assert found(bridge="ovs0", management="leads to it", management_vlans=vlans) == (
            "hosta: multi_host_vlan_uplink: 'eth1' leads to it",
        )


def test_hosts_on_a_trunk_need_an_uplink():
    one = {"vlans": VLANS, "containers": []}
    found = vlan_fleet.read({"hosta": {**one, "uplink": "eth1"}, "hostb": one}, {}).problems
    assert len(found) == 1 and found[0].startswith(
        "hostb: multi_host_vlan_uplink: nothing is given, and 2 hosts are to be joined by a trunk; name the NIC"
    )
    assert vlan_fleet.read({"hosta": {**one, "uplink": "eth1"}, "hostb": {**one, "state": "absent"}}, {}).problems == ()


def tunnelled(**hosts):
    vlans = {"web": {"id": 100}, "db": {"id": 200, "vni": 5200}}
    common = {"bridge": "ovs0", "transport": "vxlan", "vlans": vlans}
    return {
        host: {**common, "containers": [{"container": host, "vlan": "web"}], **given} for host, given in hosts.items()
    }


def test_tunnels_lead_to_every_other_host_in_every_vlan():
    variables = tunnelled(
        hosta={"ansible_host": "10.77.0.11"},
        hostb={"underlay_address": "10.9.0.2", "ansible_host": "b.example"},
        hostc={"state": "absent"},
    )
    fleet = vlan_fleet.read(variables, {})
    assert fleet.problems == ()
    ports = vlan_fleet.ports(fleet, "hosta", variables)
    assert [(port["tag"], port["vxlan"]) for port in ports] == [
        (100, {"remote": "10.9.0.2", "vni": 100}),
        (200, {"remote": "10.9.0.2", "vni": 5200}),
    ]
    back = vlan_fleet.ports(fleet, "hostb", variables)
    assert [port["vxlan"] for port in back] == [
        {"remote": "10.77.0.11", "vni": vni, "local": "10.9.0.2"} for vni in (100, 5200)
    ]
    assert len({port["port"] for port in ports}) == 2 and all(len(port["port"]) <= 15 for port in ports)
    assert vlan_fleet.attachments(fleet, "hosta")[0]["mtu"] == 1450
    for more, mtu in (({"ansible_host": "fd00::1"}, 1430), ({"ansible_host": "10.77.0.11", "mtu": 8950}, 8950)):
        alone = tunnelled(hosta={"containers": [{"container": "a", "vlan": "web"}], **more})
        assert vlan_fleet.attachments(vlan_fleet.read(alone, {}), "hosta")[0]["mtu"] == mtu


def test_tunnels_need_an_address_of_each_host_and_an_identifier_of_each_vlan():
    found = vlan_fleet.read(
        tunnelled(hosta={"ansible_host": "a.example"}, hostb={"ansible_host": "10.0.0.1"}), {}
    ).problems
    assert len(found) == 1 and found[0].startswith(
        "hosta: multi_host_vlan_underlay_address: 'a.example' is not an address"
    )
    found = vlan_fleet.read(
        tunnelled(hosta={"ansible_host": "10.0.0.1"}, hostb={"ansible_host": "10.0.0.1"}), {}
    ).problems
    assert found == (
        "hostb: multi_host_vlan_underlay_address: 10.0.0.1 is the address of hosta too; tunnels need one of each host",
    )
    assert "vlans.y.vni: 1 is the VXLAN identifier of VLAN x already" in problem(
        vlans={"x": {"id": 1}, "y": {"id": 2, "vni": 1}}, hosta=[], hostb=[]
    )


names = st.text("abcdefgh", min_size=1, max_size=4)
fleets = st.dictionaries(
    st.sampled_from(["hosta", "hostb", "hostc"]),
    st.lists(st.tuples(names, st.sampled_from(["web", "db"])), max_size=12, unique_by=lambda entry: entry[0]),
)
SMALL = {
    "web": {"id": 1, "subnet": ["fd00:1::/121", "10.0.0.0/25"], "gateway": "10.0.0.5"},
    "db": {"id": 2, "subnet": "fd00::/120", "pool": "fd00::10-fd00::80"},
}


def entries(asked):
    return {host: [{"container": name, "vlan": vlan} for name, vlan in members] for host, members in asked.items()}


def held(found):
    """What hosts show after ``found`` was applied."""
    return {
        host: {
            "attachments": [
                {
                    "container": one.label,
                    "bridge": "ovs0",
                    "interface": "eth1",
                    "vlan": found.vlans[one.vlan].id,
                    "addresses": list(map(str, one.addresses)),
                }
                for one in found.of(host)
            ]
        }
        for host in ("hosta", "hostb", "hostc")
    }


@given(fleets, fleets)
def test_addresses_are_chosen_without_collision_and_kept(first, second):
    before = fleet(vlans=SMALL, **entries(first))
    chosen = addresses(before)
    assert fleet(held(before), vlans=SMALL, **entries(first)).members == before.members

    merged = {host: {**dict(second.get(host, [])), **dict(first.get(host, []))}.items() for host in {**first, **second}}
    after = fleet(held(before), vlans=SMALL, **entries(merged))
    found = addresses(after)
    assert {name: found[name] for name in chosen} == chosen
    for name, vlan in after.vlans.items():
        used = [address.ip for member in after.members if member.vlan == name for address in member.addresses]
        assert len(used) == len(set(used)) == len(vlan.subnets) * sum(member.vlan == name for member in after.members)
        assert all(any(subnet.chooses(address) for subnet in vlan.subnets) for address in used)


def test_what_is_in_use_is_given_to_nobody_else():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/29"}}
    asked = [{"container": name, "vlan": "web"} for name in ("a", "b", "c")]
    seen = shown(hostb=[("x", 100, "10.0.0.2"), ("b", 100, "10.0.0.5")], hosta=[("a", 100, "10.0.0.6")])
    found = addresses(fleet(seen, vlans, hosta=asked[:1], hostb=asked[1:]))
    assert found["hosta/a"] == "10.0.0.6" and found["hostb/b"] == "10.0.0.5"
    assert found["hostb/c"] in {"10.0.0.1", "10.0.0.3", "10.0.0.4"}


def test_of_two_that_show_the_same_address_one_keeps_it():
    seen = shown(hosta=[("a", 100, "192.168.0.7")], hostb=[("b", 100, "192.168.0.7")])
    found = addresses(fleet(seen, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}]))
    assert found["hosta/a"] == "192.168.0.7" != found["hostb/b"]


SEVEN = {"container": "n", "vlan": "web", "address": "192.168.0.7"}


def test_an_address_that_another_keeps_is_refused():
    seen = shown(hosta=[], hostb=[("m", 100, "192.168.0.7")])
    for host, entries in (
        ("hostb", {"hosta": [SEVEN], "hostb": [{"container": "m", "vlan": "web"}]}),
        ("hosta", {"hosta": [SEVEN], "hostb": []}),
    ):
        found = problem(seen, **entries)
        assert found.startswith(
            "hosta: multi_host_vlan_containers[0].address: 192.168.0.7 is what m of hostb has in VLAN web (100), "
        )
        assert ("whose entry leaves its address out and so keeps it; give one of them another" in found) is (
            host == "hostb"
        )
        assert ("which is in no variable; detach it there (multi_host_vlan_purge does), or give another" in found) is (
            host == "hosta"
        )
    # The interface of somebody else, which a tool of its own put there, is in use as well.
    seen["hostb"]["foreign_attachments"] = seen["hostb"].pop("attachments")
    assert "192.168.0.7 is what m of hostb has" in problem(seen, hosta=[SEVEN], hostb=[])
    # So is one on the same host, by another interface of the same container.
    seen = shown(hosta=[("n", 100, "192.168.0.7")])
    assert "192.168.0.7 is what n of hosta has" in problem(seen, hosta=[{**SEVEN, "interface": "eth2"}])


def test_an_address_that_another_gives_up_in_this_run_can_be_given():
    seen = shown(hosta=[("n", 100, "192.168.0.8")], hostb=[("m", 100, "192.168.0.7")])
    eight = {"container": "m", "vlan": "web", "address": "192.168.0.8"}
    elsewhere = {"container": "m", "vlan": "db"}
    for entries, more in (
        ([eight], {}),
        ([elsewhere], {}),
        ([], {"purge": True}),
        ([], {"purge": "yes"}),
        ([], {"state": "absent"}),
    ):
        found = fleet(seen, more={"hostb": more}, hosta=[SEVEN], hostb=entries)
        assert addresses(found)["hosta/n"] == "192.168.0.7"
        # Not if nobody goes to that host: it keeps what it has.
        refused = fleet(seen, more={"hostb": more}, running=["hosta"], hosta=[SEVEN], hostb=entries).problems
        assert refused == (
            "hosta: multi_host_vlan_containers[0].address: 192.168.0.7 is what m of hostb has in VLAN web (100), "
            "and this run leaves hostb as it is; run it for hostb, too, or give another",
        )


def test_an_address_that_one_has_already_is_no_problem():
    seen = shown(hosta=[("n", 100, "192.168.0.7")], hostb=[("m", 100, "192.168.0.7")])
    # Both have it, since one host was down when the other's was given: the one that leaves it out moves.
    found = addresses(fleet(seen, hosta=[SEVEN], hostb=[{"container": "m", "vlan": "web"}]))
    assert found["hosta/n"] == "192.168.0.7" != found["hostb/m"]
    assert "192.168.0.7 is what m of hostb has" in problem(seen, hosta=[SEVEN], hostb=[])
    assert addresses(fleet(seen, hosta=[{**SEVEN, "vlan": "db"}], hostb=[])) == {"hosta/n": "192.168.0.7"}


def test_a_process_whose_interface_is_shown_by_another_name_may_have_it():
    seen = shown(hosta=[("n", 100, "192.168.0.7")])
    by_pid = {"pid": 71, "vlan": "web", "address": "192.168.0.7"}
    assert addresses(fleet(seen, hosta=[by_pid])) == {"hosta/71": "192.168.0.7"}
    assert "192.168.0.7 is what n of hosta has" in problem(seen, hosta=[{**by_pid, "interface": "eth2"}])


def test_an_address_that_is_given_up_on_a_host_that_is_left_out_stays_in_use():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    seen = shown(hosta=[], hostb=[("m", 100, "10.0.0.1")])
    entries = {
        "hosta": [{"container": "n", "vlan": "web"}],
        "hostb": [{"container": "m", "vlan": "web", "address": "10.0.0.2"}],
    }
    assert addresses(fleet(seen, vlans, **entries))["hosta/n"] == "10.0.0.1"
    assert "no address of VLAN web is left for n of hosta" in problem(seen, vlans, ["hosta"], **entries)


@pytest.mark.parametrize(
    "named",
    [
        {"container": "web1"},
        {"container": "c0ffee"},
        {"container": "c0ffee" + "0" * 58},
        {"netns": "sandbox"},
        {"netns": "/var/run/netns/sandbox"},
    ],
    ids=["name", "start of the id", "id", "netns", "path"],
)
def test_an_address_is_kept_however_the_container_is_named(named):
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {
        "pf1": [{"container": "web1"}, {"container": "c0ffee" + "0" * 58}, {"netns": "/run/netns/sandbox"}]
    }
    (address,) = addresses(fleet(seen, hosta=[{**named, "vlan": "web"}])).values()
    assert address == "192.168.0.7"


def test_what_is_kept_goes_by_the_name_that_the_container_had_in_the_last_run():
    """README.md says so: other names of a container are shown only while it is attached."""
    by_id = {"container": "c0ffee" + "0" * 58, "vlan": "web"}
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {"pf1": [{"container": "web1"}, {"container": by_id["container"]}]}

    def restarted(entry):
        ids = vlan_fleet.external_ids(fleet(seen, hosta=[entry]), "hosta", {"hosta": {"bridge": "ovs0"}}, seen)
        return {"hosta": {"attachments": [], "ovs_bridges": [{"name": "ovs0", "external_ids": ids}]}}

    assert addresses(fleet(restarted(by_id), hosta=[by_id])) == {f"hosta/{by_id['container']}": "192.168.0.7"}
    assert addresses(fleet(restarted({**by_id, "container": "web1"}), hosta=[by_id])) != {
        f"hosta/{by_id['container']}": "192.168.0.7"
    }


def test_another_container_keeps_no_address_of_one_with_a_similar_id():
    seen = shown(hosta=[("web1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["host_interface"] = "pf1"
    seen["hosta"]["targets"] = {"pf1": [{"container": "web1"}, {"container": "c0ffee" + "0" * 58}]}
    for other in ("c0ffef", "web", "c0ffee1"):
        assert addresses(fleet(seen, hosta=[{"container": other, "vlan": "web"}])) != {f"hosta/{other}": "192.168.0.7"}
    # One that is called so goes before one whose id begins so.
    both = addresses(fleet(seen, hosta=[{"container": "web1", "vlan": "web"}, {"container": "c0ffee", "vlan": "web"}]))
    assert both["hosta/web1"] == "192.168.0.7" != both["hosta/c0ffee"]


def test_a_namespace_and_its_path_are_one():
    assert "eth1 of a is in the list twice" in problem(
        hosta=[{"netns": "a", "vlan": "web"}, {"netns": "/var/run/netns/a", "vlan": "web"}]
    )


def place(host, container):
    """The last byte of the address that a container gets in an empty VLAN."""
    (address,) = addresses(fleet(**{host: [{"container": container, "vlan": "web"}]})).values()
    return int(address.rpartition(".")[2])


def colliding():
    """Two containers of hostb that want the same place, which is their key in the first dictionary, and one of hosta that wants the next."""
    by_place = {}
    for number in range(400):
        by_place.setdefault(place("hostb", f"b{number}"), []).append(f"b{number}")
    at, names = next((at, names) for at, names in sorted(by_place.items()) if len(names) > 1 and at < 200)
    return (
        at,
        names[0],
        names[1],
        next(name for name in (f"a{number}" for number in range(9999)) if place("hosta", name) == at + 1),
    )


def test_what_a_host_that_is_down_may_have_is_given_to_nobody_else():
    at, first, second, newcomer = colliding()
    both = [{"container": name, "vlan": "web"} for name in sorted([first, second])]
    before = addresses(fleet(hosta=[], hostb=both))
    assert set(before.values()) == {f"192.168.0.{at}", f"192.168.0.{at + 1}"}
    up = shown(hosta=[])
    found = fleet(up, hosta=[{"container": newcomer, "vlan": "web"}], hostb=both)
    assert addresses(found).pop(f"hosta/{newcomer}") not in before.values() and {
        **addresses(found),
        **before,
    } == addresses(found)
    assert len(found.warnings) == 1 and found.warnings[0].startswith(
        "hostb: could not be asked which addresses its containers have"
    )

    # The one that came second keeps its address when the first is gone, which only its host could tell.
    found = fleet(
        up, hosta=[{"container": newcomer, "vlan": "web"}], hostb=[{"container": before_last(before), "vlan": "web"}]
    )
    assert addresses(found)[f"hosta/{newcomer}"] not in before.values()
    # What is asked for goes first, and one that is alone in knowing takes what is left.
    small = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    found = addresses(
        fleet(up, small, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}])
    )
    assert set(found.values()) == {"10.0.0.1", "10.0.0.2"}


def before_last(before):
    """Who has the higher of two addresses."""
    return max(before, key=lambda name: ipaddress.ip_address(before[name])).partition("/")[2]


def test_hosts_that_could_be_asked_need_no_warning():
    one = {"container": "a", "vlan": "web"}
    assert fleet(shown(hosta=[], hostb=[]), hosta=[one], hostb=[{**one, "container": "b"}]).warnings == ()
    # Nobody was asked yet, or the other has nothing of which one could not know.
    assert fleet(shown(hosta=[]), hosta=[one], hostb=[]).warnings == ()
    assert (
        fleet(shown(hosta=[]), hosta=[one], hostb=[{**one, "container": "b", "address": "192.168.0.9"}]).warnings == ()
    )


def test_addresses_are_kept_when_a_vlan_gets_another_id_or_name():
    seen = shown(hosta=[("a", 100, "192.168.0.7"), ("b", 100, "192.168.0.8")], hostb=[("c", 200, "192.168.0.7")])
    asked = {
        "hosta": [{"container": "a", "vlan": "web"}, {"container": "b", "vlan": "web"}],
        "hostb": [{"container": "c", "vlan": "db"}],
    }
    kept = {"hosta/a": "192.168.0.7", "hosta/b": "192.168.0.8", "hostb/c": "192.168.0.7"}
    for web, db in ((150, 200), (200, 100)):  # another id, and the id of another VLAN, which gets this one's
        vlans = {"web": {"id": web, "subnet": "192.168.0.0/24"}, "db": {"id": db, "subnet": "192.168.0.0/24"}}
        assert addresses(fleet(seen, vlans, **asked)) == kept
    # An address that is asked for would move the one that keeps it here as well.
    vlans = {"web": {"id": 150, "subnet": "192.168.0.0/24"}}
    assert "192.168.0.7 is what a of hosta has in VLAN web (100)" in problem(
        seen, vlans, hosta=[asked["hosta"][0]], hostb=[SEVEN]
    )


def test_of_two_vlans_that_become_one_the_containers_that_were_there_keep_their_addresses():
    seen = shown(hosta=[("a", 200, "192.168.0.7")], hostb=[("b", 100, "192.168.0.7")])
    found = addresses(fleet(seen, hosta=[{"container": "a", "vlan": "web"}], hostb=[{"container": "b", "vlan": "web"}]))
    assert found["hostb/b"] == "192.168.0.7" != found["hosta/a"]


BOTH = {
    "web": {
        "id": 100,
        "subnet": ["192.168.0.0/24", "fd00:1::/64"],
        "gateway": ["fd00:1::1", "192.168.0.1"],
        "pool": "fd00:1::10-fd00:1::1f",
    }
}


def test_a_vlan_of_both_families_gives_addresses_of_both():
    asked = [
        {"container": "a", "vlan": "web", "address": ["fd00:1::7", "192.168.0.7/24"]},
        {"container": "b", "vlan": "web", "address": "192.168.0.8"},
        {"container": "c", "vlan": "web"},
    ]
    found = fleet(vlans=BOTH, hosta=asked)
    chosen = {name: text.split(",") for name, text in addresses(found).items()}
    assert chosen["hosta/a"] == ["192.168.0.7", "fd00:1::7"] and chosen["hosta/b"][0] == "192.168.0.8"
    six = [ipaddress.ip_address(chosen[name][1]) for name in ("hosta/b", "hosta/c")]
    assert len(set(six)) == 2 and all(
        ipaddress.ip_address("fd00:1::10") <= one <= ipaddress.ip_address("fd00:1::1f") for one in six
    )
    entry = vlan_fleet.attachments(found, "hosta")[0]
    assert entry["addresses"] == ["192.168.0.7/24", "fd00:1::7/64"]
    assert (entry["gateway"], entry["gateway6"]) == ("192.168.0.1", "fd00:1::1")
    # Each family is kept for itself: one that the VLAN gets later moves no address of the other.
    seen = shown(hosta=[("c", 100, "192.168.0.9")])
    assert addresses(fleet(seen, BOTH, hosta=asked[2:]))["hosta/c"].split(",")[0] == "192.168.0.9"


def test_duplicates_in_either_family():
    one = {"container": "a", "vlan": "web", "address": ["192.168.0.7", "fd00:1::7"]}
    assert "fd00:1::7 is the address of a of hosta in VLAN web (100) already" in problem(
        vlans=BOTH, hosta=[one], hostb=[{"container": "b", "vlan": "web", "address": "fd00:1:0::7"}]
    )
    seen = shown(hosta=[], hostb=[("m", 100, "192.168.0.9")])
    seen["hostb"]["attachments"][0]["addresses"].append("fd00:1::7/64")
    # That m is given another IPv4 address takes no IPv6 address from it.
    other = {"container": "m", "vlan": "web", "address": "192.168.0.10"}
    assert "fd00:1::7 is what m of hostb has in VLAN web (100), whose entry leaves" in problem(
        seen, BOTH, hosta=[one], hostb=[other]
    )
    assert "pid: an address is left out" in problem(
        vlans=BOTH, hosta=[{"pid": 7, "vlan": "web", "address": "fd00:1::7"}]
    )


def test_an_address_of_another_vlan_is_not_kept():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/24"}, "db": {"id": 200, "subnet": "10.0.1.0/24"}}
    found = addresses(fleet(shown(hosta=[("a", 200, "10.0.1.7")]), vlans, hosta=[{"container": "a", "vlan": "web"}]))
    assert ipaddress.ip_address(found["hosta/a"]) in ipaddress.ip_network("10.0.0.0/24")


def test_a_subnet_that_is_full():
    vlans = {"web": {"id": 100, "subnet": "10.0.0.0/30"}}
    assert (
        "[2]: no address of VLAN web is left for c of hosta, all 2 of its subnet are taken; make it larger"
        in problem(vlans=vlans, hosta=[{"container": name, "vlan": "web"} for name in "abc"])
    )


def test_what_was_chosen_is_chosen_again_after_all_containers_restarted():
    """Whoever came first has the place that its names lead to; without what the bridges keep, the order of names would decide."""
    vlans = {"web": {"id": 100, "subnet": "192.168.0.0/29"}}
    names = [f"c{number}" for number in range(5)]

    def entries(*those):
        return [{"container": name, "vlan": "web"} for name in those]

    def given(found):
        attachments = vlan_fleet.attachments(found, "hosta")
        return {entry["container"]: entry["addresses"][0] for entry in attachments}

    def kept(found):
        return vlan_fleet.external_ids(found, "hosta", {"hosta": {"bridge": "ovs0"}}, {})

    def seen(ids, **holding):
        wired = [
            {"container": name, "interface": "eth1", "bridge": "ovs0", "vlan": 100, "addresses": [address]}
            for name, address in holding.items()
        ]
        return {"hosta": {"attachments": wired, "ovs_bridges": [{"name": "ovs0", "external_ids": ids}]}}

    shown, ids, addresses = {}, {}, {}
    for number in range(len(names), 0, -1):
        found = fleet(shown, vlans, hosta=entries(*names[number - 1 :]))
        ids, addresses = kept(found), given(found)
        shown = seen(ids, **addresses)
    assert len(set(addresses.values())) == len(names)
    # The host was restarted: nothing is attached.
    everybody = entries(*names)
    assert given(fleet(seen({}), vlans, hosta=everybody)) != addresses
    again = fleet(seen(ids), vlans, hosta=everybody)
    assert given(again) == addresses and kept(again) == ids
    # What is asked for, and what is in use, goes first; what somebody else wrote there does no harm.
    (first, taken), *_rest = addresses.items()
    other = next(name for name in names if name != first)
    asked = [entry if entry["container"] != other else {**entry, "address": taken} for entry in everybody]
    moved = given(fleet(seen(ids), vlans, hosta=asked))
    assert moved[other] == taken != moved[first]
    for broken in ("", "[]", "{", '{"container=c1 eth1": 7, "x": ["y"]}', '["a"]'):
        assert fleet(seen({"multi_host_vlan_addresses": broken}), vlans, hosta=everybody).problems == ()
    # Where nothing is chosen any more, nothing is kept.
    gone = fleet(seen(ids), vlans, hosta=[])
    assert vlan_fleet.external_ids(gone, "hosta", {"hosta": {"bridge": "ovs0"}}, seen(ids)) == {
        "multi_host_vlan_addresses": "{}"
    }
    assert vlan_fleet.external_ids(gone, "hosta", {"hosta": {"bridge": "ovs0"}}, seen({})) == {}


def test_a_limited_run_says_which_hosts_it_does_not_look_at():
    given = {"uplink": "eth1", "vlans": VLANS, "containers": [], "limited": True}
    assert vlan_fleet.read({"hosta": {**given, "left_out": []}}, {}).warnings == ()
    (said,) = vlan_fleet.read(
        {"hosta": {**given, "left_out": ["hostc"]}, "hostb": {**given, "left_out": ["hostc"]}}, {}
    ).warnings
    assert said.startswith(
        "--limit leaves out hostc: their VLANs stay as they are, and addresses of containers there are not looked at; set"
    )
    assert vlan_fleet.read({"hosta": {**given, "limited": False, "left_out": ["hostc"]}}, {}).warnings == ()


def test_of_a_vlan_that_is_refused_its_containers_say_nothing_more():
    found = fleet(
        vlans={"web": {"id": 5000}}, hosta=[{"container": "a", "vlan": "web"}, {"container": "b", "vlan": "db"}]
    )
    assert [problem.split(":")[1] for problem in found.problems] == [
        " multi_host_vlan_vlans.web.id",
        " multi_host_vlan_containers[1].vlan",
    ]


def test_an_mtu_that_does_not_fit_through_the_links_is_told():
    def said(uplink=1500, entry=None, **given):
        containers = [{"container": "a", "vlan": "web", **({"mtu": entry} if entry else {})}]
        variables = {
            host: {"uplink": "eth1", "vlans": VLANS, "containers": containers if host == "hosta" else [], **given}
            for host in ("hosta", "hostb")
        }
        link = {"name": "eth1", "mtu": uplink, "management": "", "bridge": None}
        return vlan_fleet.read(
            variables, {host: {"attachments": [], "interfaces": [link]} for host in variables}
        ).warnings

    assert said() == said(mtu=1500) == said(entry=1500) == said(mtu=9000, uplink=9000) == ()
    words = "9000 is more than the 1500 bytes that fit through the uplinks of all hosts; larger packets to other hosts are lost"
    assert said(mtu=9000) == (f"hosta: multi_host_vlan_mtu: {words}", f"hostb: multi_host_vlan_mtu: {words}")
    assert said(entry="9000") == (f"hosta: multi_host_vlan_containers[0].mtu: {words}",)


def test_a_limited_run_takes_no_tunnel_away():
    common = {"hosta": {"ansible_host": "10.77.0.11"}, "hostb": {"ansible_host": "10.77.0.12"}}
    both = tunnelled(**common)
    there = [
        {"name": port["port"], "bridge": "ovs0", "kind": "vxlan"}
        for port in vlan_fleet.ports(vlan_fleet.read(both, {}), "hosta", both)
    ]
    seen = {"hosta": {"attachments": [], "ports": there}}

    def problems(**more):
        return vlan_fleet.read(tunnelled(hosta={**common["hosta"], **more}), seen).problems

    assert (
        problems()
        == problems(limited=False)
        == problems(limited=True, bridge="ovs1")
        == problems(limited=True, transport="trunk", uplink="eth1")
        == ()
    )
    (said,) = problems(limited=True)
    assert said.startswith(
        "hosta: --limit leaves hosts out, and 2 of this host's tunnels lead to none of the others (vx"
    )
    assert said.endswith(
        "set multi_host_vlan_hosts to all hosts that share the VLANs, such as groups['fleet'], or run without --limit"
    )
    complete = {host: {**given, "limited": True} for host, given in both.items()}
    assert vlan_fleet.read(complete, seen).problems == ()


def mtus(links, there=(), running=None, more=None):
    """By container, what it gets where hosts have uplinks of these sizes and containers are attached with those; hosts without an uplink did not answer."""
    entries = {"hosta": ["a1", "a2"], "hostb": ["b1"]}
    wired = [
        {"container": name, "bridge": "ovs0", "interface": "eth1", "vlan": 100, "addresses": [], "mtu": mtu}
        for name, mtu in dict(there).items()
    ]
    shown = {
        host: {
            "attachments": [entry for entry in wired if entry["container"][0] == host[-1]],
            "interfaces": [
                {"name": name, "mtu": mtu, "management": "", "bridge": None}
                for name, mtu in (("eth1", size), ("eth0", 600))
            ],
        }
        for host, size in links.items()
    }
    found = fleet(
        shown,
        running=running,
        more=more,
        **{host: [{"container": name, "vlan": "web"} for name in names] for host, names in entries.items()},
    )
    assert found.problems == ()
    given = {entry["container"]: entry.get("mtu") for host in entries for entry in vlan_fleet.attachments(found, host)}
    return given, [warning for warning in found.warnings if "MTU" in warning]


def test_the_mtu_of_containers_is_what_fits_through_the_uplinks_of_all_hosts():
    def those(*sizes, **given):
        found, warnings = mtus(dict(zip(("hosta", "hostb"), sizes)), more={"hosta": given})
        return [found["a1"], found["b1"]], warnings

    assert those() == ([None, None], [])
    assert those(9000, 1500) == ([1500, 1500], [])
    # What one host is told to give, the others can't go beyond.
    assert those(9000, 9000, mtu=1400) == ([1400, 1400], [])
    assert those(1400, 1500, mtu="9000") == ([9000, 1400], [])
    assert those(1400, 9000, state="absent", mtu=1300)[0][1] == 9000


def test_no_container_gets_a_larger_mtu_while_a_host_does_not_say_what_fits():
    low = {"a1": 1500, "a2": 1500, "b1": 1500}
    assert mtus({"hosta": 9000, "hostb": 9000}, low) == ({"a1": 9000, "a2": 9000, "b1": 9000}, [])
    given, (said,) = mtus({"hosta": 9000}, {"a1": 1500, "a2": 1600})
    assert given == {"a1": 1500, "a2": 1600, "b1": 1500}
    assert said.startswith("hostb: how large frames may be there is not known, ") and said.endswith(
        "or set multi_host_vlan_mtu for all hosts"
    )
    # A new one gets no more than the others, and nothing keeps them from getting less.
    assert mtus({"hosta": 9000}, {"a2": 1500})[0]["a1"] == 1500
    assert mtus({"hosta": 1400}, {"a2": 1500})[0] == {"a1": 1400, "a2": 1400, "b1": 1400}
    assert mtus({"hosta": 9000})[0]["a1"] == 9000
    # So it is where --limit leaves a host out of the variables.
    given, (said,) = mtus({"hosta": 9000, "hostb": 9000}, low, more={"hosta": {"limited": True, "left_out": ["hostc"]}})
    assert given == low and said.startswith("hostc: how large")
    # What needs no reckoning, and a host that shares nothing any more.
    both = {host: {"mtu": 8000} for host in ("hosta", "hostb")}
    assert mtus({"hosta": 9000}, {"a1": 1500}, more=both) == ({"a1": 8000, "a2": 8000, "b1": 8000}, [])
    given, warnings = mtus({"hosta": 9000}, {"a1": 1500}, more={"hostb": {"state": "absent"}})
    assert given["a1"] == 9000 and warnings == []


def test_an_mtu_that_one_entry_asks_for_is_no_measure_for_others():
    entries = [{"container": "a1", "vlan": "web", "mtu": 1300}, {"container": "a2", "vlan": "web"}]
    seen = shown(hosta=[("a1", 100, "192.168.0.7")])
    seen["hosta"]["attachments"][0]["mtu"] = 1300
    seen["hosta"]["interfaces"] = [{"name": "eth1", "mtu": 9000, "management": "", "bridge": None}]
    found = fleet(seen, hosta=entries, hostb=[])
    assert [entry["mtu"] for entry in vlan_fleet.attachments(found, "hosta")] == [1300, 9000]


@pytest.mark.parametrize("wrong", ["jumbo", 67, "65536", True, [1500]])
def test_an_mtu_that_is_none(wrong):
    assert (
        problem(more={"hosta": {"mtu": wrong}}, hosta=[])
        == f"hosta: multi_host_vlan_mtu: {wrong!r} is no MTU; give 68 to 65535 bytes"
    )


def test_the_mtu_of_containers_leaves_room_for_the_tunnels_of_all_hosts():
    common = {
        "hosta": {"ansible_host": "10.77.0.11"},
        "hostb": {"underlay_address": "10.9.0.2", "ansible_host": "10.77.0.12"},
    }

    def seen(**mtu):
        links = {"hosta": ["10.77.0.11/24", "fd00::11/64"], "hostb": ["10.9.0.2/24", "fd00::12/64"]}
        other = {"name": "x", "addresses": ["192.0.2.1/24"], "mtu": 600}
        return {
            host: {"attachments": [], "interfaces": [other, {"name": "u", "addresses": links[host], "mtu": size}]}
            for host, size in mtu.items()
        }

    def mtu(shown, **hosts):
        variables = tunnelled(**(hosts or common))
        fleet = vlan_fleet.read(variables, shown)
        assert fleet.problems == ()
        (found,) = {vlan_fleet.attachments(fleet, host)[0]["mtu"] for host in variables}
        return found

    assert mtu({}) == 1450
    assert mtu(seen(hosta=1400)) == mtu(seen(hosta=1400, hostb=1500)) == mtu(seen(hosta=9000, hostb=1400)) == 1350
    assert mtu(seen(hosta=9000, hostb=9000)) == 8950
    assert (
        mtu(seen(hosta=1400, hostb=1400), hosta={"ansible_host": "fd00::11"}, hostb={"ansible_host": "fd00:0::12"})
        == 1330
    )


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "a loopback address"),
        ("0.0.0.0", "the unspecified address"),
        ("224.0.0.5", "a multicast address"),
        ("255.255.255.255", "a reserved address"),
        ("::1", "a loopback address"),
        ("::", "the unspecified address"),
        ("ff02::1", "a multicast address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
    ],
)
def test_an_underlay_address_that_no_tunnel_leads_to(address, kind):
    given = tunnelled(
        hosta={"underlay_address": "10.77.0.11"}, hostb={"underlay_address": address, "ansible_host": "10.77.0.12"}
    )
    assert vlan_fleet.read(given, {}).problems == (
        f"hostb: multi_host_vlan_underlay_address: {address!r} is {kind}, to which no tunnel of another host leads; "
        "give the host's address in the network that joins them",
    )


def test_tunnels_of_one_family_and_hosts_of_one_transport():
    hosta = {"ansible_host": "10.77.0.11"}
    assert vlan_fleet.read(tunnelled(hosta=hosta, hostb={"ansible_host": "fd00::12"}), {}).problems == (
        "hostb: multi_host_vlan_underlay_address: 'fd00::12' is an IPv6 address, and 10.77.0.11 of hosta an IPv4 one; tunnels need one family at both ends",
    )
    # One whose name is no address, and that is in no tunnel.
    for transport, more in (("trunk", {"uplink": "eth1"}), ("none", {})):
        mixed = tunnelled(hosta=hosta, hostb={"ansible_host": "b.example", "transport": transport, **more})
        assert vlan_fleet.read(mixed, {}).problems == (
            f"hostb: multi_host_vlan_transport: {transport!r} is given here and 'vxlan' on hosta; hosts that share VLANs are joined in one way, "
            "so make them equal, or say in multi_host_vlan_hosts who shares them",
        )
    gone = tunnelled(
        hosta={**hosta, "state": "absent", "transport": "trunk"},
        hostb={"ansible_host": "fd00::12"},
        hostc={"ansible_host": "fd00::13"},
    )
    assert vlan_fleet.read(gone, {}).problems == ()
    twice = tunnelled(hosta=hosta, hostb=hosta)
    assert vlan_fleet.read(twice, {}).problems == (
        "hostb: multi_host_vlan_underlay_address: 10.77.0.11 is the address of hosta too; tunnels need one of each host",
    )

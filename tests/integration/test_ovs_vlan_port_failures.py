# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_vlan_port where something goes wrong: nothing is changed then, or the next run completes it."""

from __future__ import annotations

import json

import pytest
from lab_hosts import ModuleFailed
from ovs_lab import NETDEV, columns, ids, make_veth, thoroughly, vlans
from wiring import assert_same, everything, make_namespaces, make_ovs_bridge, ovs_ports, refused


def configuration(host):
    """Return what Open vSwitch is configured to, without ids of rows: what was removed and put back has new ones."""
    shown = {}
    for table, names in (
        ("bridge", "datapath_type,fail_mode,mcast_snooping_enable,other_config"),
        ("port", "tag,trunks,vlan_mode"),
    ):
        listed = json.loads(
            host.run("ovs-vsctl", "-f", "json", f"--columns=name,external_ids,{names}", "list", table).stdout
        )
        shown[table] = sorted(listed["data"], key=lambda row: row[0])
    shown["members"] = {row[0]: host.run("ovs-vsctl", "list-ports", row[0]).stdout for row in shown["bridge"]}
    return shown


def _links(shown):
    return {section: entries for section, entries in shown.items() if section != "ovs"}


def _catch_up(host):
    """Wait until ovs-vswitchd has done all that was asked of it meanwhile."""
    host.run(
        "ovs-vsctl",
        "--timeout=20",
        "set",
        "open_vswitch",
        ".",
        "external_ids:wait=1",
        "--",
        "remove",
        "open_vswitch",
        ".",
        "external_ids",
        "wait",
    )


def test_a_bridge_without_a_datapath_is_noticed_and_undone(hosta):
    if hosta.run("sh", "-c", "test -d /sys/module/openvswitch", check=False).returncode == 0:
        pytest.skip("this machine's kernel has the module openvswitch")
    make_veth(hosta, "up1")
    before = everything(hosta)
    with pytest.raises(ModuleFailed) as failure:
        hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, port="up1", tag=5)
    said = failure.value.result["msg"]
    assert "Open vSwitch bridge ovs0 got no network device" in said
    assert (
        "the kernel module openvswitch is required for its datapath_type system; load that module, "
        "or set datapath_type to netdev;" in said
    )
    assert "nothing of this change was kept" in said
    assert_same(before, everything(hosta))
    # One that somebody made so is told, and is healed by being given a datapath.
    hosta.run("ovs-vsctl", "--no-wait", "add-br", "ovs0")
    assert "is in the database but has no network device" in refused(
        hosta, "ovs_vlan_port", bridge="ovs0", port="up1", tag=5
    )
    thoroughly(hosta, bridge="ovs0", port="up1", tag=5, bridge_options=NETDEV)
    # And back to one that the kernel has not: undone.
    configured = configuration(hosta)
    with pytest.raises(ModuleFailed, match="the kernel module openvswitch is required for its datapath_type system"):
        hosta.module("ovs_vlan_port", bridge="ovs0", bridge_options={"datapath_type": "system"})
    assert configuration(hosta) == configured


@pytest.mark.parametrize("create", [False, True])
def test_a_switch_that_does_not_confirm(hosta, create):
    make_ovs_bridge(hosta)
    make_veth(hosta, "set0", "new0", "gone0")
    hosta.module("ovs_vlan_port", bridge="ovs0", ports=[{"port": "set0", "tag": 4}, {"port": "gone0", "tag": 6}])
    before, configured = everything(hosta), configuration(hosta)
    options = {"bridge": "ovs0", "ports": [{"port": "set0", "tag": 5}, {"port": "new0", "tag": 6}], "purge": True}
    if create:
        options = {
            "bridge": "ovs1",
            "create_bridge": True,
            "bridge_options": NETDEV,
            "ports": [{"port": "new0", "tag": 6}, {"port": "ovs1", "tag": 6}],
        }
    switch = hosta.run("cat", "/run/openvswitch/ovs-vswitchd.pid").stdout.strip()
    hosta.run("kill", "-STOP", switch)
    try:
        with pytest.raises(
            ModuleFailed,
            match=r"timed out after 1\.\d+ s waiting for ovs-vswitchd to confirm.*nothing of this change was kept",
        ):
            hosta.module("ovs_vlan_port", wait_timeout=1, **options)
    finally:
        hosta.run("kill", "-CONT", switch)
    _catch_up(hosta)
    assert configuration(hosta) == configured
    assert_same(_links(before), _links(everything(hosta)))
    thoroughly(hosta, **options)


def test_deleting_a_bridge_is_undone_too(hosta):
    make_veth(hosta, "up1")
    hosta.module(
        "ovs_vlan_port",
        bridge="ovs0",
        create_bridge=True,
        bridge_options={**NETDEV, "mcast_snooping": True},
        ports=[{"port": "up1", "tag": 5}],
    )
    configured = configuration(hosta)
    switch = hosta.run("cat", "/run/openvswitch/ovs-vswitchd.pid").stdout.strip()
    hosta.run("kill", "-STOP", switch)
    try:
        with pytest.raises(ModuleFailed, match="waiting for ovs-vswitchd to confirm"):
            hosta.module("ovs_vlan_port", bridge="ovs0", create_bridge=True, state="absent", wait_timeout=1)
    finally:
        hosta.run("kill", "-CONT", switch)
    _catch_up(hosta)
    assert configuration(hosta) == configured
    assert vlans(hosta, "up1") == ["[]", "5", "[]"]


def test_open_vswitch_that_does_not_run(hosta):
    before = everything(hosta)
    hosta.run("mv", "/run/openvswitch/db.sock", "/run/openvswitch/db.sock.away")
    try:
        said = []
        for options in ({"port": "up1", "tag": 5}, {"port": "up1", "state": "absent"}, {"create_bridge": True}):
            with pytest.raises(ModuleFailed) as failure:
                hosta.module("ovs_vlan_port", bridge="ovs0", **options)
            said.append(failure.value.result["msg"])
    finally:
        hosta.run("mv", "/run/openvswitch/db.sock.away", "/run/openvswitch/db.sock")
    assert set(said) == {said[0]}
    assert (
        "Open vSwitch does not run on this host" in said[0]
        and "start it with `systemctl start openvswitch-switch`" in said[0]
    )
    assert "after installing the package openvswitch-switch" in said[0]
    assert_same(before, everything(hosta))


@pytest.mark.parametrize(
    ("meanwhile", "sentence"),
    [
        (
            "ovs-vsctl del-port set0",
            "port set0 of Open vSwitch bridge ovs0 can't be changed: it is on no bridge; run this again",
        ),
        (
            "ovs-vsctl del-port set0 -- add-port ovs1 set0",
            "port set0 of Open vSwitch bridge ovs0 can't be changed: it is on bridge ovs1",
        ),
        (
            "ovs-vsctl add-port ovs1 new0",
            "port new0 can't be added to Open vSwitch bridge ovs0: it is on bridge ovs1 already",
        ),
        ("ovs-vsctl del-br ovs0", "there is no Open vSwitch bridge ovs0 on this host"),
    ],
)
def test_somebody_else_comes_between(hosta, meanwhile, sentence):
    for bridge in ("ovs0", "ovs1"):
        make_ovs_bridge(hosta, bridge)
    make_veth(hosta, "set0", "new0")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "set0", "tag=4")
    ports = [{"port": "new0", "tag": 6}, {"port": "set0", "tag": 5}]
    with pytest.raises(ModuleFailed) as failure:
        hosta.module("ovs_vlan_port", bridge="ovs0", ports=ports, meanwhile=(0, meanwhile))
    assert (
        sentence in failure.value.result["msg"] and "nothing had been changed before it" in failure.value.result["msg"]
    )
    shown = {row[0]: row[2] for row in configuration(hosta)["port"]}
    assert 5 not in shown.values() and 6 not in shown.values()


@pytest.mark.parametrize(
    ("meanwhile", "sentence"),
    [
        (
            "port set0 tag=77",
            "port set0 of Open vSwitch bridge ovs0 can't be changed: another program changed its tag "
            "in the meantime; run this again",
        ),
        (
            "port set0 trunks=7,8",
            "port set0 of Open vSwitch bridge ovs0 can't be changed: another program changed its trunks "
            "in the meantime; run this again",
        ),
        (
            "port set0 external_ids:whose=them",
            "another program changed its external_ids:whose in the meantime; run this again",
        ),
        (
            "bridge ovs0 stp_enable=true",
            "Open vSwitch bridge ovs0 can't be changed: another program changed its stp_enable "
            "in the meantime; run this again",
        ),
        ("bridge ovs0 other_config:a=2", "another program changed its other_config:a in the meantime; run this again"),
    ],
)
def test_what_somebody_else_wrote_in_between_is_not_overwritten(hosta, meanwhile, sentence):
    make_ovs_bridge(hosta)
    make_veth(hosta, "set0")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "set0", "tag=4", "--", "set", "bridge", "ovs0", "rstp_enable=true")
    options = {"bridge": "ovs0", "bridge_options": {"stp": True, "rstp": False, "other_config": {"a": 1}}}
    options["ports"] = [{"port": "set0", "tag": 5, "external_ids": {"whose": "ours"}}]
    hosta.run("sh", "-c", f"ovs-vsctl set {meanwhile}")
    overtaken = configuration(hosta)
    hosta.run(
        "sh",
        "-c",
        "ovs-vsctl set port set0 tag=4 trunks=[] external_ids={} -- set bridge ovs0 stp_enable=false other_config={}",
    )
    with pytest.raises(ModuleFailed) as failure:
        hosta.module("ovs_vlan_port", meanwhile=(0, f"ovs-vsctl set {meanwhile}"), **options)
    assert sentence in failure.value.result["msg"]
    assert configuration(hosta) == overtaken


def test_what_somebody_else_wrote_beside_it_stays(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "set0")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "set0", "tag=4")
    theirs = (
        "set port set0 external_ids:iface-owner=neutron -- "
        "set bridge ovs0 fail_mode=secure other_config:mac-table-size=4096 external_ids:owner=x"
    )
    hosta.module(
        "ovs_vlan_port",
        bridge="ovs0",
        bridge_options={"stp": True, "other_config": {"a": 1}},
        port="set0",
        tag=5,
        meanwhile=(0, f"ovs-vsctl {theirs}"),
    )
    assert vlans(hosta, "set0") == ["[]", "5", "[]"] and ids(hosta, "set0")["iface-owner"] == "neutron"
    shown = columns(hosta, "bridge", "ovs0", "stp_enable", "fail_mode", "other_config", "external_ids")
    assert shown == [True, "secure", {"mac-table-size": "4096", "a": "1"}, {"owner": "x"}]
    hosta.module(
        "ovs_vlan_port",
        bridge="ovs0",
        port="set0",
        state="absent",
        meanwhile=(0, "ovs-vsctl set port set0 external_ids:more=y"),
    )
    assert vlans(hosta, "set0") == ["[]", "4", "[]"] and ids(hosta, "set0") == {"iface-owner": "neutron", "more": "y"}


def test_undoing_keeps_what_somebody_else_wrote_beside_it(hosta):
    make_ovs_bridge(hosta)
    make_veth(hosta, "set0", "new0")
    hosta.run("ovs-vsctl", "add-port", "ovs0", "set0", "tag=4")
    theirs = (
        "ovs-vsctl set port set0 external_ids:iface-owner=neutron -- "
        "set bridge ovs0 fail_mode=secure other_config:mac-table-size=4096"
    )
    ports = [{"port": "set0", "tag": 5}, {"port": "new0", "tag": 5}]
    with pytest.raises(ModuleFailed, match="a fault that the test injected"):
        hosta.module(
            "ovs_vlan_port",
            bridge="ovs0",
            bridge_options={"stp": True},
            ports=ports,
            fail_after=1,
            meanwhile=(1, theirs),
        )
    assert vlans(hosta, "set0") == ["[]", "4", "[]"] and ids(hosta, "set0") == {"iface-owner": "neutron"}
    assert columns(hosta, "bridge", "ovs0", "stp_enable", "fail_mode", "other_config") == [
        False,
        "secure",
        {"mac-table-size": "4096"},
    ]
    assert ovs_ports(hosta) == {"set0"}


def test_undoing_a_purge_brings_back_what_others_configured(hosta):
    make_veth(hosta, "up1", "up2")
    hosta.module(
        "ovs_vlan_port",
        bridge="ovs0",
        create_bridge=True,
        bridge_options=NETDEV,
        ports=[{"port": "up1", "tag": 5}, {"port": "up2", "tag": 6}],
    )
    others = "other_config:priority-tags=always -- set interface up2 ingress_policing_rate=1000 external_ids:vm=x"
    hosta.run(
        "sh",
        "-c",
        f"ovs-vsctl set port up2 {others} -- --id=@q create qos type=linux-htb other-config:max-rate=1000000 -- "
        "set port up2 qos=@q",
    )
    hosta.run("ip", "link", "set", "up1", "down")

    def shown():
        interface = columns(hosta, "interface", "up2", "ingress_policing_rate", "external_ids")
        return columns(hosta, "port", "up2", "tag", "external_ids", "other_config", "qos"), interface

    before = shown()
    with pytest.raises(ModuleFailed, match="a fault that the test injected while trying to set up1 up"):
        hosta.module("ovs_vlan_port", bridge="ovs0", ports=[{"port": "up1", "tag": 7}], purge=True, fail_after=1)
    assert shown() == before
    assert vlans(hosta, "up1") == ["[]", "5", "[]"]


@pytest.mark.parametrize("there_before", [True, False])
def test_a_bridge_while_the_switch_does_not_run(hosta, there_before):
    """It carries nothing then, even if all in the database is as wanted."""
    make_veth(hosta, "up1")
    make_namespaces(hosta, "probe")
    wanted = {"bridge": "ovs0", "port": "up1", "tag": 5}
    if there_before:
        hosta.module("ovs_vlan_port", create_bridge=True, bridge_options=NETDEV, **wanted)
        hosta.module("veth_attach", bridge="ovs0", netns="probe")
    switch = hosta.run("cat", "/run/openvswitch/ovs-vswitchd.pid").stdout.strip()
    command = hosta.run("sh", "-c", f"tr '\\0' ' ' < /proc/{switch}/cmdline").stdout.split()
    hosta.run("sh", "-c", f"kill {switch}; while test -d /proc/{switch}; do sleep 0.05; done")
    try:
        if not there_before:
            hosta.run("ovs-vsctl", "--no-wait", "add-br", "ovs0")
        said = [refused(hosta, "ovs_vlan_port", **wanted), refused(hosta, "veth_attach", bridge="ovs0", netns="probe")]
    finally:
        hosta.run(*command)
    for sentence in said:
        assert (
            "Open vSwitch bridge ovs0 carries nothing, as ovs-vswitchd does not run; "
            "start it with `systemctl start openvswitch-switch`" in sentence
        )


def test_several_runs_at_once(hosta):
    make_veth(hosta, *(f"up{number}" for number in range(8)))
    ports = [{"port": f"up{number}", "tag": 100 + number} for number in range(8)]
    results = hosta.modules_at_once(
        "ovs_vlan_port", 4, bridge="ovs0", create_bridge=True, bridge_options=NETDEV, ports=ports
    )
    assert sorted(result["changed"] for result in results) == [False, False, False, True]
    assert [vlans(hosta, f"up{number}")[1] for number in range(8)] == [str(100 + number) for number in range(8)]


@pytest.mark.parametrize("after", range(4))
def test_a_fault_at_any_place_is_undone(hosta, after):
    make_veth(hosta, "up1")
    before = everything(hosta)
    options = {"bridge": "ovs0", "create_bridge": True, "bridge_options": NETDEV, "ports": [{"port": "up1", "tag": 5}]}
    with pytest.raises(ModuleFailed, match="a fault that the test injected while trying to"):
        hosta.module("ovs_vlan_port", fail_after=after, **options)
    assert_same(before, everything(hosta))


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_was_killed_is_completed_by_the_next(hosta, after):
    make_veth(hosta, "up1")
    options = {"bridge": "ovs0", "create_bridge": True, "bridge_options": NETDEV, "ports": [{"port": "up1", "tag": 5}]}
    assert hosta.module("ovs_vlan_port", die_after=after, **options) == {"killed": True}
    thoroughly(hosta, **options)
    assert {"UP"} <= set(hosta.ip("link", "show", "dev", "up1")[0]["flags"]) & set(
        hosta.ip("link", "show", "dev", "ovs0")[0]["flags"]
    )
    assert "off" in hosta.run("sh", "-c", "ethtool -k ovs0 | grep tx-checksumming").stdout
    thoroughly(hosta, bridge="ovs0", create_bridge=True, state="absent")

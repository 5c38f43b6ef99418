# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of a real Open vSwitch (userspace datapath), started here and ended by PID."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs import ovsdb
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs.ovsdb import Ovsdb
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.ovs.session import Session
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ovs import (
    OvsBridge,
    OvsBridgeChange,
    OvsChange,
    OvsPort,
    missing_device,
)
from own_namespaces import in_own_namespaces, needs_root, run

pytestmark = needs_root

RUN = "/run/openvswitch"  # a private tmpfs in here, so that the default socket is the one tested
LOCAL0 = OvsPort("br0", "br0")


@contextlib.contextmanager
def daemon(*arguments, ready):
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL, env={**os.environ, "OVS_RUNDIR": RUN}) as started:
        try:
            deadline = time.monotonic() + 60
            while not ready(started.pid):
                assert time.monotonic() < deadline and started.poll() is None, f"{arguments[0]} did not start"
                time.sleep(0.01)
            yield started.pid
        finally:
            started.send_signal(signal.SIGCONT)
            started.terminate()


@contextlib.contextmanager
def database():
    os.makedirs(RUN)
    run(f"ovsdb-tool create {RUN}/conf.db /usr/share/openvswitch/vswitch.ovsschema")
    listening = ("ovsdb-server", f"{RUN}/conf.db", f"--remote=punix:{RUN}/db.sock", f"--pidfile={RUN}/ovsdb-server.pid")
    with daemon(*listening, "-vconsole:off", ready=lambda _pid: os.path.exists(f"{RUN}/db.sock")) as pid:
        vsctl("--no-wait", "init")
        yield pid


@contextlib.contextmanager
def vswitchd():
    def ready(pid):
        return os.path.exists(f"{RUN}/ovs-vswitchd.{pid}.ctl")

    with daemon("ovs-vswitchd", f"--pidfile={RUN}/ovs-vswitchd.pid", "-vconsole:off", ready=ready) as pid:
        yield pid


@contextlib.contextmanager
def open_vswitch(*bridges):
    with database() as server, vswitchd() as switch:
        for bridge in bridges:
            vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
        yield server, switch


def vsctl(*arguments):
    return run(["ovs-vsctl", f"--db=unix:{RUN}/db.sock", "--timeout=10", *arguments])


def links(*names):
    for name in names:
        run(f"ip link add {name} type veth peer name {name}x")


def ports():
    return {name: port for name, port in Ovsdb().read()[1].items() if name != port.bridge}


def port_errors():
    with Session(ovsdb.SOCKET, 10) as session:
        rows = ovsdb._select(session)
    return {name: error for name in rows.ports if (error := rows.error_of(name))}


def configuration():
    """The database but for counters, row ids and what ovs-vswitchd reports of itself."""
    rows = json.loads(run(["ovsdb-client", "-f", "json", "dump", f"unix:{RUN}/db.sock", "Port"]))
    reported = ("_uuid", "interfaces", "statistics", "status", "bond_active_slave")
    columns = [column for column in rows["headings"] if column not in reported]
    port_rows = [[row[rows["headings"].index(column)] for column in columns] for row in rows["data"]]
    interfaces = vsctl("--format=json", "--columns=name,type,options,external_ids,mtu_request", "list", "Interface")
    members = {name: bridge.ports for name, bridge in Ovsdb().read()[0].items()}
    return sorted(map(json.dumps, port_rows)), sorted(map(json.dumps, json.loads(interfaces)["data"])), members


@in_own_namespaces
def test_ports_are_added_changed_and_removed_in_one_go():
    with open_vswitch("br0", "br1"):
        links("v1", "v2", "v3")
        access = OvsPort("v1", "br0", tag=100, vlan_mode="access")
        trunk = OvsPort("v2", "br0", tag=7, trunks=(10, 20, 30), vlan_mode="native-untagged")
        plain = OvsPort("v3", "br1", external_ids=(("pipefitter", "web1:eth1"),))
        Ovsdb().apply(OvsChange(add=(access, trunk, plain)))
        assert ports() == {"v1": access, "v2": trunk, "v3": plain}
        bridges, _ports = Ovsdb().read()
        assert bridges["br0"].ports == ("br0", "v1", "v2")
        assert bridges["br0"].datapath_type == "netdev"
        assert port_errors() == {}
        changed = OvsPort("v1", "br0", trunks=(5,))
        moved = OvsPort("v2", "br1", tag=9)
        Ovsdb().apply(OvsChange(add=(moved,), change=(changed,), remove=(trunk, plain)))
        assert ports() == {"v1": changed, "v2": moved}
        Ovsdb().apply(OvsChange(remove=(changed, moved, plain)))
        assert ports() == {}
        assert "v1" not in vsctl("list", "Interface")


@in_own_namespaces
def test_every_character_survives():
    with open_vswitch("br0"):
        links("v1")
        ids = tuple(sorted({'a "quoted" key': "x=1,y=2; {z}", "empty": "", "uni": "grün\n\t\\", "[set]": "[]"}.items()))
        port = OvsPort("v1", "br0", external_ids=ids)
        Ovsdb().apply(OvsChange(add=(port,)))
        assert ports() == {"v1": port}


@in_own_namespaces
def test_a_thousand_ports_are_one_transaction(monkeypatch):
    attempt, sizes = Session.attempt, []
    monkeypatch.setattr(Session, "attempt", lambda session, asked: sizes.append(len(asked)) or attempt(session, asked))
    with open_vswitch("br0") as (_server, switch):
        os.kill(switch, signal.SIGSTOP)  # to open a thousand devices is not what is tested here
        many = [OvsPort(f"v{number}", "br0", tag=number % 4095 + 1) for number in range(1000)]
        with Session(ovsdb.SOCKET, 10) as session:
            done = ovsdb._commit(session, OvsChange(add=tuple(many)))
        assert len(sizes) == 1 and sizes[0] > 1000
        assert len(ports()) == 1000
        with Session(ovsdb.SOCKET, 10) as session:
            session.transact(done.undo)
        assert ports() == {}


@in_own_namespaces
def test_a_port_without_a_device_is_undone_and_says_why():
    with open_vswitch("br0"):
        links("v1", "v2")
        keep = OvsPort("v2", "br0", tag=3, external_ids=(("a", "b"),))
        Ovsdb().apply(OvsChange(add=(keep,)))
        before = configuration()
        with pytest.raises(PipefitterError, match="port nope into bridge br0: could not open network device nope"):
            Ovsdb().apply(
                OvsChange(add=(OvsPort("v1", "br0"), OvsPort("nope", "br0")), change=(OvsPort("v2", "br0", tag=4),))
            )
        assert configuration() == before


@in_own_namespaces
def test_a_bridge_without_a_datapath_names_the_way_out():
    with open_vswitch("br0"):
        vsctl("--no-wait", "add-br", "kernel0")
        links("v1")
        time.sleep(0.2)
        with pytest.raises(PipefitterError, match="v1 into bridge kernel0.*datapath_type=netdev"):
            Ovsdb().apply(OvsChange(add=(OvsPort("v1", "kernel0"),)))
        bridges, _ports = Ovsdb().read()
        names = set(os.listdir("/proc/thread-self/net/dev_snmp6"))
        assert missing_device(bridges["br0"], names) is None
        assert "datapath_type=netdev" in missing_device(bridges["kernel0"], names)
        assert "no datapath" in port_errors()["kernel0"]


@in_own_namespaces
def test_without_vswitchd_everything_is_undone_also_what_we_never_configure():
    with open_vswitch("br0") as (_server, switch):
        links("v1", "v2", "b1", "b2")
        vsctl("add-port", "br0", "v1", "tag=5", "--", "set", "Interface", "v1", "mtu_request=1400", "external_ids:x=y")
        vsctl("add-bond", "br0", "bond0", "b1", "b2", "bond_mode=balance-slb", "other_config:a=b")
        before = configuration()
        os.kill(switch, signal.SIGSTOP)
        with pytest.raises(PipefitterError, match="timed out after 0.45 s waiting for ovs-vswitchd to confirm"):
            Ovsdb(timeout=0.3).apply(
                OvsChange(add=(OvsPort("v2", "br0"),), remove=(OvsPort("v1", "br0"), OvsPort("bond0", "br0")))
            )
        assert configuration() == before
        os.kill(switch, signal.SIGCONT)
        vsctl("--", "set", "bridge", "br0", "external_ids:woken=yes")
        assert configuration() == before
        assert port_errors() == {}


@in_own_namespaces
def test_a_bridge_that_is_put_back_has_what_others_configured():
    with open_vswitch("br0") as (_server, switch):
        theirs = (
            "protocols=[OpenFlow13,OpenFlow15] flood_vlans=7 mcast_snooping_enable=true -- "
            "set interface br0 mtu_request=1400 external_ids:vm=x"
        )
        vsctl("set", "bridge", "br0", *theirs.split(), "--", "set", "port", "br0", "tag=5", "other_config:a=b")
        bridge = Ovsdb().read()[0]["br0"]

        def shown():
            of_bridge = vsctl(
                "--format=json",
                "--columns=name,protocols,flood_vlans,mcast_snooping_enable,other_config",
                "list",
                "Bridge",
            )
            return json.loads(of_bridge)["data"], configuration()

        before = shown()
        os.kill(switch, signal.SIGSTOP)
        with pytest.raises(
            PipefitterError, match="waiting for ovs-vswitchd to confirm .*; nothing of this change was kept"
        ):
            Ovsdb(timeout=0.2).apply(OvsChange(bridges=OvsBridgeChange(remove=(bridge,))))
        assert shown() == before


@in_own_namespaces
def test_what_is_not_as_supposed_is_refused_and_nothing_done():
    with open_vswitch("br0", "br1"):
        links("v1", "v2", "v3", "b1", "b2")
        v1 = OvsPort("v1", "br0")
        Ovsdb().apply(OvsChange(add=(v1,)))
        vsctl("add-bond", "br0", "bond0", "b1", "b2")
        before = configuration()
        for change, sentence in (
            (
                {"add": (OvsPort("v1", "br1"),)},
                "port v1 can't be added to Open vSwitch bridge br1: it is on bridge br0",
            ),
            ({"add": (OvsPort("b1", "br1"),)}, "port b1 .* part of a bond"),
            ({"add": (OvsPort("v2", "br9"),)}, "no Open vSwitch bridge br9"),
            ({"add": (OvsPort("v2", "br0"), OvsPort("v2", "br1"))}, "v2 .* twice"),
            ({"change": (OvsPort("v1", "br1"),)}, "port v1 of Open vSwitch bridge br1 .* is on bridge br0"),
            ({"change": (OvsPort("v2", "br1"),)}, "port v2 .* is on no bridge"),
        ):
            with pytest.raises(Refused, match=sentence):
                Ovsdb().apply(OvsChange(**{"add": (OvsPort("v3", "br0"),) if "change" in change else (), **change}))
        Ovsdb().apply(OvsChange(remove=(OvsPort("v1", "br1"),)))
        assert configuration() == before


@pytest.mark.parametrize(
    "meanwhile",
    [
        ["add-port", "br1", "v2"],
        ["del-br", "br0"],
        ["--if-exists", "del-port", "v1", "--", "add-port", "br1", "v1"],
        [
            "--id=@p",
            "get",
            "port",
            "v1",
            "--",
            "remove",
            "bridge",
            "br0",
            "ports",
            "@p",
            "--",
            "add",
            "bridge",
            "br1",
            "ports",
            "@p",
        ],
    ],
)
@in_own_namespaces
def test_a_change_by_somebody_else_in_between_fails_as_a_whole(monkeypatch, meanwhile):
    with open_vswitch("br0", "br1"):
        links("v1", "v2")
        Ovsdb().apply(OvsChange(add=(OvsPort("v1", "br0"),)))
        attempt, after = Session.attempt, []

        def overtaken(session, operations):
            if not after:
                vsctl(*meanwhile)
                after.append(configuration())
            return attempt(session, operations)

        monkeypatch.setattr(Session, "attempt", overtaken)
        with pytest.raises(Refused, match="br0|br1"):
            Ovsdb().apply(OvsChange(add=(OvsPort("v2", "br0", tag=2),), change=(OvsPort("v1", "br0", tag=1),)))
        assert configuration() == after[0]


@in_own_namespaces
def test_a_port_that_somebody_else_removes_in_between_is_not_put_back(monkeypatch):
    with open_vswitch("br0") as (_server, switch):
        links("v1", "v2")
        v1, v2 = OvsPort("v1", "br0"), OvsPort("v2", "br0")
        Ovsdb().apply(OvsChange(add=(v1, v2)))
        os.kill(switch, signal.SIGSTOP)
        attempt = Session.attempt

        def overtaken(session, operations):
            vsctl("--no-wait", "--if-exists", "del-port", "v1")
            return attempt(session, operations)

        monkeypatch.setattr(Session, "attempt", overtaken)
        with pytest.raises(
            PipefitterError, match="waiting for ovs-vswitchd to confirm .*; nothing of this change was kept"
        ):
            Ovsdb(timeout=0.2).apply(OvsChange(remove=(v1, v2)))
        assert sorted(ports()) == ["v2"]


@in_own_namespaces
def test_a_harmless_change_by_somebody_else_in_between_is_kept(monkeypatch):
    with open_vswitch("br0"):
        links("v1", "v2", "theirs")
        Ovsdb().apply(OvsChange(add=(OvsPort("v1", "br0"),)))
        attempt, calls = Session.attempt, []

        def overtaken(session, operations):
            if not calls:
                vsctl("add-port", "br0", "theirs", "--", "set", "port", "v1", "tag=55")
            calls.append(1)
            return attempt(session, operations)

        monkeypatch.setattr(Session, "attempt", overtaken)
        Ovsdb().apply(OvsChange(add=(OvsPort("v2", "br0"),), change=(OvsPort("v1", "br0", tag=1),)))
        assert {name: port.tag for name, port in ports().items()} == {"v1": 1, "v2": None, "theirs": None}
        assert len(calls) == 2


@in_own_namespaces
def test_two_runs_at_once_lose_nothing():
    with open_vswitch("br0"):
        names = [f"v{number}" for number in range(8)]
        links(*names)
        errors = []

        def add(name):
            try:
                Ovsdb().apply(OvsChange(add=(OvsPort(name, "br0"),)))
            except PipefitterError as error:
                errors.append(error)

        threads = [threading.Thread(target=add, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not errors and sorted(ports()) == names


@in_own_namespaces
def test_where_it_does_not_run_it_says_what_to_start():
    assert not Ovsdb().available()
    with pytest.raises(MissingFeature, match="systemctl start openvswitch-switch"):
        Ovsdb().read()
    with database() as server:
        assert Ovsdb().available() and not Ovsdb().switch_runs()
        with vswitchd():
            vsctl("set", "open_vswitch", ".", "external_ids:woken=yes")
            assert Ovsdb().switch_runs() and Ovsdb().switch_runs()
            vsctl("set", "open_vswitch", ".", "external_ids:woken=still")
        os.kill(server, signal.SIGSTOP)
        with pytest.raises(PipefitterError, match="timed out after 0.2 s waiting for ovsdb-server to answer"):
            Ovsdb(timeout=0.2).read()
        os.kill(server, signal.SIGCONT)
        os.kill(server, signal.SIGKILL)
    with pytest.raises(MissingFeature, match="does not listen on .*; start it with"):
        Ovsdb().read()


@in_own_namespaces
def test_bridges_come_and_go_with_their_ports():
    with open_vswitch("br0"):
        links("v1", "v2")
        made = OvsBridge(
            "br1",
            "netdev",
            ("br1",),
            (("a", "b=c, d"),),
            "secure",
            mcast_snooping=True,
            other_config=(("hwaddr", "02:00:00:00:00:09"),),
        )
        tagged = (OvsPort("v1", "br1", 5), OvsPort("br1", "br1", 6))
        Ovsdb().apply(OvsChange(add=tagged, bridges=OvsBridgeChange(add=(made,))))
        bridges, ports = Ovsdb().read()
        assert (bridges["br1"], ports["br1"].tag) == (replace(made, ports=("br1", "v1"), devices=("v1",)), 6)
        with pytest.raises(Refused, match="bridge br1 can't be created: there is a bridge of that name by now"):
            Ovsdb().apply(OvsChange(bridges=OvsBridgeChange(add=(made,))))
        with pytest.raises(
            Refused, match="bridge v1 can't be created: there is a port of bridge br1 of that name by now"
        ):
            Ovsdb().apply(OvsChange(bridges=OvsBridgeChange(add=(OvsBridge("v1", "netdev", ("v1",)),))))
        vsctl("add-port", "br1", "v2")
        with pytest.raises(Refused, match="bridge br1 can't be deleted: it has port v2 by now"):
            Ovsdb().apply(OvsChange(remove=(OvsPort("v1", "br1"),), bridges=OvsBridgeChange(remove=(made,))))
        assert Ovsdb().read()[0]["br1"].ports == ("br1", "v1", "v2")
        vsctl("del-port", "v2")
        Ovsdb().apply(OvsChange(remove=(OvsPort("v1", "br1"),), bridges=OvsBridgeChange(remove=(made,))))
        assert set(Ovsdb().read()[0]) == {"br0"}
        with pytest.raises(Refused, match="bridge br1 can't be changed: it is gone"):
            Ovsdb().apply(OvsChange(bridges=OvsBridgeChange(change=(made,))))
        Ovsdb().apply(OvsChange(bridges=OvsBridgeChange(remove=(made,))))

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules leave in a host's record, and the program that makes it again, without the service."""

from __future__ import annotations

import json

import pytest
from lab_hosts import ModuleFailed
from service import RECORD, pipefitter, records, states
from wiring import attach, container_pid, held, make_bridge, make_containers, make_namespaces, ports, refused, warned

_PROBE = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24"]}
_NAME = "eth1 of netns /run/netns/probe"


@pytest.fixture
def recording(hosta):
    hosta.module("host_program")
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    return hosta


def files(host):
    """Return the files of the record, but for those that tell what was done."""
    script = f"find {RECORD} -type f ! -name 'events*' 2>/dev/null | sort"
    return host.run("sh", "-c", script).stdout.split()


def test_check_mode_and_diff_show_the_record(recording):
    checked = attach(recording, check_mode=True, diff=True, **_PROBE)
    assert f"record {_NAME}" in checked["operations"]
    assert files(recording) == []
    done = attach(recording, diff=True, **_PROBE)
    assert done["operations"] == checked["operations"]
    assert "192.168.5.10/24" in done["diff"]["after"] and "record:" in done["diff"]["after"]
    assert len(files(recording)) == 1
    again = attach(recording, diff=True, **_PROBE)
    assert not again["changed"] and again["recorded"] and again["diff"]["before"] == again["diff"]["after"]


def test_absent_and_purge_take_out_of_the_record(recording):
    make_namespaces(recording, "other")
    other = {**_PROBE, "netns": "other", "addresses": ["192.168.5.11/24"]}
    for options in (_PROBE, other):
        attach(recording, **options)
    assert records(recording) == {_NAME, "eth1 of netns /run/netns/other"}
    purged = recording.module("veth_attach", bridge="br0", attachments=[_PROBE], purge=True)
    assert "take eth1 of netns /run/netns/other out of the record" in purged["operations"]
    assert records(recording) == {_NAME}
    # One that is on another bridge than the one that is named stays.
    assert not attach(recording, netns="probe", bridge="br9", state="absent")["changed"]
    assert records(recording) == {_NAME}
    recording.run("ip", "netns", "delete", "probe")
    gone = attach(recording, netns="probe", state="absent")
    assert f"take {_NAME} out of the record" in gone["operations"] and files(recording) == []
    assert not attach(recording, netns="probe", state="absent")["changed"]


def test_what_goes_with_a_bridge_leaves_the_record_with_it(hosta):
    hosta.module("host_program")
    make_namespaces(hosta, "probe")
    hosta.module("container_bridge", name="br7", addresses=["192.168.7.1/24"], ip_forward=True)
    attach(hosta, netns="probe", bridge="br7", addresses=["192.168.7.2/24"])
    hosta.module("icc_policy", bridge="br7", icc=False)
    hosta.module("port_publish", bridge="br7", netns="probe", ports=["8080:80"])
    assert len(records(hosta)) == 4
    attach(hosta, netns="probe", state="absent")
    gone = hosta.module("container_bridge", name="br7", state="absent")
    assert "take policy of br7 out of the record" in gone["operations"]
    assert files(hosta) == []
    ovs = {"bridge": "ovs7", "create_bridge": True}
    hosta.module("ovs_vlan_port", **ovs, bridge_options={"datapath_type": "netdev"}, ports=[{"port": "ovs7", "tag": 7}])
    assert len(records(hosta)) == 2
    hosta.module("ovs_vlan_port", **ovs, state="absent")
    assert files(hosta) == []


def test_an_object_that_is_not_to_persist_leaves_the_record(recording):
    attach(recording, **_PROBE)
    done = attach(recording, **_PROBE, persistent="false")
    assert done["operations"] == [f"take {_NAME} out of the record"] and not done["recorded"]
    assert held(recording, "eth1", "probe") == {"192.168.5.10/24"}


def test_without_the_service_nothing_is_recorded_unless_asked(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "probe")
    done = attach(hosta, **_PROBE)
    assert done["recorded"] is False and files(hosta) == []
    asked = attach(hosta, **_PROBE, persistent="true")
    assert asked["recorded"] and "the role host_setup installs it" in " ".join(warned(asked))
    assert len(files(hosta)) == 1


def test_a_process_is_no_name_that_lasts(recording):
    make_containers(recording, "web1")
    pid = int(container_pid(recording, "web1"))
    assert attach(recording, pid=pid, bridge="br0")["recorded"] is False
    said = refused(recording, pid=pid, bridge="br0", interface="eth2", persistent="true")
    assert said.startswith(f"pid: {pid} can't be recorded with persistent true")
    assert files(recording) == []


def test_a_container_that_is_not_there_yet_is_wired_when_it_is(recording):
    make_containers(recording, "web1")
    web = [
        {"container": name, "bridge": "br0", "addresses": [f"192.168.5.2{name[-1]}/24"]} for name in ("web1", "web2")
    ]
    wait = "or set wait to false: it is recorded, and wired when it starts"
    unknown = "container: 'web2' is not known to any container engine of this host"
    assert refused(recording, attachments=web) == f"{unknown}; check the name, or start the container first, {wait}"
    # Nothing would come of it.
    said = refused(recording, attachments=web, wait=False, persistent="false")
    assert said.startswith(unknown) and said.endswith(
        "; wait: false waits for one that is recorded, and this is not (persistent: false, or no service)"
    )
    assert files(recording) == []
    recording.run("docker", "stop", "-t", "0", "web1")
    assert refused(recording, attachments=web[:1]).endswith(f"must be running, and it is exited; start it, {wait}")
    recording.run("docker", "start", "web1")
    done = recording.module("veth_attach", attachments=web, wait=False)
    assert done["pending"] == [{"container": "web2", "interface": "eth1"}] and done["recorded"]
    assert [entry["container"] for entry in done["attachments"]] == ["web1"]
    assert states(recording)["eth1 of container web2"] == "pending"
    assert not recording.module("veth_attach", attachments=web, wait=False)["changed"]

    document = json.loads(recording.run("sh", "-c", f"cat {RECORD}/attachment/*web2*.json").stdout)
    make_containers(recording, "web2")

    assert pipefitter(recording, "reconcile").returncode == 2
    assert pipefitter(recording, "reconcile").returncode == 0
    assert len(ports(recording)) == 2
    pid = container_pid(recording, "web2")
    shown = recording.run("nsenter", "-n", "-t", pid, "ip", "link", "show", "eth1").stdout
    assert document["chosen"]["mac"] in shown, "the MAC was chosen before, for each start"


def test_the_program_says_what_it_does_and_how_it_went(recording):
    attach(recording, **_PROBE)
    recording.run("ip", "netns", "exec", "probe", "ip", "address", "flush", "dev", "eth1")
    checked = pipefitter(recording, "reconcile", "--check", "--diff")
    assert checked.returncode == 2 and "add address 192.168.5.10/24 to eth1" in checked.stdout
    assert "+++ after" in checked.stdout and held(recording, "eth1", "probe") == set()
    assert states(recording) == {_NAME: "drifted"}
    assert pipefitter(recording, "reconcile").stdout.splitlines() == checked.stdout.split("--- before")[0].splitlines()
    assert held(recording, "eth1", "probe") == {"192.168.5.10/24"}

    recording.run("ip", "link", "delete", "br0")
    failed = pipefitter(recording, "reconcile")
    assert failed.returncode == 1 and "there is no bridge br0" in failed.stderr, failed.stderr
    assert states(recording) == {_NAME: "failed"}

    assert pipefitter(recording, "forget", "eth1 of nobody").returncode == 1
    assert pipefitter(recording, "forget", _NAME).returncode == 0
    assert files(recording) == [] and "nothing is recorded" in pipefitter(recording, "status").stdout


def test_one_that_cannot_be_made_holds_up_no_other(recording):
    names = [f"n{number}" for number in range(9)]
    make_namespaces(recording, *names)
    recording.run("ip", "link", "add", "br1", "type", "bridge")
    wants = [
        {"netns": name, "bridge": "br1" if name == "n4" else "br0", "addresses": [f"192.168.5.{30 + place}/24"]}
        for place, name in enumerate(names)
    ]
    recording.module("veth_attach", attachments=wants, wait=False)
    recording.run("sh", "-c", "ip link delete br1; for n in 0 1 2 3 4 5 6 7 8; do ip -n n$n link delete eth1; done")
    assert pipefitter(recording, "reconcile").returncode == 1
    shown = states(recording)
    assert shown.pop("eth1 of netns /run/netns/n4") == "failed"
    assert set(shown.values()) == {"in order"} and len(ports(recording)) == 8


def test_a_full_disk_undoes_the_run_and_loses_nothing(recording):
    attach(recording, **_PROBE)
    before = recording.run("sh", "-c", f"cat {RECORD}/attachment/*.json").stdout
    recording.run(
        "sh",
        "-e",
        "-c",
        f"cp -a {RECORD} /run/kept; mount -t tmpfs -o size=8k,mode=700 none {RECORD}; cp -a /run/kept/. {RECORD}"
        f"; dd if=/dev/zero of={RECORD}/full bs=4k 2>/dev/null || true",
    )
    try:
        with pytest.raises(ModuleFailed, match=r"can't be written \(No space left on device\); free some space"):
            attach(recording, **{**_PROBE, "addresses": ["192.168.5.99/24"]})
        assert held(recording, "eth1", "probe") == {"192.168.5.10/24"}
        assert recording.run("sh", "-c", f"cat {RECORD}/attachment/*.json").stdout == before
    finally:
        recording.run("sh", "-c", f"umount {RECORD}; rm -rf /run/kept")


def test_a_damaged_record_stops_no_other(recording):
    make_namespaces(recording, "other")
    attach(recording, **_PROBE)
    attach(recording, **{**_PROBE, "netns": "other", "addresses": ["192.168.5.11/24"]})
    path = next(path for path in files(recording) if "probe" in path)
    recording.run("sh", "-c", f"echo '{{' >{path}; ip -n other link delete eth1; ip -n probe link delete eth1")
    done = pipefitter(recording, "reconcile")
    assert done.returncode == 2 and f"{path}.set-aside" in done.stderr
    assert held(recording, "eth1", "other") == {"192.168.5.11/24"}
    assert pipefitter(recording, "reconcile").stderr == ""


def test_the_mac_that_was_chosen_is_kept(recording):
    mac = attach(recording, **_PROBE)["attachments"][0]["mac"]
    recording.run("ip", "-n", "probe", "link", "delete", "eth1")
    assert attach(recording, **_PROBE)["attachments"][0]["mac"] == mac
    document = json.loads(recording.run("sh", "-c", f"cat {RECORD}/attachment/*.json").stdout)
    assert document["chosen"] == {"mac": mac} and "mac" not in document["want"]


def test_a_bridge_that_is_made_again_has_its_mac_again(hosta):
    hosta.module("host_program")
    mac = hosta.module("container_bridge", name="br7", addresses=["192.168.7.1/24"])["bridge"]["mac"]
    hosta.run("ip", "link", "delete", "br7")
    assert pipefitter(hosta, "reconcile").returncode == 2
    assert hosta.module("container_bridge", name="br7")["bridge"]["mac"] == mac


def test_the_program_is_put_there_once_and_taken_away(hosta):
    checked = hosta.module("host_program", check_mode=True)
    done = hosta.module("host_program")
    assert done["operations"] == checked["operations"] and len(done["operations"]) == 3
    assert not hosta.module("host_program")["changed"]
    assert pipefitter(hosta, "--version").stdout.startswith("pipefitter 0.1.0+")
    hosta.run("sh", "-c", "echo >>/usr/local/lib/pipefitter/pipefitter")
    assert hosta.module("host_program")["operations"] == ["write /usr/local/lib/pipefitter/pipefitter"]
    assert hosta.module("host_program", state="absent")["changed"]
    assert not hosta.module("host_program", state="absent")["changed"]
    hosta.run("sh", "-c", "test ! -e /usr/local/lib/pipefitter -a ! -e /usr/local/sbin/pipefitter")


_VERSION = "/usr/local/lib/pipefitter/version"


@pytest.mark.parametrize(
    ("held", "said", "advice"),
    [
        ("0.0.9+00000000 1", "is 0.0.9, this collection is 0.1.0", "run the role host_setup again"),
        ("10.0.0+00000000 1", "is 10.0.0, this collection is 0.1.0", "update this collection where playbooks run"),
        ("", "tells no version, this collection is 0.1.0", "run the role host_setup again"),
    ],
)
def test_a_module_that_meets_a_service_of_another_version_says_so(recording, held, said, advice):
    recording.run("sh", "-c", f"echo '{held}' >{_VERSION}")
    for check_mode in (True, False):
        (warning,) = warned(attach(recording, check_mode=check_mode, **_PROBE))
        assert said in warning and advice in warning
    assert states(recording) == {_NAME: "in order"}
    assert recording.module("host_program")["operations"] == [f"write {_VERSION}"]
    assert warned(attach(recording, **_PROBE)) == []


def test_a_record_of_another_form_is_left_alone(recording):
    attach(recording, **_PROBE)
    kept = recording.run("sh", "-c", f"cat {RECORD}/attachment/*.json").stdout
    recording.run("sh", "-c", f"echo 10.0.0+00000000 2 >{_VERSION}")
    for persistent in ("auto", "false"):
        said = refused(recording, **{**_PROBE, "addresses": ["192.168.5.9/24"]}, persistent=persistent)
        assert "keeps the record in form 2, and this collection in form 1" in said and "update this collection" in said
    assert recording.run("sh", "-c", f"cat {RECORD}/attachment/*.json").stdout == kept
    # Modules that only show need no record.
    assert [entry["interface"] for entry in recording.module("container_network_info")["attachments"]] == ["eth1"]


def test_status_is_no_wider_than_100_columns_and_leaves_out_nothing(recording):
    long = "a" * 255
    attach(recording, bridge="br0", attachments=[{"container": long}, _PROBE], wait=False)
    shown = pipefitter(recording, "status").stdout.splitlines()
    assert max(map(len, shown)) <= 100
    assert sum(line.count("a") for line in shown[1:] if "aaa" in line) >= 2 * 255  # its name, and why it is pending
    names = pipefitter(recording, "status", "--names").stdout.splitlines()
    assert set(names) == {f"eth1 of container {long}", _NAME} == records(recording)
    assert pipefitter(recording, "forget", f"eth1 of container {long}").returncode == 0
    assert pipefitter(recording, "status", "--names").stdout == f"{_NAME}\n"

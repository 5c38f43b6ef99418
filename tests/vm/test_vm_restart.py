# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole machine that reboots, or is reset in the middle of a run, has its container networks back without Ansible."""

from __future__ import annotations

import shlex

import pytest
from site_of_containers import REACHED, RECORD, WIRING, Site

_MANY = 40
_ATTACHMENTS = f"{RECORD}/attachment"

# Stops a module where its files come into being, and has all that was written until then on the disk. It is of a higher
# priority than all else on the machine's only processor. (linux/inotify.h)
_STOPPING = """
import ctypes, os, signal, sys
folder, mask, count = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
signal.alarm(300)
libc = ctypes.CDLL(None)
events = libc.inotify_init()
assert libc.inotify_add_watch(events, folder, mask) > 0
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
print("watching", flush=True)
for _number in range(count):
    os.read(events, 1 << 16)
for pid in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{pid}/comm") as name:
        if name.read() == "python3\\n" and int(pid) != os.getpid():
            os.kill(int(pid), signal.SIGSTOP)
os.sync()
print("stopped", flush=True)
"""
_CREATED, _MOVED_TO = 0x100, 0x80


@pytest.fixture(scope="module")
def site(machine, tmp_path_factory):
    site = Site(machine, tmp_path_factory.mktemp("site"))
    assert site.play(roles=("host_setup",)) > 0
    site.run_containers()
    assert site.play(*WIRING) == len(WIRING)
    site.settled()
    return site


def test_vlans_of_a_bridge_stand_beside_nat_isolation_and_a_link(site):
    assert site.reached() == REACHED
    assert site.published() == "web"


def test_everything_is_back_after_a_reboot(site):
    site.machine.reboot()
    site.settled()
    assert site.reached() == REACHED
    assert site.published() == "web"
    # Isolation came before any container: engines wait for the first pass.
    assert site.probed() == {"gateway"}
    assert 0 < site.ready("pipefitter.service") <= site.started("docker.service")
    assert site.play(*WIRING) == 0


def test_what_was_acknowledged_an_instant_before_a_reset_is_back(site):
    """Not a reboot: what the machine had not written to its disk is gone."""
    acknowledged = _attachments("now", "10.30.1", 3)
    _make_namespaces(site, acknowledged)
    assert site.play(("veth_attach", acknowledged)) == 1
    site.machine.reset()
    site.machine.wait()
    _assert_whole(site)
    _make_namespaces(site, acknowledged)
    assert len([entry for entry in site.settled() if "netns/now" in entry]) == 3
    assert _reaches(site, acknowledged, 0, acknowledged, 2)
    assert site.play(("veth_attach", {**acknowledged, "state": "absent"})) == 1


@pytest.mark.parametrize(
    ("name", "event", "count", "recorded"),
    [
        pytest.param("a", _CREATED, _MANY // 2, range(1), id="as half of the files are written"),
        pytest.param("b", _MOVED_TO, 1, range(1, _MANY), id="as one of them is in its place"),
    ],
)
def test_a_reset_in_the_middle_of_a_run_loses_nothing_that_was_acknowledged(site, name, event, count, recorded):
    """It stops as it writes its record, with all on the disk that it had written."""
    acknowledged = _attachments(f"{name}-kept", f"10.{count}.1", 3)
    many = _attachments(f"{name}-many", f"10.{count}.2", _MANY)
    _make_namespaces(site, acknowledged, many)
    assert site.play(("veth_attach", acknowledged)) == 1
    before = set(site.settled())
    assert len([entry for entry in before if f"{name}-kept" in entry]) == 3

    _reset_in_the_middle(site, ("veth_attach", many), event, count)
    site.machine.wait()
    _assert_whole(site)
    after = set(site.states())
    assert before <= after
    assert all(f"{name}-many" in entry for entry in after - before)
    assert len(after - before) in recorded

    # The namespaces are gone with the machine's memory. Those made again get back what is recorded.
    _make_namespaces(site, acknowledged, many)
    assert set(site.settled()) == after
    assert _reaches(site, acknowledged, 0, acknowledged, 2)
    assert site.reached() == REACHED
    assert site.published() == "web"
    assert site.probed() == {"gateway"}

    assert site.play(("veth_attach", many)) == 1
    whole = set(site.settled())
    assert len([entry for entry in whole if f"{name}-many" in entry]) == _MANY
    assert _reaches(site, acknowledged, 0, many, _MANY - 1)
    assert site.play(("veth_attach", many)) == 0

    # The next reset takes these namespaces away, which nobody makes again.
    absent = [("veth_attach", {**options, "state": "absent"}) for options in (acknowledged, many)]
    assert site.play(*absent) == 2
    assert set(site.settled()) == {entry for entry in before if f"{name}-kept" not in entry}


def _attachments(name: str, network: str, count: int) -> dict:
    """Return the options of an attachment each for so many namespaces, all in the same VLAN and subnet."""
    entries = [
        {"netns": f"{name}{number}", "addresses": [f"{network}.{number + 1}/16"], "vlan": 300}
        for number in range(count)
    ]
    return {"bridge": "br1", "attachments": entries}


def _make_namespaces(site, *wanted: dict) -> None:
    names = [entry["netns"] for options in wanted for entry in options["attachments"]]
    site.machine.run(f"for name in {' '.join(names)}; do ip netns add $name || exit; done")


def _reset_in_the_middle(site, task: tuple[str, dict], event: int, count: int) -> None:
    watching = site.machine.start(f"python3 -c {shlex.quote(_STOPPING)} {_ATTACHMENTS} {event} {count}")
    assert watching.stdout.readline() == "watching\n"
    play = site.start_play(task)
    assert watching.stdout.readline() == "stopped\n", "the run records nothing"
    site.machine.reset()
    said, _nothing = play.communicate(timeout=120)
    assert play.returncode != 0, said
    watching.communicate(timeout=60)


def _assert_whole(site) -> None:
    """Assert that each file of the record can be read, and that nothing else lies beside them."""
    script = f"""
import json, pathlib
for path in pathlib.Path("{RECORD}").glob("*/*"):
    json.loads(path.read_bytes())
    print(path.suffix)
"""
    suffixes = site.machine.run(f"python3 -c {shlex.quote(script)}").stdout.split()
    assert set(suffixes) == {".json"}, suffixes


def _reaches(site, source: dict, number: int, target: dict, other: int) -> bool:
    address = target["attachments"][other]["addresses"][0].partition("/")[0]
    words = f"ip netns exec {source['attachments'][number]['netns']} ping -n -c 2 -W 5 {address}"
    return site.machine.run(words, check=False).returncode == 0

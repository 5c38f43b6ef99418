# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the service makes its next pass, and what that tries again; by a clock of the test's own."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.notices import Notice
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import ATTACHMENT, Record
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile.passes import (
    FAILED,
    IN_ORDER,
    ObjectState,
    Report,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import watch
from ansible_collections.pipefitter.container_network.plugins.module_utils.service.causes import cause_of


def attachment(name):
    return Record(ATTACHMENT, ("container", name, "eth1"), {"container": name, "bridge": "br0"})


class Service:
    """A watcher without engines and kernel, whose passes find what the test says."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        self.bad = {}  # by name, whether it fails half-way
        self.tried = []
        self.faults = []
        self.takes = 0.0
        self.docker_comes = False
        self.forwarding = []
        self.causes = []
        monkeypatch.setattr(watch.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(watch.passes, "run", self.run)
        monkeypatch.setattr(watch.state_file, "settled", dict)
        monkeypatch.setattr(watch.state_file, "keep", lambda _report, causes: self.causes.append(causes))
        monkeypatch.setattr(watch, "complain", lambda _line: None)
        monkeypatch.setattr(watch.docker, "starts_at_boot", lambda: self.docker_comes)
        monkeypatch.setattr(watch.docker, "process", lambda: "")
        self.watcher = watch.Watcher("repair")

    def run(self, resting, forwarding, **_options):
        self.forwarding.append(forwarding)
        self.now += self.takes
        for fault in self.faults:
            raise fault
        left = {key[1] for _kind, key in resting}
        self.tried.append(sorted({"web1", *self.bad} - left))
        report = Report(check=False)
        report.objects = [ObjectState(attachment("web1"), IN_ORDER)]
        report.objects += [ObjectState(attachment(name), FAILED, "no", half) for name, half in self.bad.items()]
        return report

    def wait(self):
        """Let time pass until the next pass, make it, and return for how long that was."""
        waited = round(self.watcher._due - self.now, 3)
        self.now = self.watcher._due
        self.watcher._pass(engines=True)
        return waited

    def hear(self, kind="links and addresses", *notices):
        """Hear of what a source tells, as _wait() does."""
        self.watcher._hear(next(one for one in watch.SOURCES if one.name == kind), notices)


@pytest.fixture
def service(monkeypatch):
    made = Service(monkeypatch)
    made.wait()
    return made


def test_without_an_event_it_looks_now_and_then(service):
    assert [service.wait(), service.wait()] == [watch.SLOW, watch.SLOW]


@pytest.mark.parametrize("half", [False, True])
def test_what_fails_is_tried_again_after_twice_as_long_each_time(service, half):
    service.bad["bad1"] = half
    service.hear()
    service.wait()
    assert [service.wait() for _time in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all("bad1" in tried for tried in service.tried[1:])
    service.bad.clear()
    service.wait()
    assert service.wait() == watch.SLOW
    # Another time begins from the first.
    service.bad["bad1"] = half
    service.wait()
    assert [service.wait(), service.wait()] == [1, 2]


@pytest.mark.parametrize("fault", [PipefitterError("the record can't be read"), ValueError("a fault of its own")])
def test_a_pass_that_can_not_be_made_is_tried_again_after_twice_as_long(service, fault):
    service.faults = [fault]
    service.wait()
    assert [service.wait() for _time in range(4)] == [1, 2, 4, 8]


def test_the_traces_of_a_failure_are_no_reason_to_try_again(service):
    service.bad["bad1"] = True
    service.wait()
    for _round in range(50):
        service.hear()  # what was made and undone
        assert service.wait() <= 1
        if service.now >= 1000 + watch.SLOW + 15:
            break
    tries = [tried for tried in service.tried if "bad1" in tried]
    assert len(tries) <= 5
    assert all("web1" in tried for tried in service.tried), "others are looked after all the time"


def test_what_is_refused_without_a_change_is_looked_at_whenever_something_happens(service):
    """As the bridge that was missing may have come."""
    service.bad["bad1"] = False
    service.wait()
    for _round in range(3):
        service.hear()
        assert service.wait() == pytest.approx(watch._COALESCED)
        assert "bad1" in service.tried[-1]


def test_an_event_of_an_engine_lets_all_be_tried_at_once(service):
    service.bad["bad1"] = True
    for _time in range(6):
        service.wait()
    service.hear("Docker")
    assert service.wait() == 0
    assert "bad1" in service.tried[-1]
    assert service.wait() == 1


def test_one_that_fails_for_long_does_not_let_another_wait_for_long(service):
    service.bad["bad1"] = True
    for _time in range(8):
        service.wait()
    service.bad["bad2"] = False
    service.hear()
    service.wait()
    assert [service.wait(), service.wait()] == [1, 2]


def test_a_host_whose_routes_change_all_the_time_spends_little_on_it(service):
    service.hear("routes")
    assert service.wait() == 1.0
    service.takes = 0.5
    service.hear("routes")
    assert service.wait() == 1.0
    service.hear("routes")
    assert service.wait() == 10.0
    service.hear("routes")
    service.hear()
    assert service.wait() == 0.1


def test_forwarding_is_left_to_a_docker_that_starts_as_the_host_boots(service):
    service.docker_comes, service.watcher._begun = True, service.now
    service.hear()
    service.wait()
    assert service.forwarding == [True, False]
    assert service.wait() == pytest.approx(120, abs=1), "it may not come"
    assert service.forwarding == [True, False, True]
    service.watcher._begun = service.now
    service.hear()
    service.wait()
    service.watcher._answering.add("Docker")
    service.hear()
    service.wait()
    assert service.forwarding == [True, False, True, False, True]


def test_each_pass_knows_what_led_to_it(service):
    service.hear()
    service.hear("Docker", started := Notice("container web1 started", "web1"), started)
    service.hear()
    service.wait()
    assert service.causes[-1] == [Notice("changed on the host"), started]
    service.bad["bad1"] = True
    service.wait()
    service.wait()
    assert service.causes[-2:] == [[Notice("regular look")], [Notice("tried again")]]


_ALL = "container web1 started, changed on the host, container db ended"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("add address 192.168.5.10/24 to eth1 in container web1", "container web1 started"),
        ("add address 192.168.5.10/24 to eth1 in container web", _ALL),
        ("create bridge br0", _ALL),
    ],
)
def test_a_line_is_caused_by_what_happened_to_its_container(line, cause):
    causes = [
        Notice("container web1 started", "web1"),
        Notice("changed on the host"),
        Notice("container db ended", "db"),
    ]
    assert cause_of(line, causes) == cause


def test_many_causes_are_counted():
    started = [Notice(f"container web{number} started", f"web{number}") for number in range(5)]
    assert cause_of("set port1 up", started[:2]) == "container web0 started, container web1 started"
    assert cause_of("set port1 up", started).endswith("container web2 started and 2 more")

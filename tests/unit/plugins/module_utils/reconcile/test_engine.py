# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe, plan, apply, verify and undo, on a host that is a list of words."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.light_dataclass import dataclass
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.operations import Operation
from ansible_collections.pipefitter.container_network.plugins.module_utils.reconcile import engine


@dataclass(frozen=True)
class Say(Operation):
    """Adds its word to the host's; ``said`` are lines of its own."""

    word: str
    said: tuple[str, ...] | None = None
    fails: bool = False
    stays: bool = False

    def lines(self):
        return list(self.said) if self.said is not None else super().lines()

    def what(self):
        return f"say {self.word}"

    def do(self, host):
        if self.fails:
            raise PipefitterError("the voice is gone")
        host.append(self.word)

    def undo(self, host):
        if self.stays:
            raise PipefitterError("it was heard")
        host.append(f"not {self.word}")


def converge(host, plan, **rest):
    return engine.converge(host, lambda: list(host), plan, rest.pop("check", False), **rest)


def once(*operations):
    """A plan that has nothing left to do once anything was said."""
    return lambda have: [] if have else list(operations)


def test_operations_are_done_in_order_and_the_plan_is_then_empty():
    host = []
    outcome = converge(host, once(Say("", "one"), Say("web1", "two")))
    assert host == ["one", "two"]
    assert (outcome.before, outcome.after) == ([], ["one", "two"])
    assert outcome.lines == ["say one", "say two in web1"]


def test_check_mode_does_nothing_and_says_the_same():
    host = []
    outcome = converge(host, once(Say("", "one")), check=True)
    assert (host, outcome.lines, outcome.after) == ([], ["say one"], [])


def test_without_operations_it_is_observed_once():
    seen = []
    outcome = engine.converge(
        [], lambda: seen.append("look") or list(seen), lambda have: [], False, lambda have: "never asked"
    )
    assert (outcome.operations, seen) == ([], ["look"])


def test_what_was_done_before_a_failure_is_undone_in_reverse():
    host = []
    with pytest.raises(engine.OperationFailed) as failure:
        converge(host, once(Say("", "one"), Say("", "two"), Say("web1", "three", fails=True), Say("", "four")))
    assert host == ["one", "two", "not two", "not one"]
    assert (
        str(failure.value)
        == "the voice is gone while trying to say three in web1; the 2 changes made before it were undone"
    )
    assert (failure.value.done, failure.value.not_undone) == (["say one", "say two"], [])
    assert str(failure.value.__cause__) == "the voice is gone"


def test_a_failure_at_the_first_operation():
    host = []
    with pytest.raises(
        engine.OperationFailed, match="^the voice is gone while trying to say one; nothing had been changed before it$"
    ):
        converge(host, once(Say("", "one", fails=True)))
    assert host == []


def test_one_change_is_not_called_changes():
    with pytest.raises(engine.OperationFailed, match="; the change made before it was undone$"):
        converge([], once(Say("", "one"), Say("", "two", fails=True)))


def test_what_can_not_be_undone_is_owned_up_to_and_the_rest_undone_all_the_same():
    host = []
    with pytest.raises(engine.OperationFailed) as failure:
        converge(host, once(Say("", "one"), Say("", "two", stays=True), Say("", "three"), Say("", "four", fails=True)))
    assert host == ["one", "two", "three", "not three", "not one"]
    assert failure.value.not_undone == ["say two: it was heard"]
    assert str(failure.value).endswith(
        "; of the 3 changes made before it these could not be undone: say two: it was heard"
    )


def test_lines_are_counted_not_operations():
    """An operation may say several things, or nothing."""
    operations = [
        Say("", "many", said=("say a", "say b", "say c"), stays=True),
        Say("", "silent", said=()),
        Say("", "last", fails=True),
    ]
    with pytest.raises(engine.OperationFailed) as failure:
        converge([], once(*operations))
    assert "of the 3 changes made before it these could not be undone: say a; say b; say c: it was heard" in str(
        failure.value
    )


def test_a_silent_operation_that_can_not_be_undone_has_a_name():
    with pytest.raises(engine.OperationFailed) as failure:
        converge([], once(Say("", "silent", said=(), stays=True), Say("", "last", fails=True)))
    assert failure.value.not_undone == ["say silent: it was heard"]


def test_being_killed_undoes_nothing():
    """The next run finds what there is; a second signal must not meet a host that is half taken back."""

    class Stop(Operation):
        def what(self):
            return "stop"

        def do(self, host):
            raise KeyboardInterrupt

    host = []
    with pytest.raises(KeyboardInterrupt):
        converge(host, once(Say("", "one"), Stop("")))
    assert host == ["one"]


def test_what_does_not_last_is_an_error_and_undone():
    host = []
    with pytest.raises(
        engine.NotAsWanted,
        match="^what was set did not last: something else on this host changes it too; stop that first "
        r"\(still to do: say one; say two\); the 2 changes made before it were undone$",
    ):
        converge(host, lambda have: [Say("", "one"), Say("", "two")])
    assert host == ["one", "two", "not two", "not one"]


@pytest.mark.parametrize("which", ["observe", "plan"])
def test_what_can_not_be_looked_at_any_more_is_undone(which):
    """A container that stops meanwhile, say."""
    host = []

    def fails_later(answer):
        if host:
            raise PipefitterError("web1 has stopped")
        return answer

    def observe():
        return fails_later([]) if which == "observe" else list(host)

    def plan(have):
        return [Say("", "one", stays=True), Say("", "two")] if which == "observe" else fails_later([Say("", "one")])

    with pytest.raises(engine.NotAsWanted, match="^web1 has stopped; ") as failure:
        engine.converge(host, observe, plan, False)
    assert host == (["one", "two", "not two"] if which == "observe" else ["one", "not one"])
    assert failure.value.not_undone == (["say one: it was heard"] if which == "observe" else [])


def test_it_waits_until_all_is_settled():
    host, asked = [], []

    def unsettled(have):
        asked.append(have)
        return "" if len(asked) == 3 else "eth1 has no carrier"

    outcome = converge(host, once(Say("", "one")), unsettled=unsettled, timeout=30)
    assert len(asked) == 3
    assert outcome.after == ["one"]


def test_what_does_not_settle_in_time_is_an_error():
    sentence = (
        "^timed out after 0.05 s waiting for what was set to take effect: eth1 has no carrier; "
        "check its peer, or set wait to false; the change made before it was undone$"
    )
    host = []
    with pytest.raises(PipefitterError, match=sentence):
        converge(host, once(Say("", "one")), unsettled=lambda have: "eth1 has no carrier", timeout=0.05)
    assert host == ["one", "not one"]


def test_nothing_is_waited_for_in_check_mode():
    converge([], once(Say("", "one")), check=True, unsettled=lambda have: pytest.fail("asked"), timeout=0)


def test_what_is_wrong_for_another_reason_than_the_plan_knows_is_undone_too():
    host, asked = [], []

    def refuse(have):
        asked.append(have)
        raise PipefitterError("web1 has restarted meanwhile")

    with pytest.raises(
        engine.NotAsWanted, match="^web1 has restarted meanwhile; the change made before it was undone$"
    ):
        converge(host, once(Say("", "one")), verify=refuse)
    assert (host, asked) == (["one", "not one"], [["one"]])


def test_nothing_is_verified_where_nothing_was_done():
    for plan, check in ((once(Say("", "one")), True), (lambda have: [], False)):
        converge([], plan, check=check, verify=lambda have: pytest.fail("asked"))

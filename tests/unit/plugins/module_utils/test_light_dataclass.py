# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of light_dataclass are what dataclasses makes of the same lines, and no code is compiled for them."""

# pylint: disable=invalid-field-call # of a decorator that pylint doesn't know
from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.light_dataclass import dataclass


def classes(made):
    """The same classes by ``made``, which is a decorator such as ``dataclasses.dataclass``."""

    @made(frozen=True)
    class Base:
        netns: str

        def what(self):
            return f"in {self.netns}"

    @made(frozen=True)
    class Link(Base):
        """A link."""

        name: str
        mtu: int = 1500
        labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
        hidden: bytes = dataclasses.field(default=b"", repr=False)
        intact: bool = dataclasses.field(default=True, compare=False)

    @made(frozen=True, order=True)
    class Pair:
        low: int
        high: int = 9

    @made(frozen=True, order=True)
    class Single:
        low: int

    @made(frozen=True)
    class Nothing:
        pass

    @made
    class Open:
        name: str
        seen: list[str] = dataclasses.field(default_factory=list)

    return SimpleNamespace(Base=Base, Link=Link, Pair=Pair, Single=Single, Nothing=Nothing, Open=Open)


OURS, THEIRS = classes(dataclass), classes(dataclasses.dataclass)
BOTH = pytest.mark.parametrize("of", [OURS, THEIRS], ids=["light", "dataclasses"])


@BOTH
def test_arguments_by_place_by_name_and_left_out(of):
    first, second = of.Link("", "eth0"), of.Link(name="eth0", netns="", mtu=1500, labels={}, hidden=b"", intact=True)
    assert first == second
    assert (first.netns, first.name, first.mtu, first.labels, first.intact) == ("", "eth0", 1500, {}, True)
    assert of.Link("", "eth0", 9000, {"a": "b"}, b"x", False).intact is False
    assert first.what() == "in "
    assert of.Nothing() == of.Nothing()
    assert of.Open("a").seen is not of.Open("a").seen
    assert of.Link("", "a").labels is not of.Link("", "a").labels


@BOTH
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), {}),
        (("",), {}),
        (("",), {"mtu": 1}),
        (("", "a", 1, {}, b"", True, 7), {}),
        (("", "a"), {"netns": ""}),
        (("", "a"), {"address": ""}),
        (("",), {"address": ""}),
        (("", "a", 1, {}, b""), {"address": True}),
        ((), {"netns": "", "mtu": 1, "labels": {}, "hidden": b"", "intact": True, "address": ""}),
    ],
)
def test_arguments_that_do_not_fit(of, arguments, named):
    with pytest.raises(TypeError, match="Link"):
        of.Link(*arguments, **named)


@BOTH
def test_what_is_equal(of):
    link = of.Link("", "eth0")
    assert link == of.Link("", "eth0", intact=False)
    assert link != of.Link("", "eth0", hidden=b"x")
    assert link != of.Base("")
    assert of.Base("").__eq__(link) is NotImplemented
    assert of.Pair(1) != (1, 9)
    assert of.Open("a", ["b"]) == of.Open("a", ["b"])


@BOTH
def test_what_can_be_in_a_set(of):
    assert {of.Pair(1), of.Pair(1, 9), of.Pair(2)} == {of.Pair(1), of.Pair(2)}
    assert {of.Nothing(), of.Nothing()} == {of.Nothing()}
    with pytest.raises(TypeError, match="unhashable"):
        hash(of.Open("a"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(of.Link("", "eth0"))


@BOTH
def test_what_comes_first(of):
    assert sorted([of.Pair(2, 1), of.Pair(1, 3), of.Pair(1, 2)]) == [of.Pair(1, 2), of.Pair(1, 3), of.Pair(2, 1)]
    assert of.Pair(1, 1) < of.Pair(1) <= of.Pair(1) < of.Pair(2) and of.Pair(2) > of.Pair(1) >= of.Pair(1)
    assert max(of.Single(1), of.Single(2)) == of.Single(2)
    for other in (of.Single(2), (1, 2)):
        with pytest.raises(TypeError, match="not supported"):
            assert of.Pair(1) < other
    with pytest.raises(TypeError, match="not supported"):
        assert of.Base("a") < of.Base("b")


@BOTH
def test_what_is_frozen(of):
    link = of.Link("", "eth0")
    for name in ("mtu", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(link, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'mtu'"):
        del link.mtu
    assert link.mtu == 1500
    held = of.Open("a")
    held.name = "b"
    assert held == of.Open("b")


def test_what_is_shown():
    for ours, theirs in (
        (OURS.Link("", "eth0", intact=False), THEIRS.Link("", "eth0", intact=False)),
        (OURS.Nothing(), THEIRS.Nothing()),
        (OURS.Open("a", ["b"]), THEIRS.Open("a", ["b"])),
    ):
        assert repr(ours) == repr(theirs) != ""


@BOTH
def test_what_dataclasses_can_do_with_them(of):
    link = of.Link("", "eth0")
    assert dataclasses.replace(link, mtu=9000) == of.Link("", "eth0", 9000)
    assert [field.name for field in dataclasses.fields(link)][:3] == ["netns", "name", "mtu"]
    assert dataclasses.asdict(of.Pair(1)) == {"low": 1, "high": 9}
    assert copy.deepcopy(link) == link
    assert of.Pair.__match_args__ == ("low", "high")
    assert of.Link.__doc__ == "A link."


@BOTH
def test_a_default_that_all_would_share_is_refused(of):
    made = dataclass if of is OURS else dataclasses.dataclass
    with pytest.raises(ValueError, match="mutable default"):

        @made(frozen=True)
        class Shared:
            names: list[str] = []  # noqa: RUF012


def test_no_code_is_compiled_for_them():
    compiled = []
    # A hook stays for as long as the process lives; this one listens while the list is there.
    sys.addaudithook(lambda event, _arguments: compiled.append(event) if event == "compile" and listening else None)
    listening = True
    classes(dataclass)
    light = len(compiled)
    classes(dataclasses.dataclass)
    listening = False
    assert (light, len(compiled) > 0) == (0, True)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an alias of ours says is what was written into it, however long the names are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import Target
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import (
    MARK,
    label,
    read_label,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.port_guard import (
    ALLOW,
    DENY,
    MarkNotes,
    Security,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.state.network import Link
from hypothesis import given
from hypothesis import strategies as st

IDENTITY = "podman:" + "0123456789abcdef" * 4

words = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=400)
interfaces = words.filter(lambda text: len(text.encode()) <= 15)
paths = words.map("/run/netns/{}".format)
targets = (
    st.builds(Target, st.just("container"), words)
    | st.builds(Target, st.just("netns"), paths)
    | st.just(Target("pid", "4711"))
)


asked = st.sampled_from(["", ALLOW, DENY])
numbers = st.none() | st.integers(0, 15)
notes = st.builds(MarkNotes, st.builds(Security, asked, asked, asked), st.booleans(), st.booleans(), numbers)


@given(targets, interfaces, notes)
def test_a_label_reads_back(target, interface, said):
    written = label(target, interface, IDENTITY)
    assert read_label(written.alias()) == written == read_label(written.external_id())
    noted = replace(written, notes=said)
    assert read_label(noted.alias()) == noted and read_label(noted.external_id()) == written
    assert (written.interface, written.kind) == (interface, target.kind)
    assert written.names(target)
    assert written.identity == (IDENTITY if target.kind == "container" else "")


@given(targets, interfaces, notes)
def test_an_alias_fits_into_the_kernels(target, interface, said):
    """IFALIASZ is 256, with the closing NUL."""
    alias = replace(label(target, interface, IDENTITY), notes=said).alias()
    assert len(alias.encode()) <= 255
    assert Link(1, "eth0", alias=alias).ours


@given(targets, targets, interfaces)
def test_another_target_has_another_label(one, other, interface):
    if one != other:
        assert (
            label(one, interface, IDENTITY).value != label(other, interface, IDENTITY).value or one.kind != other.kind
        )
        assert not label(one, interface, "").names(other)


def test_long_paths_that_differ_at_their_end_only():
    one, other = (Target("netns", "/run/" + "x" * 300 + side) for side in "12")
    said = read_label(label(one, "eth1", "").alias())
    assert said.names(one) and not said.names(other)
    assert said.value.startswith("/run/xxxxxxxx")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("web1", True),
        ("0123456789ab", True),
        ("0123456789abcdef" * 4, True),
        ("0123456789a", False),  # shorter than any engine shows an id
        ("123456789abc", False),
        ("web", False),
    ],
)
def test_a_container_is_named_by_name_or_by_the_start_of_its_id(value, named):
    assert label(Target("container", "web1"), "eth1", IDENTITY).names(Target("container", value)) is named


def test_a_path_is_no_container():
    assert not label(Target("container", "web1"), "eth1", IDENTITY).names(Target("netns", "web1"))


@pytest.mark.parametrize(
    "alias",
    ["", MARK, f"{MARK} eth1", f"{MARK} a b c d e", "uplink to rack 4 port 7", f"{MARK}er eth1 container web1 x y"],
)
def test_what_is_no_label_of_ours(alias):
    assert read_label(alias) is None


@pytest.mark.parametrize(
    ("alias", "ours"),
    [(MARK, True), (f"{MARK} eth1 pid 7", True), (f"{MARK}s", False), ("", False), (f"my {MARK}", False)],
)
def test_the_mark(alias, ours):
    assert Link(1, "eth0", alias=alias).ours is ours

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests are meant by what is typed after the -- of scripts/test.sh."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.tests.stages.selection import NotATest, below, files, select


@pytest.fixture
def clone(tmp_path):
    tests = ("unit/model/test_a.py", "unit/model/help.py", "unit/test_b.py", "lab/test_lab.py", "integration/test_c.py")
    for name in tests:
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "README.md").touch()
    return tmp_path


def test_paths_belong_to_stages(clone):
    words = ["tests/integration/test_c.py::test_x[a::b]", "tests/unit/test_b.py", "tests/lab/test_lab.py", "tests/lab"]
    assert select(words, clone, clone) == {
        "integration": ["tests/integration/test_c.py::test_x[a::b]", "tests/lab/test_lab.py", "tests/lab"],
        "units": ["tests/unit/test_b.py"],
    }


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("tests", "unit/test_b.py::test_x"),
        ("tests/unit/model", "../test_b.py::test_x"),
        ("tests/unit", "{clone}/tests/unit/test_b.py::test_x"),
        # From the clone's root, as test names are printed, wherever one stands.
        ("tests/lab", "tests/unit/test_b.py::test_x"),
    ],
)
def test_paths_are_typed_from_where_one_stands_or_from_the_root(clone, where, word):
    assert select([word.format(clone=clone)], clone / where, clone) == {"units": ["tests/unit/test_b.py::test_x"]}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("tests/unit/test_none.py::test_x", "tests/unit/test_none.py is not there"),
        ("README.md", "README.md is in none of tests/unit, tests/lab, tests/integration, tests/vm"),
        ("tests", "tests is in none of tests/unit, tests/lab, tests/integration, tests/vm"),
        ("/etc/passwd", "/etc/passwd is in none of tests/unit, tests/lab, tests/integration, tests/vm"),
    ],
)
def test_what_is_no_test_is_said(clone, word, sentence):
    with pytest.raises(NotATest, match=f"^{sentence}$"):
        select([word], clone, clone)


def test_a_folder_stands_for_its_tests(clone):
    words = ["tests/unit/model", "tests/unit/test_b.py::test_x", "tests/unit/test_b.py::test_y"]
    assert files(words, clone) == ["tests/unit/model/test_a.py", "tests/unit/test_b.py"]


def test_a_test_is_below_its_class_its_file_and_their_folders():
    name = "tests/unit/test_b.py::TestX::test_x[1]"
    inside = ["tests/unit", "tests/unit/", "tests/unit/test_b.py", "tests/unit/test_b.py::TestX"]
    inside += ["tests/unit/test_b.py::TestX::test_x", name]
    outside = ["tests/uni", "tests/unit/test_b", "tests/unit/test_b.py::TestX::test", "tests/unit/test_b.py::test_x"]
    assert [word for word in inside + outside if below(name, word)] == inside

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""That tests look as far as tests/effort.py says."""

from __future__ import annotations

import importlib

import hypothesis
import pytest
from ansible_collections.pipefitter.container_network.tests import effort


@pytest.fixture
def counts(monkeypatch):
    def read(deep):
        with monkeypatch.context() as changed:
            changed.setenv("PIPEFITTER_DEEP", deep)
            importlib.reload(effort)
        return {name: value for name, value in vars(effort).items() if name.isupper() and name != "DEEP"}

    yield read
    importlib.reload(effort)


def test_deep_looks_further_in_everything(counts):
    usual, deep = counts(""), counts("1")
    assert usual and usual.keys() == deep.keys()
    assert [name for name in usual if not usual[name] < deep[name]] == []


def test_hypothesis_tries_as_many_examples_and_judges_no_time():
    settings = hypothesis.settings()
    assert (settings.max_examples, settings.deadline) == (effort.EXAMPLES, None)

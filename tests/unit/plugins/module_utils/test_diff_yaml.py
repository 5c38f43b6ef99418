# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML of --diff, which is written without PyYAML, is what PyYAML reads."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.pipefitter.container_network.plugins.module_utils import diff_yaml
from hypothesis import example, given
from hypothesis import strategies as st

AWKWARD = [
    "",
    " ",
    "~",
    "null",
    "yes",
    "No",
    "on",
    "true",
    "1",
    "1.5",
    "1e3",
    ".inf",
    "0x1f",
    "0o17",
    "017",
    "1_000",
    "12:30:45",
    "02:72:6c:cd:9b:8d",
    "2026-01-01",
    "-",
    "- a",
    "?",
    "# a",
    "a #b",
    "a: b",
    "a:",
    "'",
    '"',
    "it's",
    "{a}",
    "[a]",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "=",
    "<<",
    "a\nb",
    "a\tb",
    " a",
    "a ",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "\U0001f433",
    "\\",
    "...",
    "---",
]
texts = st.sampled_from(AWKWARD) | st.text(st.characters(codec="utf-8"))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
keys = st.sampled_from(AWKWARD) | st.text(st.characters(codec="utf-8"), max_size=5)
documents = st.recursive(
    scalars, lambda nested: st.lists(nested, max_size=4) | st.dictionaries(keys, nested, max_size=4), max_leaves=12
)


@given(st.dictionaries(keys, documents, max_size=4))
@example({"": [[], {}, [[1, [2]], {"a": []}], {"b": {"c": None}}]})
def test_it_reads_back_as_what_was_written(document):
    assert yaml.safe_load(diff_yaml.as_yaml(document)) == (document or None)


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts(text):
    document = {"a": text, text: [text, {"b": text}]}
    assert yaml.safe_load(diff_yaml.as_yaml(document)) == document


def test_it_is_plain_and_sorted_where_it_can_be():
    document = {
        "bridge": {
            "name": "br0",
            "addresses": ["192.168.5.1/24", "fd00:5::1/64"],
            "mac": "02:72:6c:cd:9b:8d",
            "mtu": 1500,
            "up": True,
            "forward_delay": 15.0,
            "members": [],
            "routes": [{"gateway": "10.0.0.1", "destination": "10.0.0.0/8"}],
            "comment": None,
        }
    }
    assert diff_yaml.as_yaml(document) == (
        "bridge:\n"
        "  addresses:\n"
        "    - 192.168.5.1/24\n"
        "    - 'fd00:5::1/64'\n"
        "  comment: null\n"
        "  forward_delay: 15.0\n"
        "  mac: '02:72:6c:cd:9b:8d'\n"
        "  members: []\n"
        "  mtu: 1500\n"
        "  name: br0\n"
        "  routes:\n"
        "    - destination: 10.0.0.0/8\n"
        "      gateway: 10.0.0.1\n"
        "  up: true\n"
    )


@given(st.dictionaries(keys, documents, max_size=4))
def test_the_order_of_keys_makes_no_difference(document):
    assert diff_yaml.as_yaml(document) == diff_yaml.as_yaml(dict(reversed(document.items())))

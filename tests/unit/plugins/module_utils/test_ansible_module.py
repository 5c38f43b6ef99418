# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a module is text that JSON can carry, whatever bytes an interface's name has."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused

NAME = b"d\xff0".decode(errors="surrogateescape")
SHOWN = r"d\xff0"


@dataclass
class _Result:
    values: dict[str, Any]
    operations: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    changed: bool = True


class _Left(Exception):
    pass


class _Module:
    """``AnsibleModule`` as far as it is used, with the answer kept."""

    params: dict[str, Any] = {}
    check_mode = True
    _diff = True

    def __init__(self, **_options):
        self.warned = []

    def warn(self, warning):
        self.warned.append(warning)

    def exit_json(self, **answer):
        raise _Left(dict(answer, warnings=self.warned))

    def fail_json(self, **answer):
        raise _Left(answer)


@pytest.fixture(autouse=True)
def module(monkeypatch):
    monkeypatch.setattr(ansible_module, "AnsibleModule", _Module)
    monkeypatch.setattr(ansible_module, "_require_libraries", lambda _module: None)
    monkeypatch.setattr(ansible_module.compiled_once, "install", lambda: None)


def answered(task):
    with pytest.raises(_Left) as left:
        ansible_module.run(lambda: task, {})
    (answer,) = left.value.args
    json.dumps(answer, ensure_ascii=False).encode()
    return answer


def test_names_that_are_not_utf8_are_shown_with_backslashes():
    result = _Result(
        {"links": [{"name": NAME, "ports": (NAME, 7, None)}], NAME: {"umlaut": "für"}},
        [f"create veth {NAME}"],
        {"interface": NAME},
        {"interface": "für"},
        (f"{NAME} is down",),
    )

    answer = answered(lambda _params, _check: result)

    assert answer["links"] == [{"name": SHOWN, "ports": [SHOWN, 7, None]}]
    assert answer[SHOWN] == {"umlaut": "für"}
    assert answer["operations"] == [rf"create veth {SHOWN}"]
    assert f"'{SHOWN}'" in answer["diff"]["before"] and "für" in answer["diff"]["after"]
    assert answer["warnings"] == [rf"{SHOWN} is down"]


def test_failures_are_shown_so_too():
    def task(_params, _check):
        raise Refused(f"interface: {NAME} is taken")

    assert answered(task) == {"msg": rf"interface: {SHOWN} is taken"}


def test_what_is_fine_stays_the_very_same():
    values = {"links": [{"name": "für0", "mtu": 1500}]}
    assert ansible_module._shown(values) is values


def test_a_lone_surrogate_that_stands_for_no_byte_is_shown_too():
    assert ansible_module._shown("a\ud800") == r"a\ud800"


def test_ansible_takes_it():
    assert basic.jsonify({"name": ansible_module._shown(NAME)})

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/from-pipework.md shows: lines of pipework, the tasks below them, and what is said of the rest."""

from __future__ import annotations

import pathlib
import re
from typing import Any, NamedTuple

import yaml

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "from-pipework.md"
_BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_SAID = re.compile(r"^> (.*)\n", re.MULTILINE)


class Block(NamedTuple):
    title: str
    lines: str
    tasks: list[dict[str, Any]]
    said: list[str]


def _blocks() -> list[Block]:
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for part in section.split("```sh\n")[1:]:
            blocks = dict(_BLOCK.findall(f"```sh\n{part}"))
            found.append(Block(title, blocks["sh"], yaml.safe_load(blocks.get("yaml", "[]")), _SAID.findall(part)))
    return found


BLOCKS = _blocks()
TASKS = [
    task
    for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    if kind == "yaml"
    for task in yaml.safe_load(text)
]
"""All tasks of the page, in its order; those that no line stands above, too."""

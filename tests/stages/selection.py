# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single tests instead of whole stages: what was typed for them, and what it means."""

from __future__ import annotations

import pathlib
import typing as t

STAGE_OF = {"tests/unit": "units", "tests/lab": "integration", "tests/integration": "integration", "tests/vm": "vm"}


class NotATest(Exception):
    """Something typed as a test is none."""


def select(words: t.Iterable[str], here: pathlib.Path, root: pathlib.Path) -> dict[str, list[str]]:
    """The tests that are meant, as pytest names them from the clone's root; by their stages."""
    found: dict[str, list[str]] = {}
    for word in words:
        path, separator, inside = word.partition("::")
        name = _from_root(path, here, root)
        folder = next((folder for folder in STAGE_OF if below(name, folder)), None)
        if folder is None:
            raise NotATest(f"{path} is in none of {', '.join(STAGE_OF)}")
        found.setdefault(STAGE_OF[folder], []).append(f"{name}{separator}{inside}")
    return found


def _from_root(path: str, here: pathlib.Path, root: pathlib.Path) -> str:
    for start in (here, root):
        place = (start / path).resolve()
        if place.exists():
            return str(place.relative_to(root) if place.is_relative_to(root) else place)
    raise NotATest(f"{path} is not there")


def below(name: str, word: str) -> bool:
    """Whether a test, file or folder is `word` or in it."""
    word = word.rstrip("/")
    return name == word or name.startswith((f"{word}/", f"{word}::", f"{word}["))


def files(words: t.Iterable[str], root: pathlib.Path) -> list[str]:
    """The files that hold the tests that are meant."""
    found: set[pathlib.Path] = set()
    for word in words:
        path = root / word.partition("::")[0]
        found.update(path.rglob("test_*.py") if path.is_dir() else [path])
    return sorted(str(path.relative_to(root)) for path in found)

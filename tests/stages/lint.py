# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that reads: linters, documentation, and what would be shipped."""

from __future__ import annotations

import functools
import pathlib
import tarfile
import typing as t

from . import house
from .bench import COLLECTION, Bench
from .results import Result, status_problem

# What `ansible-galaxy collection build` may ship, by the first part of the path.
SHIPPED = {
    "CHANGELOG.rst",
    "FILES.json",
    "LICENSE",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
# Read by `antsibull-changelog release` and by Galaxy; fragments and settings are not.
SHIPPED_CHANGELOGS = {"changelogs", "changelogs/changelog.yaml"}
NEEDED = {"LICENSES/BSD-2-Clause.txt", "LICENSES/GPL-3.0-or-later.txt", "README.md", "meta/runtime.yml"}

MODULE_UTILS = COLLECTION.replace("/", ".") + ".plugins.module_utils"
# No Python 3.9 is at hand to run modules with: what they use of the library is read from the source.
# The excluded are imported where they are there, with the system call itself elsewhere.
OLD_PYTHON = ("--target=3.9-", "--no-tips", "--violations", "--exclude", "os.setns", "--exclude", "os.unshare")
DOCUMENTATION = ("lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all")


def lint(bench: Bench) -> Result:
    """ansible-lint (with yamllint), ruff, mypy, rooms, documentation, change log, built tarball"""
    result = Result()
    checks: dict[str, t.Callable[[], str | None]] = {}
    commands: dict[str, list[str | pathlib.Path]] = {
        "ansible-lint": ["ansible-lint", "--offline", "--profile", "production", "--strict"],
        "ruff": ["ruff", "check", "--no-cache", "."],
        "mypy": ["mypy", "--cache-dir", bench.home / ".mypy_cache", "--package", MODULE_UTILS],
        "vermin": ["vermin", *OLD_PYTHON, "plugins"],
        "antsibull-docs": ["antsibull-docs", *DOCUMENTATION, "."],
        "antsibull-changelog": ["antsibull-changelog", "lint"],
    }
    for name, words in commands.items():
        run = functools.partial(bench.run, *words, MYPYPATH=str(bench.folder))
        checks[name] = functools.partial(lambda run: status_problem(run()), run)
    checks["house"] = functools.partial(house_problem, bench)
    checks["ansible-galaxy collection build"] = functools.partial(build_problem, bench)

    for name, problem in checks.items():
        bench.say(f"--- {name}")
        result.check(name, problem())
    return result


def house_problem(bench: Bench) -> str | None:
    """Looks at which room imports which, and at the size of files."""
    found = house.problems(bench.collection)
    bench.say("\n".join(found))
    return f"{len(found)} lines above" if found else None


def build_problem(bench: Bench) -> str | None:
    """Builds the tarball for Galaxy; says what it holds too much or too little."""
    target = bench.folder / "build"
    status = bench.run("ansible-galaxy", "collection", "build", "--output-path", target)
    tarballs = list(target.glob("*.tar.gz"))
    if status != 0 or len(tarballs) != 1:
        return f"ended with status {status} and {len(tarballs)} tarballs"
    with tarfile.open(tarballs[0]) as tarball:
        names = {member.name for member in tarball.getmembers()}
    surplus = {name for name in names if not is_shipped(name)}
    bench.say(f"{len(names)} entries in {tarballs[0].name}")
    if surplus:
        return f"ships what users do not need: {', '.join(sorted(surplus)[:10])}"
    if NEEDED - names:
        return f"lacks {', '.join(sorted(NEEDED - names))}"
    return None


def is_shipped(name: str) -> bool:
    first, *rest = name.split("/")
    if first == "changelogs":
        return name in SHIPPED_CHANGELOGS
    return first in SHIPPED and "__pycache__" not in rest

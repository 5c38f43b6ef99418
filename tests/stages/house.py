# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the code (docs/architecture.md): which may import which, and how large a file may be.

On its own: python3 tests/stages/house.py
"""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
import typing as t

MODULE_UTILS = "plugins/module_utils"
PACKAGE = ("ansible_collections", "pipefitter", "container_network", "plugins", "module_utils")

# A room of plugins/module_utils (or a file that is one of its own), and the rooms that it may import from.
MAY_IMPORT = {
    "errors": set(),
    "argument_specs": set(),
    "diff_yaml": set(),
    "compiled_once": set(),
    "light_dataclass": set(),
    "version": set(),
    "model": {"errors", "light_dataclass"},
    "fleet": {"errors", "light_dataclass", "model"},
    "state": {"errors", "light_dataclass", "model"},
    "plan": {"errors", "light_dataclass", "model", "state"},
    "host": {"errors", "light_dataclass", "model", "state"},
    "observe": {"errors", "light_dataclass", "model", "state", "plan", "host"},
    "store": {"errors", "light_dataclass", "model", "state", "host"},
    "reconcile": {"errors", "light_dataclass", "version", "model", "state", "plan", "host", "observe", "store"},
    "service": {
        "errors",
        "diff_yaml",
        "light_dataclass",
        "version",
        "model",
        "state",
        "host",
        "observe",
        "reconcile",
        "store",
    },
    "ansible_module": {"errors", "diff_yaml", "compiled_once"},
}
# What of Ansible and of the system a room may not know: pure rooms have no input and no output.
PURE = {"errors", "diff_yaml", "model", "fleet", "state", "plan"}
INPUT_AND_OUTPUT = {"fcntl", "pyroute2", "select", "selectors", "socket", "subprocess", "tempfile", "threading"}
# What of socket is no input and no output: addresses to text and back.
ADDRESSES = {"AF_INET", "AF_INET6", "inet_ntop", "inet_pton"}
WITH_ANSIBLE = {"ansible_module"}

# The seam between operations and host: mypy sees each call, so no Any may cross it.
SEAM = ("plan/host_protocol.py", "plan/operations.py", "plan/*_operations.py", "plan/firewall.py", "host/machine.py")

LONGEST_FILE, LONGEST_LINE = 450, 120


def problems(root: pathlib.Path) -> list[str]:
    """What is wrong with the house below ``root``, a line each."""
    files = [root / name for name in _files(root) if name.endswith(".py")]
    found = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(root)}:{problem}" for problem in _sizes(text)]
        if (root / MODULE_UTILS) in path.parents:
            found += [f"{path.relative_to(root)}:{problem}" for problem in _imports(path.relative_to(root), text)]
    strict = (root / "pyproject.toml").read_text(encoding="utf-8")
    for pattern in SEAM:
        for path in sorted((root / MODULE_UTILS).glob(pattern)):
            if f'.module_utils.{path.parent.name}.{path.stem}",' not in strict:
                found.append(f"{path.relative_to(root)}: is of the seam, and mypy lets Any pass there (pyproject.toml)")
            found += [
                f"{path.relative_to(root)}:{line}: Any crosses the seam" for line in _any(path.read_text("utf-8"))
            ]
    return found


def _files(root: pathlib.Path) -> list[str]:
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode().split("\0")
    return [name for name in names if (root / name).is_file()]


def _sizes(text: str) -> t.Iterator[str]:
    lines = text.splitlines()
    if len(lines) > LONGEST_FILE:
        yield f"{len(lines)}: longer than {LONGEST_FILE} lines: it has more than one reason to exist"
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            yield f"{number}: {len(line)} characters, more than {LONGEST_LINE}"


def _imports(path: pathlib.Path, text: str) -> t.Iterator[str]:
    here = path.relative_to(MODULE_UTILS).with_suffix("").parts
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" and here[0] != "light_dataclass":
            if any(alias.name == "dataclass" for alias in node.names):
                yield f"{node.lineno}: dataclass is of dataclasses; take light_dataclass's, which a task loads faster"
        for target in _targets(node, here):
            problem = _problem(here[0], target)
            if problem:
                yield f"{node.lineno}: {problem}"


def _targets(node: ast.AST, here: tuple[str, ...]) -> t.Iterator[tuple[str, ...]]:
    """The modules that a statement imports; those of ours from the room on, behind an empty string."""
    if isinstance(node, ast.Import):
        yield from (tuple(alias.name.split(".")) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        if node.module == "socket" and ADDRESSES.issuperset(alias.name for alias in node.names):
            return
        module = tuple((node.module or "").split(".")) if node.module else ()
        if node.level:
            base = (*here[: len(here) - node.level], *module)
            yield from (("", *(base or (alias.name,))) for alias in node.names)
        else:
            yield ("", *module[len(PACKAGE) :]) if module[: len(PACKAGE)] == PACKAGE else module


def _problem(room: str, target: tuple[str, ...]) -> str:
    if room not in MAY_IMPORT:
        return f"{room} is no room: it stands neither in docs/architecture.md nor in tests/stages/house.py"
    if target[0] == "":
        other = target[1]
        return "" if other == room or other in MAY_IMPORT[room] else f"{room} imports {other}, which it may not"
    if target[0] in ("ansible", "ansible_collections") and room not in WITH_ANSIBLE:
        return f"{room} imports {target[0]}: the program on the host runs without Ansible"
    if room in PURE and target[0] in INPUT_AND_OUTPUT:
        return f"{room} imports {target[0]} and is pure: no input, no output"
    return ""


def _any(text: str) -> t.Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id == "Any":
            yield node.lineno


if __name__ == "__main__":
    told = problems(pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(told) or "the house is in order")
    sys.exit(bool(told))

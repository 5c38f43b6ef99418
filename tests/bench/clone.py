# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""This clone as a place to measure at: its collection under its own name, wherever the clone is, and a lab.

To import this makes ``ansible_collections.pipefitter.container_network`` importable.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import types
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "lab" / "lab"
_COLLECTION = "ansible_collections.pipefitter.container_network"
_TIMEOUT = 300


def _name_collection() -> None:
    # Python looks for folders of these names, and a clone may have any.
    for name in ("ansible_collections", "ansible_collections.pipefitter", _COLLECTION):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT)] if name == _COLLECTION else []
        sys.modules[name] = package


sys.dont_write_bytecode = True  # none of the collection, which is a working tree
_name_collection()


def python_path_in(folder: pathlib.Path) -> str:
    """Fill ``folder`` with ``ansible`` and the collection and nothing else, so that hosts use their own pyroute2."""
    import ansible

    (folder / "ansible").symlink_to(pathlib.Path(ansible.__file__).parent)
    namespace = folder / "ansible_collections" / "pipefitter"
    namespace.mkdir(parents=True)
    (namespace / "container_network").symlink_to(ROOT)
    return str(folder)


@contextlib.contextmanager
def running_lab(*words: str) -> Iterator[str]:
    """Start a lab of one host, hosta; it is taken down afterwards. ``words`` are further ones of ``lab up``."""
    name = f"bench-{os.getpid()}"
    quietly(LAB, "up", "--name", name, "--hosts", "1", *words)
    try:
        yield name
    finally:
        quietly(LAB, "down", "--name", name)


def quietly(*argv: str | pathlib.Path) -> str:
    """Run a command whose output matters only where it fails."""
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", timeout=_TIMEOUT, check=False)
    if done.returncode:
        sys.exit(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout

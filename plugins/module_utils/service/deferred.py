# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Modules that are loaded when something of them is first used. Private to the collection.

For a program that runs as each container starts: a quarter of its time was spent on what libraries import and never use
there. importlib.util.LazyLoader won't do, as the second import of such a module loads it (up to Python 3.11).
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

UNUSED = (
    "inspect",  # dataclasses; with ast, dis and tokenize
    "importlib.resources",  # netaddr, for its tables of vendors; with tempfile, pathlib and random
    "pprint",  # netaddr
)
"""What libraries of ours import, and use for what the hook doesn't do."""


def defer(*names: str) -> None:
    """Let the modules of these names be loaded when something of them is first used."""
    for name in names:
        if name not in sys.modules:
            stub = _Deferred(name)
            sys.modules[name] = stub
            parent, _dot, child = name.rpartition(".")
            if parent:
                setattr(importlib.import_module(parent), child, stub)


class _Deferred(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of the import system, which loads nothing by asking
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)

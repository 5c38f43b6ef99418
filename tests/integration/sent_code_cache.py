# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in a lab host's Python path and is imported at each start of Python there: keeps what it compiled of archives.

Ansible sends a module in an archive with all that it imports, and Python compiles all of an archive each time, which
takes longer than the module. The source is what tells whether something was compiled already.
"""

from __future__ import annotations

import _imp
import marshal
import os
import types
import zipimport

_FOLDER = "/run/sent-code"
_compile = zipimport._compile_source  # type: ignore[attr-defined]


def _compile_once(path: str, source: bytes) -> types.CodeType:
    kept = f"{_FOLDER}/{_imp.source_hash(0, source).hex()}"
    try:
        with open(kept, "rb") as file:
            code = marshal.load(file)
    except OSError:
        code = _compile(path, source)
        _keep(code, kept)
    else:
        _imp._fix_co_filename(code, path)
    return code


def _keep(code: types.CodeType, kept: str) -> None:
    os.makedirs(_FOLDER, exist_ok=True)
    unfinished = f"{kept}.{os.getpid()}"
    with open(unfinished, "wb") as file:
        marshal.dump(code, file)
    os.replace(unfinished, kept)


zipimport._compile_source = _compile_once  # type: ignore[attr-defined]

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the program ``pipefitter`` of the code that a module brought to the host. Private to the collection.

A zip archive that Python runs (zipapp). The same sources and the same Python make the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption, PipefitterError, Refused
from ..host import files, own_code
from ..host.unwritable import advice
from ..reconcile.recording import PROGRAM, PROGRAM_VERSION
from ..reconcile.result import Result
from ..store import records
from ..version import VERSION
from . import engine_hooks, version

LINK = "/usr/local/sbin/pipefitter"

_MAIN = b"""\
import sys

command, rest = sys.argv[1:2], sys.argv[2:]
if command == ["hook"] and not {"-h", "--help"}.intersection(rest):
    try:
        from pipefitter.service.hook import main
    except Exception as error:  # of a program that is damaged; the container is to start
        sys.exit(print(f"pipefitter: {error}", file=sys.stderr))
elif command == ["runtime"]:
    try:
        from pipefitter.service.runtime import main
    except Exception as error:
        import os

        print(f"pipefitter: {error}", file=sys.stderr)
        os.execvp("runc", ["runc", *sys.argv[2:]])
elif command and command[0] in ("deconfig", "bound", "renew", "nak", "leasefail"):
    from pipefitter.service.dhcp_event import main
else:
    from pipefitter.service.command_line import main

sys.exit(main())
"""
# Whatever is in the caller's folder or environment is no part of it (python3 -I).
_SHEBANG = "#!{} -I\n"
_LONGEST_SHEBANG = 255  # BINPRM_BUF_SIZE of linux/binfmts.h, less the end of the line


def converge(options: Mapping[str, Any], check: bool) -> Result:
    """Put the program in its place, or take it away.

    :raises PipefitterError: with a sentence for the user.
    """
    interpreter = options.get("interpreter") or sys.executable
    wanted: dict[str, bytes | None] = {PROGRAM: None, PROGRAM_VERSION: None}
    if options["state"] != "absent":
        made, told = program(interpreter)
        # What modules read to see what they are dealing with comes last: it is of the program that is there.
        wanted = {PROGRAM: made, PROGRAM_VERSION: f"{told} {records.VERSION}\n".encode()}
    held, link = {path: _held(path) for path in wanted}, os.path.lexists(LINK)
    linked = os.path.islink(LINK) and os.readlink(LINK) == PROGRAM
    if link and not linked:
        raise Refused(f"{LINK} is there and does not lead to {PROGRAM}; move away what is in its place")
    hooks = engine_hooks.wanted(options, interpreter)
    changed = {path: content for path, content in wanted.items() if held[path] != content}
    lines = [f"remove {path}" if content is None else f"write {path}" for path, content in changed.items()]
    present = wanted[PROGRAM] is not None
    if linked != present:
        lines.append(f"link {LINK} to {PROGRAM}" if present else f"remove {LINK}")
    # Engines start nothing where the program that they are to run is missing.
    lines = [*lines, *hooks.lines] if present else [*hooks.lines, *lines]
    if lines and not check:
        try:
            if not present:
                hooks.apply()
            _put(changed, present, linked)
            if present:
                hooks.apply()
        except OSError as error:
            path = error.filename or PROGRAM
            raise PipefitterError(f"{path} can't be written ({error.strerror}); {advice(error)}") from None
    before = {"program": _told(held[PROGRAM]), **hooks.before}
    after = {"program": _told(wanted[PROGRAM]), **hooks.after}
    return Result(lines, before, after, after)


def program(interpreter: str) -> tuple[bytes, str]:
    """Return the program as it is made of the code that runs here, and its version.

    :raises InvalidOption: an interpreter that the kernel could not start it with.
    """
    if not interpreter.startswith("/") or any(c.isspace() for c in interpreter):
        raise InvalidOption("interpreter", interpreter, "is no absolute path without spaces; give that of a Python 3")
    shebang = _SHEBANG.format(interpreter).encode()
    if len(shebang) > _LONGEST_SHEBANG:
        raise InvalidOption(
            "interpreter", interpreter, "is too long for the first line of a program; give a link to it"
        )
    sources = own_code.sources()
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        digest.update(f"{name}\0{len(source)}\0".encode() + source)
    short = digest.hexdigest()[:8]
    sources[f"{own_code.NAME}/service/{version.DIGEST}"] = short.encode()
    return own_code.archive(_MAIN, sources, shebang), f"{VERSION}+{short}"


def _held(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{path} can't be read ({error.strerror}); see what is in its place") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is no regular file; see what is in its place")
        return file.read()


def _put(changed: Mapping[str, bytes | None], present: bool, linked: bool) -> None:
    folder = os.path.dirname(PROGRAM)
    if not present:
        if linked:
            os.unlink(LINK)
        for path in changed:
            os.unlink(path)
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
        return
    os.makedirs(folder, mode=0o755, exist_ok=True)
    for path, content in changed.items():
        files.write(path, content or b"", 0o755 if path == PROGRAM else 0o644)
    if not linked:
        os.symlink(PROGRAM, LINK)


def _told(held: bytes | None) -> dict[str, Any] | None:
    if held is None:
        return None
    return {"path": PROGRAM, "digest": hashlib.sha256(held).hexdigest()[:16]}

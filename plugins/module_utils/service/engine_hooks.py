# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What lets container engines run the program as a container starts. Private to the collection.

Podman takes hooks from a folder. Docker has none, and is given a runtime that adds one and is runc otherwise.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import PipefitterError, Refused
from ..host import files
from ..reconcile.recording import PROGRAM

HOOK_FOLDER = "/usr/share/containers/oci/hooks.d"
"""The only one that Podman reads where its settings name none (4.3: not the one below /etc)."""

HOOK_FOLDERS_MADE = "/usr/local/lib/pipefitter/podman-hook-folders"
"""Which folders were made for the hook, the outermost first: they go with it, where nobody put anything into them."""

RUNTIME = "/usr/local/lib/pipefitter/pipefitter-runtime"
DAEMON = "/etc/docker/daemon.json"
KEPT = f"{DAEMON}.before-pipefitter"

_NAME = "pipefitter"
_PID_FILE = "/var/run/docker.pid"
_CONTAINERS = "/var/lib/docker/containers"
_PODMAN_SETTINGS = (
    "/usr/share/containers/containers.conf",
    "/etc/containers/containers.conf",
    "/etc/containers/containers.conf.d/*.conf",
)
_HOOKS_DIR = re.compile(r"^\s*hooks_dir\s*=\s*\[([^]]*)\]", re.MULTILINE)
_RELOAD = 10.0  # seconds

# Most calls of a runtime create nothing: the shell takes 1 ms, where Python takes 10.
_RUNTIME = """\
#!/bin/sh
# Of the collection pipefitter.container_network: runc, for containers that are wired before their first instruction.
for word do
    if [ "$word" = create ] && [ -x {interpreter} ] && [ -r {program} ]; then
        exec {interpreter} -I -S {program} runtime "$@"
    fi
done
exec runc "$@"
"""

_HOOK = {
    "version": "1.0.0",
    "hook": {"path": PROGRAM, "args": ["pipefitter", "hook"]},
    "when": {"always": True},
    "stages": ["createRuntime"],
}


class Hooks:
    """What is to be done about engines' hooks: said in ``lines``, done by ``apply``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self._steps: list[Callable[[], None]] = []

    def add(self, line: str, step: Callable[[], None]) -> None:
        self.lines.append(line)
        self._steps.append(step)

    def then(self, step: Callable[[], None]) -> None:
        """Do something that goes with what was added last."""
        self._steps.append(step)

    def apply(self) -> None:
        """Do it.

        :raises PipefitterError: with a sentence for the user.
        """
        for step in self._steps:
            step()


def wanted(options: Mapping[str, Any], interpreter: str) -> Hooks:
    """Return what there is to do by the options of host_program.

    :raises PipefitterError: with a sentence for the user.
    """
    hooks = Hooks()
    absent = options["state"] == "absent"
    podman, docker = options.get("podman_hook"), options.get("docker_runtime")
    if podman == "auto":
        podman = "true" if shutil.which("podman") else "false"
    _podman(hooks, False if absent else None if podman is None else podman == "true")
    _docker(hooks, False if absent else docker, interpreter)
    return hooks


def _podman(hooks: Hooks, want: bool | None) -> None:
    path = f"{_hook_folder()}/{_NAME}.json"
    held = _content(path)
    content = json.dumps(_HOOK, indent=2) + "\n"
    hooks.before["podman_hook"] = held is not None
    hooks.after["podman_hook"] = held is not None if want is None else want
    if want and held != content:
        hooks.add(f"write {path}", lambda: _write_hook(path, content))
    elif want is False:
        _remove_hook(hooks, path, held is not None)


def _write_hook(path: str, content: str) -> None:
    made = _folders_made()
    folder = os.path.dirname(path)
    missing: list[str] = []
    while not os.path.isdir(folder) and folder not in made:
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    if missing:
        _write(HOOK_FOLDERS_MADE, "".join(f"{one}\n" for one in (*made, *missing)), 0o644)
    _write(path, content, 0o644)


def _remove_hook(hooks: Hooks, path: str, is_there: bool) -> None:
    gone = {path} if is_there else set()
    if is_there:
        hooks.add(f"remove {path}", lambda: os.unlink(path))
    made = _folders_made()
    for folder in reversed(made):
        if os.path.isdir(folder) and {f"{folder}/{name}" for name in os.listdir(folder)} <= gone:
            gone.add(folder)
            hooks.add(f"remove {folder}", partial(os.rmdir, folder))
    if made:
        hooks.then(lambda: _put(HOOK_FOLDERS_MADE, None, 0))


def _folders_made() -> list[str]:
    return (_content(HOOK_FOLDERS_MADE) or "").splitlines()


def _hook_folder() -> str:
    """Return a folder in which Podman looks for hooks; each of its settings files replaces what those before name."""
    folder = HOOK_FOLDER
    for pattern in _PODMAN_SETTINGS:
        for path in sorted(glob.glob(pattern)):
            for listed in _HOOKS_DIR.findall(_content(path) or ""):
                named = re.findall(r'"([^"]+)"', re.sub(r"#.*", "", listed))
                folder = named[-1] if named else folder
    return folder


def _docker(hooks: Hooks, want: bool | None, interpreter: str) -> None:
    text = _content(DAEMON)
    settings = _settings(text)
    runtimes = settings.get("runtimes") or {}
    entry = runtimes.get(_NAME)
    ours = isinstance(entry, Mapping) and entry.get("path") == RUNTIME
    hooks.before["docker_runtime"] = ours
    hooks.after["docker_runtime"] = ours if want is None else want
    if want and entry is not None and not ours:
        raise Refused(
            f"{DAEMON}: runtimes has {_NAME} already, and it is not {RUNTIME}; give it another name or take it out"
        )
    script = _RUNTIME.format(interpreter=interpreter, program=PROGRAM)
    held = _content(RUNTIME)
    if want and held != script:
        hooks.add(f"write {RUNTIME}", lambda: _write(RUNTIME, script, 0o755))
    if want and not ours:
        new = {**settings, "runtimes": {**runtimes, _NAME: {"path": RUNTIME}}}
        hooks.add(f"add runtime {_NAME} to {DAEMON}", lambda: _change_daemon(text, new, has=True))
    if want is False and ours:
        _refuse_used()
        left = {name: value for name, value in runtimes.items() if name != _NAME}
        new = {name: value for name, value in settings.items() if name != "runtimes"}
        if left:
            new["runtimes"] = left
        hooks.add(f"take runtime {_NAME} out of {DAEMON}", lambda: _change_daemon(text, new, has=False))
    if want is False and held is not None:
        hooks.add(f"remove {RUNTIME}", lambda: os.unlink(RUNTIME))


def _settings(text: str | None) -> dict[str, Any]:
    """Return Docker's settings.

    :raises Refused: the file is none that Docker could read either.
    """
    try:
        settings = json.loads(text) if text and text.strip() else {}
    except ValueError as error:
        raise Refused(f"{DAEMON} is no JSON ({error}), and Docker won't start with it either; mend it first") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("runtimes") or {}, dict):
        raise Refused(f"{DAEMON} is no JSON object, or its runtimes are none; mend it first")
    return settings


def _refuse_used() -> None:
    """Refuse to take the runtime from containers that could not start without it."""
    users = []
    for path in sorted(glob.glob(f"{_CONTAINERS}/*/hostconfig.json")):
        try:
            with open(path, "rb") as file:
                if json.load(file).get("Runtime") != _NAME:
                    continue
            with open(f"{os.path.dirname(path)}/config.v2.json", "rb") as file:
                users.append(str(json.load(file)["Name"]).lstrip("/"))
        except (OSError, ValueError, KeyError, AttributeError):
            continue
    if users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        raise Refused(
            f"docker_runtime: containers {', '.join(users[:3])}{more} have the runtime {_NAME} and could not start "
            "without it; make them anew with another runtime first, or leave it"
        )


def _change_daemon(before: str | None, new: Mapping[str, Any], has: bool) -> None:
    """Write Docker's settings and let a daemon that runs read them; where it doesn't take them, put them back.

    What was there before the runtime came is kept beside them until it is there again.

    :raises PipefitterError: it did not take them.
    """
    held = _content(KEPT)
    mode = os.stat(DAEMON).st_mode & 0o777 if before is not None else 0o644
    content: str | None = json.dumps(new, indent=2) + "\n"
    is_original = not has and _is_original(held, new)
    if has:
        _put(KEPT, before, mode)
    elif is_original:
        content = held
    pid = _daemon()
    if pid is not None:
        # Docker leaves runtimes as they are when the file names none, or isn't there.
        _put(DAEMON, json.dumps({"runtimes": {}, **new}), mode)
        os.kill(pid, signal.SIGHUP)
        if not _comes_to(has):
            _put(DAEMON, before, mode)
            _put(KEPT, held, mode)
            os.kill(pid, signal.SIGHUP)
            raise PipefitterError(
                f"Docker did not take the runtimes of {DAEMON} when it was told to read it anew, and the file is as it "
                "was; see Docker's log (a runtime given to dockerd by --add-runtime excludes those of the file)"
            )
    _put(DAEMON, content, mode)
    if is_original:
        _put(KEPT, None, mode)


def _is_original(kept: str | None, left: Mapping[str, Any]) -> bool:
    """Tell whether the settings that are left are those that were kept; nothing is, where there was no file."""
    if kept is None:
        return not left
    try:
        before = _settings(kept)
    except Refused:
        return False
    # A file that names no runtimes says the same with an empty list of them.
    return {name: value for name, value in before.items() if name != "runtimes" or value} == left


def _comes_to(has: bool) -> bool:
    """Wait until Docker has the runtime, or hasn't, and tell whether it came to that in time."""
    deadline = time.monotonic() + _RELOAD
    while _has_runtime() != has:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _daemon() -> int | None:
    try:
        with open(_PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return pid if file.read().strip() == "dockerd" else None
    except (OSError, ValueError):
        return None


def _has_runtime() -> bool:
    from ..host.engines.docker import Docker

    return _NAME in Docker(_RELOAD).runtimes()


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} can't be read ({error}); see what is in its place") from None


def _put(path: str, content: str | None, mode: int) -> None:
    if content is not None:
        _write(path, content, mode)
    elif os.path.lexists(path):
        os.unlink(path)


def _write(path: str, content: str, mode: int) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    files.write(path, content.encode(), mode)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container image of the lab: busybox, since no registry can be reached."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile

from .commands import run
from .errors import LabError
from .layout import CACHE

NAME = "pipefitter/busybox"
TAG = "latest"
LAYOUT_VERSION = b"1"  # counts up when the content below changes, so that no old tar is used

_FOLDERS = ("bin", "etc", "dev", "proc", "sys", "run", "tmp", "var", "root", "usr")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def root_file_system() -> str:
    """Path of the image's tar, made if it is not in the cache."""
    busybox = shutil.which("busybox", path="/usr/bin:/bin")
    if busybox is None:
        raise LabError("busybox is not installed, the image is made of it: apt install busybox-static")
    with open(busybox, "rb") as file:
        program = file.read()
    digest = hashlib.sha256(LAYOUT_VERSION + program).hexdigest()[:16]
    path = os.path.join(CACHE, f"busybox-{digest}.tar")
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        unfinished = f"{path}.{os.getpid()}"
        _write_tar(unfinished, program, run([busybox, "--list"]).split())
        os.replace(unfinished, path)
    return path


def _write_tar(path: str, program: bytes, applets: list[str]) -> None:
    with tarfile.open(path, "w") as tar:
        for folder in _FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        _add_file(tar, "bin/busybox", program, 0o755)
        for applet in applets:
            if applet != "busybox":  # busybox lists itself: the link would replace the program by a loop
                _add_link(tar, f"bin/{applet}", "busybox")
        _add_link(tar, "sbin", "bin")
        _add_link(tar, "usr/bin", "../bin")
        _add_link(tar, "usr/sbin", "../bin")
        for name, content in _FILES.items():
            _add_file(tar, name, content.encode(), 0o644)


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    tar.addfile(entry, io.BytesIO(content))


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.SYMTYPE
    entry.linkname = target
    tar.addfile(entry)

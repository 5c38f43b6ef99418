# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another pyroute2 than the machine's, for one host: distributions ship anything from 0.5 to 0.9."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence

from . import host_files
from .commands import run
from .errors import LabError
from .layout import CACHE, Layout
from .spec import Spec

# Where Debian's Python looks before /usr/lib/python3/dist-packages.
SITE = f"/usr/local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/dist-packages"


def fetch(requests: Sequence[str], spec: Spec, pip: str | None) -> dict[str, str]:
    """Get the versions of `requests` ("hostb=0.9.7", ...): the folder with the package for each host named."""
    wanted = {}
    for request in requests:
        host, _equals, version = request.partition("=")
        if host not in spec.host_names:
            raise LabError(f"--pyroute2 {request}: there is no {host}, only {', '.join(spec.host_names)}")
        if not re.fullmatch(r"[0-9][0-9A-Za-z.]*", version):
            raise LabError(f"--pyroute2 {request}: give a version, as in {host}=0.9.7")
        wanted[host] = version
    return {host: _folder(version, pip) for host, version in wanted.items()}


def _folder(version: str, pip: str | None) -> str:
    folder = os.path.join(CACHE, f"pyroute2-{version}-py{sys.version_info[0]}.{sys.version_info[1]}")
    if not os.path.isdir(folder):
        unfinished = f"{folder}.{os.getpid()}"
        command = [pip] if pip else [sys.executable, "-m", "pip"]
        options = ["install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"]
        try:
            # The caller's environment: it says where the package index is and through which proxy.
            run([*command, *options, "--target", unfinished, f"pyroute2=={version}"], None, 180, os.environ)
            os.rename(unfinished, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another lab that starts just now was quicker
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def install(layout: Layout, host: str, folder: str) -> None:
    """Put the package into the host's own files; called before the host starts."""
    shutil.copytree(folder, host_files.make_upper_folder(layout, host, SITE), dirs_exist_ok=True)

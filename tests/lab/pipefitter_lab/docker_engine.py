# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's Docker daemon: its settings, its start, and its API."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import busybox_image, cgroups
from .commands import run
from .environment import ROOT_LOGIN
from .errors import LabError
from .processes import wait_until

SOCKET = "/run/docker.sock"
LOG = "/var/log/docker.log"
_COMMAND = ("dockerd", "--host", f"unix://{SOCKET}")
START_TIMEOUT = 60.0  # seconds; 1 to 3 are usual, a busy machine takes longer


class Api:
    """Docker's API on the unix socket at `path`. May be used by several threads."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path

    def request(self, method: str, url: str, body: Any = None, content_type: str = "application/json") -> bytes:
        connection = http.client.HTTPConnection("docker", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(60)
        try:
            connection.sock.connect(self.path)
            connection.request(method, url, body=body, headers={"Content-Type": content_type})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise LabError(f"Docker refused {method} {url.partition('?')[0]}: {_message(content)}")
        return content

    def answers(self) -> bool:
        try:
            self.request("GET", "/_ping")
        except (OSError, LabError, http.client.HTTPException):
            return False
        return True

    def import_image(self, tar: str) -> None:
        query = urllib.parse.urlencode(
            {"fromSrc": "-", "repo": busybox_image.NAME, "tag": busybox_image.TAG, "changes": 'CMD ["sh"]'}
        )
        with open(tar, "rb") as file:
            said = self.request("POST", f"/images/create?{query}", file.read(), "application/x-tar")
        if b'"error"' in said:
            raise LabError(f"Docker could not import {tar}: {_message(said)}")

    def start_container(self, name: str, network: str) -> None:
        wanted = {
            "Image": f"{busybox_image.NAME}:{busybox_image.TAG}",
            "Cmd": ["sleep", "1000000"],
            # sleep is PID 1 of the container and so ignores SIGTERM: without this each stop takes 10 s
            "StopTimeout": 1,
            "HostConfig": {"NetworkMode": network},
        }
        query = urllib.parse.urlencode({"name": name})
        self.request("POST", f"/containers/create?{query}", json.dumps(wanted))
        self.request("POST", f"/containers/{name}/start")

    def start_containers(self, names: Sequence[str], network: str) -> None:
        with ThreadPoolExecutor(max_workers=4) as pool:
            for done in [pool.submit(self.start_container, name, network) for name in names]:
                done.result()


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()


def configure(lab: str, host: str) -> None:
    """Write the daemon's settings; called in the host, before `start`."""
    os.makedirs("/etc/docker", exist_ok=True)
    with open("/etc/docker/daemon.json", "w", encoding="utf-8") as file:
        json.dump({"cgroup-parent": cgroups.parent_of(lab, host), "exec-opts": ["native.cgroupdriver=cgroupfs"]}, file)


def start(timeout: float = START_TIMEOUT) -> None:
    """Start the daemon in this host and wait until it answers."""
    with open(LOG, "ab") as log:
        daemon = subprocess.Popen(
            _COMMAND, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ROOT_LOGIN, start_new_session=True
        )
    api = Api()
    if not wait_until(lambda: daemon.poll() is not None or api.answers(), timeout):
        raise LabError(f"dockerd does not answer after {timeout:.0f} s: {_last_words()}")
    if daemon.poll() is not None:
        raise LabError(f"dockerd ended with status {daemon.returncode}: {_last_words()}")


def restart(host_init: int, enter: Sequence[str], timeout: float = START_TIMEOUT) -> None:
    """Stop and start the daemon of the host whose init is `host_init` and which `enter` enters.

    Its containers stop, as with "systemctl restart docker" where live-restore is off.
    """
    api = of_host(host_init)
    root = f"/proc/{host_init}/root"
    with open(f"{root}/run/docker.pid", encoding="ascii") as file:
        pid = file.read().strip()
    # The number means the daemon only in the host's PID namespace.
    run([*enter, "kill", "-TERM", pid])
    if not wait_until(lambda: not os.path.exists(f"{root}/run/docker.pid"), timeout):
        raise LabError(f"dockerd does not stop within {timeout:.0f} s")
    with open(root + LOG, "ab") as log:
        subprocess.run(
            [*enter, "setsid", "--fork", *_COMMAND],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=ROOT_LOGIN,
            check=True,
            timeout=timeout,
        )
    if not wait_until(api.answers, timeout):
        raise LabError(f"dockerd does not answer {timeout:.0f} s after its restart: see {LOG} in the host")


def _last_words() -> str:
    try:
        with open(LOG, encoding="utf-8", errors="replace") as file:
            return (file.readlines() or ["it said nothing"])[-1].strip()
    except FileNotFoundError:
        return "it wrote no log"


def of_host(pid: int) -> Api:
    """The API of the host whose init is `pid`, from outside: the daemon's socket lies in the host's own /run."""
    path = f"/proc/{pid}/root{SOCKET}"
    if not os.path.exists(path):
        raise LabError("no Docker daemon runs in this host (was the lab started with --no-docker?)")
    return Api(path)

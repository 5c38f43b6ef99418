# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines that are real sockets; what they say was recorded from Docker 20.10 and Podman 4.3."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup

WEB1 = "4e6f51fa327e4ec017b5dc2f4c26cd8b333fb1f2a20f5cf3fd28ecfbf196c662"
WEB2 = "4e6fb51ec152b9d5d4afcff945d3c06423a0130c80ad28f275b9f3f29136bbc3"
STOPPED = "492a8468333880f312b9d290eb20b1669ab9750b5581fbdd7c68485946efc06c"
POD1 = "232a6560905f1be724319188537d6b783323ef576b7c1c43988de0a7a6c0b987"
POD2 = "231bcad8ebe0a666f3a8f989bd0c65ea7790d4c59b0e91c19bb6d5420faaa340"


def docker_container(container_id, name, pid=192, status="running", labels=None):
    return {
        "Id": container_id,
        "Created": "2026-11-21T07:37:49.673787851Z",
        "Path": "/bin/sleep",
        "Args": ["3000"],
        "State": {
            "Status": status,
            "Running": bool(pid),
            "Paused": status == "paused",
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": pid,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-11-21T07:37:49.938429823Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "Name": "/" + name,
        "RestartCount": 0,
        "HostConfig": {"NetworkMode": "default", "CgroupParent": ""},
        "Config": {"Hostname": container_id[:12], "Labels": labels or {}},
    }


def podman_container(container_id, name, pid=476, state="running", labels=None):
    return {
        "AutoRemove": False,
        "Command": ["/bin/sleep", "3000"],
        "Created": "2026-11-21T07:38:10.670569322Z",
        "Exited": False,
        "ExitCode": 0,
        "Id": container_id,
        "Image": "localhost/bb:latest",
        "IsInfra": False,
        "Labels": labels,
        "Mounts": [],
        "Names": [name],
        "Namespaces": {},
        "Networks": [],
        "Pid": pid,
        "Ports": None,
        "StartedAt": 1795246690,
        "State": state,
        "Status": "",
    }


class FakeEngine:
    """A server on a unix socket: HTTP/1.1, keep-alive, one answer after the other."""

    def __init__(self, path):
        self.path = str(path)
        self.requests = []
        self.connections = 0
        self.close_after = None  # answers a connection gives before the server closes it
        self.announce_close = True
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def answer(self, target):
        """Status and body."""
        raise NotImplementedError

    def _accept(self):
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as requests:
            given = 0
            while True:
                first = requests.readline()
                if not first:
                    return
                while requests.readline() not in (b"\r\n", b""):
                    pass
                target = first.split()[1].decode()
                self.requests.append(target)
                status, body = self.answer(target)
                given += 1
                last = given == self.close_after
                try:
                    connection.sendall(self._http(status, body, last and self.announce_close))
                except OSError:
                    return
                if last:
                    return

    @staticmethod
    def _http(status, body, close):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode() + b"\n"
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n"
        if close:
            head += "Connection: close\r\n"
        # dockerd sends what is over 2048 bytes in chunks, and the rest with its length.
        if len(body) > 600:
            half = len(body) // 2
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (body[:half], body[half:], b""))
            return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class FakeDocker(FakeEngine):
    def __init__(self, path):
        super().__init__(path)
        self.containers = [
            docker_container(WEB1, "web1", labels={"app": "web"}),
            docker_container(WEB2, "web2", pid=193, status="paused"),
            docker_container(STOPPED, "stopped", pid=0, status="exited"),
        ]
        self.ambiguous_status = 500
        self.gone = set()

    def answer(self, target):
        if target.startswith("/containers/json"):
            found = [each for each in self.containers if "all=true" in target or each["State"]["Pid"]]
            return 200, [{"Id": each["Id"], "Names": [each["Name"]], "State": "running"} for each in found]
        asked = target.split("/")[2]
        found = [each for each in self.containers if asked in (each["Name"][1:], each["Id"])]
        found = found or [each for each in self.containers if each["Id"].startswith(asked)]
        if len(found) > 1:
            return self.ambiguous_status, {"message": "Multiple IDs found with provided prefix: " + asked}
        if not found or asked in self.gone:
            return 404, {"message": "No such container: " + asked}
        return 200, found[0]


class FakePodman(FakeEngine):
    def __init__(self, path):
        super().__init__(path)
        self.containers = [
            podman_container(POD1, "pod1", labels={"app": "p"}),
            podman_container(POD2, "pod2", pid=0, state="exited"),
        ]
        self.documents = {}

    def answer(self, target):
        if target == "/v4.0.0/libpod/containers/json?all=true":
            return 200, self.containers
        inspected = target[len("/v4.0.0/libpod/") : -len("/json")]
        if inspected in self.documents:
            return 200, self.documents[inspected]
        return 404, b"Not Found\n"


class FakeAnything(FakeEngine):
    given = (200, b"")

    def answer(self, target):
        return self.given


def runs(host):
    noted = host / "runs"
    return noted.read_text().splitlines() if noted.exists() else []


def refusal(kind=Refused, **question):
    with pytest.raises(kind) as caught:
        lookup.find(question.pop("names", ["web1"]), **question)
    message = str(caught.value)
    assert "\n" not in message
    return message

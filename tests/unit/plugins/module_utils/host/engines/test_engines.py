# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines are real sockets here; what they say was recorded from Docker 20.10 and Podman 4.3."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import api, lookup, podman

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


@pytest.fixture(name="host")
def fixture_host(tmp_path, monkeypatch):
    """A host without engines; its sockets are where no real engine can be found by accident."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path}/podman.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(podman, "STORAGE", str(tmp_path / "storage"))
    monkeypatch.setattr(podman, "RUN_STORAGE", str(tmp_path / "run-storage"))
    return tmp_path


@pytest.fixture(name="start")
def fixture_start(host):
    started = []

    def start(kind, path):
        engine = kind(host / path)
        started.append(engine)
        return engine

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture(name="docker_engine")
def fixture_docker_engine(start):
    return start(FakeDocker, "docker.sock")


@pytest.fixture(name="podman_engine")
def fixture_podman_engine(start):
    return start(FakePodman, "podman.sock")


@pytest.fixture(name="podman_program")
def fixture_podman_program(host):
    """A podman that notes each of its runs and prints what the file says."""
    printed = host / "printed"
    printed.write_text(json.dumps([podman_container(POD1, "pod1")], indent=2))
    program = host / "podman"
    program.write_text(f'#!/bin/sh\necho "$@" >> {host}/runs\n. {host}/before\nexec /bin/cat {printed}\n')
    (host / "before").write_text("")
    program.chmod(0o755)
    return program


def runs(host):
    noted = host / "runs"
    return noted.read_text().splitlines() if noted.exists() else []


def refusal(kind=Refused, **question):
    with pytest.raises(kind) as caught:
        lookup.find(question.pop("names", ["web1"]), **question)
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestDocker:
    def test_a_container_is_what_docker_says(self, docker_engine):
        found = lookup.find(["web1"])
        assert found == {"web1": lookup.Container("docker", WEB1, "web1", 192, "running", {"app": "web"}, ())}
        assert docker_engine.requests == ["/containers/web1/json"]

    def test_by_name_id_and_beginning_of_an_id(self, docker_engine):
        found = lookup.find(["web1", WEB1, WEB1[:12], "4"[:1] + "92a", "nope"])
        assert [each and each.name for each in found.values()] == ["web1", "web1", "web1", "stopped", None]
        assert list(found) == ["web1", WEB1, WEB1[:12], "492a", "nope"]

    def test_status_and_pid(self, docker_engine):
        found = lookup.find(["web2", "stopped"], "docker")
        assert [(each.status, each.pid) for each in found.values()] == [("paused", 193), ("exited", 0)]

    def test_hundreds_of_names_take_one_connection(self, docker_engine):
        names = [f"c{number}" for number in range(300)]
        docker_engine.containers = [
            docker_container(f"{number:064x}", f"c{number}", number + 1) for number in range(300)
        ]
        found = lookup.find(names, "docker")
        assert [each.pid for each in found.values()] == list(range(1, 301))
        assert docker_engine.connections == 1
        assert docker_engine.requests == [f"/containers/{name}/json" for name in names]

    @pytest.mark.parametrize("announced", [True, False])
    def test_a_server_that_closes_connections_is_asked_on(self, docker_engine, announced):
        docker_engine.close_after = 3
        docker_engine.announce_close = announced
        found = lookup.find(["web1", "nope", "web2", "stopped", "web1x", "492a", WEB2], "docker")
        assert [each and each.name for each in found.values()] == [
            "web1", None, "web2", "stopped", None, "stopped", "web2",
        ]  # fmt: skip
        assert docker_engine.connections == 3

    def test_a_name_asked_twice_is_looked_up_once(self, docker_engine):
        assert list(lookup.find(["web1", "web1"], "docker")) == ["web1"]
        assert len(docker_engine.requests) == 1

    def test_no_names_ask_nobody(self, host):
        assert lookup.find([]) == {}

    @pytest.mark.parametrize("status", [500, 400])
    def test_the_beginning_of_two_ids(self, docker_engine, status):
        docker_engine.ambiguous_status = status
        message = refusal(names=["4e6f"])
        assert WEB1 in message and WEB2 in message and "whole id" in message

    def test_a_missing_label_section(self, docker_engine):
        docker_engine.containers[0]["Config"]["Labels"] = None
        assert lookup.find(["web1"])["web1"].labels == {}

    def test_listing_leaves_out_what_does_not_run(self, docker_engine):
        assert [each.name for each in lookup.listing()] == ["web1", "web2"]

    def test_listing_leaves_out_what_goes_meanwhile(self, docker_engine):
        docker_engine.gone = {WEB1}
        assert [each.name for each in lookup.listing("docker")] == ["web2"]

    def test_inspect_again_sees_a_restart(self, docker_engine):
        before = lookup.find(["web1"])["web1"]
        docker_engine.containers[0]["State"]["Pid"] = 777
        assert lookup.inspect_again(before).pid == 777
        del docker_engine.containers[0]
        assert lookup.inspect_again(before) is None


class TestPodman:
    def test_all_names_in_one_request(self, podman_engine):
        found = lookup.find(["pod1", POD2, "232", "nope"])
        assert found["pod1"] == lookup.Container("podman", POD1, "pod1", 476, "running", {"app": "p"})
        assert found[POD2] == lookup.Container("podman", POD2, "pod2", 0, "exited", {})
        assert found["232"] == found["pod1"]
        assert found["nope"] is None
        assert podman_engine.requests == ["/v4.0.0/libpod/containers/json?all=true"]

    def test_the_beginning_of_two_ids(self, podman_engine):
        message = refusal(names=["23"], runtime="podman")
        assert POD1 in message and POD2 in message and "whole id" in message and "runtime" not in message

    def test_listing(self, podman_engine):
        assert [each.name for each in lookup.listing()] == ["pod1"]

    def test_inspect_again(self, podman_engine):
        before = lookup.find(["pod1"])["pod1"]
        podman_engine.containers = []
        assert lookup.inspect_again(before) is None


class TestExposedPorts:
    """Podman 4.3 keeps what --expose says only where it makes the network, and an image's ranges as written."""

    CONTAINER = {
        "Id": POD1,
        "Image": "88b9",
        "Config": {},
        "NetworkSettings": {"Ports": {"7000/tcp": None, "80/tcp": None}},
    }
    IMAGE = {"Id": "88b9", "Config": {"ExposedPorts": {"53/udp": {}, "80/tcp": {}, "90-91/tcp": {}}}}
    PORTS = ("53/udp", "7000/tcp", "80/tcp", "90/tcp", "91/tcp")

    def test_what_docker_said_asks_nobody(self, host):
        found = lookup.Container("docker", WEB1, "web1", 1, "running", {}, ("80/tcp",))
        assert lookup.exposed_ports([found]) == {WEB1: ("80/tcp",)}

    def test_podman_is_asked_for_container_and_image(self, podman_engine):
        podman_engine.documents = {f"containers/{POD1}": self.CONTAINER, "images/88b9": self.IMAGE}
        pod = lookup.Container("podman", POD1, "pod1", 1, "running")
        assert lookup.exposed_ports([pod]) == {POD1: self.PORTS}

    def test_a_container_without_an_image(self, podman_engine):
        podman_engine.documents = {f"containers/{POD1}": {**self.CONTAINER, "Image": ""}}
        pod = lookup.Container("podman", POD1, "pod1", 1, "running")
        assert lookup.exposed_ports([pod]) == {POD1: ("7000/tcp", "80/tcp")}

    def test_podman_is_run_where_its_socket_is_off(self, host, podman_program):
        printed = [{**self.CONTAINER, **self.IMAGE, "Image": "88b9"}]
        (host / "printed").write_text(json.dumps(printed))
        pod = lookup.Container("podman", POD1, "pod1", 1, "running")
        assert lookup.exposed_ports([pod]) == {POD1: self.PORTS}
        assert runs(host) == [f"container inspect {POD1}", "image inspect 88b9"]


class TestPodmanProgram:
    def test_it_is_run_where_podman_is_asked_for(self, host, podman_program):
        assert lookup.find(["pod1"], "podman")["pod1"].pid == 476
        assert runs(host) == ["ps --all --format json"]

    def test_it_is_not_run_where_podman_is_not_used(self, host, podman_program, docker_engine):
        assert lookup.find(["pod1"]) == {"pod1": None}
        assert [each.name for each in lookup.listing()] == ["web1", "web2"]
        assert runs(host) == []

    def test_it_is_not_run_where_docker_has_them_all(self, host, podman_program, docker_engine):
        (host / "storage").mkdir()
        assert lookup.find(["web1"])["web1"].runtime == "docker"
        assert runs(host) == []

    @pytest.mark.parametrize("storage", ["storage", "run-storage"])
    def test_it_is_run_for_what_docker_has_not(self, host, podman_program, docker_engine, storage):
        (host / storage).mkdir()
        found = lookup.find(["web1", "pod1"])
        assert [each.runtime for each in found.values()] == ["docker", "podman"]
        assert len(runs(host)) == 1

    def test_it_is_run_where_its_storage_has_the_same_name(self, host, podman_program, docker_engine):
        docker_engine.containers.append(docker_container("f" * 64, "pod1"))
        (host / "storage/overlay-containers").mkdir(parents=True)
        (host / "storage/overlay-containers/containers.json").write_text(
            json.dumps([{"id": POD1, "names": ["pod1"], "image": "09f2", "layer": "9d65"}])
        )
        assert "set runtime" in refusal(names=["pod1"])

    def test_it_is_not_sent_to_the_socket_that_is_off(self, host, podman_program):
        (host / "before").write_text('test -z "$CONTAINER_HOST" || exit 125\n')
        assert lookup.find(["pod1"], "podman")["pod1"].pid == 476

    def test_it_prints_nothing_for_no_containers(self, host, podman_program):
        (host / "printed").write_text("")
        assert lookup.find(["pod1"], "podman") == {"pod1": None}

    def test_it_fails(self, host, podman_program):
        (host / "before").write_text("echo 'Error: cannot open database\nSee it' >&2; exit 125")
        message = refusal(PipefitterError, runtime="podman")
        assert "125" in message and "cannot open database" in message

    def test_it_hangs(self, host, podman_program):
        (host / "before").write_text("exec /bin/sleep 5\n")
        assert "timed out after 0.2 s" in refusal(PipefitterError, runtime="podman", timeout=0.2)

    @pytest.mark.parametrize("printed", ["WARN something", '{"a": 1}', '[{"Id": "a"}]'])
    def test_it_prints_something_else(self, host, podman_program, printed):
        (host / "printed").write_text(printed)
        assert "not a list of containers" in refusal(PipefitterError, runtime="podman")


class TestTwoEngines:
    def test_each_has_its_own(self, docker_engine, podman_engine):
        found = lookup.find(["web1", "pod1", "nope"])
        assert [each and each.runtime for each in found.values()] == ["docker", "podman", None]
        assert {each.name for each in lookup.listing()} == {"web1", "web2", "pod1"}

    def test_both_know_the_name(self, docker_engine, podman_engine):
        podman_engine.containers.append(podman_container("a" * 64, "web1"))
        message = refusal()
        assert "docker" in message and "podman" in message and WEB1 in message and "a" * 64 in message
        assert "set runtime" in message
        assert lookup.find(["web1"], "podman")["web1"].id == "a" * 64

    def test_a_name_goes_before_the_beginning_of_an_id(self, docker_engine, podman_engine):
        podman_engine.containers.append(podman_container("db" + "0" * 62, "database"))
        docker_engine.containers.append(docker_container("e" * 64, "db"))
        assert lookup.find(["db"])["db"].runtime == "docker"

    def test_a_name_goes_before_the_beginning_of_two_ids_elsewhere(self, docker_engine, podman_engine):
        podman_engine.containers.append(podman_container("a" * 64, "4e6f"))
        assert lookup.find(["4e6f"])["4e6f"].runtime == "podman"

    def test_podman_behind_dockers_socket_is_one_engine(self, docker_engine, podman_engine):
        docker_engine.containers = [docker_container(POD1, "pod1", 476)]
        assert lookup.find(["pod1"])["pod1"].runtime == "podman"
        assert [each.runtime for each in lookup.listing()] == ["podman"]


class TestNames:
    @pytest.mark.parametrize(
        "name", ["", "/web1", "a b", "../x", "a/json", "-x", ".x", "a?b", "a%2f", "wéb", "web1\n", "a\r\nHost: x"]
    )
    def test_what_no_name_can_be(self, docker_engine, name):
        assert repr(name) in refusal(names=["web1", name])
        assert docker_engine.requests == []

    def test_what_a_name_can_be(self, docker_engine):
        docker_engine.containers = [docker_container("c" * 64, "A_b.c-1")]
        assert lookup.find(["A_b.c-1"])["A_b.c-1"].id == "c" * 64

    def test_runtime(self, host):
        assert "'lxd'" in refusal(runtime="lxd")


class TestEnginesThatFail:
    def test_none_is_there(self, host):
        message = refusal(MissingFeature)
        assert f"{host}/docker.sock (no socket)" in message and f"{host}/podman.sock (no socket)" in message
        assert "systemctl start docker" in message and "podman.socket" in message
        with pytest.raises(MissingFeature):
            lookup.listing()

    @pytest.mark.parametrize("runtime", ["docker", "podman"])
    def test_the_one_asked_for_is_not_there(self, host, runtime):
        message = refusal(MissingFeature, runtime=runtime)
        assert f"{host}/{runtime}.sock" in message and "start" in message

    def test_a_socket_nobody_listens_on(self, host):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(host / "docker.sock"))
        assert "connection refused" in refusal(MissingFeature)

    @pytest.mark.parametrize("url", ["tcp://10.0.0.1:2375", "ssh://host", "/var/run/docker.sock", "unix://relative"])
    def test_another_kind_of_address(self, host, monkeypatch, url):
        monkeypatch.setenv("DOCKER_HOST", url)
        message = refusal()
        assert url in message and "unix:///" in message

    def test_no_permission(self, docker_engine, monkeypatch):
        def denied(_socket, _path):
            raise PermissionError(13, "Permission denied")

        # root is denied nothing, so the kernel can't be had to say it here.
        monkeypatch.setattr(api.socket, "socket", type("Denied", (socket.socket,), {"connect": denied}))
        assert "as root" in refusal()

    def test_no_answer(self, host):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(host / "docker.sock"))
            silent.listen(8)
            message = refusal(PipefitterError, timeout=0.2)
            # Waited for once: nothing is asked again.
            silent.setblocking(False)
            with silent.accept()[0], pytest.raises(BlockingIOError):
                silent.accept()
        assert "timed out after 0.2 s" in message and "/containers/web1/json" in message

    def test_a_full_backlog(self, host):
        with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
            busy.bind(str(host / "docker.sock"))
            busy.listen(0)
            first.connect(str(host / "docker.sock"))
            assert "timed out after 0.2 s" in refusal(PipefitterError, timeout=0.2)

    @pytest.mark.parametrize(
        "given",
        [
            (200, b"<html>hello</html>"),
            (200, b""),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"Id": 5, "Name": 7, "State": [], "Config": null}'),
            (200, b"\xff\xfe"),
        ],
    )
    def test_an_answer_that_is_not_dockers(self, start, given):
        start(FakeAnything, "docker.sock").given = given
        message = refusal(PipefitterError)
        assert "docker.sock" in message and "not a valid response of Docker" in message

    def test_an_answer_that_is_not_http(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        monkeypatch.setattr(engine, "_http", lambda *_: b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    def test_a_connection_closed_without_answer(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        engine.close_after = 1
        monkeypatch.setattr(engine, "_http", lambda *_: b"")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    def test_an_answer_cut_short(self, start, monkeypatch):
        engine = start(FakeAnything, "docker.sock")
        engine.close_after = 1
        monkeypatch.setattr(engine, "_http", lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        assert "not a valid response of Docker" in refusal(PipefitterError)

    @pytest.mark.parametrize("body", [b'{"message": "driver failed\\nbadly."}', b"driver failed\n", b""])
    def test_an_error_of_the_engine(self, start, body):
        start(FakeAnything, "docker.sock").given = (503, body)
        message = refusal(PipefitterError)
        assert "HTTP 503" in message and (not body or "driver failed" in message)

    @pytest.mark.parametrize("given", [(200, b"{}"), (200, b'[{"Id": "a"}]'), (200, b"[1]"), (500, b"oops")])
    def test_an_answer_that_is_not_podmans(self, start, given):
        start(FakeAnything, "podman.sock").given = given
        assert "podman.sock" in refusal(PipefitterError)

    def test_a_failing_docker_is_not_passed_over(self, start, podman_engine):
        start(FakeAnything, "docker.sock").given = (500, b"oops")
        assert "Docker" in refusal(PipefitterError, names=["pod1"])


def test_importing_costs_no_http():
    name = "ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines.lookup"
    program = (
        f"import sys, {name}; print([m for m in ('http.client', 'ssl', 'email', 'subprocess') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout == "[]\n", ran.stderr

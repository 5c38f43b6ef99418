# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Podman says of containers: by its API on a socket, and by its program where that is off."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_engines import (
    POD1,
    POD2,
    WEB1,
    docker_container,
    refusal,
    runs,
)


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

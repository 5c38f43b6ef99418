# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look-up over all engines of a host: whose a name is, and what no name can be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines.api import EngineSilent
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_engines import (
    POD1,
    WEB1,
    docker_container,
    podman_container,
    refusal,
)


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


class TestAnEngineThatIsStarting:
    """It accepts connections, and answers nothing yet."""

    @pytest.fixture(autouse=True)
    def fixture_silent_docker(self, host):
        with socket.socket(socket.AF_UNIX) as self.listener:
            self.listener.bind(str(host / "docker.sock"))
            self.listener.listen(8)
            yield

    def test_a_question_of_its_own_fails(self, podman_engine):
        assert "timed out after 0.1 s waiting for Docker" in refusal(EngineSilent, names=["pod1"], timeout=0.1)

    def test_of_many_questions_one_is_waited_for_and_others_answer(self, podman_engine):
        with lookup.waited_for_once():
            assert lookup.find(["pod1"], timeout=0.1)["pod1"].runtime == "podman"
            with pytest.raises(EngineSilent) as caught:
                lookup.find(["web1", "pod1"], timeout=0.1)
            assert (caught.value.engine, caught.value.unanswered) == ("Docker", {"web1"})
            # It is not asked again: this would not end otherwise.
            for question in (lambda: lookup.find(["web1"], "docker", 1e9), lambda: lookup.listing(timeout=1e9)):
                with pytest.raises(EngineSilent):
                    question()
            assert lookup.published_ports(timeout=1e9) == {}
        with pytest.raises(EngineSilent):
            lookup.published_ports(timeout=0.1)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker says of containers, by its API on a socket."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_engines import (
    WEB1,
    WEB2,
    docker_container,
    refusal,
)


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

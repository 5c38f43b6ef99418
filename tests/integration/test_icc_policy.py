# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy by packets: who reaches whom, in both families, and what is left when it is taken away."""

from __future__ import annotations

import pytest
from icc_lab import Listeners, icc_thoroughly, reaches, shows, wire
from wiring import assert_same

LINK = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["5432/tcp", "53/udp"]}


@pytest.fixture
def listeners():
    processes = Listeners()
    yield processes
    processes.end()


def test_a_link_leads_one_way_to_its_ports_only(host, listeners):
    wire(host, "web1", "db1", "db2")
    for name in ("web1", "db1", "db2"):
        listeners.listen(host, name, "5432/tcp", "81/tcp", "53/udp")
    services = ("5432/tcp", "81/tcp", "53/udp")
    assert all(reaches(host, "web1", "db1", *services).values())
    before = shows(host)

    icc_thoroughly(host, icc=False)
    assert not any(reaches(host, "web1", "db1", *services).values())

    done = icc_thoroughly(host, icc=False, links=[LINK])
    print(done["operations"])
    assert reaches(host, "web1", "db1", *services) == {"5432/tcp 4": True, "5432/tcp 6": True, "81/tcp 4": False, "81/tcp 6": False, "53/udp 4": True, "53/udp 6": True}
    for source, target in (("db1", "web1"), ("db2", "db1"), ("web1", "db2"), ("db1", "db2")):
        assert not any(reaches(host, source, target, *services).values()), (source, target)

    icc_thoroughly(host, icc=True)
    assert_same(before, shows(host))
    assert all(reaches(host, "web1", "db1", *services).values())

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from what a DHCP client is told; the link is one that only notes what is set on it."""

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import leases
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.leases import Lease
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import dhcp_event

ADDRESS = {"ip": "10.0.0.7", "mask": "24", "lease": "3600", "serverid": "10.0.0.1"}


class Link:
    """eth1, with the routes that others have there before."""

    taken: tuple[str, ...] = ()

    def __init__(self, name):
        if name != "eth1":
            raise OSError("no such link")
        self.did = Link.did

    def close(self):
        self.did.append("close")

    def set(self, address, seconds):
        self.did.append(f"set {address} {seconds}")

    def remove(self, address):
        self.did.append(f"remove {address}")

    def add_route(self, destination, gateway):
        self.did.append(f"add {destination} {gateway}")
        return destination not in self.taken

    def remove_route(self, destination, gateway):
        self.did.append(f"remove {destination} {gateway}")


@pytest.fixture(name="client")
def fixture_client(monkeypatch, tmp_path):
    """Return what tells of an event and returns what was done, and the lease after it."""
    path = str(tmp_path / "lease.json")
    notes = []
    monkeypatch.setattr(leases, "FOLDER", str(tmp_path))
    monkeypatch.setattr(dhcp_event, "LeasedAddresses", Link)
    monkeypatch.setattr(dhcp_event.state_file, "note", lambda line, cause: notes.append(f"{line} [{cause}]"))

    def tell(event, before=None, taken=(), **told):
        Link.did, Link.taken = [], taken
        notes.clear()
        if before is not None:
            leases.write(path, before)
        own = {"PIPEFITTER_LEASE": path, "PIPEFITTER_NAME": "eth1 of container web1", "interface": "eth1"}
        assert dhcp_event.follow(event, {**own, **told}) == 0
        return Link.did[:-1], leases.read(path), list(notes)

    return tell


def test_a_lease_is_set_with_its_router_and_renewed(client):
    did, lease, notes = client("bound", **ADDRESS, router="10.0.0.1 10.0.0.2", dns="10.0.0.3 10.0.0.4", domain="lan")
    assert did == ["set 10.0.0.7/24 3600", "add 0.0.0.0/0 10.0.0.1"]
    assert (lease.address, lease.router, lease.dns, lease.domain) == (
        "10.0.0.7/24",
        "10.0.0.1",
        ("10.0.0.3", "10.0.0.4"),
        "lan",
    )
    assert lease.holds and lease.pid == os.getppid() and 3500 < lease.until - time.time() <= 3600
    assert notes == ["lease of 10.0.0.7/24 for eth1 of container web1 [DHCP server 10.0.0.1]"]
    did, again, notes = client("renew", **ADDRESS, router="10.0.0.2")
    assert did == ["set 10.0.0.7/24 3600", "remove 0.0.0.0/0 10.0.0.1", "add 0.0.0.0/0 10.0.0.2"]
    assert again.since == lease.since and again.until > lease.until and notes == []


def test_classless_routes_are_in_place_of_the_router(client):
    told = {**ADDRESS, "router": "10.0.0.1", "staticroutes": "10.8.0.0/16 10.0.0.9 0.0.0.0/0 10.0.0.8"}
    did, lease, _notes = client("bound", **told)
    assert did[1:] == ["add 10.8.0.0/16 10.0.0.9", "add 0.0.0.0/0 10.0.0.8"]
    assert lease.routes == (("10.8.0.0/16", "10.0.0.9"), ("0.0.0.0/0", "10.0.0.8"))
    did, lease, _notes = client("bound", Lease(), **told, PIPEFITTER_GATEWAY="10.0.0.254")
    assert did[1:] == ["add 10.8.0.0/16 10.0.0.9"]


def test_a_route_that_others_have_stays_theirs(client):
    did, lease, notes = client("bound", taken=("0.0.0.0/0",), **ADDRESS, router="10.0.0.1")
    assert lease.routes == ()
    assert "route 0.0.0.0/0 via 10.0.0.1 of the lease for eth1 of container web1 is left out" in notes[1]
    did, lease, _notes = client("nak")
    assert did == ["remove 10.0.0.7/24"] and not lease.address


def test_another_address_takes_the_place_of_the_former(client):
    former = Lease(1, "10.0.0.5/24", 0.0, time.time() + 60, routes=(("0.0.0.0/0", "10.0.0.1"),))
    did, lease, _notes = client("bound", former, **ADDRESS, router="10.0.0.1")
    assert did == [
        "remove 0.0.0.0/0 10.0.0.1",
        "remove 10.0.0.5/24",
        "set 10.0.0.7/24 3600",
        "add 0.0.0.0/0 10.0.0.1",
    ]
    assert lease.address == "10.0.0.7/24"


@pytest.mark.parametrize(
    ("lease", "why"),
    [
        (Lease(1, "10.0.0.5/24", until=time.time() - 1), "ended"),
        (Lease(1, "10.0.0.5/24", until=time.time() + 3600, released=True), "given back"),
    ],
)
def test_an_address_goes_with_its_lease(client, lease, why):
    did, after, notes = client("deconfig", lease)
    assert did == ["remove 10.0.0.5/24"] and not after.holds
    assert notes == [f"lease of 10.0.0.5/24 for eth1 of container web1 {why} [DHCP]"]


def test_a_client_that_begins_anew_leaves_what_its_predecessor_was_given(client):
    held = Lease(1, "10.0.0.5/24", until=time.time() + 3600)
    assert client("deconfig", held) == ([], held, [])
    assert client("leasefail", held) == ([], held, [])


def test_an_interface_that_is_gone_is_no_fault_of_the_file(client, tmp_path):
    path = str(tmp_path / "other.json")
    told = {"PIPEFITTER_LEASE": path, "PIPEFITTER_NAME": "eth9", "interface": "eth9", **ADDRESS}
    assert dhcp_event.follow("bound", told) == 1
    assert leases.read(path) == Lease()


def test_what_is_no_lease_of_this_version_is_none(tmp_path):
    path = tmp_path / "lease.json"
    for content in ("", "{", "[]", '{"pid": 1}', '{"routes": [], "dns": [], "unknown": 1}'):
        path.write_text(content, encoding="utf-8")
        assert leases.read(str(path)) == Lease()

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""icc_policy between two bridges: isolated from each other unless linked, by packets."""

from __future__ import annotations

import pytest
from icc_lab import ADDRESSES, Listeners, icc, icc_thoroughly, reaches, shows, udp_refused, wire
from wiring import assert_same, ping, refused

FAR = {"addresses": ["192.168.6.1/24", "fd00:6::1/64"]}
SERVICES = ("5432/tcp", "81/tcp", "53/udp")
OUTWARD = {"from": {"netns": "web1"}, "to": {"netns": "far"}, "ports": ["5432/tcp", "53/udp", "icmp"]}
INWARD = {"from": {"netns": "far"}, "to": {"netns": "web1"}, "ports": ["81/tcp"]}
LINKED = {
    "5432/tcp 4": True,
    "5432/tcp 6": True,
    "81/tcp 4": False,
    "81/tcp 6": False,
    "53/udp 4": True,
    "53/udp 6": True,
}


@pytest.fixture(name="listeners")
def fixture_listeners():
    listeners = Listeners()
    yield listeners
    listeners.end()


@pytest.fixture(name="two")
def fixture_two(hosta, listeners):
    """Two bridges that forward, with a container on the one and two on the other; all of them listen."""
    wire(hosta, "web1", ip_forward=True)
    wire(hosta, "far", "far2", bridge="br1", **FAR, ip_forward=True)
    for name in ("web1", "far", "far2"):
        listeners.listen(hosta, name, *SERVICES)
    return hosta


def pings(host, source, target):
    return [ping(host, source, address) for address in ADDRESSES[target].values()]


def test_isolated_unless_linked(two, listeners):
    assert all(reaches(two, "web1", "far", *SERVICES).values())
    icc_thoroughly(two, icc=False)
    before = shows(two)
    assert not any(reaches(two, "web1", "far", *SERVICES).values())

    done = icc_thoroughly(two, icc=False, links=[OUTWARD])

    assert done["policy"]["links"] == [
        {
            "from": {"netns": "/run/netns/web1"},
            "to": {"netns": "/run/netns/far"},
            "ports": ["icmp", "5432/tcp", "53/udp"],
        }
    ]
    assert reaches(two, "web1", "far", *SERVICES) == LINKED
    assert pings(two, "web1", "far") == [True, True]
    for source, target in (("far", "web1"), ("web1", "far2"), ("far2", "web1")):
        assert not any(reaches(two, source, target, *SERVICES).values()), (source, target)
        assert pings(two, source, target) == [False, False], (source, target)

    # Unlinked while a connection lives: it ends with the next packet.
    living = [listeners.converse(two, "web1", address, 5432) for address in ("192.168.6.10", "fd00:6::10")]
    assert [one.goes_on() for one in living] == [True, True]
    icc_thoroughly(two, icc=False)
    assert [one.goes_on() for one in living] == [False, False]
    assert_same(before, shows(two))


def test_a_link_from_another_bridge(two):
    done = icc_thoroughly(two, icc=False, links=[INWARD])
    assert done["policy"]["links"] == [
        {"from": {"netns": "/run/netns/far"}, "to": {"netns": "/run/netns/web1"}, "ports": ["81/tcp"]}
    ]
    assert list(reaches(two, "far", "web1", *SERVICES).values()) == [False, False, True, True, False, False]
    assert not any(reaches(two, "web1", "far", *SERVICES).values())
    # The other bridge may be isolated as well, and the link is told in one policy only.
    icc_thoroughly(two, bridge="br1", icc=False)
    assert list(reaches(two, "far", "web1", "81/tcp").values()) == [True, True]
    said = refused(two, "icc_policy", bridge="br1", icc=False, links=[INWARD])
    assert "is in the policy of bridge br0 already" in said and "name the link in the policy of one bridge" in said
    icc_thoroughly(two, bridge="br1", state="absent")
    assert list(reaches(two, "far", "web1", "81/tcp").values()) == [True, True]


def test_icmp_errors_of_links_between_bridges_arrive(hosta):
    wire(hosta, "web1", ip_forward=True)
    wire(hosta, "far", bridge="br1", **FAR, ip_forward=True)
    icc(hosta, icc=False, links=[{**OUTWARD, "ports": ["53/udp"]}, {**INWARD, "ports": ["53/udp"]}])
    for source, target in (("web1", "far"), ("far", "web1")):
        assert [udp_refused(hosta, address, source) for address in ADDRESSES[target].values()] == [True, True], source


def test_a_bridge_that_goes_takes_the_links_to_it_and_from_it_along(hosta):
    wire(hosta, "web1", "db1", ip_forward=True)
    wire(hosta, "far", bridge="br1", **FAR, ip_forward=True)
    within = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["80/tcp"]}
    icc(hosta, icc=False, links=[OUTWARD, INWARD, within])
    said = refused(hosta, "container_bridge", name="br1", ip_forward=False)
    assert said.startswith("ip_forward: false") and "br1 has links" in said
    done = hosta.module("container_bridge", name="br1", state="absent")
    assert any("no longer allow connections over br0 from netns /run/netns/far" in line for line in done["operations"])
    left = (
        hosta.run("nft", "list", "table", "ip", "pipefitter").stdout
        + hosta.run("nft", "list", "table", "ip6", "pipefitter").stdout
    )
    assert ADDRESSES["far"][4] not in left and ADDRESSES["far"][6] not in left and "br1" not in left
    assert ADDRESSES["db1"][4] in left and ADDRESSES["db1"][6] in left


@pytest.mark.parametrize("publish_first", [True, False])
def test_a_link_into_a_bridge_that_is_protected(two, publish_first):
    """port_publish keeps what is outside of br1 from ports that are not published, but not what is linked."""
    publish = {"bridge": "br1", "netns": "far", "ports": ["8080:81"]}
    before = shows(two)
    if publish_first:
        two.module("port_publish", **publish)
    icc_thoroughly(two, icc=False, links=[OUTWARD])
    if not publish_first:
        two.module("port_publish", **publish)
    assert two.module("port_publish", **publish)["changed"] is False
    assert icc(two, icc=False, links=[OUTWARD])["changed"] is False
    assert reaches(two, "web1", "far", *SERVICES) == LINKED
    assert pings(two, "web1", "far") == [True, True]
    assert not any(reaches(two, "web1", "far2", *SERVICES).values())
    # Each goes by itself, in either order, and leaves the other.
    if publish_first:
        icc_thoroughly(two, icc=True)
        assert not any(reaches(two, "web1", "far", *SERVICES).values())
        assert two.module("port_publish", **publish)["changed"] is False
        two.module("port_publish", bridge="br1", state="absent")
    else:
        two.module("port_publish", bridge="br1", state="absent")
        assert icc(two, icc=False, links=[OUTWARD])["changed"] is False
        assert reaches(two, "web1", "far", *SERVICES) == LINKED
        icc_thoroughly(two, icc=True)
    assert_same(before, shows(two))


def test_refuses_what_this_host_would_not_forward(hosta):
    wire(hosta, "web1", ip_forward=True)
    wire(hosta, "far", "far2", bridge="br1", **FAR, ip_forward=False)
    said = refused(hosta, "icc_policy", bridge="br0", icc=False, links=[OUTWARD])
    assert said.startswith(
        "links[0]: netns /run/netns/web1 is on br0 and netns /run/netns/far on br1, and br1 does not forward IPv4"
    )
    assert said.endswith("set ip_forward on both bridges (container_bridge)")
    said = refused(
        hosta,
        "icc_policy",
        bridge="br0",
        icc=False,
        links=[{"from": {"netns": "far"}, "to": {"netns": "far2"}, "ports": ["80"]}],
    )
    assert "is on br0; name the link in the policy of a bridge of theirs" in said

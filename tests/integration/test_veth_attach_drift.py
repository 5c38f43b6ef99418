# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach corrects what drifted, without taking the interface away."""

from __future__ import annotations

import pytest
from conftest import clean
from wiring import assert_same, attach, everything, make_bridge, make_namespaces

_WANTED = {
    "netns": "probe",
    "bridge": "br0",
    "host_interface": "probe0",
    "addresses": ["192.168.5.10/24", "192.168.5.11/24", "fd00:5::10/64"],
    "gateway": "192.168.5.1",
    "gateway6": "fd00:5::1",
    "routes": [
        {"destination": "10.20.0.0/16", "gateway": "192.168.5.254"},
        {"destination": "fd00:20::/48", "gateway": "fd00:5::fe"},
    ],
    "mac_seed": "probe",
    "mtu": 1400,
}

_DRIFTS = {
    "first address removed": "ip -n probe addr del 192.168.5.10/24 dev eth1",
    "second address removed": "ip -n probe addr del 192.168.5.11/24 dev eth1",
    "IPv6 address removed": "ip -n probe addr del fd00:5::10/64 dev eth1",
    "all addresses removed": "ip -n probe addr flush dev eth1",
    "address added": "ip -n probe addr add 192.168.5.99/24 dev eth1; ip -n probe addr add fd00:99::1/64 dev eth1",
    "prefix length changed": "ip -n probe addr del fd00:5::10/64 dev eth1; ip -n probe addr add fd00:5::10/56 dev eth1",
    "wrong MAC": "ip -n probe link set eth1 address 02:00:00:00:00:99",
    "wrong MTU": "ip -n probe link set eth1 mtu 1300; ip link set probe0 mtu 1310",
    "MTU too small for IPv6": "ip -n probe link set eth1 mtu 1000",
    "down in the container": "ip -n probe link set eth1 down",
    "down on the host": "ip link set probe0 down",
    "no bridge": "ip link set probe0 nomaster",
    "wrong bridge": "ip link set probe0 master br1",
    "renamed in the container": "ip -n probe link set eth1 down; ip -n probe link set eth1 name wrong up",
    "renamed on the host": "ip link set probe0 name wrong0",
    "default routes gone": "ip -n probe route del default; ip -n probe -6 route del default",
    "default route through another gateway": (
        "ip -n probe route replace default via 192.168.5.77; "
        "ip -n probe -6 route replace default via fd00:5::77 metric 1024"
    ),
    "route gone": "ip -n probe route del 10.20.0.0/16; ip -n probe -6 route del fd00:20::/48",
    "route of ours too many": "ip -n probe route add 10.99.0.0/16 via 192.168.5.1 proto 112",
    "alias overwritten": "ip link set probe0 alias 'pipefitter'",
    "alternative name taken off": "ip link property del dev probe0 altname probe-eth1",
    "link-local address on the host": (
        "ip link set probe0 down; ip link set probe0 addrgenmode eui64; ip link set probe0 up"
    ),
    "closed to floods": "bridge link set dev probe0 bcast_flood off",
}


# Those that come together without taking away all that tells the link: of names and alias, one must be left.
_TOGETHER = (
    "address added",
    "second address removed",
    "wrong MAC",
    "wrong MTU",
    "route of ours too many",
    "default routes gone",
    "route gone",
    "no bridge",
    "down on the host",
    "renamed in the container",
    "renamed on the host",
)


def _arrange(host):
    make_bridge(host)
    make_bridge(host, "br1", "address", "02:00:00:00:00:01")  # without it, its MAC follows its ports
    make_namespaces(host, "probe")
    attach(host, **_WANTED)
    return everything(host)


def _assert_corrects(host, before, drift):
    host.run("sh", "-c", drift)

    checked = host.module("veth_attach", check_mode=True, **_WANTED)
    corrected = attach(host, **_WANTED)

    assert corrected["changed"] and checked["operations"] == corrected["operations"]
    # The same indexes too: no interface was taken away for it.
    assert_same(before, everything(host))


def test_corrects_all_at_once_in_place(host):
    before = _arrange(host)
    _assert_corrects(host, before, "; ".join(_DRIFTS[drift] for drift in _TOGETHER))
    assert not attach(host, **_WANTED)["changed"]


@pytest.fixture(scope="module")
def drifting(lab_hosts):
    """A host with one attachment for all drifts: each test ends with what it began with.

    Last in this file, as others' ends clean the host.
    """
    host = lab_hosts["hosta"]
    yield host, _arrange(host)
    clean(host)


@pytest.mark.parametrize("drift", _DRIFTS)
def test_corrects_in_place(drifting, drift):
    host, before = drifting
    _assert_corrects(host, before, _DRIFTS[drift])

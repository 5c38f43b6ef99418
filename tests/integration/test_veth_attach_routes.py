# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth_attach's gateways: never a moment without a default route, and routers outside of the container's subnets."""

from __future__ import annotations

from wiring import attach, attach_thoroughly, make_bridge, make_namespaces, routes, until


def test_keeps_the_old_default_route_until_the_new_one_is_in(host):
    make_bridge(host)
    make_namespaces(host, "probe")
    shared = {"netns": "probe", "bridge": "br0", "addresses": ["192.168.5.10/24", "fd00:5::10/64"]}
    attach(host, **shared, gateway="192.168.5.1", gateway6="fd00:5::1")
    monitor = host.start("sh", "-c", "exec ip -n probe -ts monitor route >/run/monitor 2>&1")
    try:
        _monitored(host, "10.99.0.1")  # it listens
        attach_thoroughly(host, **shared, gateway="192.168.5.2", gateway6="fd00:5::2")
        # Another address of the same subnet is secondary to the old one, which the kernel takes away with it.
        attach_thoroughly(
            host,
            **{**shared, "addresses": ["192.168.5.11/24", "fd00:5::11/64"]},
            gateway="192.168.5.2",
            gateway6="fd00:5::2",
        )
        # Off the link, and with other addresses than before: still no gap.
        moved = {**shared, "addresses": ["192.168.6.10/32", "fd00:6::10/128"]}
        attach_thoroughly(host, **moved, gateway="10.1.1.1", gateway6="fd00:1::1")
        seen = _monitored(host, "10.99.0.2")
    finally:
        monitor.terminate()
        monitor.wait()
    changes = [line for line in seen if "default" in line]
    assert len(changes) >= 4
    assert not [line for line in changes if "Deleted" in line]
    assert "default gateway 10.1.1.1 dev eth1" in routes(host, "probe")
    assert "default gateway fd00:1::1 dev eth1 metric 1024" in routes(host, "probe", "-6")


def _monitored(host, sign):
    """Set a route until the monitor shows it; return what it has shown by then."""

    def seen():
        # Setting a route that is there already is no event.
        host.run("sh", "-c", f"ip -n probe route add {sign}/32 dev eth1 || ip -n probe route del {sign}/32 dev eth1")
        lines = host.run("cat", "/run/monitor", check=False).stdout.splitlines()
        return lines if any(sign in line for line in lines) else None

    return until(seen, f"the monitor does not show {sign}")


def test_reaches_gateways_outside_of_its_subnets(host):
    make_bridge(host)
    make_namespaces(host, "probe")

    attach_thoroughly(
        host,
        netns="probe",
        bridge="br0",
        addresses=["192.168.5.14/32", "fd00:5::14/128"],
        gateway="192.168.5.1",
        gateway6="fd00:9::1",
        routes=[{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}],
    )

    assert routes(host, "probe") == {
        "192.168.5.1 dev eth1",
        "192.168.5.254 dev eth1",
        "default gateway 192.168.5.1 dev eth1",
        "10.20.0.0/16 gateway 192.168.5.254 dev eth1",
    }
    assert {"fd00:9::1 dev eth1 metric 1024", "default gateway fd00:9::1 dev eth1 metric 1024"} <= routes(
        host, "probe", "-6"
    )

    # A gateway that changes takes the host route to the old one along.
    held = ["192.168.5.14/32", "fd00:5::14/128"]
    attach_thoroughly(
        host, netns="probe", bridge="br0", addresses=held, gateway="192.168.5.2", gateway6="fd00:9::2", routes=[]
    )
    assert routes(host, "probe") == {"192.168.5.2 dev eth1", "default gateway 192.168.5.2 dev eth1"}
    assert "fd00:9::1 dev eth1 metric 1024" not in routes(host, "probe", "-6")


def test_gives_back_routes_on_the_link_and_takes_along_the_host_route_of_an_old_gateway(host):
    make_bridge(host)
    make_bridge(host, "br1")
    make_namespaces(host, "probe")
    options = {"netns": "probe", "bridge": "br1", "addresses": ["192.168.5.14/24"]}
    both = [{"destination": "10.20.0.0/16", "gateway": "192.168.5.254"}, {"destination": "10.30.0.0/16"}]
    attach_thoroughly(host, **options, gateway="192.168.6.1", routes=both)
    shown = host.module("container_network_info")["attachments"]
    assert host.module("veth_attach", attachments=shown)["operations"] == []

    attach_thoroughly(host, **options, gateway="192.168.7.1")

    assert "192.168.7.1 dev eth1" in routes(host, "probe") and "192.168.6.1 dev eth1" not in routes(host, "probe")
    assert not attach(host, netns="probe", bridge="br0", state="absent")["changed"]
    assert attach(host, netns="probe", bridge="br1", state="absent")["changed"]

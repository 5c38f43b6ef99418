# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PID 1 of a host: what a boot does, in the same order: files, network, services."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from . import docker_engine, host_files, init, openvswitch, podman, ssh, systemd_host
from .commands import run
from .errors import LabError
from .layout import Layout
from .spec import Spec


def boot(lab: str, host: str, connected_argument: str, report_argument: str) -> None:
    """Boot the host `host`, report how it went, then reap for ever or go on as systemd."""
    connected_descriptor, report_descriptor = int(connected_argument), int(report_argument)
    report = init.Report(report_descriptor)
    try:
        layout = Layout(lab)
        spec = Spec.load(layout)
        socket.sethostname(host)
        set_up_files(layout, spec, host)
        os.read(connected_descriptor, 1)  # the end of file says that eth0 and eth1 are here
        set_up_network(spec, host)
        report.send(host=host, stage="network")
        if host in spec.systemd:
            report.send(host=host, stage="systemd")
            os.close(connected_descriptor)
            os.close(report_descriptor)
            systemd_host.become()
        start_services(spec, host, report)
        report.send(host=host, stage="ready")
    except (LabError, OSError) as error:
        report.send(failed=f"{host}: {error}")
        if os.path.exists(layout.boot_id(host)):  # with systemd: off, then, and it can be switched on again
            sys.exit(f"{host} does not boot: {error}")
    os.close(connected_descriptor)
    os.close(report_descriptor)
    init.reap_for_ever()


def set_up_files(layout: Layout, spec: Spec, host: str) -> None:
    if host in spec.systemd:
        _set_up_files_for_systemd(layout, spec, host)
    else:
        host_files.assemble(layout, host)
        host_files.write_identity(spec, host)
        ssh.install("/etc", "/root", layout, host)
        docker_engine.configure(spec.name, host)
        podman.configure()
    host_files.hide_other_hosts()


def _set_up_files_for_systemd(layout: Layout, spec: Spec, host: str) -> None:
    """What is written for its first boot is the host's own then. Docker is as Debian's package has it."""
    first_boot = not os.path.exists(layout.boot_id(host))
    host_files.assemble(layout, host, systemd=True)
    if first_boot:
        host_files.write_identity(spec, host)
        ssh.install("/etc", "/root", layout, host)
        podman.configure()
        systemd_host.configure(spec, host)


def set_up_network(spec: Spec, host: str) -> None:
    # dockerd sets the policy of FORWARD to DROP only where it is the one to switch forwarding on,
    # as on a machine fresh from the installer; the lab's LAN has it on, so it is put back here.
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write("0")
    for interface in ("eth0", "eth1"):
        run(["ethtool", "-K", interface, "tx", "off"])  # see lan.build
    lines = [
        "link set lo up",
        "link set eth1 addrgenmode none up",
        f"address add {spec.address(host)}/{spec.prefix_length} broadcast + dev eth0",
        f"address add {spec.ipv6(host)}/64 dev eth0 nodad",
        "link set eth0 up",
        f"route add default via {spec.lan_address}",
        f"route add default via {spec.lan_ipv6} dev eth0",
    ]
    run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


def start_services(spec: Spec, host: str, report: init.Report) -> None:
    """Start them side by side; a LabError of any of them comes out of here."""

    def docker() -> None:
        docker_engine.start()
        report.send(host=host, stage="Docker")
        docker_engine.Api().import_image(spec.image)

    def switch() -> None:
        openvswitch.start(host)
        report.send(host=host, stage="Open vSwitch")

    services: list[Callable[[], None]] = [ssh.start_daemon]
    if spec.docker:
        services.append(docker)
    if spec.openvswitch:
        services.append(switch)
    if spec.podman:
        services.append(lambda: podman.import_image(spec.image))
    with ThreadPoolExecutor() as pool:
        for started in [pool.submit(service) for service in services]:
            started.result()

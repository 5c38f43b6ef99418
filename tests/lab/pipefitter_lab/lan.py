# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PID 1 of the lab: the LAN its hosts are on, and the hosts themselves.

The network namespace of this process is the LAN's: the bridge `lan` joins every host's eth0 and has an address,
so the namespace is at the same time a computer on the LAN. The bridge `trunk` joins every
eth1; it has no address and passes tagged frames on unchanged, as a trunk between switches does.
"""

from __future__ import annotations

import os

from . import host_files, init, syscalls
from .commands import run
from .errors import LabError
from .layout import Layout
from .spec import Spec

_SEGMENTS = {"lan": "eth0", "trunk": "eth1"}  # bridge here, and the hosts' interface on it


def boot(name: str, report_argument: str, log: str) -> None:
    """Build the LAN, start the hosts, connect them; then reap for ever."""
    _let_go_of_terminal(log)
    report_descriptor = int(report_argument)
    report = init.Report(report_descriptor)
    try:
        layout = Layout(name)
        spec = Spec.load(layout)
        syscalls.make_mounts_private()
        host_files.forget_foreign_mounts()
        syscalls.mount("proc", "/proc", "proc")
        wait_end, connected = os.pipe()
        hosts = {
            host: init.spawn(
                ["_host", name, host, str(wait_end), str(report_descriptor)], (wait_end, report_descriptor)
            )
            for host in spec.host_names
        }
        os.close(wait_end)
        build(spec)
        connect(hosts)
        os.close(connected)  # the hosts read the end of file and go on
        report.send(hosts=hosts)
    except (LabError, OSError) as error:
        report.send(failed=f"the LAN: {error}")
    os.close(report_descriptor)
    init.reap_for_ever()


def _let_go_of_terminal(log: str) -> None:
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def build(spec: Spec) -> None:
    # Without this the LAN would answer a host's packets to the outside with silence, not with "unreachable".
    _write_sysctl("net/ipv4/ip_forward", "1")
    lines = ["link set lo up"]
    for bridge in _SEGMENTS:
        lines.append(f"link add {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0")
    _ip(lines)
    for bridge in _SEGMENTS:
        # A bridge that originates traffic leaves the checksum to the NIC; a userspace Open vSwitch
        # passes it on unfinished, and TCP dies while ping works.
        run(["ethtool", "-K", bridge, "tx", "off"])
    _write_sysctl("net/ipv6/conf/trunk/disable_ipv6", "1")
    _ip(
        [
            f"address add {spec.lan_address}/{spec.prefix_length} broadcast + dev lan",
            f"address add {spec.lan_ipv6}/64 dev lan nodad",
            "link set lan up",
            "link set trunk up",
        ]
    )


def connect(hosts: dict[str, int]) -> None:
    lines = []
    for host, pid in hosts.items():
        for bridge, interface in _SEGMENTS.items():
            port = f"{bridge}-{host}"
            lines.append(f"link add {port} type veth peer name {interface} netns {pid}")
            lines.append(f"link set {port} master {bridge} addrgenmode none up")
    _ip(lines)


def _ip(lines: list[str]) -> None:
    run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


def _write_sysctl(name: str, value: str) -> None:
    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(value)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PID 1 of the lab: the LAN its hosts are on, and the hosts themselves.

The network namespace of this process is the LAN's: the bridge `lan` joins every host's eth0 and has an address,
so the namespace is at the same time a computer on the LAN. The bridge `trunk` joins every
eth1; it has no address and passes tagged frames on unchanged, as a trunk between switches does.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from . import cgroups, host_files, init, record, syscalls
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
        power = Power(layout, spec)
        with connecting(spec) as (wait_end, hosts):
            for host in spec.host_names:
                hosts[host] = start_host(spec, host, wait_end, report_descriptor)
            build(spec)
        power.is_on(hosts)
        report.send(hosts=hosts)
        os.close(report_descriptor)
        init.reap_for_ever(power.ended, power.switch_on)
    except (LabError, OSError) as error:
        report.send(failed=f"the LAN: {error}")
        os.close(report_descriptor)
        init.reap_for_ever()


@contextlib.contextmanager
def connecting(spec: Spec) -> Iterator[tuple[int, dict[str, int]]]:
    """A pipe, and a dictionary for the inits of the hosts that wait at it until they are connected."""
    wait_end, connected = os.pipe()
    hosts: dict[str, int] = {}
    try:
        yield wait_end, hosts
        connect(spec, hosts)
    finally:
        os.close(wait_end)
        os.close(connected)  # the hosts read the end of file and go on


def start_host(spec: Spec, host: str, wait_end: int, report_descriptor: int) -> int:
    """Start the init of `host`; its PID."""
    own_groups = cgroups.of_host(spec.name, host) if host in spec.systemd else []
    words = ["_host", spec.name, host, str(wait_end), str(report_descriptor)]
    return init.spawn(words, (wait_end, report_descriptor), own_groups)


class Power:
    """Boots hosts with systemd again: those that reboot or were reset, and on request those that are off."""

    def __init__(self, layout: Layout, spec: Spec) -> None:
        self.layout = layout
        self.spec = spec
        self._on: dict[int, str] = {}  # hosts by the PID of their init
        self._changes = dict.fromkeys(spec.systemd, 0)

    def is_on(self, hosts: dict[str, int]) -> None:
        for host in self.spec.systemd:
            self._announce(host, hosts[host])

    def ended(self, pid: int, status: int) -> None:
        """The process `pid` has ended, which may be the init of a host."""
        host = self._on.pop(pid, None)
        if host is None:
            return
        # pid_namespaces(7): by SIGHUP the parent sees that the host rebooted, by SIGINT that it was switched off.
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGINT:
            self._boot(host)
        elif os.WIFSIGNALED(status):
            self._announce(host, None, "was switched off")
        else:
            self._announce(host, None, f"does not boot, see {self.layout.log}")

    def switch_on(self) -> None:
        for host in set(self.spec.systemd) - set(self._on.values()):
            self._boot(host)

    def _boot(self, host: str) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # nobody follows as "lab up" does
        try:
            disconnect(host)
            cgroups.renew(self.spec.name, host)
            with connecting(self.spec) as (wait_end, hosts):
                hosts[host] = start_host(self.spec, host, wait_end, nowhere)
            self._announce(host, hosts[host])
        except (LabError, OSError) as error:
            self._announce(host, None, f"does not boot: {error}")
        finally:
            os.close(nowhere)

    def _announce(self, host: str, pid: int | None, why: str = "") -> None:
        if pid is not None:
            self._on[pid] = host
        self._changes[host] += 1
        record.PowerState(self._changes[host], pid, why).save(self.layout, host)


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


def connect(spec: Spec, hosts: dict[str, int]) -> None:
    lines = []
    for host, pid in hosts.items():
        for bridge, interface in _SEGMENTS.items():
            port = f"{bridge}-{host}"
            # A host that boots again comes with the addresses that its neighbours know.
            address = f"address {_mac(host, interface)}" if host in spec.systemd else ""
            lines.append(f"link add {port} type veth peer name {interface} {address} netns {pid}")
            lines.append(f"link set {port} master {bridge} addrgenmode none up")
    _ip(lines)


def disconnect(host: str) -> None:
    """The kernel takes the links of a namespace that has ended away, but later."""
    for bridge in _SEGMENTS:
        with contextlib.suppress(LabError):  # so it has already
            run(["ip", "link", "delete", f"{bridge}-{host}"])


def _mac(host: str, interface: str) -> str:
    return f"02:00:00:00:{ord(host[-1]):02x}:{int(interface[-1]):02x}"


def _ip(lines: list[str]) -> None:
    run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


def _write_sysctl(name: str, value: str) -> None:
    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(value)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab and their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from .errors import LabError
from .layout import DEFAULT_NAME, Layout, existing_labs


def main(arguments: Sequence[str]) -> int:
    try:
        if arguments[:1] in (["_lan"], ["_host"]):
            return _init(arguments)
        chosen = _parser().parse_args(arguments)
        return chosen.function(chosen) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more at its end
        return 1


def _init(arguments: Sequence[str]) -> int:
    """What this program does as PID 1; not for the command line."""
    if arguments[0] == "_lan":
        from . import lan

        lan.boot(*arguments[1:])
    else:
        from . import host_boot

        host_boot.boot(*arguments[1:])
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab",
        description="Hosts on this machine to try networks on, each with its own Docker, Open vSwitch and SSH.",
        epilog="'lab COMMAND --help' says more about a command.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, function: Callable[[argparse.Namespace], int | None], text: str, lab: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if lab:
            sub.add_argument("--name", default=DEFAULT_NAME, help="which lab (default: %(default)s)")
        sub.set_defaults(function=function)
        return sub

    _add_up(command("up", _up, "start a lab"))
    sub = command("exec", _exec, "run a command in a host, with the exit status and the streams passed through")
    sub.add_argument("host", metavar="HOST")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: a login shell")
    sub = command("run", _run, "run a command on the LAN, beside the hosts, with this machine's files")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: a shell")
    command("inventory", _inventory, "print an Ansible inventory with the group lab")
    sub = command("containers", _containers, "start busybox containers that sleep, all at once")
    sub.add_argument("--network", default="none", help="Docker network (default: %(default)s)")
    sub.add_argument("host", metavar="HOST")
    sub.add_argument("containers", nargs="+", metavar="CONTAINER")
    sub = command("podman-image", _podman_image, "give a host's Podman the busybox image")
    sub.add_argument("host", metavar="HOST")
    sub = command("docker-restart", _docker_restart, "stop and start a host's Docker daemon")
    sub.add_argument("host", metavar="HOST")
    sub = command("reboot", _reboot, "reboot a host with systemd (or switch it on); returns when it has booted")
    sub.add_argument("--reset", action="store_true", help="as by a power cut: its systemd is killed")
    sub.add_argument("host", metavar="HOST")
    sub = command("proxy", _proxy, "connect stdin and stdout with a port on the LAN, for ssh's ProxyCommand")
    sub.add_argument("--pass-socket", action="store_true", help="hand the connection over to ssh (its ProxyUseFdpass)")
    sub.add_argument("host", metavar="HOST", help="name or address")
    sub.add_argument("port", metavar="PORT", type=int, nargs="?", default=22, help="default: 22")
    sub = command("status", _status, "show what runs: every lab, or one", lab=False)
    sub.add_argument("--name", help="which lab (default: all)")
    command("down", _down, "remove a lab and all that belongs to it")
    command("doctor", _doctor, "say what this machine lacks, one line each", lab=False)
    return parser


def _add_up(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--hosts", type=int, default=3, metavar="N", help="hosta, hostb, ... (default: %(default)s)")
    sub.add_argument("--subnet", default="10.77.0.0/24", help="of the LAN (default: %(default)s)")
    sub.add_argument("--no-docker", action="store_true", help="do not start Docker")
    sub.add_argument("--no-ovs", action="store_true", help="do not start Open vSwitch")
    sub.add_argument("--podman", action="store_true", help="give every host's Podman the busybox image too")
    sub.add_argument(
        "--systemd",
        action="append",
        default=[],
        metavar="HOST",
        help="this host boots with systemd, and can be rebooted; may be repeated",
    )
    sub.add_argument(
        "--pyroute2",
        action="append",
        default=[],
        metavar="HOST=VERSION",
        help="install this version of pyroute2 in this host; may be repeated",
    )
    sub.add_argument("--pip", metavar="PATH", help="the pip that fetches it (default: the system Python's)")


def _up(chosen: argparse.Namespace) -> None:
    import time

    from . import doctor, pyroute2_version, startup
    from .spec import Spec

    begin = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - begin:5.1f} s  {text}", file=sys.stderr, flush=True)

    layout = Layout(chosen.name)
    spec = Spec(
        chosen.name,
        chosen.hosts,
        chosen.subnet,
        docker=not chosen.no_docker,
        openvswitch=not chosen.no_ovs,
        podman=chosen.podman,
        systemd=chosen.systemd,
    )
    missing = doctor.missing_for_up(spec)
    if missing:
        raise LabError("; ".join(missing))
    pyroute2 = pyroute2_version.fetch(chosen.pyroute2, spec, chosen.pip)
    startup.up(layout, spec, pyroute2, progress)


def _without_dashes(command: Sequence[str], default: Sequence[str]) -> Sequence[str]:
    return (command[1:] if command[:1] == ["--"] else command) or default


def _exec(chosen: argparse.Namespace) -> None:
    from . import entering

    entering.execute(Layout(chosen.name), chosen.host, _without_dashes(chosen.command, ["bash", "-l"]))


def _run(chosen: argparse.Namespace) -> None:
    from . import entering

    entering.run_on_lan(Layout(chosen.name), _without_dashes(chosen.command, ["bash"]))


def _proxy(chosen: argparse.Namespace) -> None:
    from . import connecting

    connect = connecting.pass_socket if chosen.pass_socket else connecting.relay
    connect(Layout(chosen.name), chosen.host, chosen.port)


def _inventory(chosen: argparse.Namespace) -> None:
    from . import init, ssh
    from .record import running
    from .spec import Spec

    layout = Layout(chosen.name)
    running(layout)
    print(ssh.inventory(layout, Spec.load(layout), init.COMMAND), end="")


def _containers(chosen: argparse.Namespace) -> None:
    from . import docker_engine
    from .record import running_host

    host_init = running_host(Layout(chosen.name), chosen.host)
    docker_engine.of_host(host_init.pid).start_containers(chosen.containers, chosen.network)


def _podman_image(chosen: argparse.Namespace) -> None:
    from . import entering, podman
    from .record import running_host
    from .spec import Spec

    layout = Layout(chosen.name)
    host_init = running_host(layout, chosen.host)
    podman.import_image(Spec.load(layout).image, entering.nsenter(host_init.pid))


def _docker_restart(chosen: argparse.Namespace) -> None:
    from . import docker_engine, entering
    from .commands import run
    from .record import running_host
    from .spec import Spec

    layout = Layout(chosen.name)
    host_init = running_host(layout, chosen.host)
    enter = entering.nsenter(host_init.pid)
    if chosen.host in Spec.load(layout).systemd:
        run([*enter, "systemctl", "restart", "docker.service"], timeout=docker_engine.START_TIMEOUT)
    else:
        docker_engine.restart(host_init.pid, enter)


def _reboot(chosen: argparse.Namespace) -> None:
    from . import rebooting

    print(f"{chosen.host} {rebooting.reboot(Layout(chosen.name), chosen.host, chosen.reset)}")


def _status(chosen: argparse.Namespace) -> int:
    from . import status

    names = [chosen.name] if chosen.name else existing_labs()
    if not names:
        print("no lab is up")
        return 1
    result = 0
    for name in names:
        try:
            for line in status.lines(Layout(name)):
                print(line)
        except LabError as error:
            print(f"{name}: {error}")
            result = 1
    return result


def _down(chosen: argparse.Namespace) -> None:
    from . import teardown
    from .lock import Lock

    layout = Layout(chosen.name)
    if layout.name not in existing_labs():
        print(f"there is no lab {layout.name}", file=sys.stderr)
        return
    with Lock(layout):
        teardown.remove(layout)


def _doctor(_chosen: argparse.Namespace) -> int:
    from . import doctor

    necessary = False
    nothing = True
    for finding in doctor.examine():
        print(("necessary: " if finding.necessary else "optional:  ") + finding.text)
        necessary |= finding.necessary
        nothing = False
    if nothing:
        print("this machine lacks nothing")
    return 1 if necessary else 0

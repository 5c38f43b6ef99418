# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab and their options."""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn, Sequence

from .errors import LabError
from .layout import Layout


def main(arguments: Sequence[str]) -> int:
    try:
        if arguments[:1] in (["_lan"], ["_host"]):
            return _init(arguments)
        return _command(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _init(arguments: Sequence[str]) -> NoReturn:
    """What this program does as PID 1; not for the command line."""
    if arguments[0] == "_lan":
        from . import lan

        name, descriptor, log = arguments[1:]
        _detach(log)
        lan.boot(name, int(descriptor))
    else:
        from . import host_boot

        lab, host, connected, report = arguments[1:]
        host_boot.boot(lab, host, int(connected), int(report))
    sys.exit(1)


def _detach(log: str) -> None:
    """Let go of the terminal of "lab up"."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def _command(arguments: Sequence[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(
        prog="lab", description="Hosts on this machine to try networks on, each with its own Docker, Open vSwitch and SSH."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, function, text: str):
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--name", default="lab", help="which lab (default: lab)")
        sub.set_defaults(function=function)
        return sub

    sub = command("up", _up, "start a lab")
    sub.add_argument("--hosts", type=int, default=3, help="number of hosts: hosta, hostb, ... (default: 3)")
    sub.add_argument("--subnet", default="10.77.0.0/24", help="the LAN's (default: %(default)s)")
    sub.add_argument("--no-docker", action="store_true", help="do not start Docker")
    sub.add_argument("--no-ovs", action="store_true", help="do not start Open vSwitch")
    sub = command("exec", _exec, "run a command in a host")
    sub.add_argument("host")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD")
    sub = command("run", _run, "run a command on the LAN, beside the hosts")
    sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD")
    sub = command("proxy", _proxy, "connect stdin and stdout with a port on the LAN (for ssh's ProxyCommand)")
    sub.add_argument("--pass-socket", action="store_true", help="hand the connection over to ssh (its ProxyUseFdpass)")
    sub.add_argument("address", help="address or name of a host")
    sub.add_argument("port", type=int, nargs="?", default=22)
    command("inventory", _inventory, "print an Ansible inventory with the group lab")
    sub = command("containers", _containers, "start busybox containers that sleep, all at once")
    sub.add_argument("--network", default="none", help="Docker network (default: none)")
    sub.add_argument("host")
    sub.add_argument("containers", nargs="+", metavar="CONTAINER")
    command("down", _down, "remove a lab and all that belongs to it")

    chosen = parser.parse_args(arguments)
    return chosen.function(chosen) or 0


def _up(chosen) -> None:
    from . import startup
    from .spec import Spec

    layout = Layout(chosen.name)
    spec = Spec(chosen.name, chosen.hosts, chosen.subnet, not chosen.no_docker, not chosen.no_ovs)
    begin = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - begin:5.1f} s  {text}", file=sys.stderr, flush=True)

    startup.up(layout, spec, lambda: None, progress)


def _after_dashes(command: Sequence[str]) -> Sequence[str]:
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise LabError("say which command to run, after --")
    return command


def _exec(chosen) -> None:
    from . import entering

    entering.execute(Layout(chosen.name), chosen.host, _after_dashes(chosen.command))


def _run(chosen) -> None:
    from . import entering

    entering.run_on_lan(Layout(chosen.name), _after_dashes(chosen.command))


def _proxy(chosen) -> None:
    from . import entering

    connect = entering.pass_socket if chosen.pass_socket else entering.relay
    connect(Layout(chosen.name), chosen.address, chosen.port)


def _inventory(chosen) -> None:
    from . import init, ssh
    from .record import running
    from .spec import Spec

    layout = Layout(chosen.name)
    running(layout)
    print(ssh.inventory(layout, Spec.load(layout), init.ENTRY), end="")


def _containers(chosen) -> None:
    from . import docker_engine
    from .record import running_host

    host_init = running_host(Layout(chosen.name), chosen.host)
    docker_engine.of_host(host_init.pid).start_containers(chosen.containers, chosen.network, ["sleep", "1000000"])


def _down(chosen) -> None:
    from . import startup, teardown

    layout = Layout(chosen.name)
    if not os.path.isdir(layout.root):
        print(f"there is no lab {layout.name}", file=sys.stderr)
        return
    with startup.Lock(layout):
        teardown.remove(layout)

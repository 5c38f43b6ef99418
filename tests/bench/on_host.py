# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures on a lab's host what attachments cost: a request as JSON on stdin, what was measured as JSON on stdout.

attachments.py runs it there; it is of no use alone. The same containers are attached by ``ip`` commands, taken off,
and attached by one module, in turns; what drifts on the machine meets both.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

from first_pings import AT_ONCE, AT_ONCE_USERSPACE, backlog, ping_once

_BRIDGE = "bench0"
_GATEWAY = "10.64.0.1"
_GROUP = "4711"  # of the links that one request deletes together
_PINGED = 5
_TIMEOUT = 600
_TIMED_MODULE = str(pathlib.Path(__file__).with_name("timed_module.py"))


def main():
    request = json.load(sys.stdin)
    containers = _namespaces(request["count"]) if request["kind"] == "netns" else _containers(request["names"])
    if request["ovs"]:
        _vsctl("add-br", _BRIDGE, "--", "set", "bridge", _BRIDGE, "datapath_type=netdev")
    else:
        _ip("link", "add", _BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{_GATEWAY}/16", "dev", _BRIDGE)
    _ip("link", "set", _BRIDGE, "up")
    measured = [_repetition(containers, request) for _number in range(request["repetitions"])]
    if request["ovs"]:
        _vsctl("del-br", _BRIDGE)
    else:
        _ip("link", "del", _BRIDGE)
    if request["kind"] == "netns":
        _ip_batch(f"netns del {container['netns']}" for container in containers)
    json.dump(measured, sys.stdout)


def _repetition(containers, request):
    python_path, ovs = request["python_path"], request["ovs"]
    by_commands = _timed(
        ["sh", "-e"], "\n".join(_commands(number, container, ovs) for number, container in enumerate(containers))
    )
    _verify(containers, ovs)
    _take_off(ovs)
    before = backlog()
    options = {
        "bridge": _BRIDGE,
        "gateway": _GATEWAY,
        "attachments": [{**container, "addresses": [_address(n)]} for n, container in enumerate(containers)],
    }
    attached = _module(options, python_path, changed=True)
    hosts = [_address(number).partition("/")[0] for number in range(len(containers))]
    at_once = AT_ONCE_USERSPACE if ovs else AT_ONCE
    answers = ping_once(list(zip(_paths(containers), hosts)), _GATEWAY, _BRIDGE, at_once)
    queues = {name: count - before[name] for name, count in backlog().items()}
    unchanged = _module(options, python_path, changed=False)
    detached = _module({**options, "state": "absent"}, python_path, changed=True)
    return {
        "by_commands": by_commands,
        "attached": attached,
        "unchanged": unchanged,
        "detached": detached,
        "answers": answers,
        "queues": queues,
    }


# ---- containers


def _namespaces(count):
    names = [f"bench{number}" for number in range(count)]
    _ip_batch(f"netns add {name}" for name in names)
    return [{"netns": name} for name in names]


def _containers(names):
    return [{"container": name} for name in names]


def _paths(containers):
    if "netns" in containers[0]:
        return [f"/run/netns/{container['netns']}" for container in containers]
    return [f"/proc/{pid}/ns/net" for pid in _pids(containers)]


def _pids(containers):
    names = [container["container"] for container in containers]
    shown = subprocess.run(
        ["docker", "inspect", "-f", "{{.State.Pid}}", *names],
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
    )
    return shown.stdout.split()


def _address(number):
    return f"10.64.{1 + number // 250}.{1 + number % 250}/16"


# ---- the two ways


def _commands(number, container, ovs):
    """Return what one would write by hand for one attachment, a process a line."""
    if "netns" in container:
        target, inside = container["netns"], f"ip -n {container['netns']}"
    else:
        # One question for the PID: what a script has to ask of a container that it knows by name.
        target, inside = "$pid", "nsenter -t $pid -n ip"
    lines = [] if "netns" in container else [f"pid=$(docker inspect -f '{{{{.State.Pid}}}}' {container['container']})"]
    return "\n".join(
        [
            *lines,
            f"ip link add port{number} type veth peer name inner{number}",
            f"ip link set inner{number} netns {target} name eth1",
            f"ovs-vsctl add-port {_BRIDGE} port{number}" if ovs else f"ip link set port{number} master {_BRIDGE}",
            f"ip link set port{number} up",
            f"{inside} addr add {_address(number)} dev eth1",
            f"{inside} link set eth1 up",
            f"{inside} route add default via {_GATEWAY}",
        ]
    )


def _module(options, python_path, changed):
    environment = {**os.environ, "PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"}
    measured = _timed(["/usr/bin/python3", _TIMED_MODULE, "veth_attach"], json.dumps(options), environment)
    result = json.loads(measured.pop("stdout"))
    if result.get("failed") or result["changed"] is not changed:
        sys.exit(f"veth_attach was to say changed={changed}, and said {str(result)[:500]}")
    return {**measured, "inside": json.loads(measured.pop("stderr").splitlines()[-1])}


def _timed(argv, text, environment=None):
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        argv, input=text, capture_output=True, encoding="utf-8", env=environment, timeout=_TIMEOUT, check=False
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{argv} ended with {done.returncode}: {done.stdout[:2000]}{done.stderr[:2000]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "stdout": done.stdout, "stderr": done.stderr}


# ---- between and after


def _ports(ovs):
    if ovs:
        return _vsctl("list-ports", _BRIDGE).split()
    shown = subprocess.run(
        ["ip", "-j", "link", "show", "master", _BRIDGE],
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
    )
    return [link["ifname"] for link in json.loads(shown.stdout or "[]")]


def _verify(containers, ovs):
    ports = len(_ports(ovs))
    if ports != len(containers):
        sys.exit(f"{len(containers)} containers were attached, and {_BRIDGE} has {ports} ports")
    step = max(1, len(containers) // _PINGED)
    for container in containers[::step]:
        into = (
            ["ip", "netns", "exec", container["netns"]]
            if "netns" in container
            else ["nsenter", "-n", "-t", _pids([container])[0]]
        )
        subprocess.run(
            [*into, "ping", "-n", "-c", "1", "-W", "5", _GATEWAY], check=True, stdout=subprocess.DEVNULL, timeout=30
        )


def _take_off(ovs):
    # By group: one by one each would wait for an RCU grace period.
    ports = _ports(ovs)
    if ovs:
        _vsctl(*(word for port in ports for word in ("--", "del-port", _BRIDGE, port)))
    _ip_batch(f"link set {port} group {_GROUP}" for port in ports)
    _ip("link", "del", "group", _GROUP)


def _vsctl(*words):
    done = subprocess.run(["ovs-vsctl", *words], check=True, stdout=subprocess.PIPE, encoding="utf-8", timeout=_TIMEOUT)
    return done.stdout


def _ip(*words):
    subprocess.run(["ip", *words], check=True, timeout=60)


def _ip_batch(lines):
    subprocess.run(
        ["ip", "-batch", "-"],
        input="".join(f"{line}\n" for line in lines),
        check=True,
        encoding="utf-8",
        timeout=_TIMEOUT,
    )


if __name__ == "__main__":
    main()

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures on a lab's host how long a container that starts is without its network: request and figures as JSON.

restarts.py runs it there; it is of no use alone. From the engine's own time of the start event until the first answer
to a ping from the host, which is asked again each millisecond. And how long the hook lasts, which a container that
starts waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from program_on_host import PROGRAM, module, resident

_BRIDGE, _GATEWAY = "bench0", "10.64.0.1"
_ECHO = struct.pack(">BBHHH", 8, 0, 0xF7FF, 0, 0)
_PATIENCE = 20.0

# What people run today: a loop over the engine's events, and ip commands for each start, as pipework does.
_LOOP = """
docker events --filter event=start --format '{{.Actor.Attributes.name}}' | while read name; do
    pid=$(docker inspect -f '{{.State.Pid}}' "$name")
    number=${name#bench}
    ln -sf /proc/$pid/ns/net /run/netns/$name
    ip link add v1pl$pid type veth peer name v1pg$pid
    ip link set v1pl$pid master bench0 up
    ip link set v1pg$pid netns $name
    ip -n $name link set v1pg$pid name eth1
    ip -n $name addr add 10.64.1.$number/16 dev eth1
    ip -n $name link set eth1 up
    ip -n $name route replace default via 10.64.0.1
    ip neigh flush to 10.64.1.$number dev bench0  # what pipework's arping is for
done
"""


def main() -> None:
    request = json.load(sys.stdin)
    names = [f"bench{number}" for number in range(1, request["containers"] + 1)]
    for words in (
        ["ip", "link", "add", _BRIDGE, "type", "bridge"],
        ["ip", "addr", "add", f"{_GATEWAY}/16", "dev", _BRIDGE],
        ["ip", "link", "set", _BRIDGE, "up"],
    ):
        subprocess.run(words, check=True)
    os.makedirs("/run/netns", exist_ok=True)
    module(request, "host_program", {})
    attachments = [
        {"container": name, "addresses": [f"{_address(name)}/16"], "gateway": _GATEWAY, "ipv6": False} for name in names
    ]
    module(request, "veth_attach", {"bridge": _BRIDGE, "attachments": attachments})
    measured = {}
    with _starting_container(request) as start:
        measured["hook, alone"] = [start() for _number in range(request["restarts"])]
        with _running([PROGRAM, "watch"]):
            measured["hook, service"] = [start() for _number in range(request["restarts"])]
    with _running([PROGRAM, "watch"]) as service:
        measured["service"] = [_restart(names[:1]) for _number in range(request["restarts"])]
        measured["service, all at once"] = [_restart(names) for _number in range(request["storms"])]
        measured["memory"] = resident(service.pid)
    with _running(["sh", "-c", _LOOP]):
        measured["loop"] = [_restart(names[:1]) for _number in range(request["restarts"])]
    json.dump(measured, sys.stdout)


def _address(name: str) -> str:
    return f"10.64.1.{name.removeprefix('bench')}"


@contextlib.contextmanager
def _running(words: list[str]):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(2)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def _starting_container(request: dict):
    """Yield what runs the hook for a container that starts, as runc does, and returns the seconds it took."""
    name, container_id = "hooked", "ab" * 32
    folder = f"/var/lib/docker/containers/{container_id}"
    os.makedirs(folder)
    with open(f"{folder}/config.v2.json", "w", encoding="utf-8") as file:
        json.dump({"Name": f"/{name}"}, file)
    wanted = {"container": name, "bridge": _BRIDGE, "addresses": ["10.64.2.1/16"], "gateway": _GATEWAY, "ipv6": False}
    module(request, "veth_attach", {**wanted, "wait": False})

    def start() -> dict[str, float]:
        with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 100"], stdout=subprocess.PIPE) as one:
            one.stdout.readline()
            state = json.dumps({"ociVersion": "1.0.2", "id": container_id, "pid": one.pid, "bundle": "/run"})
            begun = time.monotonic()
            subprocess.run([PROGRAM, "hook"], input=state.encode(), check=True, stderr=subprocess.DEVNULL)
            taken = time.monotonic() - begun
            asked = ["nsenter", f"--net=/proc/{one.pid}/ns/net", "ip", "route"]
            shown = subprocess.run(asked, stdout=subprocess.PIPE, check=True)
            if f"default via {_GATEWAY}".encode() not in shown.stdout:
                raise SystemExit("the hook has not attached the container")
            one.kill()
        time.sleep(0.5)  # the service looks at what is gone
        return {"seconds": taken}

    try:
        yield start
    finally:
        os.unlink(f"{folder}/config.v2.json")
        os.rmdir(folder)
        subprocess.run([PROGRAM, "forget", f"eth1 of container {name}"], check=True)


def _restart(names: list[str]) -> dict[str, float]:
    """Restart containers at once, and return the seconds from the last start event until all answer."""
    events = subprocess.Popen(
        ["docker", "events", "--filter", "event=start", "--format", "{{.TimeNano}}"], stdout=subprocess.PIPE
    )
    time.sleep(0.1)
    restarting = subprocess.Popen(["docker", "restart", "-t", "0", *names], stdout=subprocess.DEVNULL)
    started = [int(events.stdout.readline()) / 1e9 for _name in names]
    answered = [_first_answer(name) for name in names]
    restarting.wait()
    events.kill()
    events.wait()
    events.stdout.close()
    return {"seconds": max(answered) - max(started)}


def _first_answer(name: str) -> float:
    deadline = time.monotonic() + _PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as asking:
        asking.settimeout(0.001)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                asking.sendto(_ECHO, (_address(name), 0))
            with contextlib.suppress(OSError):
                answer, address = asking.recvfrom(1500)
                if address[0] == _address(name) and answer[20:21] == b"\0":
                    return time.time()
    raise SystemExit(f"{name} does not answer")


if __name__ == "__main__":
    main()

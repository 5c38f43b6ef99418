# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine whose containers are wired by Ansible over SSH, and who reaches whom in it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from fleet import ansible_environment
from wiring import until

_SETTLED = 600  # seconds; 10 to 60 are usual after a boot, a machine that does other things beside takes longer
IMAGE = "pipefitter/busybox:latest"
_COLLECTION = "pipefitter.container_network"
RECORD = "/var/lib/pipefitter"

_SERVING = "busybox nc -ll -p 80 -e busybox echo web"
# Says, from its first instant on, whom it reaches: the gateway it may reach, its neighbour it may not, by neither of
# their bridges.
_PROBING = """
while true; do
    ping -c1 -W1 192.168.5.1 >/dev/null 2>&1 && echo gateway
    ping -c1 -W1 192.168.5.10 >/dev/null 2>&1 && echo neighbour
    ping -c1 -W1 10.9.0.1 >/dev/null 2>&1 && echo other-vlan
    sleep 0.3
done
"""
CONTAINERS = {"web": _SERVING, "client": _PROBING, "db": "sleep 1000000"}

# On br0 the host is in VLAN 100, where its containers reach it but not each other; br1 has no host, and no policy.
WIRING = [
    (
        "container_bridge",
        {
            "bridges": [
                {
                    "name": "br0",
                    "addresses": ["192.168.5.1/24"],
                    "ip_forward": True,
                    "masquerade": True,
                    "port_vlans": [{"port": "br0", "tag": 100}],
                },
                {"name": "br1"},
            ],
            "vlan_filtering": True,
        },
    ),
    (
        "veth_attach",
        {
            "attachments": [
                {"container": "web", "bridge": "br0", "addresses": ["192.168.5.10/24"], "vlan": 100},
                {"container": "client", "bridge": "br0", "addresses": ["192.168.5.11/24"], "vlan": 100},
                {"container": "db", "bridge": "br0", "addresses": ["192.168.5.12/24"], "vlan": 200},
                {"container": "web", "bridge": "br1", "interface": "eth2", "addresses": ["10.9.0.1/24"], "vlan": 100},
                {
                    "container": "client",
                    "bridge": "br1",
                    "interface": "eth2",
                    "addresses": ["10.9.0.2/24"],
                    "vlan": 200,
                },
                {"container": "db", "bridge": "br1", "interface": "eth2", "trunks": "100,200"},
            ]
        },
    ),
    ("icc_policy", {"bridge": "br0", "icc": False, "links": [{"from": "client", "to": "web", "ports": ["80/tcp"]}]}),
    ("port_publish", {"bridge": "br0", "container": "web", "ports": ["8080:80"]}),
]
for _attachment in WIRING[1][1]["attachments"][:2]:
    _attachment["gateway"] = "192.168.5.1"

# All at once: each that fails takes its two seconds.
_REACHED = """
set -- $(docker inspect -f '{{.State.Pid}}' web client db)
web=$1 client=$2 db=$3
for vlan in 100 200; do
    nsenter -n -t $db ip link show dev eth2.$vlan >/dev/null 2>&1 && continue
    nsenter -n -t $db ip link add link eth2 name eth2.$vlan up type vlan id $vlan
    nsenter -n -t $db ip address add 10.9.0.$vlan/24 dev eth2.$vlan noprefixroute
    nsenter -n -t $db ip route add 10.9.0.0/24 dev eth2.$vlan src 10.9.0.$vlan metric $vlan
done
try() { what=$1 pid=$2; shift 2; (nsenter -n -t $pid "$@" >/dev/null 2>&1 </dev/null && echo "$what") & }
reach() { what=$1 pid=$2; shift 2; try "$what" $pid ping -n -c 2 -W 2 "$@"; }
reach 'client: host' $client 192.168.5.1
reach 'client: web by ping' $client 192.168.5.10
try 'client: web by its link' $client sh -c 'timeout 5 busybox nc 192.168.5.10 80 | grep -q web'
try 'web: client by the link of that' $web timeout 5 busybox nc 192.168.5.11 80
reach 'client: web in another VLAN' $client 10.9.0.1
reach 'web: outside' $web 10.0.2.2
reach 'db: host in another VLAN' $db 192.168.5.1
for vlan in 100 200; do
    reach "db: web by VLAN $vlan" $db -I eth2.$vlan 10.9.0.1
    reach "db: client by VLAN $vlan" $db -I eth2.$vlan 10.9.0.2
done
wait
"""
REACHED = {
    "client: host",
    "client: web by its link",
    "web: outside",
    "db: web by VLAN 100",
    "db: client by VLAN 200",
}


class Site:
    """The machine, and playbooks for it in `folder`."""

    def __init__(self, machine, folder: pathlib.Path) -> None:
        self.machine = machine
        self._folder = folder
        self._inventory = machine.inventory(folder)

    def run_containers(self) -> None:
        script = [f"docker import -c 'CMD [\"sh\"]' /root/busybox.tar {IMAGE}"]
        for name, doing in CONTAINERS.items():
            # A log of Docker's own that a reset cut off can't be read any more.
            options = f"-d --restart always --stop-timeout 1 --network none --log-driver journald --name {name}"
            script.append(f"docker run {options} {IMAGE} sh -c '{doing}'")
        self.machine.run("set -e\n" + "\n".join(script))

    def start_play(self, *tasks: tuple[str, dict], roles: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        play = {
            "hosts": "all",
            "gather_facts": False,
            "roles": [f"{_COLLECTION}.{role}" for role in roles],
            "tasks": [{f"{_COLLECTION}.{module}": options} for module, options in tasks],
        }
        (self._folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", self._inventory]
        return subprocess.Popen(
            [*command, self._folder / "play.yml"],
            env=ansible_environment(self._folder, timeout="60"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def play(self, *tasks: tuple[str, dict], roles: tuple[str, ...] = ()) -> int:
        """Run a play, and return how many of its tasks changed something."""
        running = self.start_play(*tasks, roles=roles)
        said, _nothing = running.communicate(timeout=600)
        assert running.returncode == 0, said
        (recap,) = [line for line in said.splitlines() if "changed=" in line]
        return int(recap.partition("changed=")[2].split()[0])

    def states(self) -> dict[str, str]:
        """Return the state of each object by its name; nothing of the record may be left out."""
        asked = self.machine.run("pipefitter status --json", check=False)
        assert asked.stderr == "", asked.stderr
        return {entry["name"]: entry["state"] for entry in json.loads(asked.stdout)["objects"]}

    def settled(self) -> dict[str, str]:
        """Wait until all is in order, and return the states."""
        return until(self._in_order, "not all is in order", _SETTLED)

    def _in_order(self) -> dict[str, str]:
        states = self.states()
        print(states)
        return states if set(states.values()) == {"in order"} else {}

    def reached(self) -> set[str]:
        return set(self.machine.run(_REACHED).stdout.splitlines())

    def published(self) -> str:
        """Return what is said by the port that is published, to somebody outside of the machine."""
        return self.machine.outside("sh", "-c", "timeout 10 busybox nc 127.0.0.1 8080 </dev/null").strip()

    def probed(self) -> set[str]:
        """Return whom the container that probes has reached since the machine's boot, once that is anybody."""
        script = "journalctl --boot --output cat CONTAINER_NAME=client"
        return until(lambda: set(self.machine.run(script).stdout.split()), "nobody is reached", _SETTLED)

    def started(self, unit: str) -> int:
        """Return when a unit's process was started, in microseconds since the boot."""
        what = "ExecMainStartTimestampMonotonic"
        return int(self.machine.run(f"systemctl show -P {what} {unit}").stdout)

    def ready(self, unit: str) -> int:
        """Return when a unit said that it is ready, in microseconds since the boot."""
        return int(self.machine.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}").stdout)

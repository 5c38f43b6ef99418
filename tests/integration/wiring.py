# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of attachments arrange on a host, and all that a host shows of its network."""

from __future__ import annotations

import json
import time

import pytest
from lab_hosts import LAB, ModuleFailed

BUSYBOX = "pipefitter/busybox:latest"

# One shell for all dumps: each way into the host costs more than the commands. Containers are entered by PID, as
# those that Docker made have no name in /run/netns.
_DUMP = r"""
show() {
    echo "== $1 link,addr,route4"; $2 -j -d -batch - <<END
link show
addr show
route show table all
END
    echo "== $1 route6"; $2 -j -d -6 route show table all
}
show host ip
for name in $(ip netns list | cut -d' ' -f1); do show "$name" "ip -n $name"; done
for pid; do show "pid $pid" "nsenter -n -t $pid ip"; done
echo "== vlans"; bridge -j -compressvlans vlan show
echo "== nft"; nft -j -s list ruleset
echo "== ovs"; [ -S /run/openvswitch/db.sock ] || exit 0
ovs-vsctl --format=json --columns=name,ports,external_ids,datapath_type list Bridge
ovs-vsctl --format=json --columns=name,tag,trunks,vlan_mode,external_ids,interfaces list Port
"""

# What moves by itself: the bridge's clocks, what duplicate address detection is at; the labels that the kernel
# gives IPv4 addresses when their link is renamed, and what a bridge learned of its ports.
_MOVING = ("_timer", "life_time", "tentative", "operstate", "expires", "label", "tso_max")


def everything(host) -> dict:
    """Return all that a host shows of links, addresses, routes, nftables and Open vSwitch, by what it is of."""
    shown: dict = {}
    sections: list[str] = []
    for line in host.run("sh", "-c", _DUMP, "sh", *map(str, host.container_pids())).stdout.splitlines():
        if line.startswith("== "):
            of, _space, kinds = line[3:].rpartition(" ")
            sections = [f"{of} {kind}".strip() for kind in kinds.split(",")]
            shown.update((section, []) for section in sections)
        elif line.strip():
            value = _still(json.loads(line)) if line[0] in "[{" else line
            shown[sections[0]] += value["nftables"] if "nftables" in value else [value]
            sections = sections[1:] or sections  # a line each, but all that come for the last one
    return shown


def _still(value):
    if isinstance(value, dict):
        # A bridge port's state follows its carrier, some time after that is lost or found (net/core/link_watch.c).
        moving = {"state"} if "designated_port" in value else set()
        kept = {key: item for key, item in value.items() if key not in moving and not any(w in key for w in _MOVING)}
        return {key: _still(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [_still(item) for item in value if not _comes_by_itself(item)]
    return value


def _comes_by_itself(entry) -> bool:
    """Tell what the kernel adds some time after a link is up.

    Link-local addresses, IPv6 routes to a host's own, the state of the carrier.
    """
    if not isinstance(entry, dict):
        return entry == "NO-CARRIER"
    address = str(entry.get("local", entry.get("dst", "")))
    return address.startswith(("fe80:", "ff00:")) or (":" in address and entry.get("table") == "local")


def assert_same(before: dict, after: dict) -> None:
    """Fail with what differs between two answers of ``everything``, an entry a line."""
    told = []
    for section in sorted({*before, *after}):
        old, new = (_entries(shown.get(section, [])) for shown in (before, after))
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                told.append(f"{section}: {name}: {_changed(old.get(name), new.get(name))}")
    assert not told, "\n" + "\n".join(told)


def _entries(section) -> dict:
    """Return the entries of a section by what they are of."""
    entries: dict = {}
    for shown in section:
        for entry in shown if isinstance(shown, list) else [shown]:
            name = entry
            if isinstance(entry, dict) and len(entry) == 1:  # of nftables
                ((kind, value),) = entry.items()
                name = " ".join(
                    [kind, *(str(value.get(key, "")) for key in ("family", "table", "chain", "name", "handle"))]
                )
            elif isinstance(entry, dict):
                name = entry.get("ifname") or f"{entry.get('dst')} {entry.get('table')} {entry.get('metric')}"
            entries.setdefault(str(name)[:80], []).append(entry)
    return entries


def _changed(old, new) -> str:
    if not old or not new or len(old) != 1 or len(new) != 1 or not isinstance(old[0], dict):
        return f"{str(old)[:400]} became {str(new)[:400]}"
    keys = [key for key in {**old[0], **new[0]} if old[0].get(key) != new[0].get(key)]
    return "; ".join(f"{key} {old[0].get(key)} became {new[0].get(key)}" for key in keys)[:800]


def until(condition, what, seconds: float = 60):
    """Ask until the answer is true, and return it; ``what`` says what is wrong otherwise, or is asked for it then."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)
    return answer


def gone(host, *names: str) -> None:
    """Wait until the kernel has taken links away: veths go some time after their namespace (cleanup_net())."""
    until(lambda: {entry["ifname"] for entry in host.ip("link", "show")}.isdisjoint(names), f"{names} stay")


def delete_namespace(host, name: str) -> None:
    """Delete a namespace, and wait for the host's ends of its veths to go."""
    (number,) = [
        entry.get("id") for entry in json.loads(host.run("ip", "-j", "netns", "list").stdout) if entry["name"] == name
    ]
    led_there = [entry["ifname"] for entry in host.ip("link", "show") if entry.get("link_netnsid", -1) == number]
    host.run("ip", "netns", "delete", name)
    gone(host, *led_there)


def make_bridge(host, name: str = "br0", *words: str, address: str | None = None) -> None:
    """Make a Linux bridge by iproute2, as an administrator may have done."""
    script = f"ip link add {name} {' '.join(words)} type bridge && ip link set {name} up"
    if address:
        script += f" && ip addr add {address} dev {name}"
    host.run("sh", "-c", script)


def remove_podmans_containers(host) -> None:
    """Remove all of them, and wait for what Podman leaves to processes of its own: CNI's chains, say."""
    host.run("podman", "rm", "-f", "-t", "0", "-a")
    cleaning = "pgrep", "-f", "container [c]leanup"
    until(lambda: not host.run(*cleaning, check=False).stdout, "Podman does not end")


def make_ovs_bridge(host, name: str = "ovs0") -> None:
    host.run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
    # What the host itself sends into a userspace datapath needs its checksums, too.
    host.run("sh", "-c", f"ip link set {name} up && ethtool -K {name} tx off")


def make_namespaces(host, *names: str) -> None:
    """Make namespaces as bare as the kernel makes them."""
    host.run("sh", "-c", " && ".join(f"ip netns add {name} && ip -n {name} link set lo up" for name in names))


def make_others_interface(host, netns: str, *commands: str) -> None:
    """Give a namespace an interface eth0 that is not ours; ``commands`` are run there by ip."""
    host.run("ip", "link", "add", "own0", "type", "veth", "peer", "name", "eth0", "netns", netns)
    host.run("ip", "link", "set", "own0", "up")
    for words in commands:
        host.run("ip", "-n", netns, *words.split())


def make_containers(host, *names: str, network: str = "none") -> None:
    """Start Docker containers that sleep."""
    from subprocess import run

    run([LAB, "containers", "--name", host.lab, "--network", network, host.name, *names], check=True, timeout=600)


def container_pid(host, name: str) -> str:
    return host.run("docker", "inspect", "-f", "{{.State.Pid}}", name).stdout.strip()


def name_namespace(host, container: str) -> None:
    """Let ``ip netns`` know a container's namespace by the container's name."""
    host.run("ip", "netns", "attach", container, container_pid(host, container))


def link(host, name: str, netns: str | None = None) -> dict:
    return host.ip("link", "show", "dev", name, netns=netns)[0]


def held(host, name: str, netns: str | None = None) -> set[str]:
    """Return the addresses of a link, without link-local ones."""
    shown = host.ip("addr", "show", "dev", name, netns=netns)[0]["addr_info"]
    return {f"{entry['local']}/{entry['prefixlen']}" for entry in shown if not entry["local"].startswith("fe80:")}


def routes(host, netns: str, *words: str) -> set[str]:
    """Return routes as ``destination via gateway dev link metric``, without those the kernel made."""
    shown = host.ip(*words, "route", "show", netns=netns)
    return {
        " ".join([entry["dst"], *(f"{key} {entry[key]}" for key in ("gateway", "dev", "metric") if key in entry)])
        for entry in shown
        if entry["protocol"] != "kernel"
    }


def ports(host, bridge: str = "br0") -> set[str]:
    """Return the names of a Linux bridge's ports."""
    return {entry["ifname"] for entry in host.ip("link", "show", "master", bridge) if entry}


def ovs_ports(host, bridge: str = "ovs0") -> set[str]:
    return set(host.run("ovs-vsctl", "list-ports", bridge).stdout.split())


def attach(host, **options) -> dict:
    return host.module("veth_attach", **options)


def attach_thoroughly(host, **options) -> dict:
    """Attach as a user would be glad to see it.

    Check mode says exactly what is done and does nothing, and a second run nothing either.
    """
    before = everything(host)
    checked = host.module("veth_attach", check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = host.module("veth_attach", diff=True, **options)
    again = host.module("veth_attach", diff=True, **options)
    assert checked["operations"] == done["operations"]
    assert checked["changed"] == done["changed"]
    assert checked["diff"] == done["diff"]
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["attachments"] == done["attachments"]
    return done


def warned(result):
    """ansible-core before 2.19 returns texts."""
    return [warning["event"]["msg"] if isinstance(warning, dict) else warning for warning in result.get("warnings", ())]


def refused(host, module: str = "veth_attach", **options) -> str:
    """Run a module that must fail and change nothing, in check mode neither; return its sentence."""
    before = everything(host)
    said = []
    for check_mode in (False, True):
        with pytest.raises(ModuleFailed) as failure:
            host.module(module, check_mode=check_mode, **options)
        said.append(failure.value.result["msg"])
        assert "Traceback" not in failure.value.result.get("exception", "")
    assert said[0] == said[1]
    assert_same(before, everything(host))
    return said[0]


def ping(host, netns: str, address: str, *words: str) -> bool:
    """Tell whether an answer comes within two seconds."""
    done = host.run("ip", "netns", "exec", netns, "ping", "-n", "-c", "1", "-W", "2", *words, address, check=False)
    return done.returncode == 0


_PINGS = 'for address; do (ping -n -c 1 -w 2 "$address" >/dev/null 2>&1 && echo "$address") & done; wait'


def pings(host, netns: str, *addresses: str) -> list[bool]:
    """Tell which of several addresses answer within two seconds, all asked at once."""
    answered = host.run("ip", "netns", "exec", netns, "sh", "-c", _PINGS, "sh", *addresses).stdout.split()
    return [address in answered for address in addresses]


def tcp_answer(host, client: str, server: str, address: str) -> str:
    """Return what a TCP server in one namespace says to a client in another, '' where none of it comes."""
    script = f"""
        (echo hello | timeout 20 ip netns exec {server} busybox nc -l -p 8000) & listening=$!
        for attempt in $(seq 500); do
            ip netns exec {server} busybox netstat -ltn | grep -q :8000 && break
            sleep 0.05
        done
        timeout 3 ip netns exec {client} busybox nc {address} 8000 </dev/null
        kill $listening 2>/dev/null; wait
    """
    return host.run("sh", "-c", script, check=False).stdout.strip()

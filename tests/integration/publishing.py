# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of published ports arrange, and clients of them: who answers, and whom the container saw."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import re
import subprocess

from wiring import assert_same, everything, make_namespaces

# Answers each TCP connection and each UDP datagram (and SCTP where the kernel has it) with its own name and the
# client's address; told the ports by its arguments.
SERVER = r"""
import selectors, socket, sys
name = sys.argv[1]
selector = selectors.DefaultSelector()
for spec in sys.argv[2:]:
    port, _, protocol = spec.partition("/")
    kind, number = {"": (1, 0), "tcp": (1, 0), "udp": (2, 0), "sctp": (1, 132)}[protocol]
    opened = socket.socket(socket.AF_INET6, kind, number)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if kind == 1:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("::", int(port)))
    if kind == 1:
        opened.listen(64)
    selector.register(opened, selectors.EVENT_READ, kind)
print("ready", flush=True)
def seen(address):
    return address[0].removeprefix("::ffff:")
while True:
    for key, _ in selector.select():
        if key.data == 1:
            connection, address = key.fileobj.accept()
            connection.sendall(f"{name} {seen(address)}".encode())
            connection.close()
        else:
            data, address = key.fileobj.recvfrom(512)
            key.fileobj.sendto(f"{name} {seen(address)}".encode(), address)
"""

CLIENT = r"""
import socket, sys
address, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
kind, number = {"tcp": (1, 0), "udp": (2, 0), "sctp": (1, 132)}[protocol]
client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, number)
client.settimeout(2.5)  # a lost SYN is sent again after 1 s
try:
    client.connect(socket.getaddrinfo(address, port)[0][4])  # with the scope of a link-local address
    if kind == 2:
        client.send(b"?")
    print(client.recv(512).decode())
except OSError as error:
    print("-", error)
"""

# Without what a site adds, which takes longer to find than a question to ask.
PYTHON = ("python3", "-IS")

LAN = {4: "10.77.0.1", 6: "fd00:10:77::1"}
HOST = {4: "10.77.0.11", 6: "fd00:10:77::11"}
BRIDGE = {4: "192.168.5.1", 6: "fd00:5::1"}


class Net:
    """A host with the bridge br0 and namespaces on it, web1 (.11), web2 (.12) and so on, and a server in each."""

    def __init__(self, host, *names, forward=True, bridge="br0", subnet=5, made=False):
        """With ``made`` the bridge is there."""
        self.host = host
        self.bridge = bridge
        self._servers = []
        if not made:
            host.module(
                "container_bridge",
                name=bridge,
                addresses=[f"192.168.{subnet}.1/24", f"fd00:{subnet}::1/64"],
                ip_forward=forward,
            )
        make_namespaces(host, *names)
        attachments = [
            {
                "netns": name,
                "bridge": bridge,
                "addresses": [f"192.168.{subnet}.{11 + number}/24", f"fd00:{subnet}::{11 + number}/64"],
                "gateway": f"192.168.{subnet}.1",
                "gateway6": f"fd00:{subnet}::1",
            }
            for number, name in enumerate(names)
        ]
        host.module("veth_attach", attachments=attachments)

    def serve(self, name, *ports, netns=None):
        """Start a server that says ``name``, in the namespace of that name."""
        where = [] if netns == "" else ["ip", "netns", "exec", netns or name]
        process = self.host.start(*where, *PYTHON, "-c", SERVER, name, *ports, stdout=subprocess.PIPE, encoding="utf-8")
        assert process.stdout.readline() == "ready\n"
        self._servers.append(process)

    def stop(self):
        for process in self._servers:
            process.terminate()
            process.wait(timeout=60)
            process.stdout.close()
        self._servers = []

    def ask(self, address, port, protocol="tcp", netns=None):
        """Return the name that answers a client on the host (or in a namespace of it) and the address that it saw."""
        where = ["ip", "netns", "exec", netns] if netns else []
        return _answer(self.host.run(*where, *PYTHON, "-c", CLIENT, address, str(port), protocol).stdout)

    def ask_from_lan(self, address, port, protocol="tcp"):
        return _answer(on_lan(self.host, *PYTHON, "-c", CLIENT, address, str(port), protocol))

    def nobody_answers(self, *questions, netns=None, lan=False):
        """Tell whether no question (address, port, protocol) is answered; all are asked at once.

        They are asked on the host, in a namespace of it, or on the LAN.
        """
        where = ["ip", "netns", "exec", netns] if netns else []
        start = functools.partial(start_on_lan, self.host) if lan else self.host.start
        client = [*where, *PYTHON, "-c", CLIENT]
        argvs = [[*client, address, str(port), protocol] for address, port, protocol in questions]
        asking = [start(*argv, stdout=subprocess.PIPE, encoding="utf-8") for argv in argvs]
        answers = [_answer(process.communicate(timeout=60)[0]) for process in asking]
        assert questions
        return not any(answers)


@contextlib.contextmanager
def two_servers(host):
    """Give web1 and web2 on br0, each of which answers on the ports 80, 81 and 53/udp."""
    net = Net(host, "web1", "web2")
    net.serve("web1", "80", "81", "53/udp")
    net.serve("web2", "80", "81", "53/udp")
    try:
        yield net
    finally:
        net.stop()
        host.run("sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")


@contextlib.contextmanager
def routed_on_lan(subnet, host):
    """Let the LAN's machine route a subnet to the host, as a neighbour that means no good would."""
    version = "-6" if ":" in subnet else "-4"
    gateway = HOST[6 if ":" in subnet else 4]
    local = subnet.startswith("127.")
    if local:
        on_lan(
            host,
            "sh",
            "-c",
            "sysctl -q -w net.ipv4.conf.all.route_localnet=1; ip addr del 127.0.0.1/8 dev lo; "
            "ip route flush table local root 127.0.0.0/8",
        )
    on_lan(host, "ip", version, "route", "add", subnet, "via", gateway)
    try:
        assert gateway in on_lan(host, "ip", version, "route", "get", subnet.partition("/")[0].replace("5.0", "5.11"))
        yield
    finally:
        on_lan(host, "ip", version, "route", "del", subnet)
        if local:
            on_lan(host, "sh", "-c", "sysctl -q -w net.ipv4.conf.all.route_localnet=0; ip addr add 127.0.0.1/8 dev lo")


class Flow:
    """A UDP client on the LAN that keeps its port, so that all it sends is one flow."""

    _CLIENT = r"""
import socket, sys
client = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("", 40404))
client.settimeout(1)
for line in sys.stdin:
    client.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
    try:
        print(client.recv(512).decode(), flush=True)
    except OSError as error:
        print("-", error, flush=True)
"""

    def __init__(self, host, port=5353, version=4):
        argv = [*PYTHON, "-u", "-c", self._CLIENT, HOST[version], str(port)]
        self._process = start_on_lan(host, *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def ask(self):
        """Return the name of the server that answers."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        name = self._process.stdout.readline().split(" ")[0]
        return None if name == "-" else name

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def on_lan(host, *argv):
    done = subprocess.run([*host.way_to_lan, *argv], capture_output=True, encoding="utf-8", timeout=60, check=False)
    return done.stdout


def start_on_lan(host, *argv, **options):
    return subprocess.Popen([*host.way_to_lan, *argv], **options)


def _answer(said):
    name, _space, source = said.strip().partition(" ")
    return None if name == "-" else (name, source)


def publish(host, **options):
    return host.module("port_publish", **{"bridge": "br0", **options})


def publish_thoroughly(host, **options):
    """Check mode says exactly what is done and does nothing; a second run does nothing either."""
    before = everything(host)
    checked = publish(host, check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = publish(host, diff=True, **options)
    again = publish(host, diff=True, **options)
    assert checked["operations"] == done["operations"]
    assert (checked["changed"], checked["diff"], checked["publications"]) == (
        done["changed"],
        done["diff"],
        done["publications"],
    )
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert again["publications"] == done["publications"]
    return done


def host_ports(result, name="web1"):
    """Return what was published for a namespace as (host port, container port, protocol)."""
    return [
        (port["host_port"], port["container_port"], port["protocol"])
        for entry in result["publications"]
        if pathlib.Path(entry.get("netns", entry.get("container", ""))).name == name
        for port in entry["ports"]
    ]


def ruleset(host):
    """Return all rules that are not ours, as each tool prints them, without counters."""
    shown = [
        host.run(program).stdout
        for program in ("iptables-nft-save", "iptables-legacy-save", "ip6tables-nft-save", "ip6tables-legacy-save")
    ]
    shown = [
        re.sub(r"\[\d+:\d+\]", "", "\n".join(line for line in text.splitlines() if line[:1] != "#")) for text in shown
    ]
    listed = json.loads(host.run("nft", "-j", "-s", "list", "ruleset").stdout)["nftables"]
    kept = [entry for entry in listed if "pipefitter" not in json.dumps(entry)]
    return [*shown, re.sub(r'"handle": \d+', "", json.dumps(kept))]

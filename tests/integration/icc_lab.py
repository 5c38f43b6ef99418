# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces on a bridge that listen and ask, for tests of who reaches whom."""

from __future__ import annotations

import json

from wiring import assert_same, attach, everything, make_namespaces

ADDRESSES = {
    "host": {4: "192.168.5.1", 6: "fd00:5::1"},
    "web1": {4: "192.168.5.10", 6: "fd00:5::10"},
    "db1": {4: "192.168.5.11", 6: "fd00:5::11"},
    "db2": {4: "192.168.5.12", 6: "fd00:5::12"},
    "far": {4: "192.168.6.10", 6: "fd00:6::10"},
    "far2": {4: "192.168.6.11", 6: "fd00:6::11"},
}

BRIDGE = {"addresses": ["192.168.5.1/24", "fd00:5::1/64"]}

# Every port of both families, told apart by nothing: an echo of what it got.
_SERVER = r"""
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for protocol, port in (word.split("/")[::-1] for word in sys.argv[1:]):
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    number = socket.IPPROTO_SCTP if protocol == "sctp" else 0
    one = socket.socket(socket.AF_INET6, kind, number)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("::", int(port)))
    if protocol != "udp":
        one.listen(50)
    chosen.register(one, selectors.EVENT_READ, protocol)
print("listening", flush=True)
while True:
    for key, _events in chosen.select():
        one = key.fileobj
        if key.data == "udp":
            data, peer = one.recvfrom(2000)
            one.sendto(data, peer)
        elif key.data == "open":
            try:
                data = one.recv(2000)
                if data:
                    one.sendall(data)
                    continue
            except OSError:
                pass
            chosen.unregister(one)
            one.close()
        else:
            chosen.register(one.accept()[0], selectors.EVENT_READ, "open")
"""

_CLIENT = r"""
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def ask(question):
    protocol, address, port = question
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    one = socket.socket(family, kind, socket.IPPROTO_SCTP if protocol == "sctp" else 0)
    one.settimeout(%(timeout)s)
    try:
        one.connect((address, port))
        one.send(b"hello")
        return one.recv(100) == b"hello"
    except OSError:
        return False

questions = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(questions)) as pool:
    print(*pool.map(ask, questions))
"""

# Opens a connection, tells so, and says for each line it reads whether it still carries anything.
_CONVERSATION = r"""
import socket, sys
one = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
one.settimeout(1)
print("open", flush=True)
for line in sys.stdin:
    try:
        one.sendall(b"more")
        print(one.recv(100) == b"more", flush=True)
    except OSError:
        print(False, flush=True)
"""


class Listeners:
    """Processes that a test started, to be ended by it."""

    def __init__(self):
        self._running = []

    def listen(self, host, netns, *services):
        self._listen(host, "ip", "netns", "exec", netns, "python3", "-IS", "-c", _SERVER, *services)

    def listen_on_host(self, host, *services):
        self._listen(host, "python3", "-IS", "-c", _SERVER, *services)

    def _listen(self, host, *words):
        process = host.start(*words, stdout=-1, text=True)
        self._running.append(process)
        assert process.stdout.readline().strip() == "listening"

    def converse(self, host, netns, address, port):
        argv = ["ip", "netns", "exec", netns, "python3", "-IS", "-c", _CONVERSATION, address, str(port)]
        process = host.start(*argv, stdin=-1, stdout=-1, text=True)
        self._running.append(process)
        assert process.stdout.readline().strip() == "open"
        return Conversation(process)

    def end(self):
        for process in self._running:
            process.kill()
            process.wait()


class Conversation:
    def __init__(self, process):
        self._process = process

    def goes_on(self) -> bool:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip() == "True"


def wire(host, *names, bridge="br0", **options):
    """Make a bridge of both families, and namespaces on it."""
    host.module("container_bridge", name=bridge, **{**BRIDGE, **options})
    make_namespaces(host, *names)
    attach(host, bridge=bridge, attachments=[attachment(name) for name in names])


def attachment(name):
    return {
        "netns": name,
        "addresses": [f"{ADDRESSES[name][4]}/24", f"{ADDRESSES[name][6]}/64"],
        "gateway": "192.168.6.1" if name.startswith("far") else "192.168.5.1",
        "gateway6": "fd00:6::1" if name.startswith("far") else "fd00:5::1",
    }


def asks(host, netns, *questions, timeout=2) -> list[bool]:
    """Tell which of several questions (protocol, address, port) are answered, all asked at once."""
    return _answers(_asking(host, netns, questions, timeout))


def _asking(host, netns, questions, timeout):
    code = _CLIENT % {"timeout": timeout}
    argv = ["ip", "netns", "exec", netns, "python3", "-IS", "-c", code, json.dumps(questions)]
    return host.start(*argv, stdout=-1, text=True)


def _answers(process) -> list[bool]:
    said, _errors = process.communicate(timeout=60)
    assert process.returncode == 0
    return [word == "True" for word in said.split()]


def reaches(host, source, target, *services, timeout=2) -> dict[str, bool]:
    """Tell which services (``5432/tcp``) of a namespace another one reaches, by service and family."""
    return reaches_each(host, [(source, target)], *services, timeout=timeout)[source, target]


def reaches_each(host, pairs, *services, timeout=2) -> dict[tuple[str, str], dict[str, bool]]:
    """Tell the same of several pairs of source and target, all asked at once."""
    asked = [(service, family) for service in services for family in (4, 6)]
    running = [
        _asking(
            host,
            source,
            [
                (service.split("/")[1], ADDRESSES[target][family], int(service.split("/")[0]))
                for service, family in asked
            ],
            timeout,
        )
        for source, target in pairs
    ]
    return {
        pair: {f"{service} {family}": yes for (service, family), yes in zip(asked, _answers(process))}
        for pair, process in zip(pairs, running)
    }


def udp_refused(host, address, netns=None):
    """Tell whether an ICMP error says that nobody listens on a UDP port."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = (
        f"import socket; s = socket.socket(socket.{family}, socket.SOCK_DGRAM); s.settimeout(2); "
        f"s.connect(('{address}', 53)); s.send(b'x'); s.recv(9)"
    )
    inside = ("ip", "netns", "exec", netns) if netns else ()
    return "ConnectionRefusedError" in host.run(*inside, "python3", "-IS", "-c", code, check=False).stderr


def icc(host, bridge="br0", **options):
    return host.module("icc_policy", bridge=bridge, **options)


def shows(host) -> dict:
    """Return all that a host shows, with what links change: sysctls, proxy neighbours and Docker's filter."""
    shown = everything(host)
    # As sysctl -a shows them, which reads all others, too.
    script = "cd /proc/sys; grep -s . net/ipv[46]/conf/*/* net/ipv[46]/neigh/*/* net/ipv4/ip_forward*"
    script += "; ip -6 neigh show proxy"
    script += "; iptables-save | grep -v '^#' | sed 's/ .[0-9]*:[0-9]*.$//'"  # without counters
    shown["sysctl"] = [line for line in host.run("sh", "-c", script).stdout.splitlines() if "/gc_" not in line]
    return shown


def without_handles(shown: dict) -> dict:
    """Return what ``shows`` tells without the numbers that nftables gives what is made again."""

    def stripped(value):
        if isinstance(value, dict):
            return {key: stripped(item) for key, item in value.items() if key != "handle"}
        return [stripped(item) for item in value] if isinstance(value, list) else value

    return {**shown, "nft": stripped(shown["nft"])}


def icc_thoroughly(host, bridge="br0", **options):
    """Check mode says exactly what is done and does nothing; a second run does nothing either."""
    before = shows(host)
    checked = icc(host, bridge, check_mode=True, diff=True, **options)
    assert_same(before, shows(host))
    done = icc(host, bridge, diff=True, **options)
    after = shows(host)
    again = icc(host, bridge, diff=True, **options)
    assert (checked["operations"], checked["changed"], checked["diff"]) == (
        done["operations"],
        done["changed"],
        done["diff"],
    )
    assert (again["changed"], again["operations"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["policy"] == done["policy"]
    assert_same(after, shows(host))
    return done

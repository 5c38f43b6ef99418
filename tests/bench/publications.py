# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What published ports cost, ours and a rule for each: to load them, to connect to the first and the last of many.

As root, from the clone's folder (scripts/prepare.sh installs what is missing, and says where its Python is):

    "$(scripts/prepare.sh)/bin/python" tests/bench/publications.py

All happens in a network namespace of its own. Figures depend on the machine; compare those of one run. No time makes it
fail.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import ctypes
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

# Imported, it makes the next to be found.
import clone  # noqa: F401 # pylint: disable=unused-import
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.publications import (
    Publications,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import (
    HostPort,
    PublicationRules,
    Published,
    endpoint,
)

_FIRST = 10000
_HOST, _CLIENT, _CONTAINER = "10.9.0.1", "10.9.0.2", "192.168.5.2"
_INSIDE = "PIPEFITTER_BENCH_INSIDE"
_NETWORK = f"""
mount -t tmpfs none /run && mkdir -p /run/netns
ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1
ip link add br0 type bridge && ip addr add 192.168.5.1/24 dev br0 && ip link set br0 up
ip netns add web && ip link add v0 master br0 up type veth peer name eth0 netns web
ip -n web addr add {_CONTAINER}/24 dev eth0 && ip -n web link set eth0 up && ip -n web route add default via 192.168.5.1
ip netns add client && ip link add v1 up type veth peer name eth0 netns client && ip addr add {_HOST}/24 dev v1
ip -n client addr add {_CLIENT}/24 dev eth0 && ip -n client link set eth0 up
ip -n client route add default via {_HOST}
"""
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def main():
    options = _options()
    if not os.environ.get(_INSIDE):
        os.execvpe("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv], {**os.environ, _INSIDE: "1"})
    _run(["sh", "-e", "-c", _NETWORK])
    _serve()
    print(f"{'':22}{'load s':>9}{'first p50':>11}{'p99':>7}{'last p50':>11}{'p99':>7}  µs a connection")
    for count in options.counts:
        for name, (load, unload) in _WAYS.items():
            started = time.monotonic()
            load(count)
            seconds = time.monotonic() - started
            figures = _connections((_FIRST, _FIRST + count - 1), options.connections)
            unload(count)
            # First and last are one port where there is but one.
            (first, first_99), (last, last_99) = figures[0], figures[-1]
            connected = f"{first:11.0f}{first_99:7.0f}{last:11.0f}{last_99:7.0f}"
            print(f"{count:6} {name:15}{seconds:9.2f}{connected}", flush=True)


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="10,1000,10000", help="how many ports to publish (default: %(default)s)")
    parser.add_argument(
        "--connections", type=int, default=500, help="how many connections to measure, each (default: %(default)s)"
    )
    options = parser.parse_args()
    options.counts = [int(count) for count in options.counts.split(",") if count]
    if min(options.counts, default=1) < 1 or options.connections < 2:
        parser.error("there is nothing to compare with no port, or with less than two connections")
    return options


def _rules(count):
    whose = endpoint("br0", "eth0", "netns", "web")
    published = frozenset(
        Published(HostPort(4, "", "tcp", _FIRST + number), _CONTAINER, 80, whose) for number in range(count)
    )
    return PublicationRules(published, protected=frozenset({"br0"}))


def _load_nft_rules(count):
    rules = "\n".join(
        f"fib daddr type local tcp dport {_FIRST + number} dnat to {_CONTAINER}:80" for number in range(count)
    )
    _run(
        ["nft", "-f", "-"], f"table ip rules {{ chain c {{ type nat hook prerouting priority dstnat;\n{rules}\n}}\n}}\n"
    )


def _load_iptables(kind):
    def load(count):
        rules = "\n".join(
            f"-A PREROUTING -m addrtype --dst-type LOCAL -p tcp -m tcp --dport {_FIRST + number}"
            f" -j DNAT --to-destination {_CONTAINER}:80"
            for number in range(count)
        )
        _run([f"iptables-{kind}-restore"], f"*nat\n{rules}\nCOMMIT\n")

    return load


def _unload_iptables(kind):
    return lambda _count: _run([f"iptables-{kind}", "-t", "nat", "-F", "PREROUTING"])


_WAYS = {
    "ours": (
        lambda count: Publications().apply(_rules(count), PublicationRules()),
        lambda count: Publications().apply(PublicationRules(), _rules(count)),
    ),
    "nft rules": (_load_nft_rules, lambda _count: _run(["nft", "delete table ip rules"])),
    "iptables-nft": (_load_iptables("nft"), _unload_iptables("nft")),
    "iptables-legacy": (_load_iptables("legacy"), _unload_iptables("legacy")),
}


def _serve():
    with _in_network("web"):
        listening = socket.socket()
        listening.bind((_CONTAINER, 80))
        listening.listen(512)

    # A process of its own, or client and server would wait for one interpreter.
    server = os.fork()
    if server == 0:
        while True:
            listening.accept()[0].close()
    atexit.register(os.kill, server, signal.SIGTERM)


def _connections(ports, count):
    """Return p50 and p99 of the time that a connection to each port takes, in µs.

    In turns, so that all have the same noise.
    """
    times = {port: [] for port in ports}
    for _number in range(count):
        for port in ports:
            with _in_network("client"):
                client = socket.socket()
            client.settimeout(5)
            started = time.perf_counter()
            client.connect((_HOST, port))
            times[port].append((time.perf_counter() - started) * 1e6)
            client.close()
    return [(statistics.median(each), statistics.quantiles(each, n=100)[98]) for each in times.values()]


@contextlib.contextmanager
def _in_network(name):
    with open("/proc/thread-self/ns/net", "rb") as back, open(f"/run/netns/{name}", "rb") as there:
        assert _libc.setns(there.fileno(), _CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert _libc.setns(back.fileno(), _CLONE_NEWNET) == 0


def _run(argv, text=None):
    subprocess.run(argv, input=text, encoding="utf-8", check=True, timeout=120, capture_output=True)


if __name__ == "__main__":
    main()

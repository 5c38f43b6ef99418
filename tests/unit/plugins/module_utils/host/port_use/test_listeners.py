# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a port of the host: sockets of this very process stand for those of others."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.port_use import (
    dnat_conflicts,
    listeners,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.port_use.listeners import (
    Listeners,
    is_bound,
    reserved_ports,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.publication import HostPort
from hypothesis import given
from hypothesis import strategies as st

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@contextlib.contextmanager
def listener(protocol="tcp", address="127.0.0.1", v6only=True):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, KINDS[protocol]) as taken:
        if ":" in address:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        if protocol == "tcp":  # as servers do; what lingers of their connections has it too
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((address, 0))
        if protocol == "tcp":
            taken.listen()
        yield taken


def port_of(taken):
    return taken.getsockname()[1]


def inode_of(taken):
    return str(os.fstat(taken.fileno()).st_ino)


@pytest.fixture(name="others")
def fixture_others(monkeypatch):
    """Let engines and rules of others have no ports but those that a test gives them, and count the questions."""

    class Others:
        engines = {}
        rules = {}
        asked = []

        def who(self, host):
            return self.rules.get(host.port, "")

    others = Others()
    others.asked = []
    monkeypatch.setattr(dnat_conflicts, "DnatConflicts", lambda: others.asked.append("rules") or others)
    monkeypatch.setattr(lookup, "published_ports", lambda: others.asked.append("engines") or others.engines)
    return others


@pytest.mark.parametrize("protocol", sorted(KINDS))
def test_a_port_is_bound_while_somebody_has_it(protocol):
    with listener(protocol) as taken:
        here = HostPort(4, "127.0.0.1", protocol, port_of(taken))
        assert is_bound(here) and is_bound(HostPort(4, "", protocol, here.port))
        assert not is_bound(HostPort(4, "127.0.0.9", protocol, here.port))
        assert not is_bound(HostPort(4, "127.0.0.1", "udp" if protocol == "tcp" else "tcp", here.port))
    assert not is_bound(here)


def test_connections_that_linger_are_not_in_the_way():
    with listener() as taken:
        here = HostPort(4, "127.0.0.1", "tcp", port_of(taken))
        with socket.create_connection(taken.getsockname()) as client:
            served, _address = taken.accept()
            served.close()  # who closes first keeps the port in TIME-WAIT
            assert client.recv(1) == b""
    assert not is_bound(here)


@needs_ipv6
def test_each_family_is_tried_by_itself():
    with listener(address="0.0.0.0") as taken:
        assert is_bound(HostPort(4, "", "tcp", port_of(taken))) and not is_bound(HostPort(6, "", "tcp", port_of(taken)))
    with listener(address="::", v6only=False) as taken:
        assert is_bound(HostPort(4, "", "tcp", port_of(taken))) and is_bound(HostPort(6, "", "tcp", port_of(taken)))


@pytest.mark.parametrize("number", [errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT])
def test_nobody_listens_by_a_protocol_that_the_kernel_has_not(monkeypatch, number):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(listeners.socket, "socket", refuse)
    assert not is_bound(HostPort(4, "", "sctp", 9999))


def test_a_port_that_can_not_be_tried_is_an_error(monkeypatch):
    monkeypatch.setattr(listeners, "_bind", lambda *_arguments: errno.EACCES)
    with pytest.raises(PipefitterError, match="can't check whether 10.0.0.5:80/tcp is in use .Permission denied"):
        is_bound(HostPort(4, "10.0.0.5", "tcp", 80))


@pytest.mark.parametrize("protocol", sorted(KINDS))
def test_a_process_is_named_with_its_pid(others, protocol):
    with open("/proc/self/comm", encoding="utf-8") as file:
        name = file.read().strip()
    with listener(protocol) as taken:
        who = Listeners().who(HostPort(4, "", protocol, port_of(taken)))
    assert who == f"process {name} (pid {os.getpid()}) of this host"
    assert Listeners().who(HostPort(4, "", protocol, port_of_nobody(protocol))) == ""


def port_of_nobody(protocol):
    with listener(protocol) as taken:
        return port_of(taken)


@needs_ipv6
def test_a_listener_for_both_families_is_found_from_either(others):
    with listener(address="::", v6only=False) as taken:
        for family in (4, 6):
            assert f"pid {os.getpid()}" in Listeners().who(HostPort(family, "", "tcp", port_of(taken)))


def test_only_what_listens_has_a_tcp_port():
    with listener() as taken, socket.create_connection(taken.getsockname()) as client:
        served, _address = taken.accept()
        with served:
            assert port_of(served) == port_of(taken)
            assert listeners._inodes(HostPort(4, "", "tcp", port_of(taken))) == {inode_of(taken)}
            assert listeners._inodes(HostPort(4, "", "tcp", port_of(client))) == set()


def test_a_process_is_named_though_it_closes_files_meanwhile(others, monkeypatch):
    readlink, listdir = os.readlink, os.listdir
    here = f"/proc/{os.getpid()}/fd"

    def closed(path):
        if path == f"{here}/closed":
            raise FileNotFoundError(path)
        return readlink(path)

    monkeypatch.setattr(listeners.os, "listdir", lambda path: [*(["closed"] if path == here else []), *listdir(path)])
    monkeypatch.setattr(listeners.os, "readlink", closed)
    with listener() as taken:
        assert f"pid {os.getpid()}" in Listeners().who(HostPort(4, "", "tcp", port_of(taken)))


def test_a_process_that_can_not_be_looked_into_stays_without_a_name(others, monkeypatch):
    def refuse(_path):
        raise PermissionError

    with listener() as taken:
        monkeypatch.setattr(listeners.os, "readlink", refuse)
        assert Listeners().who(HostPort(4, "", "tcp", port_of(taken))) == "a process of this host"


def test_an_engine_is_named_before_a_rule_and_that_before_a_process(others):
    with listener() as taken:
        host = HostPort(4, "", "tcp", port_of(taken))
        assert Listeners().who(host).startswith("process ")
        others.rules = {host.port: "a rule"}
        assert Listeners().who(host) == "a rule"
        others.engines = {("tcp", host.port): [("0.0.0.0", "container web of Docker")]}
        assert Listeners().who(host) == "container web of Docker"


@pytest.mark.parametrize(
    ("published", "host", "is_taken"),
    [
        ("0.0.0.0", HostPort(4, "", "tcp", 80), True),
        ("0.0.0.0", HostPort(4, "10.0.0.5", "tcp", 80), True),
        ("0.0.0.0", HostPort(6, "", "tcp", 80), False),
        ("10.0.0.5", HostPort(4, "", "tcp", 80), True),
        ("10.0.0.5", HostPort(4, "10.0.0.5", "tcp", 80), True),
        ("10.0.0.5", HostPort(4, "10.0.0.6", "tcp", 80), False),
        ("::", HostPort(6, "fd00::5", "tcp", 80), True),
        ("::", HostPort(4, "", "tcp", 80), False),
        ("0.0.0.0", HostPort(4, "", "udp", 80), False),
        ("0.0.0.0", HostPort(4, "", "tcp", 81), False),
    ],
)
def test_what_an_engine_has_published_is_taken_there(others, monkeypatch, published, host, is_taken):
    monkeypatch.setattr(listeners, "is_bound", lambda _host: False)
    others.engines = {("tcp", 80): [(published, "container web of Docker")]}
    assert Listeners().who(host) == ("container web of Docker" if is_taken else "")


def test_engines_rules_and_each_port_are_asked_once(others, monkeypatch):
    tried = []
    monkeypatch.setattr(listeners, "is_bound", lambda host: tried.append(host.port))
    found = Listeners()
    for port in (80, 81, 80):
        assert found.who(HostPort(4, "", "tcp", port)) == ""
    assert others.asked == ["engines", "rules"] and tried == [80, 81]


@pytest.mark.parametrize(
    ("text", "ports"),
    [("", ()), ("8080", (8080,)), ("8080,9000-9002\n", (8080, 9000, 9001, 9002)), (" 1 , 3-3 ", (1, 3))],
)
def test_reserved_ports_as_the_kernel_shows_them(text, ports):
    assert reserved_ports(text) == frozenset(ports)


@given(st.frozensets(st.integers(1, 300)))
def test_reserved_ports_of_any_ranges(ports):
    spans = []
    for port in sorted(ports):  # as proc_do_large_bitmap() of the kernel writes them
        if spans and spans[-1][1] == port - 1:
            spans[-1][1] = port
        else:
            spans.append([port, port])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    assert reserved_ports(f"{text}\n") == ports

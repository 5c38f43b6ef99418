# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose firewall drops what is forwarded, and what is to pass there: out, in by published ports, along links."""

from __future__ import annotations

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

from publishing import HOST, LAN, PYTHON, SERVER, Net, publish, ruleset, start_on_lan
from wiring import assert_same, everything

BRIDGE = {"name": "br0", "addresses": ["192.168.5.1/24", "fd00:5::1/64"], "ip_forward": True, "masquerade": True}
LINK = {"from": {"netns": "web1"}, "to": {"netns": "db1"}, "ports": ["5432/tcp"]}
DB = {4: "192.168.5.12", 6: "fd00:5::12"}


def bridge(host, **options):
    return host.module("container_bridge", **{**BRIDGE, **options})


def bridge_thoroughly(host, **options):
    """Check mode says exactly what is done and does nothing; a second run does nothing either."""
    before = everything(host)
    checked = bridge(host, check_mode=True, diff=True, **options)
    assert_same(before, everything(host))
    done = bridge(host, diff=True, **options)
    again = bridge(host, diff=True, **options)
    assert (checked["operations"], checked["changed"], checked["diff"]) == (
        done["operations"],
        done["changed"],
        done["diff"],
    )
    assert (again["changed"], again["operations"]) == (False, [])
    return done


class Walled:
    """web1 and db1 on br0, web1 published to the LAN, and db1 linked to it: all that a firewall in between may drop."""

    def __init__(self, host):
        self.host = host
        self.net = Net(host, "web1", "db1")
        bridge(host)
        self.net.serve("web1", "80", "53/udp")
        self.net.serve("db1", "5432", "81")
        self.publishes = {"netns": "web1", "ports": ["8080:80", "5353:53/udp"]}
        # Pings may pass where nothing else does.
        self._lan = start_on_lan(host, *PYTHON, "-c", SERVER, "lan", "7000", stdout=subprocess.PIPE, encoding="utf-8")
        assert self._lan.stdout.readline() == "ready\n"
        self.links = {"bridge": "br0", "icc": False, "links": [LINK]}
        publish(host, **self.publishes)
        host.module("icc_policy", **self.links)

    def passes(self):
        """Return what arrives, each by itself and in both families."""
        asked = {}
        with ThreadPoolExecutor(10) as pool:  # what is dropped is waited for
            for family in (4, 6):
                asked[f"out {family}"] = pool.submit(self.net.ask, LAN[family], 7000, netns="web1")
                asked[f"published {family}"] = pool.submit(self._answers, HOST[family], 8080)
                asked[f"datagrams {family}"] = pool.submit(self._answers, HOST[family], 5353, "udp")
                asked[f"linked {family}"] = pool.submit(self.net.ask, DB[family], 5432, netns="web1")
                asked[f"not linked {family}"] = pool.submit(self.net.ask, DB[family], 81, netns="web1")
        return {what: bool(answer.result()) for what, answer in asked.items()}

    def _answers(self, address, port, protocol="tcp"):
        return self.net.ask_from_lan(address, port, protocol) == ("web1", LAN[6 if ":" in address else 4])

    def all_pass(self):
        seen = self.passes()
        assert not (seen.pop("not linked 4") or seen.pop("not linked 6"))
        assert all(seen.values()), seen

    def none_pass(self, *families):
        seen = self.passes()
        assert not any(passes for what, passes in seen.items() if int(what[-1]) in (families or (4, 6))), seen

    def unchanged(self):
        """A second run of each module does nothing, and warns of nothing."""
        for module, options in (
            ("container_bridge", BRIDGE),
            ("port_publish", {"bridge": "br0", **self.publishes}),
            ("icc_policy", self.links),
        ):
            done = self.host.module(module, **options)
            assert (done["operations"], done.get("warnings", [])) == ([], []), module

    def stop(self):
        self.net.stop()
        if self._lan.poll() is None:
            self._lan.terminate()
            self._lan.wait(timeout=60)
            self._lan.stdout.close()

    def taken_away(self):
        self.stop()
        self.host.module("container_bridge", name="br0", state="absent")


@contextlib.contextmanager
def without_docker(host):
    """Take Docker's rules out of the filter, as on a host that has no Docker, and put them back."""
    kept = host.run("iptables-nft-save", "-t", "filter").stdout
    empty = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"
    host.run("iptables-nft-restore", text=empty)
    try:
        yield
    finally:
        for program in ("iptables-legacy-restore", "ip6tables-legacy-restore", "ip6tables-nft-restore"):
            host.run(program, text=empty)
        host.run("iptables-nft-restore", text=kept)


def coexists(walled, close):
    """What a firewall drops passes after the next run, which check mode foretold.

    And it is dropped again when all of ours is gone.
    """
    host = walled.host
    walled.all_pass()
    close()
    closed = ruleset(host)
    walled.none_pass()

    done = bridge_thoroughly(host)
    assert done["operations"]
    walled.all_pass()
    walled.unchanged()

    walled.taken_away()
    assert ruleset(host) == closed
    return done["operations"]

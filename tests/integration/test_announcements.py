# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""That announcements arrive: the kernel drops what is sent on a link it has only just brought up."""

from __future__ import annotations

import subprocess

from wiring import make_bridge, make_namespaces

_ROUNDS = 12


def test_each_announcement_reaches_a_neighbour_on_the_bridge(hosta):
    make_bridge(hosta)
    make_namespaces(hosta, "web", "neighbour")
    hosta.module("veth_attach", netns="neighbour", bridge="br0", addresses=["192.168.5.250/24"])
    # Ends by itself once all are heard.
    words = f"timeout 60 tcpdump -l -n -i eth1 -c {_ROUNDS} arp and not arp host 192.168.5.250"
    watch = hosta.start(
        "ip",
        "netns",
        "exec",
        "neighbour",
        *words.split(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert any("listening on" in line for line in watch.stderr)
    for number in range(1, _ROUNDS + 1):
        hosta.module("veth_attach", netns="web", bridge="br0", addresses=[f"192.168.5.{number}/24"])
        hosta.module("veth_attach", netns="web", state="absent")

    heard = watch.communicate(timeout=90)[0]
    assert [
        number
        for number in range(1, _ROUNDS + 1)
        if f"who-has 192.168.5.{number} tell 192.168.5.{number}," not in heard
    ] == []

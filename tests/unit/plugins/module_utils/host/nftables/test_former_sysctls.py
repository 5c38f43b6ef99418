# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The note of former sysctls: of the bridges that are there, whatever is in its place."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import former_sysctls

BR0 = {("net/ipv4/conf/br0/forwarding", "0"), ("net/ipv6/neigh/br0/proxy_delay", "80")}
BR1 = {("net/ipv4/conf/br1/forwarding", "0")}


@pytest.fixture(name="links")
def fixture_links(monkeypatch, tmp_path):
    """The indices of the host's links, by name."""
    links = {"br0": 7, "br1": 8}

    def index(name):
        if name not in links:
            raise OSError("no interface with this name")
        return links[name]

    monkeypatch.setattr(former_sysctls, "PATH", str(tmp_path / "run" / "former-sysctls.json"))
    monkeypatch.setattr(former_sysctls.socket, "if_nametoindex", index)
    return links


def test_what_is_noted_is_of_the_bridges_that_are_there(links, tmp_path):
    former_sysctls.note(frozenset())
    assert not (tmp_path / "run").exists(), "nothing is noted of nothing"
    former_sysctls.note(BR0 | BR1)
    assert former_sysctls.noted() == BR0 | BR1
    links["br0"] = 9
    assert former_sysctls.noted() == BR1, "a bridge that was made anew has sysctls of its own"
    del links["br1"]
    assert former_sysctls.noted() == frozenset()
    former_sysctls.note(BR1)
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(
    "held", [b"", b"[]", b"\xff", b'{"br0": []}', b'{"br0": {"index": 7}}', b'{"br0": {"index": 7, "sysctls": 1}}']
)
def test_a_damaged_note_is_none(links, tmp_path, held):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "former-sysctls.json").write_bytes(held)
    assert former_sysctls.noted() == frozenset()
    former_sysctls.note(BR0)
    assert former_sysctls.noted() == BR0


def test_a_host_that_can_not_keep_it_goes_without(links, tmp_path):
    (tmp_path / "run").write_text("no folder")
    former_sysctls.note(BR0)
    assert former_sysctls.noted() == frozenset()

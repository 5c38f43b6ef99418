# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are missing; the rules themselves are tested with both kinds of iptables in tests/integration."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import iptables_forward
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall.iptables_forward import (
    IptablesForward,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.host.ended_process import (
    EndedProcess,
)

SAVED = """\
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:PIPEFITTER - [0:0]
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -j PIPEFITTER
-A PIPEFITTER -i br0 -o br0 -j ACCEPT
"""


def shown():
    seen = IptablesForward().read()
    return seen.families, seen.accepted


def docker_in(monkeypatch, kind):
    monkeypatch.setattr(iptables_forward, "_nft_in_use", lambda family: (family, kind) == ("ip", "nft"))
    monkeypatch.setattr(iptables_forward, "_legacy_in_use", lambda family: (family, kind) == ("ip", "legacy"))


@pytest.fixture(name="tried")
def fixture_tried(monkeypatch):
    """Have no program but ``iptables-save``, and tell which were looked for."""
    names = []

    def start(argv, **_options):
        names.append(argv[0])
        if argv[0] != "iptables-save":
            raise FileNotFoundError(argv[0])
        return EndedProcess(0, SAVED)

    monkeypatch.setattr(subprocess, "Popen", start)
    return names


def test_a_host_with_our_chain_and_without_the_program_of_its_kind(monkeypatch, tried):
    docker_in(monkeypatch, "nft")
    monkeypatch.setattr(
        iptables_forward,
        "chain_exists",
        lambda family, table, chain: (family, table, chain) == ("ip", "filter", "PIPEFITTER"),
    )
    with pytest.raises(MissingFeature, match="iptables-nft-save .* install the package iptables"):
        IptablesForward().read()
    assert tried == ["iptables-nft-save"], "the plain name may be the other kind"


def test_an_iptables_from_before_there_were_two_kinds(monkeypatch, tried):
    docker_in(monkeypatch, "legacy")
    # One of the two rules of br0 is missing, so it is not accepted.
    assert shown() == ({"ip"}, frozenset())
    assert tried == ["iptables-legacy-save", "iptables-save"]


def test_the_reason_of_a_failure_is_not_the_warning_in_front_of_it(monkeypatch):
    docker_in(monkeypatch, "nft")
    stderr = "# Warning: iptables-legacy tables present\niptables-nft-save: no such luck\n"
    monkeypatch.setattr(subprocess, "Popen", lambda _argv, **_options: EndedProcess(1, "", stderr))
    with pytest.raises(PipefitterError, match="chain PIPEFITTER: iptables-nft-save: no such luck$"):
        IptablesForward().read()

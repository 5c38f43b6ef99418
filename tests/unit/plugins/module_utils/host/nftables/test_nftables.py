# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft says and can't say; the tables themselves are tested against the kernel in tests/integration."""

from __future__ import annotations

import errno
import subprocess

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import MissingFeature, PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import masquerade
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables import tables as nftables
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.nftables.masquerade import Masquerades
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.masquerade import Masquerade
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.answering_kernel import (
    AnsweringKernel,
    refused,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.host.ended_process import (
    EndedProcess,
)

ONE = Masquerade("br0", "192.168.5.0/24")


@pytest.fixture(name="nft")
def fixture_nft(monkeypatch):
    """Let each run of nft end as the test says; there is no table of ours."""
    monkeypatch.setattr(nftables, "table_exists", lambda _family, _table: False)

    def outcomes(*results):
        pending = iter(results)

        def start(_argv, **_options):
            result = next(pending)
            if isinstance(result, OSError):
                raise result
            begun.append(EndedProcess(*(result if isinstance(result, tuple) else (result,))))
            return begun[-1]

        monkeypatch.setattr(subprocess, "Popen", start)
        return begun

    begun = []
    return outcomes


def test_a_host_without_nft_names_the_package(nft):
    nft(FileNotFoundError("nft"))
    with pytest.raises(MissingFeature, match="install the package nftables"):
        Masquerades().apply(add=[ONE])


def test_an_nft_that_hangs(nft):
    begun = nft(subprocess.TimeoutExpired("nft", 30))
    with pytest.raises(PipefitterError, match="timed out after 30 s waiting for nft"):
        Masquerades().apply(add=[ONE])
    assert begun[0].killed


def test_a_transaction_that_was_overtaken_is_tried_again(nft):
    overtaken = (1, "", "Error: Could not process rule: Interrupted system call should be restarted\n")
    nft(overtaken, overtaken, (0, "", ""))
    Masquerades().apply(add=[ONE])
    nft(*[overtaken] * 5)
    with pytest.raises(PipefitterError, match="nothing was changed"):
        Masquerades().apply(add=[ONE])


@pytest.mark.parametrize(
    ("stderr", "sentence"),
    [
        ("internal:0:0-0: Error: Could not process rule: No such file or directory\n", "nft_masq"),
        ("internal:0:0-0: Error: Could not process rule: Operation not supported\n", "Linux 5.6"),
        ("Error: JSON support not compiled-in\n", "support for JSON is required for masquerading"),
    ],
)
def test_what_is_missing_is_named(nft, stderr, sentence):
    nft(*[(1, "", stderr)] * 2)
    with pytest.raises(MissingFeature, match=sentence):
        Masquerades().apply(add=[ONE])


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT])
def test_a_kernel_without_nf_tables(monkeypatch, error):
    AnsweringKernel(monkeypatch, [[refused(error)]])
    with pytest.raises(MissingFeature, match="nf_tables is required .* this kernel does not support it"):
        Masquerades().in_effect()


def test_not_being_root(monkeypatch):
    AnsweringKernel(monkeypatch, [[refused(errno.EPERM)]])
    with pytest.raises(PipefitterError, match="Operation not permitted.*root"):
        Masquerades().in_effect()


@pytest.mark.parametrize(
    ("subnets", "outermost"),
    [
        ({"10.0.0.0/24"}, {"10.0.0.0/24"}),
        ({"10.0.0.0/24", "10.0.1.0/24"}, {"10.0.0.0/24", "10.0.1.0/24"}),
        ({"10.0.0.0/8", "10.0.0.0/24", "10.9.0.0/16", "11.0.0.0/8"}, {"10.0.0.0/8", "11.0.0.0/8"}),
        ({"0.0.0.0/0", "255.0.0.0/8"}, {"0.0.0.0/0"}),
        ({"fd00::/8", "fd00:5::/64"}, {"fd00::/8"}),
    ],
)
def test_outermost_subnets(subnets, outermost):
    assert masquerade._outermost(subnets) == outermost

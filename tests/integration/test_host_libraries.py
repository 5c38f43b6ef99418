# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says on a host whose Python lacks a library, and which pyroute2 the lab's hosts really have."""

from __future__ import annotations

import pytest
from lab_hosts import PYROUTE2, ModuleFailed
from wiring import assert_same, everything


@pytest.mark.parametrize("library", ["pyroute2", "netaddr"])
@pytest.mark.parametrize("module", ["container_bridge", "veth_attach", "container_network_info"])
def test_names_the_library_that_is_missing(hosta, module, library):
    options = {"container_bridge": {"name": "br0"}, "veth_attach": {"container": "web1", "bridge": "br0"}}.get(module, {})
    before = everything(hosta)

    with pytest.raises(ModuleFailed) as failure:
        hosta.module(module, without=library, **options)

    said = failure.value.result["msg"]
    assert f"library ({library})" in said and "/usr/bin/python3" in said and ". The role host_setup" in said
    assert_same(before, everything(hosta))


def test_hosts_have_the_pyroute2_that_tests_are_named_after(host):
    version = host.run("/usr/bin/python3", "-c", "from importlib.metadata import version; print(version('pyroute2'))").stdout.strip()
    assert version == PYROUTE2[host.name]

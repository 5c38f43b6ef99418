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
    options = {"container_bridge": {"name": "br0"}, "veth_attach": {"container": "web1", "bridge": "br0"}}.get(
        module, {}
    )
    before = everything(hosta)

    with pytest.raises(ModuleFailed) as failure:
        hosta.module(module, without=library, **options)

    said = failure.value.result["msg"]
    assert f"library ({library})" in said and "/usr/bin/python3" in said and ". The role host_setup" in said
    assert_same(before, everything(hosta))


def test_hosts_have_the_pyroute2_that_tests_are_named_after(host):
    version = host.run(
        "/usr/bin/python3", "-c", "from importlib.metadata import version; print(version('pyroute2'))"
    ).stdout.strip()
    assert version == PYROUTE2[host.name]


def test_pyroute2_is_loaded_without_a_process(host, python_path):
    """Its configuration asks the platform for what the standard library finds out by running programs."""
    name = "ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.rtnetlink"
    program = f"""
import importlib, platform, sys
before = platform.uname, platform.architecture
started = []
starting = ("subprocess.Popen", "os.posix_spawn")
sys.addaudithook(lambda event, arguments: event in starting and started.append(arguments[0]))
message = importlib.import_module("{name}").message("ifinfmsg")
print(message.__name__, started, "pyroute2.config" in sys.modules or "pr2modules.config" in sys.modules)
print(before == (platform.uname, platform.architecture))
"""
    told = host.run("env", f"PYTHONPATH={python_path}", "/usr/bin/python3", "-c", program).stdout
    assert told == "ifinfmsg [] True\nTrue\n"

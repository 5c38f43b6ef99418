# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hook doesn't use is not loaded, and is there when something does use it."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.pipefitter.container_network.plugins.module_utils.service import deferred

_PROGRAM = """
import sys
sys.path[:0] = {path}
from {module} import UNUSED, defer
before = set(sys.modules)
defer(*UNUSED)
from {package}.service import attaching
print("ast" in sys.modules and "ast" not in before)  # of inspect; what the others load, others may load too
import inspect, pprint
from importlib import resources
print(inspect.signature(defer), pprint.pformat([1]), callable(resources.files), inspect.ismodule(sys))
"""


def test_what_is_not_used_is_not_loaded_and_is_there_when_it_is():
    module = deferred.__name__
    program = _PROGRAM.format(path=sys.path, module=module, package=module.rpartition(".service")[0])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.splitlines() == ["False", "(*names: 'str') -> 'None' [1] True True"]

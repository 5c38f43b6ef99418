# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Between Ansible and reconcile: options in, one result out. Private to the collection."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import compiled_once
from .errors import PipefitterError

try:
    import netaddr as _netaddr  # noqa: F401 # pylint: disable=unused-import
except ImportError:
    _NETADDR_ERROR: str | None = traceback.format_exc()
else:
    _NETADDR_ERROR = None


Task = Callable[[Mapping[str, Any], bool], Any]


def run(load: Callable[[], Task], argument_spec: dict[str, Any], reports_changes: bool = True) -> None:
    """Run a module to its end: parse, converge, report.

    ``load`` returns a function of reconcile; it is called only once the libraries
    it imports are known to be there. ``reports_changes`` is false for modules that only read.
    """
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    _require_libraries(module)
    compiled_once.install()
    try:
        result = load()(module.params, module.check_mode)
    except PipefitterError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        compiled_once.keep()
    for warning in result.warnings:
        module.warn(warning)
    answer = dict(result.values, changed=result.changed)
    if reports_changes:
        answer["operations"] = result.operations
    if reports_changes and module._diff:  # pylint: disable=protected-access
        from .diff_yaml import as_yaml

        answer["diff"] = {"before": as_yaml(result.before), "after": as_yaml(result.after)}
    module.exit_json(**answer)


def _require_libraries(module: AnsibleModule) -> None:
    if _NETADDR_ERROR is not None:
        module.fail_json(
            msg=missing_required_lib("netaddr") + ". The role host_setup installs it.", exception=_NETADDR_ERROR
        )
    if importlib.util.find_spec("pyroute2") is None:
        module.fail_json(msg=missing_required_lib("pyroute2") + ". The role host_setup installs it.")

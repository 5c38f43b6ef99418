# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Between Ansible and reconcile: options in, one result out. Private to the collection."""

from __future__ import annotations

import gc
import importlib.util
import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import compiled_once
from .errors import PipefitterError

Task = Callable[[Mapping[str, Any], bool], Any]


def run(load: Callable[[], Task], argument_spec: dict[str, Any], reports_changes: bool = True) -> None:
    """Run a module to its end: parse, converge, report.

    ``load`` returns a function of reconcile; it is called only once the libraries
    it imports are known to be there. ``reports_changes`` is false for modules that only read.
    """
    gc.disable()  # what is loaded stays: looking through it again and again finds nothing
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    _require_libraries(module)
    compiled_once.install()
    try:
        task = load()
        gc.freeze()
        gc.enable()
        result = task(module.params, module.check_mode)
    except PipefitterError as error:
        module.fail_json(msg=_shown(str(error)))
    if not module.check_mode:
        compiled_once.keep()
    for warning in (*result.assumed, *result.warnings):
        module.warn(_shown(warning))
    answer = dict(_shown(result.values), changed=result.changed)
    if reports_changes:
        answer["operations"] = _shown(result.operations)
    if reports_changes and module._diff:  # pylint: disable=protected-access
        from .diff_yaml import as_yaml

        answer["diff"] = {"before": as_yaml(_shown(result.before)), "after": as_yaml(_shown(result.after))}
    module.exit_json(**answer)


def _shown(value: Any) -> Any:
    """Return a part of a result with backslash escapes (``d\\xff0``) for what is no UTF-8, else as it is.

    A link's name is any bytes, and who may set links in a container chooses it. ``wire.text`` has surrogates for them,
    at which ansible-core 2.19 fails in exit_json, after the changes were made.
    """
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return _escaped(value)
    return value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
        except UnicodeEncodeError:  # a surrogate that stands for no byte
            return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(item) for item in value]
    return value


def _require_libraries(module: AnsibleModule) -> None:
    # Looked for, not imported: a task that finds nothing to do has no use for them.
    for library in ("netaddr", "pyroute2"):
        if importlib.util.find_spec(library) is None:
            module.fail_json(msg=missing_required_lib(library) + ". The role host_setup installs it.")

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Between Ansible and the collection's kinds: options in, one result out. Private to the collection."""

from __future__ import annotations

import importlib.util
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import PipefitterError

try:
    import netaddr as _netaddr  # noqa: F401 # pylint: disable=unused-import
except ImportError:
    _NETADDR_ERROR: str | None = traceback.format_exc()
else:
    _NETADDR_ERROR = None

# What no YAML reader takes for anything but text: words, and IPv4 addresses.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*|[0-9]+(\.[0-9]+){3}(/[0-9]+)?")
_NOT_TEXT = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))

Task = Callable[[Mapping[str, Any], bool], Any]


def run(load: Callable[[], Task], argument_spec: dict[str, Any], reports_changes: bool = True) -> None:
    """Run a module to its end: parse, converge, report.

    ``load`` returns the kind's function; it is called only once the libraries
    it imports are known to be there. ``reports_changes`` is false for modules that only read.
    """
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    _require_libraries(module)
    try:
        result = load()(module.params, module.check_mode)
    except PipefitterError as error:
        module.fail_json(msg=str(error))
    for warning in result.warnings:
        module.warn(warning)
    answer = dict(result.values, changed=result.changed)
    if reports_changes:
        answer["operations"] = result.operations
    if reports_changes and module._diff:  # pylint: disable=protected-access
        answer["diff"] = {"before": _yaml(result.before), "after": _yaml(result.after)}
    module.exit_json(**answer)


def _require_libraries(module: AnsibleModule) -> None:
    if _NETADDR_ERROR is not None:
        module.fail_json(
            msg=missing_required_lib("netaddr") + ". The role host_setup installs it.", exception=_NETADDR_ERROR
        )
    if importlib.util.find_spec("pyroute2") is None:
        module.fail_json(msg=missing_required_lib("pyroute2") + ". The role host_setup installs it.")


def _yaml(document: Mapping[str, Any]) -> str:
    """Return a document as sorted YAML; written here, as hosts need not have PyYAML."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(value: Any, indent: str = "") -> list[str]:
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key in sorted(value):
            item = value[key]
            if isinstance(item, (Mapping, list, tuple)) and item:
                lines.append(f"{indent}{_text(key)}:")
                lines += _lines(item, indent + "  ")
            else:
                lines.append(f"{indent}{_text(key)}: {_scalar(item)}")
        return lines
    for item in value:
        if isinstance(item, (Mapping, list, tuple)) and item:
            inner = _lines(item, indent + "  ")
            lines.append(f"{indent}- {inner[0][len(indent) + 2 :]}")
            lines += inner[1:]
        else:
            lines.append(f"{indent}- {_scalar(item)}")
    return lines


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list, tuple)):
        return "{}" if isinstance(value, Mapping) else "[]"
    if isinstance(value, float):
        mantissa, exponent, power = repr(value).partition("e")
        return (mantissa if "." in mantissa else f"{mantissa}.0") + exponent + power  # without a point it would be text
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    if text.isascii() and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return (
        '"'
        + "".join(
            character if character.isprintable() and character not in '"\\' else f"\\U{ord(character):08x}"
            for character in text
        )
        + '"'
    )

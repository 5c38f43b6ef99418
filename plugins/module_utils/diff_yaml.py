# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A document as sorted YAML, for --diff. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What no YAML reader takes for anything but text: words, and IPv4 addresses.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*|[0-9]+(\.[0-9]+){3}(/[0-9]+)?")


_NOT_TEXT = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def as_yaml(document: Mapping[str, Any]) -> str:
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
            nested = _lines(item, indent + "  ")
            lines.append(f"{indent}- {nested[0][len(indent) + 2 :]}")
            lines += nested[1:]
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

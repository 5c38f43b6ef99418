# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Numbers that YAML makes of digits with colons. Private to the collection.

YAML 1.1 (yaml.org/type/int.html), which Ansible reads, takes ``22:22`` for a number to the base of 60: 1342. All parts
but the first are below 60, and the first doesn't begin with 0, for this to happen; what was written is lost then.
"""

from __future__ import annotations

_BASE = 60
_PORTS = range(1, 65536)

# Ports of services below 60, and where they are usually published: only these pairs make a number that is a port
# itself doubtful. More would ask about ports that people have: 1433 is 23:53, 1521 is 25:21, 9022 is 150:22.
_USUAL = {21: (21,), 22: (22, 80, 222, 443, 922, 1022), 25: (25, 465, 587), 53: (53, 853)}
_DOUBTFUL = {host * _BASE + port: f"{host}:{port}" for port, hosts in _USUAL.items() for host in hosts}


def _parts(number: int, count: int) -> list[int]:
    """Return the parts of which YAML makes a number, the first being what is left."""
    later: list[int] = []
    for _place in range(count - 1):
        number, part = divmod(number, _BASE)
        later.insert(0, part)
    return [number, *later]


def ports_written(number: int) -> str | None:
    """Return ``8080:22`` for the number that YAML makes of it, ``None`` for one that is none of two or three ports."""
    for count in (2, 3):
        parts = _parts(number, count)
        if all(part in _PORTS for part in parts):
            return ":".join(map(str, parts))
    return None


def ports_meant(number: int) -> str | None:
    """Return ``22:22`` for a port's number that is more likely this pair than itself."""
    return _DOUBTFUL.get(number)


def mac_written(text: str) -> str | None:
    """Return the MAC address that YAML makes a decimal number of, ``None`` for what is no such number."""
    # A first byte below 10 would begin with 0, which leaves it a text; three digits are no byte.
    if not text.isascii() or not text.isdigit() or not 10 <= int(text) // _BASE**5 <= 99:
        return None
    return ":".join(f"{part:02}" for part in _parts(int(text), 6))

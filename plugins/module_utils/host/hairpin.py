# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The hairpin mode of a Linux bridge's ports, through sysfs. Private to the collection."""

from __future__ import annotations

from ..errors import PipefitterError

_PATH = "/sys/class/net/{}/brport/hairpin_mode"


def hairpin(port: str) -> bool | None:
    """Return whether frames may leave by the port they came in by, ``None`` for what is no port of a Linux bridge."""
    try:
        with open(_PATH.format(port), encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return None


def set_hairpin(port: str, on: bool) -> None:
    """Switch it; of a port that is gone, it is off.

    :raises PipefitterError: it can't be written.
    """
    try:
        with open(_PATH.format(port), "w", encoding="ascii") as file:
            file.write("1" if on else "0")
    except FileNotFoundError:
        if on:
            raise PipefitterError(f"{port} is no longer a port of a bridge; run the task again") from None
    except OSError as error:
        raise PipefitterError(
            f"the hairpin mode of {port} can't be changed ({error.strerror}); is /sys read-only here?"
        ) from None

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Sysctls of the network namespace this thread is in. Private to the collection."""

from __future__ import annotations

import os
import stat

from ..errors import MissingFeature, PipefitterError

_ROOT = "/proc/sys"


def read(name: str) -> str | None:
    """Return a sysctl's value (named with slashes, ``net/ipv4/ip_forward``), ``None`` where there is no such one."""
    try:
        descriptor = os.open(f"{_ROOT}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, 256).decode().strip()
    finally:
        os.close(descriptor)


def settable(name: str) -> str | None:
    """Return a sysctl's value, ``None`` where it can't be both read and written.

    :raises FileNotFoundError: there is no such one.
    """
    path = f"{_ROOT}/{name}"
    if not stat.S_ISREG(os.stat(path).st_mode) or not os.access(path, os.W_OK):
        return None
    try:
        return read(name)
    except (OSError, UnicodeDecodeError):
        return None


def write(name: str, value: str) -> None:
    """Write a sysctl.

    :raises MissingFeature: there is no such one (IPv6 compiled out, say).
    :raises PipefitterError: it can't be written.
    """
    try:
        descriptor = os.open(f"{_ROOT}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MissingFeature(
            f"sysctl {name.replace('/', '.')} does not exist on this host; the kernel was built or booted without it"
        ) from None
    except OSError as error:
        raise PipefitterError(
            f"sysctl {name.replace('/', '.')} can't be written ({error.strerror}); is /proc/sys read-only here?"
        ) from None
    try:
        os.write(descriptor, value.encode())
    except OSError as error:
        raise PipefitterError(
            f"sysctl {name.replace('/', '.')} rejects the value {value!r} ({error.strerror})"
        ) from None
    finally:
        os.close(descriptor)


def kernel_version() -> tuple[int, ...]:
    """Return the kernel's version as far as it is told by numbers: (6, 18)."""
    release = read("kernel/osrelease") or ""
    return tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())

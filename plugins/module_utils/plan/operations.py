# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What can be done to a host: small values that know how to be done, undone and told. Private to the collection.

An operation never looks: all it needs is in it, put there by a plan. It
acts through the ``Host`` it is given, the real one or the tests' simulated
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..light_dataclass import dataclass

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class Operation:
    """What is done, undone and told as one.

    ``netns`` is where it acts: '' in the host's own network namespace, else in a container's, by its printable name.
    """

    netns: str

    def lines(self) -> list[str]:
        """Return what it does, a line each thing."""
        return [f"{self.what()}{f' in {self.netns}' if self.netns else ''}"]

    def what(self) -> str:
        raise NotImplementedError

    def do(self, host: Host) -> None:
        raise NotImplementedError

    def undo(self, host: Host) -> None:
        raise NotImplementedError


@contextmanager
def all_or_nothing(put_back: Callable[[], None]) -> Iterator[None]:
    """Put back what an operation of several steps has done where one of them fails.

    Nobody undoes an operation that failed. It goes as far as it can: why the step failed is what counts.
    """
    try:
        yield
    except PipefitterError:
        try:
            put_back()
        except PipefitterError:
            pass
        raise


@dataclass(frozen=True)
class SetSysctl(Operation):
    """``undone`` are written when it is undone: values of others that the kernel overwrites along with this one."""

    name: str
    new: str
    old: str
    undone: tuple[tuple[str, str], ...] = ()

    def what(self) -> str:
        return f"set sysctl {self.name.replace('/', '.')} from {self.old} to {self.new}"

    def do(self, host: Host) -> None:
        host.write_sysctl(self.netns, self.name, self.new)

    def undo(self, host: Host) -> None:
        host.write_sysctl(self.netns, self.name, self.old)
        for name, value in self.undone:
            host.write_sysctl(self.netns, name, value)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a run tells its caller, whatever it is for. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..light_dataclass import dataclass


@dataclass(frozen=True)
class Result:
    """What a run tells its caller.

    ``operations`` are the lines of what was done, ``before`` and ``after`` the
    two sides of a diff, ``values`` what was made in the shape of container_network_info.
    ``assumed`` are warnings of check mode: what it took as made by an earlier task of the play.
    """

    operations: list[str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    values: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.operations)

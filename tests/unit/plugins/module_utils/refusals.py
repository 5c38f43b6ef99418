# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every refusal of an option is checked for: the option, its value, and the sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption

ONE = {"container": "web1", "bridge": "br0"}


def complaint(parse: Any, options: Any, option: str, found: object, words: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        parse(options)
    sentence = str(refused.value)
    assert refused.value.option == option
    assert refused.value.found == found
    assert sentence.startswith(f"{option}: " if found is None else f"{option}: {found!r} ") and "None" not in sentence
    assert words in sentence

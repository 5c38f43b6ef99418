# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Rules of the host's firewall that name an interface, whoever made them. Private to the collection."""

from __future__ import annotations

import re

from ...errors import PipefitterError
from .. import program

_LEGACY = ("iptables-legacy-save", "ip6tables-legacy-save")


def rules_naming(link: str) -> list[str]:
    """Return the rules of nftables and iptables that name an interface, each as its program shows it.

    A firewall that can't be read has none: what it does is seen by those who ask (``verify``).
    """
    word = re.compile(rf'(?<![\w.-])"?{re.escape(link)}"?(?![\w.-])')
    found = []
    # iptables' rules in nftables are among those that nft shows.
    for words in (["nft", "--stateless", "list", "ruleset"], *([name] for name in _LEGACY)):
        try:
            done = program.run(words) if program.installed(words[0]) else None
        except PipefitterError:
            continue
        lines = done.stdout.splitlines() if done is not None and done.status == 0 else []
        found += [line.strip() for line in lines if word.search(line) and not line.lstrip().startswith("#")]
    return list(dict.fromkeys(found))

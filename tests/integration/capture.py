# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tcpdump sees on the wire of a lab host's network namespace."""

from __future__ import annotations


class Capture:
    """What tcpdump sees on a namespace's eth1 meanwhile, in ``said`` afterwards."""

    # Ended by a line: a signal would reach the one who entered the host, not tcpdump.
    _SCRIPT = 'tcpdump -nn -l -i eth1 "$@" 2>&1 & read line; sleep 0.5; kill -INT $!; wait'

    def __init__(self, host, netns, *words):
        self._process = host.start(
            "ip", "netns", "exec", netns, "sh", "-c", self._SCRIPT, "sh", *words, stdin=-1, stdout=-1, text=True
        )
        self.said = ""

    def __enter__(self):
        assert any("listening on" in line for line in self._process.stdout)
        return self

    def __exit__(self, *_failure):
        self.said = self._process.communicate("\n", timeout=20)[0]

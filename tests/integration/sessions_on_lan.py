# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP sessions from a LAN to addresses of a host: run there with no arguments, it serves; with addresses, it asks.

Asks each address by one session every few milliseconds until its input ends, and says the longest wait for each.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time

PORT = 7007


def serve() -> None:
    with socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            threading.Thread(target=_echo, args=[server.accept()[0]], daemon=True).start()


def _echo(session: socket.socket) -> None:
    while data := session.recv(1):
        session.sendall(data)


def ask(address: str, longest: dict[str, float | None], end: threading.Event) -> None:
    """Note the longest wait, ``None`` where the session has ended or is silent."""
    worst = 0.0
    try:
        with socket.create_connection((address, PORT), timeout=60) as session:
            longest[address] = 0.0
            while not end.wait(0.005):
                began = time.monotonic()
                session.sendall(b"x")
                if not session.recv(1):
                    raise ConnectionResetError
                worst = max(worst, time.monotonic() - began)
        longest[address] = worst
    except OSError:
        longest[address] = None


def main() -> None:
    if not sys.argv[1:]:
        serve()
    longest: dict[str, float | None] = {}
    end = threading.Event()
    asking = [threading.Thread(target=ask, args=[address, longest, end]) for address in sys.argv[1:]]
    for thread in asking:
        thread.start()
    while len(longest) < len(asking):
        time.sleep(0.01)
    print(json.dumps(longest), flush=True)  # all have a session
    select.select([sys.stdin], [], [])
    end.set()
    for thread in asking:
        thread.join()
    print(json.dumps(longest), flush=True)


main()

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""ifupdown as the owner of a NIC: /etc/network/interfaces and what it includes. Private to the collection.

Nothing of it runs all the time but DHCP clients. So what is there is left alone: ifupdown's notes are changed to say
that the bridge is up, and the DHCP client moves.
"""

from __future__ import annotations

import fcntl
import glob
import os
import stat
from collections.abc import Iterator, Sequence

from ...errors import PipefitterError
from ...model.nic_move import IFUPDOWN, ManagedFile, NicMove
from .. import program
from . import dhclients, text_files
from . import ifupdown_files as files
from .replaced_lines import without

_MAIN = "/etc/network/interfaces"
_KEPT = "/etc/network/pipefitter"
_STATE = "/run/network"
_DHCLIENT_CONF = "/etc/dhcp/dhclient.conf"
# Programs that only those have which read the same file in another way, and keep their notes elsewhere.
_OTHERS = {"ifreload": "ifupdown2", "ifparse": "ifupdown-ng"}


class Ifupdown:
    """The stanzas of one NIC, wherever they stand."""

    name = IFUPDOWN

    def owns(self, nic: str) -> bool:
        if not program.installed("ifup"):
            return False
        texts = [text for _path, text in _read()]
        # Also one whose stanza is a bridge's port's by now.
        return files.is_configured(texts, nic)

    def refusal(self, move: NicMove) -> str:
        for its_program, other in _OTHERS.items():
            if program.installed(its_program):
                return f"{other} reads {_MAIN}, which is not supported; write the bridge there yourself (persist: none)"
        before = [(path, without(text, move)) for path, text in _read()]
        texts = [text for _path, text in before]
        if not files.is_configured(texts, move.nic):
            return f"{_MAIN} and what it includes have no stanza of {move.nic}; write one"
        leased = any(method == "dhcp" for _family, method in files.methods(texts, move.nic))
        if leased and not program.installed(dhclients.PROGRAM):
            return (
                f"{move.nic} has its address from a DHCP client of another kind than dhclient, which can't be moved "
                "with its lease; install isc-dhcp-client, or give it a static address"
            )
        if leased and f'interface "{move.nic}"' in (text_files.read(_DHCLIENT_CONF) or ""):
            return f"{_DHCLIENT_CONF} has settings for {move.nic} alone; write them for all interfaces"
        return files.refusal(texts, move)

    def present(self, move: NicMove) -> Sequence[ManagedFile]:
        read = _read()
        before = [without(text, move) for _path, text in read]
        written: list[ManagedFile] = []
        for (path, text), old, new in zip(read, before, files.bridged(before, move)):
            if new != old:
                written.append(_file(path, new, path))
                # Not beside the file, as it might be included as well, and as it was then: the rest may have changed.
                if new != text or not os.path.exists(_kept(path, move)):
                    written.append(_file(_kept(path, move), old, path))
        return written

    def absent(self, move: NicMove) -> Sequence[ManagedFile]:
        written: list[ManagedFile] = []
        for path, text in _read():
            before = without(text, move)
            if before != text:
                written.append(_file(path, before, path))
            if os.path.exists(_kept(path, move)):
                written.append(ManagedFile(_kept(path, move), None))
        return written

    def hold(self, move: NicMove) -> None:
        # A renewed lease would put the address back. The kernel keeps it meanwhile.
        for link in (move.nic, move.bridge):
            dhclients.pause(link)

    def let_go(self, move: NicMove) -> None:
        for link in (move.nic, move.bridge):
            dhclients.go_on(link)

    def reload(self, move: NicMove) -> None:
        texts = [text for _path, text in _read()]
        there = files.is_configured(texts, move.bridge)
        source, target = (move.nic, move.bridge) if there else (move.bridge, move.nic)
        _note(move, there)
        dhclients.move(source, target)
        for family, method in sorted(files.methods(texts, target)):
            if method == "dhcp" and not any(_is_of(client, family) for client in dhclients.running(target)):
                raise PipefitterError(
                    f"no DHCP client runs for {target}, so its {family} address would go with the lease; "
                    f"see journalctl -t dhclient, and start it by ifup --force {target} when nobody needs {target}"
                )


def _is_of(client: dhclients.Client, family: str) -> bool:
    return ("-6" in client.argv) == (family == "inet6")


def _read() -> list[tuple[str, str]]:
    """Return all files that ifupdown reads, in its order."""
    return list(_included(_MAIN, set()))


def _included(path: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    text = text_files.read(path) if path not in seen and os.path.isfile(path) else None
    if text is None:
        return
    seen.add(path)
    yield path, text
    for keyword, pattern in files.sources(text):
        pattern = os.path.join(os.path.dirname(path), pattern)
        if keyword == "source":
            found = sorted(glob.glob(pattern))
        else:
            names = [name for folder in sorted(glob.glob(pattern)) for name in text_files.listed(folder, "")]
            found = [name for name in names if os.path.basename(name).replace("-", "").replace("_", "").isalnum()]
        for one in found:
            yield from _included(one, seen)


def _kept(path: str, move: NicMove) -> str:
    return f"{_KEPT}/{move.bridge}/{path.lstrip('/').replace('/', '_')}"


def _file(path: str, text: str, like: str) -> ManagedFile:
    # It may have a key of a wireless network in another stanza.
    return ManagedFile(path, text_files.encoded(text), stat.S_IMODE(os.stat(like).st_mode))


def _note(move: NicMove, bridged: bool) -> None:
    """Change ifupdown's notes of what is up, as ifup and ifdown would."""
    main = f"{_STATE}/ifstate"
    if not os.path.exists(main):
        return
    with open(f"{_STATE}/.ifstate.lock", "a", encoding="utf-8") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        noted = [line.partition("=")[0] for line in (text_files.read(main) or "").splitlines()]
        mine = {name for name in noted if name.partition(":")[0] in (move.nic, move.bridge)}
        if not mine:
            return
        aliases = {name.partition(":")[2] for name in mine if ":" in name}
        of = move.bridge if bridged else move.nic
        up = {move.nic, of, *(f"{of}:{alias}" for alias in aliases)}
        lines = [line for line in (text_files.read(main) or "").splitlines() if line.partition("=")[0] not in mine]
        text_files.write(main, "".join(f"{line}\n" for line in [*lines, *(f"{name}={name}" for name in sorted(up))]))
        # Newer ones have a file each besides, which is the lock of each as well: not replaced, but written.
        if os.path.exists(f"{_STATE}/ifstate.{'lo' if os.path.exists(f'{_STATE}/ifstate.lo') else move.nic}"):
            for name in mine | up:
                with open(f"{_STATE}/ifstate.{name}", "w", encoding="utf-8") as file:
                    file.write(f"{name}\n" if name in up else "")

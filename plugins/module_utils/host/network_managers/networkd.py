# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""systemd-networkd as the owner of a NIC. Private to the collection.

Measured with systemd 252. When a link's file changes, networkd drops what it gave that link, a DHCP lease included,
and begins again, and it drops addresses that it doesn't know from a link that it takes over; ``KeepConfiguration``
prevents both. When a link becomes unmanaged, all of it goes at once. When a port leaves its bridge, networkd sees a
new link and makes it the bridge's port again, where its file says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

from ...errors import PipefitterError
from ...model.nic_move import NETWORKD, ManagedFile, NicMove
from . import networkd_files as files
from . import text_files

ETC = "/etc/systemd/network"
RUN = "/run/systemd/network"
# In the order in which they win over each other where files have the same name.
_FOLDERS = (ETC, RUN, "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network")
_LINKS = "/run/systemd/netif/links"
_LEASES = "/run/systemd/netif/leases"
_TAKES_UP = 5  # seconds until it has read its files
_SETTLES = 2  # seconds until it would have failed; one that waits for an answer from the network may take longer
KEEP_NAME = "90-pipefitter.conf"


class Networkd:
    """The files of one link, and the daemon."""

    name = NETWORKD

    def refusal(self, move: NicMove) -> str:
        path = self._source(move)
        if not path:
            return f"systemd-networkd has no file for {move.nic}; see networkctl status {move.nic}"
        given = files.sections(self._texts(path))
        if master := files.master(given):
            kind, name = master
            return f"{path} makes {move.nic} part of {name} ({kind}=); take that out, or bridge {name} in its place"
        if files.prefix_before(os.path.basename(path), move) is None:
            return f"{path} sorts before all names that could go before it; rename it, to 10-{move.nic}.network for one"
        tokens = files.values(given, "IPv6AcceptRA", "Token") + files.values(given, "Network", "IPv6Token")
        if any(token.startswith("prefixstable") for token in tokens):
            return (
                f"{path} derives the IPv6 address of {move.nic} from its name (prefixstable), so {move.bridge} would "
                "have another one; set a static token or address"
            )
        if other := self._others(move):
            return f"{other} configures {move.bridge} already; remove it, or take another name for the bridge"
        return ""

    def present(self, move: NicMove) -> Sequence[ManagedFile]:
        path = self._source(move)
        texts = self._texts(path)
        given = files.sections(texts)
        prefix = files.prefix_before(os.path.basename(path), move)
        if prefix is None:
            raise PipefitterError(self.refusal(move))
        names = {link: f"{ETC}/{files.file_name(prefix, link)}" for link in (move.nic, move.bridge)}
        bridge = files.bridge(move, given, path, self._iaid(move, names[move.bridge]))
        written = [_file(names[move.bridge], bridge), _file(names[move.nic], files.port(move, given))]
        if not move.openvswitch:
            written.append(_file(f"{ETC}/{files.file_name(prefix, move.bridge, 'netdev')}", files.netdev(move)))
        written += [ManagedFile(old, None) for old in self._ours(move) if old not in {file.path for file in written}]
        if any(_differs(file) for file in written):
            # Only for what is to come now: the bridge has its addresses before networkd knows of it.
            written.append(_file(f"{RUN}/{os.path.basename(names[move.bridge])}.d/{KEEP_NAME}", files.KEEP))
        return written

    def absent(self, move: NicMove) -> Sequence[ManagedFile]:
        ours = list(self._ours(move))
        if not ours:
            return []
        path = self._source(move)
        removed = [ManagedFile(old, None) for old in ours]
        for old in ours:
            keep = f"{RUN}/{os.path.basename(old)}.d/{KEEP_NAME}"
            if os.path.exists(keep):
                removed.append(ManagedFile(keep, None))
        name = os.path.basename(path)
        if self._is_for_others(path, move):
            prefix = files.prefix_before(name, move) or files.PREFIXES[0]
            text = files.own(move, self._texts(path), path)
            return [*removed, _file(f"{RUN}/{files.file_name(prefix, move.nic)}", text)]
        return [*removed, _file(f"{RUN}/{name}.d/{KEEP_NAME}", files.KEEP)]

    def hold(self, move: NicMove) -> None:
        path = self._source(move)
        ours = self._ours_there(move)
        if self._is_port(move) or (ours and self.file_of(move.bridge) == ours):
            # Taken back. The bridge stays as it is: what becomes unmanaged loses its addresses. The NIC would be made
            # its port again at once; as a port it has nothing to lose.
            text_files.write(_held(move.nic), files.held(move.nic, path))
            self._read_files()
            self._wait(move.nic, lambda state: state.get("ADMIN_STATE") == "unmanaged", "does not leave it alone")
            return
        if not text_files.ifindex(move.bridge):
            # Before there is such a bridge: a file for any link would be the bridge's, and drop its addresses.
            text_files.write(_held(move.bridge), files.held(move.bridge, path))
            self._read_files()
        # Not read now, as that would drop the NIC's addresses: for a networkd that is restarted meanwhile.
        text_files.write(_held(move.nic), files.held(move.nic, path))

    def let_go(self, move: NicMove) -> None:
        removed = [text_files.remove(_held(link)) for link in (move.nic, move.bridge)]
        if any(removed):
            self._read_files()

    def reload(self, move: NicMove) -> None:
        for link in (move.nic, move.bridge):
            text_files.remove(_held(link))
        self._make_files(move)
        self._read_files()
        ours = self._ours_there(move)
        link = move.bridge if ours else move.nic

        def taken_up(state: dict[str, str]) -> bool:
            path = state.get("NETWORK_FILE", "")
            return path == ours if ours else bool(path) and not self._is_port(move)

        self._wait(link, taken_up, "does not take up its new files")
        self._settle(link)

    def _settle(self, link: str) -> None:
        deadline = time.monotonic() + _SETTLES
        while (state := _state(link).get("ADMIN_STATE", "")) != "configured" and time.monotonic() < deadline:
            if state == "failed":
                raise PipefitterError(f"systemd-networkd failed to configure {link}; see networkctl status {link}")
            time.sleep(0.05)

    @staticmethod
    def _wait(link: str, condition: Callable[[dict[str, str]], bool], what: str) -> None:
        deadline = time.monotonic() + _TAKES_UP
        while not condition(_state(link)):
            if time.monotonic() > deadline:
                found = _state(link).get("NETWORK_FILE", "no file")
                raise PipefitterError(
                    f"systemd-networkd {what}: {link} has {found}; see networkctl status {link} and its journal"
                )
            time.sleep(0.05)

    def _make_files(self, move: NicMove) -> None:
        """For whoever writes files for networkd."""

    @staticmethod
    def _read_files() -> None:
        text_files.tell("networkctl", "reload")

    def owns(self, nic: str) -> bool:
        """Tell whether networkd configures a NIC."""
        state = _state(nic)
        return bool(state.get("NETWORK_FILE")) or bool(self._noted(NicMove(nic, "", "", 0)))

    def file_of(self, nic: str) -> str:
        """Return the path of the file by which networkd configures a NIC, '' where it doesn't."""
        return _state(nic).get("NETWORK_FILE", "")

    def _is_port(self, move: NicMove) -> bool:
        """Tell whether networkd makes the NIC the bridge's port, by what it has read."""
        path = self.file_of(move.nic)
        return files.master(files.sections([text_files.read(path) or ""])) == ("Bridge", move.bridge)

    def _ours_there(self, move: NicMove) -> str:
        """Return the file that the bridge is to have, '' where it has none."""
        return next((path for path in self._ours(move) if path.endswith(f"-{move.bridge}.network")), "")

    def _source(self, move: NicMove) -> str:
        """Return the path of the NIC's own file, also while a file of ours is in its place, '' where it has none."""
        path = self.file_of(move.nic)
        if path and f"-{files.MARK}-" not in os.path.basename(path):
            return path
        return self._noted(move)

    @staticmethod
    def _noted(move: NicMove) -> str:
        """Return the path of the NIC's own file as our files note it."""
        links = [link for link in (move.bridge, move.nic) if link]
        names = [files.file_name(prefix, link) for link in links for prefix in files.PREFIXES]
        found = [f"{folder}/{name}" for folder in (ETC, RUN) for name in names]
        for path in [*found, *(_held(link) for link in links)]:
            if noted := files.source(text_files.read(path) or ""):
                return noted
        return ""

    @staticmethod
    def _texts(path: str) -> list[str]:
        """Return a file's text and its drop-ins', in the order in which networkd reads them."""
        drop_ins: dict[str, str] = {}
        for folder in _FOLDERS:
            for found in text_files.listed(f"{folder}/{os.path.basename(path)}.d", ".conf"):
                drop_ins.setdefault(os.path.basename(found), found)
        drop_ins.pop(KEEP_NAME, None)
        read = [path, *(drop_ins[name] for name in sorted(drop_ins))]
        return [text_files.read(found) or "" for found in read]

    @staticmethod
    def _iaid(move: NicMove, path: str) -> files.Iaid:
        """Return by what the NIC's DHCP clients told the server who they are; what ``path`` says, where it is there."""
        written = text_files.read(path)
        if written is not None:
            return files.iaid_written(written)
        lease = _settings(f"{_LEASES}/{text_files.ifindex(move.nic)}")
        return files.Iaid(files.iaid_of_client(lease.get("CLIENTID", "")), files.iaid6(_state(move.nic)))

    @staticmethod
    def _ours(move: NicMove) -> Iterator[str]:
        for prefix in files.PREFIXES:
            for link, kind in ((move.bridge, "netdev"), (move.bridge, "network"), (move.nic, "network")):
                path = f"{ETC}/{files.file_name(prefix, link, kind)}"
                if os.path.exists(path):
                    yield path

    @staticmethod
    def _is_for_others(path: str, move: NicMove) -> bool:
        """Tell whether other links have the NIC's own file too."""
        mine = {text_files.ifindex(link) for link in (move.nic, move.bridge)}
        return any(
            _settings(found).get("NETWORK_FILE") == path
            for found in text_files.listed(_LINKS, "")
            if os.path.basename(found) not in mine
        )

    @staticmethod
    def _others(move: NicMove) -> str:
        """Return the path of a file of somebody else that names the bridge."""
        for folder in _FOLDERS:
            for section, ending in (("NetDev", ".netdev"), ("Match", ".network")):
                for path in text_files.listed(folder, ending):
                    given = files.sections([text_files.read(path) or ""])
                    ours = f"-{files.MARK}-" in os.path.basename(path)
                    if not ours and files.values(given, section, "Name") == [move.bridge]:
                        return path
        return ""


def _held(link: str) -> str:
    # Before all of ours: "-" sorts before any digit or letter.
    return f"{RUN}/--{files.MARK}-hold-{link}.network"


def _file(path: str, text: str) -> ManagedFile:
    return ManagedFile(path, text_files.encoded(text))


def _differs(file: ManagedFile) -> bool:
    now = text_files.read(file.path)
    return (None if now is None else text_files.encoded(now)) != file.content


def _state(link: str) -> dict[str, str]:
    """Return what networkd notes of a link."""
    number = text_files.ifindex(link)
    return _settings(f"{_LINKS}/{number}") if number else {}


def _settings(path: str) -> dict[str, str]:
    lines = (text_files.read(path) or "").splitlines()
    return {key: value for key, sign, value in (line.partition("=") for line in lines) if sign}

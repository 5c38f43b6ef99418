# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""netplan as the owner of a NIC, with systemd-networkd as the one that does it. Private to the collection.

netplan writes files for networkd below /run at each boot, and when it is told to. What networkd does with them is as in
``networkd.py``. Where netplan writes for NetworkManager, the profiles there are changed (``networkmanager.py``).
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence

from ...errors import PipefitterError
from ...model.nic_move import NETPLAN, ManagedFile, NicMove
from .. import program
from . import netplan_files as files
from . import networkd_files, text_files
from .networkd import ETC, KEEP_NAME, RUN, Networkd
from .replaced_lines import without

_FOLDERS = ("/etc/netplan", "/run/netplan", "/lib/netplan")
_IDENTITY = "pipefitter.conf"
_VLANS = "pipefitter-vlans.conf"


class Netplan(Networkd):
    """netplan's entry of one NIC, wherever it stands."""

    name = NETPLAN

    def owns(self, nic: str) -> bool:
        return bool(_name_of(self.file_of(nic))) and program.installed("netplan")

    def refusal(self, move: NicMove) -> str:
        try:
            import yaml  # noqa: F401
        except ImportError:
            return "netplan's files can't be changed without PyYAML; install python3-yaml"
        name = self._name(move)
        texts = {path: without(text, move) for path, text in _read(move)}
        if told := files.refusal(texts, name, move):
            return told
        if any(files.entry(text, name) and not path.startswith(_FOLDERS[0]) for path, text in texts.items()):
            return f"the entry of {name} is in no file of {_FOLDERS[0]}; copy it there"
        if self._is_for_others(self.file_of(move.nic), move):
            return f"the entry {name} matches other NICs too; write one for {move.nic} alone"
        return self._generates(move)

    def _generates(self, move: NicMove) -> str:
        """Return what netplan has against the files that would be written."""
        with tempfile.TemporaryDirectory(prefix="pipefitter-") as root:
            done = _generate(root, move, self._yaml(move))
        if done is None or not done.status:
            return ""
        return f"netplan does not accept {move.nic} as a port of {move.bridge}: {(done.stderr or done.stdout).strip()}"

    def present(self, move: NicMove) -> Sequence[ManagedFile]:
        written = self._yaml(move)
        drop_ins = f"10-netplan-{move.bridge}.network.d"
        identity = f"{ETC}/{drop_ins}/{_IDENTITY}"
        # netplan knows of no IAID, by which the lease stays the same.
        if text := networkd_files.identity(self._iaid(move, identity)):
            written.append(ManagedFile(identity, text_files.encoded(text)))
        written += [ManagedFile(path, text_files.encoded(text)) for path, text in self._vlans(move).items() if text]
        if any(_differs(file) for file in written):
            written.append(ManagedFile(f"{RUN}/{drop_ins}/{KEEP_NAME}", text_files.encoded(networkd_files.KEEP)))
        return written

    def _vlans(self, move: NicMove) -> dict[str, str]:
        """Return the drop-ins that say what netplan has no words for; empty ones are not to be."""
        files_of = (f"{move.bridge}.netdev", f"{move.bridge}.network", f"{self._name(move)}.network")
        paths = [f"{ETC}/10-netplan-{name}.d/{_VLANS}" for name in files_of]
        texts = (networkd_files.of_netdev(move), networkd_files.vlans(move, True), networkd_files.vlans(move, False))
        return dict(zip(paths, texts))

    def _yaml(self, move: NicMove) -> list[ManagedFile]:
        name = self._name(move)
        written: list[ManagedFile] = []
        before = []
        for path, text in _read(move):
            was = without(text, move)
            before.append(was)
            new = files.port(was, name, move)
            if new != was:
                written.append(_file(path, new))
                # As it was then: others may have changed the rest of it since.
                if new != text or not os.path.exists(_kept(path, move)):
                    written.append(_file(_kept(path, move), was))
        return [*written, _file(_own(move), files.bridge(move, before, name))]

    def absent(self, move: NicMove) -> Sequence[ManagedFile]:
        written: list[ManagedFile] = []
        for path, text in _read(move):
            was = without(text, move)
            if was != text:
                written.append(_file(path, was))
                if os.path.exists(_kept(path, move)):
                    written.append(ManagedFile(_kept(path, move), None, 0o600))
        drop_ins = f"10-netplan-{move.bridge}.network.d"
        gone = [_own(move), f"{ETC}/{drop_ins}/{_IDENTITY}", f"{RUN}/{drop_ins}/{KEEP_NAME}", *self._vlans(move)]
        written += [ManagedFile(path, None, 0o600) for path in gone if os.path.exists(path)]
        if written:
            keep = f"{RUN}/10-netplan-{self._name(move)}.network.d/{KEEP_NAME}"
            written.append(ManagedFile(keep, text_files.encoded(networkd_files.KEEP)))
        return written

    def _make_files(self, move: NicMove) -> None:
        """Write what differs: networkd begins anew with each link whose file was written again, leases included."""
        with tempfile.TemporaryDirectory(prefix="pipefitter-") as root:
            done = _generate(root, move, [])
            if done is None or done.status:
                said = "it is not installed" if done is None else (done.stderr or done.stdout).strip()
                raise PipefitterError(f"netplan does not accept its files any more: {said}")
            made = _texts(f"{root}{RUN}")
        there = _texts(RUN)
        # Who may read them differs between versions: as those that it wrote at boot.
        like = os.stat(f"{RUN}/{next(iter(there))}") if there else None
        for name in sorted({*made, *there}):
            if name not in made:
                text_files.remove(f"{RUN}/{name}")
            elif made[name] != there.get(name):
                text_files.write(f"{RUN}/{name}", made[name])
                if like is not None:
                    os.chown(f"{RUN}/{name}", like.st_uid, like.st_gid)
                    os.chmod(f"{RUN}/{name}", stat.S_IMODE(like.st_mode))

    def _ours_there(self, move: NicMove) -> str:
        return f"{RUN}/10-netplan-{move.bridge}.network" if os.path.exists(_own(move)) else ""

    def _name(self, move: NicMove) -> str:
        """Return by which name netplan knows the NIC."""
        path = self.file_of(move.nic)
        name = _name_of(path) or _name_of(self._noted(move))
        if not name:
            raise PipefitterError(f"netplan has no entry by which systemd-networkd configures {move.nic}")
        return name


def _name_of(path: str) -> str:
    """Return the name of the entry from which netplan made a file of networkd, '' where it did not."""
    folder, base = os.path.split(path)
    start, end = "10-netplan-", ".network"
    is_one = folder == RUN and base.startswith(start) and base.endswith(end)
    return base[len(start) : -len(end)] if is_one else ""


def _texts(folder: str) -> dict[str, str]:
    """Return the files that netplan made for networkd, by name."""
    found = [path for ending in (".network", ".netdev") for path in text_files.listed(folder, ending)]
    paths = {os.path.basename(path): path for path in found if os.path.basename(path).startswith("10-netplan-")}
    return {name: text_files.read(path) or "" for name, path in paths.items()}


def _generate(root: str, move: NicMove, planned: Sequence[ManagedFile]) -> program.Finished | None:
    """Let netplan make its files below a folder, of its files as they are, and as they are planned."""
    folder = f"{root}{_FOLDERS[0]}"
    os.makedirs(folder)
    own = text_files.read(_own(move))
    contents = {path: text_files.encoded(text) for path, text in [*_read(move), *([(_own(move), own)] if own else [])]}
    contents |= {file.path: file.content for file in planned if file.content is not None}
    for path, content in contents.items():
        if path.endswith(".yaml"):
            with open(f"{folder}/{os.path.basename(path)}", "wb", opener=_for_root) as file:
                file.write(content)
    return program.run(["netplan", "generate", "--root-dir", root])


def _read(move: NicMove) -> list[tuple[str, str]]:
    """Return netplan's files but ours of the bridge, in its order: by name, one of /etc for others of its name."""
    found: dict[str, str] = {}
    for folder in _FOLDERS:
        for path in text_files.listed(folder, ".yaml"):
            found.setdefault(os.path.basename(path), path)
    paths = [found[name] for name in sorted(found)]
    return [(path, text_files.read(path) or "") for path in paths if path != _own(move)]


def _own(move: NicMove) -> str:
    return f"{_FOLDERS[0]}/95-pipefitter-{move.bridge}.yaml"


def _kept(path: str, move: NicMove) -> str:
    return f"{path}.before-pipefitter-{move.bridge}"


def _file(path: str, text: str) -> ManagedFile:
    # It may have keys of radios; netplan complains where others may read it.
    return ManagedFile(path, text_files.encoded(text), 0o600)


def _differs(file: ManagedFile) -> bool:
    now = text_files.read(file.path)
    return (None if now is None else text_files.encoded(now)) != file.content


def _for_root(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

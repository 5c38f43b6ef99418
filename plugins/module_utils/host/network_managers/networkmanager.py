# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""NetworkManager as the owner of a NIC: its keyfiles, and the daemon. Private to the collection.

Measured with 1.42. Activating a connection drops a link's addresses and adds them again, for a lease after a second;
a device that is made unmanaged loses them. But NetworkManager leaves everything as it is when it is stopped, and when
it starts, it takes devices over as they are whose connection it finds noted in /run/NetworkManager/devices. So it is
stopped while addresses move, which also keeps it from putting any back, and started with such notes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ...errors import PipefitterError
from ...model.nic_move import NETWORKMANAGER, ManagedFile, NicMove
from .. import program
from . import networkmanager_files as files
from . import text_files

_ETC = "/etc/NetworkManager/system-connections"
_FOLDERS = (_ETC, "/run/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections")
_DEVICES = "/run/NetworkManager/devices"
_NOTES = "/run/pipefitter"
_UNIT = "NetworkManager.service"
_STARTS = 20  # seconds


class NetworkManagerDaemon:
    """The profiles of one NIC."""

    name = NETWORKMANAGER

    def owns(self, nic: str) -> bool:
        state = _state(nic).get("device", {})
        return state.get("managed") == "true" and bool(state.get("connection-uuid"))

    def refusal(self, move: NicMove) -> str:
        if move.openvswitch:
            return (
                "NetworkManager keeps no addresses of an Open vSwitch bridge that it did not make; use type linux, or "
                f"take {move.nic} from it (unmanaged-devices in NetworkManager.conf)"
            )
        if not program.installed("systemctl") or not os.path.isdir("/run/systemd/system"):
            return "NetworkManager has to be stopped and started, which is done by systemd, and that does not run"
        number = self._former(move)
        found = _profiles()
        own = next((profile for profile in found if _uuid(profile) == number), None)
        if not number:
            return f"NetworkManager has no active connection on {move.nic}; activate one (nmcli device up {move.nic})"
        if own is None:
            return (
                f"the profile {number} of {move.nic} is in no keyfile of {', '.join(_FOLDERS)}; "
                f"write it into one: nmcli connection migrate {number}"
            )
        return files.refusal(own, [profile for profile in found if profile is not own], move)

    def present(self, move: NicMove) -> Sequence[ManagedFile]:
        number = self._former(move)
        own = next((profile for profile in _profiles() if _uuid(profile) == number), None)
        if own is None:
            raise PipefitterError(self.refusal(move))
        bridge_path, port_path = _paths(move)
        ours = text_files.read(bridge_path)
        if ours is not None:
            kept = files.kept_in(ours)
        else:
            addresses = text_files.read("/proc/net/if_inet6") or ""
            kept = files.kept_of(own, _state(move.nic), addresses, (move.nic, move.bridge))
        return [
            _file(bridge_path, files.bridge(move, own, kept)),
            _file(port_path, files.port(move, own)),
        ]

    def absent(self, move: NicMove) -> Sequence[ManagedFile]:
        return [ManagedFile(path, None, 0o600) for path in _paths(move) if os.path.exists(path)]

    def hold(self, move: NicMove) -> None:
        # Our own files, which say it too, may be gone when it starts.
        text_files.write(_note(move), f"{self._former(move)} {self._metric(move)}\n")
        text_files.tell("systemctl", "stop", _UNIT)

    def let_go(self, move: NicMove) -> None:
        if os.path.exists(_note(move)):
            self.reload(move)

    def reload(self, move: NicMove) -> None:
        number, metric = self._noted(move)
        bridge, port = files.uuids(move)
        text_files.tell("systemctl", "stop", _UNIT)
        if os.path.exists(_paths(move)[0]):
            wanted = {move.bridge: bridge, move.nic: port}
        else:
            wanted = {move.nic: number}
        for link, connection in wanted.items():
            index = text_files.ifindex(link)
            if index and connection:
                text = files.state_file(connection, metric, made=link == move.bridge)
                text_files.write(f"{_DEVICES}/{index}", text)
        text_files.tell("systemctl", "start", _UNIT)
        self._wait(wanted)
        text_files.remove(_note(move))

    @staticmethod
    def _wait(wanted: dict[str, str]) -> None:
        deadline = time.monotonic() + _STARTS
        lines = {f"{number}:{link}:activated" for link, number in wanted.items() if number}
        while True:
            done = program.run(["nmcli", "-t", "-f", "UUID,DEVICE,STATE", "connection", "show", "--active"])
            active = set(done.stdout.splitlines()) if done else set()
            if lines <= active:
                return
            if time.monotonic() > deadline:
                missing = ", ".join(
                    f"{line.split(':')[1]} with {line.split(':')[0]}" for line in sorted(lines - active)
                )
                raise PipefitterError(f"NetworkManager does not activate {missing}; see journalctl -u NetworkManager")
            time.sleep(0.1)

    def _former(self, move: NicMove) -> str:
        """Return the UUID of the NIC's own profile, also while ours is in its place."""
        if noted := files.former(text_files.read(_paths(move)[1]) or ""):
            return noted
        return self._former_now(move) or self._noted(move)[0]

    def _noted(self, move: NicMove) -> tuple[str, str]:
        """Return the UUID of the NIC's own profile and its metric, as they were noted when it was stopped."""
        words = (text_files.read(_note(move)) or "").rstrip("\n").split(" ")
        return (words[0], words[1]) if len(words) == 2 else (self._former_now(move), self._metric(move))

    @staticmethod
    def _former_now(move: NicMove) -> str:
        number = _state(move.nic).get("device", {}).get("connection-uuid", "")
        return number if number not in files.uuids(move) else ""

    @staticmethod
    def _metric(move: NicMove) -> str:
        """Return the metric of the NIC's routes, which is the bridge's now where that is there."""
        ours = text_files.read(_paths(move)[0])
        if ours is not None:
            return files.kept_in(ours).metric4
        return _state(move.nic).get("device", {}).get("route-metric-default-effective", "")


def _note(move: NicMove) -> str:
    return f"{_NOTES}/networkmanager-{move.nic}"


def _paths(move: NicMove) -> tuple[str, str]:
    return (
        f"{_ETC}/pipefitter-{move.bridge}.nmconnection",
        f"{_ETC}/pipefitter-{move.bridge}-port-{move.nic}.nmconnection",
    )


def _file(path: str, text: str) -> ManagedFile:
    # It ignores what others may read.
    return ManagedFile(path, text_files.encoded(text), 0o600)


def _state(link: str) -> files.Profile:
    index = text_files.ifindex(link)
    return files.parsed(text_files.read(f"{_DEVICES}/{index}") or "") if index else {}


def _profiles() -> list[files.Profile]:
    """Return all profiles in keyfiles; one of /etc stands for others of its name."""
    found: dict[str, files.Profile] = {}
    for folder in _FOLDERS:
        # The ending may be missing in /etc, where old ones have none.
        for path in text_files.listed(folder, ""):
            if os.path.isfile(path) and not os.path.basename(path).startswith("."):
                found.setdefault(os.path.basename(path), files.parsed(text_files.read(path) or ""))
    return list(found.values())


def _uuid(profile: files.Profile) -> str:
    return profile.get("connection", {}).get("uuid", "")

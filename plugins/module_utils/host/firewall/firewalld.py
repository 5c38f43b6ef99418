# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Living beside firewalld: our bridges in one of its zones. Private to the collection.

firewalld rejects what is forwarded from an interface whose zone doesn't accept
it, at the end of a chain that is its own. What it offers is the membership in a
zone, by its D-Bus interface (firewalld.dbus(5)): at runtime, so none of its
files is written, and a bridge doesn't stay in there when it is gone.

An interface is in no more than one zone, and one that is in a zone by the
administrator's hand is left there. Which ones we have put into a zone is noted
in a file, together with the name that firewalld has on the bus until it is
restarted: a new one knows nothing of what was set at runtime.
"""

from __future__ import annotations

import os

from ...errors import MissingFeature, PipefitterError, Refused
from ..netlink.nf_tables import table_exists
from . import dbus

_SERVICE = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"
_ZONE = "org.fedoraproject.FirewallD1.zone"
_DIRECTORY = "/run/pipefitter"
_NOTE = f"{_DIRECTORY}/firewalld-bridges"


class Firewalld:
    """The zones of the host's interfaces."""

    def zones(self) -> tuple[tuple[tuple[str, str], ...] | None, frozenset[str], frozenset[str]]:
        """Return the zone of each interface that is in one, which of these we have put there, and which ones we had.

        ``None`` where firewalld does not run, without a process.

        :raises PipefitterError: it runs and does not tell.
        """
        noted = _noted()
        active, owner = self._active()
        if active is None:
            return None, frozenset(), frozenset(noted)
        found = {name: zone for zone, members in active.items() for name in members.get("interfaces", ())}
        lent = frozenset(name for name, note in noted.items() if (found.get(name), owner) == note)
        return tuple(sorted(found.items())), lent, frozenset(noted) - lent

    @staticmethod
    def _active() -> tuple[dict[str, dict[str, list[str]]] | None, str]:
        """Return the zones that have members, and the name of firewalld on the bus."""
        # Without a process for the many hosts that don't have it. With iptables as its backend it is seen to there.
        if not _has_rules():
            return None, ""
        owner = dbus.owner(_SERVICE)
        return (dbus.call(_SERVICE, _PATH, _ZONE, "getActiveZones")[0], owner) if owner else (None, "")

    def lend(self, bridge: str, zone: str) -> None:
        """Put a bridge into a zone.

        :raises Refused: it is in another zone.
        :raises PipefitterError: firewalld does not do it.
        """
        noted = _noted()
        # First the note: a run that is killed in between must not leave a bridge that nobody takes out.
        _note({**noted, bridge: (zone, dbus.owner(_SERVICE))})
        try:
            dbus.call(_SERVICE, _PATH, _ZONE, "addInterface", zone, bridge)
        except dbus.CallFailed as error:
            if error.said.startswith("ZONE_ALREADY_SET"):
                return
            _note(noted)
            if error.said.startswith("ZONE_CONFLICT"):
                raise Refused(
                    f"bridge {bridge} can't be added to firewalld's zone {zone}: it was added to another zone in the"
                    " meantime; run this again"
                ) from None
            raise

    def take_back(self, bridge: str, zone: str) -> None:
        """Take a bridge out of the zone into which it was put; it may be out already, or firewalld be gone."""
        noted = _noted()
        _zone, owner = noted.pop(bridge, ("", ""))
        # A firewalld that was restarted since has it there by somebody else's hand.
        if owner and _has_rules() and dbus.owner(_SERVICE) == owner:
            try:
                dbus.call(_SERVICE, _PATH, _ZONE, "removeInterface", zone, bridge)
            except dbus.CallFailed as error:
                if not error.said.startswith(("UNKNOWN_INTERFACE", "NOT_ENABLED", "ZONE_CONFLICT")):
                    raise
        _note(noted)


def _has_rules() -> bool:
    try:
        return table_exists("inet", "firewalld")
    except MissingFeature:
        return False


def _noted() -> dict[str, tuple[str, str]]:
    """Return zone and firewalld of each bridge that is noted."""
    try:
        with open(_NOTE, encoding="utf-8") as note:
            entries = [line.split() for line in note]
    except OSError:
        return {}
    return {entry[0]: (entry[1], entry[2]) for entry in entries if len(entry) == 3}


def _note(bridges: dict[str, tuple[str, str]]) -> None:
    if not bridges:
        _forget()
        return
    temporary = f"{_NOTE}.new"
    try:
        os.makedirs(_DIRECTORY, mode=0o700, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as note:
            note.writelines(f"{bridge} {zone} {owner}\n" for bridge, (zone, owner) in sorted(bridges.items()))
        os.replace(temporary, _NOTE)
    except OSError as error:
        from ..unwritable import advice

        raise PipefitterError(f"{_NOTE} can't be written ({error.strerror}); {advice(error)}") from None


def _forget() -> None:
    try:
        os.unlink(_NOTE)
    except FileNotFoundError:
        pass

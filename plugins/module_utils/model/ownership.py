# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Our mark on what we made, and what it says. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..light_dataclass import dataclass
from . import names, port_guard
from .port_guard import MarkNotes

if TYPE_CHECKING:
    from .attachment import Target

MARK = "pipefitter"
"""How every ifalias of ours begins."""


LINK_MARK = f"{MARK}-link"
"""How the ifalias of each end of a veth_link begins: one that has it is no attachment, also on the host."""


EXTERNAL_ID = "pipefitter"
"""Key of the external_ids by which ports of Open vSwitch are ours; its value is the rest of the alias."""

VLAN_RECORD = "pipefitter-vlan"
"""Key of the external_ids by which a port of Open vSwitch says what ovs_vlan_port changed; its value is JSON."""

OWNER = "pipefitter-owner"
"""Key of the external_ids by which an attachment's port says for what it was asked (``owner`` of ``Attachment``)."""

JOINING = "pipefitter-joining"
"""Key of the external_ids of a port that gets nothing of others that join in the same run until all have."""

_LONGEST_VALUE = 128
_LONGEST = 255  # IFALIASZ without the NUL
_OF_NIC = "@"


@dataclass(frozen=True)
class OwnershipLabel:
    """What an alias of ours says: the interface in the container, how the container was named, what was asked for."""

    interface: str
    kind: str
    value: str
    identity: str = ""
    notes: MarkNotes = MarkNotes()

    def external_id(self) -> str:
        return " ".join(part for part in (self.interface, self.kind, self.value, self.identity) if part)

    def alias(self) -> str:
        return " ".join(part for part in (MARK, self.external_id(), self.notes.word()) if part)

    @property
    def engine(self) -> str:
        """The engine that the container is of, '' where it is of none."""
        return self.identity.partition(":")[0]

    @property
    def holder(self) -> str:
        """The container by its id, as people say it: ``docker 0123456789ab``."""
        return f"{self.engine} {self.identity.partition(':')[2][:12]}"

    def names(self, target: Target) -> bool:
        """Tell whether it speaks of that container: by name, or by the start of its id; of that engine's, if any."""
        if self.kind != target.kind or (self.engine and target.runtime not in ("auto", self.engine)):
            return False
        by_id = (
            target.kind == "container"
            and len(target.value) >= 12
            and self.identity.partition(":")[2].startswith(target.value)
        )
        return self.value == _shortened(target.value) or by_id


def label(target: Target, interface: str, identity: str) -> OwnershipLabel:
    """Return what the alias of an attachment says."""
    return OwnershipLabel(
        interface, target.kind, _shortened(target.value), identity if target.kind == "container" else ""
    )


def of_nic(mark: OwnershipLabel, nic: str) -> str:
    """Return the alias of a NIC of the host that is an attachment itself: two of them may have been one in turn."""
    alias = f"{mark.alias()} {_OF_NIC}{nic}"
    return alias if len(alias.encode()) <= _LONGEST else f"{mark.alias()} {names.derived_name(_OF_NIC, nic)[:6]}"


def read_link_label(text: str) -> OwnershipLabel | None:
    """Return what the mark of a veth_link's end says, ``None`` if it isn't one."""
    mark, _space, rest = text.partition(" ")
    return read_label(rest) if mark == LINK_MARK else None


def maker_in_container(alias: str) -> str:
    """Return the module by whose mark an interface in a container is one of ours, '' where it bears none.

    Attachments to bridges have their mark on the host.
    """
    mark = alias.partition(" ")[0]
    return "nic_attach" if mark == MARK else "veth_link" if mark == LINK_MARK else ""


def _shortened(value: str) -> str:
    """Return a name or path as it fits into an alias beside all else, still another one for another value.

    IFALIASZ is 256 with the NUL; the mark, an interface, a kind and the
    identity of a container (the engine and 64 digits) take up to 118 bytes, the notes 9.
    """
    if len(value.encode()) <= _LONGEST_VALUE:
        return value
    digest = names.derived_name("~", value)
    return value.encode()[: _LONGEST_VALUE - len(digest)].decode(errors="ignore") + digest


def read_label(text: str) -> OwnershipLabel | None:
    """Return what an alias (or an external_ids value, without the mark) says, ``None`` if it isn't one of ours."""
    words = text.split(" ")
    if words and words[0] == MARK:
        words = words[1:]
    if words and words[-1].startswith(_OF_NIC):
        words.pop()
    notes = port_guard.read_notes(words.pop()) if port_guard.is_notes(words[-1] if words else "") else MarkNotes()
    if len(words) not in (3, 4):
        return None
    interface, kind, value, *identity = words
    return OwnershipLabel(interface, kind, value, "".join(identity), notes)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The files by which a NIC stays in its bridge over a boot. Private to the collection."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from ..errors import PipefitterError, Refused
from ..host import files
from ..host.network_managers import lookup
from ..host.network_managers.protocol import NetworkManager
from ..model.bridge_vlans import default, described
from ..model.host_nic import HostNic
from ..model.nic_move import NETWORKD, NETWORKMANAGER, ManagedFile, NicMove
from ..plan.nic import sysctls_of_port
from ..state.nic import NicState

_NAMES = {NETWORKD: "systemd-networkd", NETWORKMANAGER: "NetworkManager"}
"""Who goes by another name than their value of ``persist``."""

_SYSCTLS = "/etc/sysctl.d/60-pipefitter-nic-{}.conf"


def manager(want: HostNic) -> NetworkManager | None:
    """Return who is to keep a move over a boot, ``None`` for nobody."""
    if want.persist == "none":
        return None
    if want.persist == "auto":
        return lookup.owner(want.nic)
    return lookup.by_name(want.persist)


def check(want: HostNic, keeper: NetworkManager | None, move: NicMove) -> None:
    """Refuse a move that its manager can't keep.

    :raises Refused: with the reason and what to do.
    """
    if keeper is not None and want.persist != "auto" and not keeper.owns(want.nic):
        name = _NAMES.get(keeper.name, keeper.name)
        raise Refused(
            f"persist: {name} does not configure {want.nic} on this host; set persist to auto or none, or let {name} "
            f"configure {want.nic}"
        )
    why = keeper.refusal(move) or _vlans_lost(move) if keeper is not None else ""
    if why:
        raise Refused(f"persist: {why}")


def _vlans_lost(move: NicMove) -> str:
    """Return which VLAN is one too many after each boot: who manages networks adds some, and takes none away."""
    given = default(move.vlans.pvid) if move.vlans is not None else ()
    for own, link in ((False, move.nic), (True, move.bridge)):
        held = move.vlans.bridge if own and move.vlans else move.vlans.nic if move.vlans else ()
        if not set(given) <= set(held):
            return (
                f"each boot puts {link} into VLAN {given[0].first}, the vlan_default_pvid of {move.bridge}, and it is "
                f"to have {described(held)}; make that the default (container_bridge), or set persist to none"
            )
    return ""


def wanted(keeper: NetworkManager | None, move: NicMove, goal: NicState, back: bool) -> list[ManagedFile]:
    """Return the files as they are to be; with ``back``, once all is the NIC's again."""
    if keeper is None:
        return []
    path = _SYSCTLS.format(move.nic)
    if back:
        return [*keeper.absent(move), ManagedFile(path, None)]
    named = sysctls_of_port(goal.nic) if goal.netdev else {}
    # With slashes, as the name of a NIC may have dots (sysctl.d(5)).
    lines = "".join(f"{name} = {value}\n" for name, value in sorted(named.items()))
    text = (
        f"# {goal.nic} is a port of {goal.bridge} in userspace, by host_nic_bridge: it must not answer itself.\n{lines}"
    )
    return [*keeper.present(move), ManagedFile(path, text.encode() if named else None)]


def differing(files_wanted: Sequence[ManagedFile]) -> list[ManagedFile]:
    """Return those of files that are not as they are to be."""
    found = []
    for one in files_wanted:
        now = held(one.path)
        if now.content != one.content or (one.content is not None and now.mode != one.mode):
            found.append(one)
    return found


def held(path: str) -> ManagedFile:
    """Return a file as it is.

    :raises PipefitterError: it can't be read.
    """
    try:
        content = files.read(path)
        mode = os.stat(path).st_mode & 0o7777 if content is not None else 0o644
    except OSError as error:
        raise PipefitterError(f"{path} can't be read ({error.strerror}); see what is in its place") from None
    return ManagedFile(path, content, mode)


def write(changed: Collection[ManagedFile]) -> None:
    """Put files in their places, or take them away.

    :raises PipefitterError: that failed; some may be written.
    """
    for one in changed:
        try:
            put(one)
        except OSError as error:
            raise PipefitterError(f"{one.path} can't be written ({error.strerror})") from None


def put(one: ManagedFile) -> None:
    """Put a file in its place, or take it away.

    :raises OSError: that failed; what was there is there still.
    """
    if one.content is None:
        files.remove(one.path)
        return
    os.makedirs(os.path.dirname(one.path), mode=0o755, exist_ok=True)
    files.write(one.path, one.content, one.mode)

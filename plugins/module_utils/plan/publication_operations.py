# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What publishing ports does to a host. Private to the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PipefitterError
from ..light_dataclass import dataclass
from ..model.publication import PublicationRules, Published, PublishedFlow
from .operations import Operation

if TYPE_CHECKING:
    from .host_protocol import Host


@dataclass(frozen=True)
class ChangePublications(Operation):
    """One transaction. What of ``remove`` has its port of the host in ``add`` goes to its new target.

    ``repair`` is true where chains, rules or sets were taken out of our tables; ``add``
    then is all that is wanted, and ``there`` what the tables hold already.
    """

    add: PublicationRules
    remove: PublicationRules
    repair: bool = False
    there: PublicationRules = PublicationRules()

    def lines(self) -> list[str]:
        old = {one.host: one for one in self.remove.published}
        new = {one.host: one for one in self.add.published}
        lines = ["repair the rules of published ports"] if self.repair else []
        lines += [_line(one, old.get(one.host)) for one in sorted(self.add.published)]
        lines += [
            f"stop publishing {one.host} to {one}" for one in sorted(self.remove.published) if one.host not in new
        ]
        lines += [
            f"send connections from {one.subnet} to published ports back into {one.bridge} with the host's address"
            for one in sorted(self.add.hairpins)
        ]
        lines += [
            f"no longer send connections from {one.subnet} back into {one.bridge}"
            for one in sorted(self.remove.hairpins)
        ]
        lines += [
            f"let only published ports be reached from outside of {bridge}" for bridge in sorted(self.add.protected)
        ]
        lines += [
            f"no longer keep what is outside of {bridge} from ports that are not published"
            for bridge in sorted(self.remove.protected)
        ]
        lines += [
            f"send connections from 127.0.0.1 to published ports into {bridge}" for bridge in sorted(self.add.loopback)
        ]
        lines += [f"no longer send connections from 127.0.0.1 into {bridge}" for bridge in sorted(self.remove.loopback)]
        # That a bridge's route_localnet is set, the operation that sets it says.
        return lines or [
            "record for which bridges route_localnet was set: "
            f"{', '.join(sorted(self.add.opened | self.remove.opened))}"
        ]

    def do(self, host: Host) -> None:
        host.change_publications(self.add, self.remove)
        try:
            host.end_flows(self._flows())
        except Exception as error:
            # Nobody would see later that flows still go the old way: what is there would be what was asked for.
            self._take_back(host, error)
            raise

    def undo(self, host: Host) -> None:
        back = self._back()
        host.change_publications(back.add, back.remove)
        host.end_flows(back._flows())

    def _back(self) -> ChangePublications:
        return ChangePublications(self.netns, self.remove, self.add - self.there)

    def _take_back(self, host: Host, cause: Exception) -> None:
        back = self._back()
        try:
            host.change_publications(back.add, back.remove)
        except Exception as error:
            raise PipefitterError(f"{cause}, and the rules could not be taken back: {error}") from error

    def _flows(self) -> tuple[PublishedFlow, ...]:
        """Return the flows that would go on as before: to what was removed, and past what was added.

        A connection of TCP or SCTP goes on where its port is published for the same interface still, which has another
        address by now: the one that it is for may be there as well. One that is past our rules is nobody's of ours.
        """
        by_port: dict[tuple[int, str, int], list[Published]] = {}
        for one in self.add.published:
            by_port.setdefault((one.host.family, one.host.protocol, one.host.port), []).append(one)
        flows = []
        for one in self.remove.published - self.add.published:
            still = tuple(
                sorted(
                    other.host
                    for other in by_port.get((one.host.family, one.host.protocol, one.host.port), ())
                    if other.port == one.port
                    and (
                        other.address == one.address or (other.endpoint == one.endpoint and one.host.protocol != "udp")
                    )
                )
            )
            if one.host not in still:
                flows.append(PublishedFlow(one.host, one.address, one.port, still))
        added = self.add.published - self.remove.published
        return (*flows, *(PublishedFlow(one.host) for one in added if one.host.protocol == "udp"))


def _line(one: Published, old: Published | None) -> str:
    if old is None:
        return f"publish {one.host} to {one}"
    return f"publish {one.host} to {one} instead of {old}"


@dataclass(frozen=True)
class SetPortHairpin(Operation):
    """``container`` is whose port it is."""

    port: str
    on: bool
    container: str

    def what(self) -> str:
        return f"switch the hairpin mode of {self.port} {'on' if self.on else 'off'}, the port of {self.container}"

    def do(self, host: Host) -> None:
        host.set_port_hairpin(self.port, self.on)

    def undo(self, host: Host) -> None:
        host.set_port_hairpin(self.port, not self.on)

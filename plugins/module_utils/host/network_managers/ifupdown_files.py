# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What ifupdown is told of a NIC that is a bridge's port: texts to texts, no files. Private to the collection.

The NIC's stanzas become the bridge's where they stand, and what stood there before is kept above them as a comment,
from which it is restored. See interfaces(5). The bridge is made by ip, since bridge_ports needs bridge-utils.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...model.nic_move import NicMove
from .replaced_lines import block

_NAMING = ("auto", "no-auto-down", "no-scripts")
_KEYWORDS = {*_NAMING, "iface", "mapping", "template", "rename", "source", "source-directory"}
_METHODS = {"static", "dhcp", "auto", "manual"}
# Settings of a device, by scripts of ethtool's package, and of a radio, which no bridge's port can be.
_OF_THE_DEVICE = ("hwaddress", "link-", "ethernet-", "hardware-", "offload-", "driver-", "rx-", "tx-")
_OF_THE_DEVICE_BY = re.compile(r"\b(ethtool|tc)\b|/sys/class/net/")
_NOT_BRIDGED = ("wpa-", "wireless", "bond-", "bond_", "bridge_", "bridge-", "ovs_")
_BRIDGED_BY = {"slaves", "bond-slaves", "bridge_ports", "bridge-ports", "bond-master", "master"}
_LONGEST_LABEL = 15


class Line(NamedTuple):
    """A line as ifupdown sees it: one that goes on after a backslash is one; ``written`` is how it stands there."""

    words: list[str]
    written: str


class Stanza(NamedTuple):
    """A line that begins one, with the lines of options and comments after it."""

    head: Line
    options: list[Line]

    @property
    def keyword(self) -> str:
        return self.head.words[0] if self.head.words else ""

    @property
    def interface(self) -> str:
        """The interface of an iface stanza, '' for others."""
        return self.head.words[1] if self.keyword == "iface" and len(self.head.words) > 1 else ""

    @property
    def method(self) -> str:
        return self.head.words[3] if len(self.head.words) > 3 else ""

    @property
    def written(self) -> str:
        return "".join(line.written for line in [self.head, *self.options])


def _lines(text: str) -> Iterator[Line]:
    open_line = ""
    for line in text.splitlines(keepends=True):
        open_line += line
        if line.rstrip("\r\n").endswith("\\") and not open_line.lstrip().startswith("#"):
            continue
        bare = open_line.replace("\\\n", " ").strip()
        yield Line([] if bare.startswith("#") else bare.split(), open_line)
        open_line = ""
    if open_line:
        yield Line(open_line.replace("\\\n", " ").split(), open_line)


def stanzas(text: str) -> list[Stanza]:
    """Return a file's stanzas; what stands before the first one is one without words."""
    found = [Stanza(Line([], ""), [])]
    for line in _lines(text):
        if line.words and (line.words[0] in _KEYWORDS or line.words[0].startswith("allow-")):
            found.append(Stanza(line, []))
        else:
            found[-1].options.append(line)
    return found


def sources(text: str) -> list[tuple[str, str]]:
    """Return what else is read, as ``source`` or ``source-directory`` and the pattern."""
    return [
        (part.keyword, word)
        for part in stanzas(text)
        if part.keyword in ("source", "source-directory")
        for word in part.head.words[1:]
    ]


def is_configured(texts: Sequence[str], link: str) -> bool:
    return any(part.interface == link for text in texts for part in stanzas(text))


def methods(texts: Sequence[str], link: str) -> set[tuple[str, str]]:
    """Return a link's address families with their methods."""
    found = [part for text in texts for part in stanzas(text) if part.interface == link]
    return {(part.head.words[2], part.method) for part in found if len(part.head.words) > 3}


def refusal(texts: Sequence[str], move: NicMove) -> str:
    """Return what in the files, as they were before this bridge, is not understood well enough to change it."""
    nic = move.nic
    own = _label(nic)
    for part in (part for text in texts for part in stanzas(text)):
        words = part.head.words
        if part.interface == move.bridge or part.interface.startswith(f"{move.bridge}:"):
            return f"there is an iface {move.bridge} already; remove it, or take another name for the bridge"
        if part.keyword in ("mapping", "rename", "template") and any(own.fullmatch(word) for word in words[1:]):
            return f"{nic} is subject to '{' '.join(words)}'; write its stanza without"
        if "inherits" in words and nic in words[words.index("inherits") :]:
            return f"'{' '.join(words)}' takes over what is said of {nic}; write it out there"
        other = next((line for line in part.options if line.words and line.words[0] in _BRIDGED_BY), None)
        if other and nic in other.words[1:]:
            return f"'{' '.join(other.words)}' makes {nic} part of {part.interface}; take that out"
        if not own.fullmatch(part.interface):
            continue
        if len(words) < 4 or words[2] not in ("inet", "inet6") or part.method not in _METHODS:
            return f"'{' '.join(words)}' is none of inet and inet6 with {', '.join(sorted(_METHODS))}; move it by hand"
        told = [line.words[0] for line in part.options if line.words and line.words[0].startswith(_NOT_BRIDGED)]
        if told:
            return f"{nic} has {told[0]}, which a bridge's port can't have or which is of a bridge already"
        if len(label := move.bridge + part.interface[len(nic) :]) > _LONGEST_LABEL:
            return f"the alias {part.interface} would be {label}, which is too long; take a shorter name"
    return ""


def bridged(texts: Sequence[str], move: NicMove) -> list[str]:
    """Return the files with the NIC's stanzas as the bridge's, and the NIC as its port.

    ``texts`` are all that ifupdown reads, in that order, as they were before this bridge.
    """
    parts = [stanzas(text) for text in texts]
    everything = [part for of_file in parts for part in of_file]
    starts = {part.keyword for part in everything if move.nic in part.head.words[1:]}
    port = _port(move, [part for part in everything if part.interface == move.nic])
    # A NIC that only hotplugs is up when its driver has found it. Nobody plugs a bridge in.
    if "allow-hotplug" in starts and "auto" not in starts:
        port = f"auto {move.bridge}\n{port}"
    written: list[str] = []
    making = _making(move)
    for of_file in parts:
        text = ""
        for part in of_file:
            if part.keyword in _NAMING or part.keyword.startswith("allow-"):
                text += _named(part, move)
            elif _label(move.nic).fullmatch(part.interface):
                text += _block(part, port + _stanza(part, move, making if part.interface == move.nic else ""), move)
                port = ""
                making = "" if part.interface == move.nic else making
            else:
                text += part.written
        written.append(text)
    return written


def _label(nic: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(nic)}(:[\w-]+)?")


def _named(part: Stanza, move: NicMove) -> str:
    """Where the NIC is named to be started, its bridge is as well."""
    words = part.head.words
    renamed: list[str] = []
    for word in words[1:]:
        if word == move.nic:
            renamed += [word] if part.keyword == "allow-hotplug" else [word, move.bridge]
        else:
            renamed.append(move.bridge + word[len(move.nic) :] if _label(move.nic).fullmatch(word) else word)
    if renamed == words[1:]:
        return part.written
    rest = "".join(line.written for line in part.options)
    return _block(Stanza(part.head, []), f"{part.keyword} {' '.join(renamed)}\n", move) + rest


def _block(part: Stanza, now: str, move: NicMove) -> str:
    """Return what stands in place of a stanza; comments and blank lines after it stay after it."""
    options = list(part.options)
    tail: list[Line] = []
    while options and not options[-1].words:
        tail.insert(0, options.pop())
    before = Stanza(part.head, options).written
    if not before.endswith("\n"):
        before += "\n"
    lines = block(before.splitlines(keepends=True), now.splitlines(keepends=True), move)
    return "".join([*lines, *(line.written for line in tail)])


def _of_the_device(line: Line, move: NicMove) -> bool:
    if not line.words:
        return False
    about = _OF_THE_DEVICE_BY.search(line.written) and _own(move.nic).search(line.written)
    return line.words[0].startswith(_OF_THE_DEVICE) or bool(about)


def _own(nic: str) -> re.Pattern[str]:
    """What names a NIC in a command: as a word, an alias, in a path or a sysctl, not within another (eth0.100)."""
    name = re.escape(nic)
    return re.compile(rf"(?<![\w.:-]){name}(?![\w.-])|(?<=\bconf\.){name}(?=\.\w)")


def _port(move: NicMove, own: Sequence[Stanza]) -> str:
    """Return the NIC's own stanza."""
    device = [line.written for part in own for line in part.options if _of_the_device(line, move)]
    has_mtu = any(line.words[:1] == ["mtu"] for part in own for line in part.options)
    written = f"iface {move.nic} inet manual\n"
    if has_mtu or move.mtu != 1500:
        written += f"    mtu {move.mtu}\n"
    written += "".join(line if line.endswith("\n") else f"{line}\n" for line in device)
    written += f"    up ip link set dev {move.nic} up\n"
    if not move.openvswitch:
        # Also for one that is found only later; the bridge takes it as well, whoever comes first.
        written += f"    up if [ -d /sys/class/net/{move.bridge} ]; then {_enslaved(move)}; fi\n"
    return written


def _enslaved(move: NicMove, up: bool = False) -> str:
    return "; ".join([f"ip link set dev {move.nic} master {move.bridge}{' up' * up}", *_vlans(move, own=False)])


def _vlans(move: NicMove, own: bool) -> list[str]:
    """Return what puts the NIC, or with ``own`` the bridge itself, into its VLANs."""
    return [
        f"bridge vlan add dev {move.bridge if own else move.nic} vid {one.ids}"
        f"{' pvid' * one.pvid}{' untagged' * one.untagged}{' self' * own}"
        for one in (move.vlans.of(own) if move.vlans is not None else ())
    ]


def _making(move: NicMove) -> str:
    """Return the options by which the bridge is there, before it gets addresses."""
    there = f"[ -d /sys/class/net/{move.bridge} ]"
    if move.openvswitch:
        return f"    pre-up for i in $(seq 50); do {there} && break; sleep 0.2; done\n"
    kind = "type bridge stp_state 0 forward_delay 0"
    filtering = [f"    pre-up {command}\n" for command in _vlans(move, own=True)]
    if move.vlans is not None:
        kind += f" vlan_default_pvid {move.vlans.pvid}"
        # Last, so that nothing is cut off where the bridge is there.
        filtering.append(f"    pre-up ip link set dev {move.bridge} type bridge vlan_filtering 1\n")
    return (
        f"    pre-up {there} || ip link add name {move.bridge} address {move.mac} mtu {move.mtu} {kind}\n"
        f"    pre-up if [ -d /sys/class/net/{move.nic} ]; then {_enslaved(move, up=True)}; fi\n" + "".join(filtering)
    )


def _stanza(part: Stanza, move: NicMove, making: str) -> str:
    """Return an iface stanza of the NIC as one of the bridge."""
    name = move.bridge + part.interface[len(move.nic) :]
    written = f"iface {name} {' '.join(part.head.words[2:])}\n{making}"
    own = _own(move.nic)
    for line in part.options:
        if not line.words or _of_the_device(line, move):
            continue
        text = own.sub(move.bridge, line.written) if line.words[0] != "description" else line.written
        written += text if text.endswith("\n") else f"{text}\n"
    return written


def lease_of(text: str, source: str, target: str) -> str:
    """Return what dhclient noted of one interface's leases as another's."""
    return text.replace(f'interface "{source}";', f'interface "{target}";')


def command_of(argv: Sequence[str], source: str, target: str) -> list[str]:
    """Return a dhclient's words with another interface, and its files by that name."""
    own = re.compile(rf"(?<![\w-]){re.escape(source)}(?![\w-])")
    return [own.sub(target, word) for word in argv]

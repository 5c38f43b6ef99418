# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What systemd-networkd is told of a NIC that is a bridge's port: texts to texts, no files. Private to the collection.

The NIC's own .network file stays as it is. Ours sort before it (the first file that matches a link is the link's):
the bridge's, which says of the bridge what the NIC's says of the NIC, and the NIC's as a port. See
systemd.network(5) and systemd.netdev(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...model.nic_move import NicMove

MARK = "pipefitter"
PREFIXES = ("05", "00", "0")
"""What the names of our files begin with: the first of them that sorts before the NIC's own file is taken."""

_SOURCE = "# Made of "
_HEADER = "# Written by pipefitter (host_nic_bridge)."

# What a port keeps, as it is of the wire and not of addresses.
_OF_THE_PORT = {
    "Network": {"LLDP", "EmitLLDP", "VLAN", "MACVLAN", "MACVTAP", "IPVLAN", "IPVTAP", "VXLAN", "Tunnel", "Xfrm"},
    "Link": {"MACAddress", "Group", "Promiscuous", "AllMulticast", "Multicast"},
}
_OF_BOTH = {"Link": {"Multicast"}}
# Sections of addresses, routes and their sources. All others (queues, SR-IOV, CAN) are of the device.
_OF_THE_BRIDGE = {
    *("Link", "Network", "Address", "Neighbor", "IPv6AddressLabel", "RoutingPolicyRule", "NextHop", "Route"),
    *("DHCP", "DHCPv4", "DHCPv6", "DHCPv6PrefixDelegation", "DHCPPrefixDelegation", "IPv6PrefixDelegation"),
    *("IPv6AcceptRA", "DHCPServer", "DHCPServerStaticLease", "IPv6SendRA", "IPv6Prefix", "IPv6RoutePrefix"),
    "IPv6PREF64Prefix",
}
_NAMES_OF_LINKS = {"IncomingInterface", "OutgoingInterface"}
_MASTERS = ("Bridge", "Bond", "VRF", "BatmanAdvanced")


class Entry(NamedTuple):
    """A setting; ``lines`` is how it was written, which may be over several lines."""

    key: str
    value: str
    lines: str


class Section(NamedTuple):
    """One of a file's sections; several may have the same name, and are several things then."""

    name: str
    entries: list[Entry]


class Iaid(NamedTuple):
    """By what a DHCP client tells its server which of a host's interfaces asks; ``None``: left to networkd."""

    ipv4: int | None = None
    ipv6: int | None = None


def sections(texts: Sequence[str]) -> list[Section]:
    """Return what a file says, and the drop-ins that are read after it."""
    found: list[Section] = []
    for text in texts:
        open_line = ""
        for line in text.splitlines():
            bare = line.strip()
            # A comment within a setting that goes on is left out, and the setting goes on after it.
            if bare.startswith(("#", ";")) or not (bare or open_line):
                continue
            if not open_line and bare.startswith("[") and bare.endswith("]"):
                found.append(Section(bare[1:-1], []))
                continue
            open_line += f"{line}\n"
            if line.endswith("\\"):
                continue
            key, _sign, value = open_line.replace("\\\n", " ").partition("=")
            if found:
                found[-1].entries.append(Entry(key.strip(), value.strip(), open_line.lstrip()))
            open_line = ""
    return found


def values(given: Sequence[Section], section: str, key: str) -> list[str]:
    """Return what a setting was set to, in order."""
    return [entry.value for part in given if part.name == section for entry in part.entries if entry.key == key]


def master(given: Sequence[Section]) -> tuple[str, str] | None:
    """Return what a link is a port of according to its file, as the setting and the name."""
    for kind in _MASTERS:
        if name := (values(given, "Network", kind) or [""])[-1]:
            return kind, name
    return None


def source(text: str) -> str:
    """Return the path of the NIC's own file, as a file of ours notes it, '' where it doesn't."""
    for line in text.splitlines():
        if line.startswith(_SOURCE):
            return line[len(_SOURCE) :]
    return ""


def netdev(move: NicMove) -> str:
    """Return the file by which networkd makes the bridge at boot."""
    return (
        f"{_HEADER}\n"
        f"[NetDev]\nName={move.bridge}\nKind=bridge\nMACAddress={move.mac}\nMTUBytes={move.mtu}\n\n"
        f"[Bridge]\nSTP=no\nForwardDelaySec=0\n{_filtering(move)}"
    )


def _filtering(move: NicMove) -> str:
    if move.vlans is None:
        return ""
    return f"VLANFiltering=yes\nDefaultPVID={move.vlans.pvid or 'none'}\n"


def _vlans(move: NicMove, own: bool) -> list[tuple[str, list[str]]]:
    """Return the sections that say in which VLANs the NIC is, or with ``own`` the bridge itself."""
    found = []
    for entry in move.vlans.of(own) if move.vlans is not None else ():
        lines = [f"PVID={entry.first}\n"] if entry.pvid else []
        lines += [f"VLAN={entry.ids}\n", *([f"EgressUntagged={entry.ids}\n"] if entry.untagged else [])]
        found.append(("BridgeVLAN", lines))
    return found


def of_netdev(move: NicMove) -> str:
    """Return a drop-in by which a bridge that is made filters VLANs, '' where it does not."""
    lines = _filtering(move)
    return f"{_HEADER}\n[Bridge]\n{lines}" if lines else ""


def vlans(move: NicMove, own: bool) -> str:
    """Return a drop-in with the VLANs of the NIC, or with ``own`` of the bridge itself; '' where it needs none."""
    written = _vlans(move, own)
    return f"{_HEADER}\n{_text(written)}" if written else ""


def port(move: NicMove, given: Sequence[Section]) -> str:
    """Return the NIC's file as the bridge's port, which keeps what is of the wire."""
    network = [] if move.openvswitch else [f"Bridge={move.bridge}\n"]
    network += ["LinkLocalAddressing=no\n", "IPv6AcceptRA=no\n", *_kept_by_port(given, "Network")]
    link = ["RequiredForOnline=no\n"]
    if move.mtu != 1500 or values(given, "Link", "MTUBytes"):
        link.append(f"MTUBytes={move.mtu}\n")
    link += _kept_by_port(given, "Link")
    written = [("Match", [f"Name={move.nic}\n"]), ("Link", link), ("Network", network)]
    written += [
        (part.name, [entry.lines for entry in part.entries])
        for part in given
        if part.name not in _OF_THE_BRIDGE and part.name != "Match"
    ]
    return f"{_HEADER}\n" + _text([*written, *_vlans(move, own=False)])


def _kept_by_port(given: Sequence[Section], section: str) -> list[str]:
    return [
        entry.lines
        for part in given
        if part.name == section
        for entry in part.entries
        if entry.key in _OF_THE_PORT[section]
    ]


def bridge(move: NicMove, given: Sequence[Section], path: str, iaid: Iaid) -> str:
    """Return the bridge's file: what the NIC's says, of the bridge. ``path`` is the NIC's own file."""
    written = [("Match", [f"Name={move.bridge}\n"])]
    for part in given:
        if part.name not in _OF_THE_BRIDGE:
            continue
        left = _OF_THE_PORT.get(part.name, set()) - _OF_BOTH.get(part.name, set())
        lines = [_of_bridge(move, part.name, entry) for entry in part.entries if entry.key not in left]
        # A file with an empty section sets nothing; but an [Address] or a [Route] stands for one even so.
        if lines:
            written.append((part.name, lines))
    written += [*_identity(iaid), *_vlans(move, own=True)]
    return (
        f"{_HEADER}\n{_SOURCE}{path}\n"
        f"# and its drop-ins, for the bridge. Change it there, and run host_nic_bridge again.\n{_text(written)}"
    )


def _identity(iaid: Iaid) -> list[tuple[str, list[str]]]:
    # Derived from the interface's name otherwise, where udev knows one that lasts: another lease.
    numbers = (("DHCPv4", iaid.ipv4), ("DHCPv6", iaid.ipv6))
    return [(section, [f"IAID={number}\n"]) for section, number in numbers if number is not None]


def identity(iaid: Iaid) -> str:
    """Return a drop-in by which a bridge's DHCP clients are the NIC's for their servers, '' where nothing is known."""
    written = _identity(iaid)
    return f"{_HEADER}\n{_text(written)}" if written else ""


def _of_bridge(move: NicMove, section: str, entry: Entry) -> str:
    if section == "RoutingPolicyRule" and entry.key in _NAMES_OF_LINKS and entry.value == move.nic:
        return f"{entry.key}={move.bridge}\n"
    return entry.lines


def own(move: NicMove, texts: Sequence[str], path: str) -> str:
    """Return the NIC's own file as one for this NIC alone, which keeps what the kernel has when it is read."""
    written = [("Match", [f"Name={move.nic}\n"])]
    written += [(part.name, [e.lines for e in part.entries]) for part in sections(texts) if part.name != "Match"]
    return f"{_HEADER} Until the next boot.\n{_SOURCE}{path}\n" + _text(written) + "\n" + KEEP


KEEP = "[Network]\nKeepConfiguration=yes\n"
"""With it networkd takes addresses and routes over that are there already, in place of dropping and adding them."""


def held(name: str, path: str) -> str:
    """Return the file by which networkd leaves a link alone; ``path`` is the NIC's own file."""
    return f"{_HEADER} While a move is not confirmed.\n{_SOURCE}{path}\n[Match]\nName={name}\n\n[Link]\nUnmanaged=yes\n"


def _text(written: Sequence[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"[{name}]\n{''.join(lines)}" for name, lines in written)


def iaid_of_client(client_id: str) -> int | None:
    """Return the IAID in a DHCPv4 client identifier in hexadecimal, ``None`` where it is of another kind (RFC 4361)."""
    try:
        raw = bytes.fromhex(client_id.strip())
    except ValueError:
        return None
    return int.from_bytes(raw[1:5], "big") if len(raw) > 7 and raw[0] == 255 else None


def iaid_written(text: str) -> Iaid:
    """Return the IAIDs that our file of the bridge has."""
    given = sections([text])
    found = [(values(given, section, "IAID") or [""])[-1] for section in ("DHCPv4", "DHCPv6")]
    return Iaid(*(int(value) if value.isdigit() else None for value in found))


def iaid6(state: Mapping[str, str]) -> int | None:
    """Return the IAID of a link's DHCPv6 client, as networkd notes it."""
    noted = state.get("DHCP6_CLIENT_IAID", "")
    return int(noted, 16) if noted else None


def prefix_before(name: str, move: NicMove) -> str | None:
    """Return how our names are to begin, to sort before the file ``name``; ``None`` where none does."""
    for prefix in PREFIXES:
        if max(file_name(prefix, link) for link in (move.nic, move.bridge)) < name:
            return prefix
    return None


def file_name(prefix: str, link: str, kind: str = "network") -> str:
    return f"{prefix}-{MARK}-{link}.{kind}"

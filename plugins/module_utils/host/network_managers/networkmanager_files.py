# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What NetworkManager is told of a NIC that is a bridge's port: texts to texts, no files. Private to the collection.

The NIC's own profile stays as it is. Two more have a higher priority, by which connections are started at boot: the
bridge's, with the addresses, and the NIC's as its port, with what is of the wire. See nm-settings-keyfile(5).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...model.nic_move import NicMove

Profile = dict[str, dict[str, str]]
"""A keyfile: its sections, in order, with what they set."""

_FORMER = "org.pipefitter.former-uuid"
_HIGHEST = 999
_WIRED = {"ethernet", "802-3-ethernet", "bond", "team", "vlan", "veth"}
_ETHERNET = ("ethernet", "802-3-ethernet")

_OF_THE_BRIDGE = ("ipv4", "ipv6", "proxy", "hostname", "prefix-delegation")
# What makes a connection that one; all else that is said of it is said of the bridge's.
_IDENTITY = {
    *("id", "uuid", "type", "interface-name", "master", "slave-type", "controller", "port-type", "autoconnect-slaves"),
    *("autoconnect-ports", "autoconnect-priority", "timestamp", "multi-connect", "lldp"),
}
_MASTERS = ("master", "controller")
_AUTOMATIC = {"auto", "dhcp"}


class Kept(NamedTuple):
    """What NetworkManager derives from an interface's name, type or profile, as the NIC has it; '' where it has none.

    The bridge would have another one of each, and so another lease, another IPv6 address and other metrics.
    """

    metric4: str = ""
    metric6: str = ""
    client_id: str = ""
    iaid6: str = ""
    token: str = ""


def parsed(text: str) -> Profile:
    profile: Profile = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]"):
            section = profile.setdefault(bare[1:-1], {})
        elif bare and not bare.startswith("#") and "=" in bare:
            key, _sign, value = line.partition("=")
            section[key.strip()] = value.strip()
    return profile


def _text(profile: Mapping[str, Mapping[str, str]], about: str) -> str:
    said = ["\n".join([f"[{name}]", *map("=".join, section.items()), ""]) for name, section in profile.items()]
    return f"# Written by pipefitter (host_nic_bridge). {about}\n" + "\n".join(said)


def uuids(move: NicMove) -> tuple[str, str]:
    """Return the UUIDs of the bridge's profile and of the port's, the same each time."""
    name = f"pipefitter.container_network/{move.bridge}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name)), str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{move.nic}"))


def former(port_text: str) -> str:
    """Return the UUID of the NIC's own profile, as ours of the port notes it."""
    return parsed(port_text).get("user", {}).get(_FORMER, "")


def refusal(own: Profile, others: Sequence[Profile], move: NicMove) -> str:
    """Return why the NIC's profile can't be a bridge's; ``others`` are all profiles but it."""
    connection = own.get("connection", {})
    name = f"the profile {connection.get('id')!r} of {move.nic}"
    if (kind := connection.get("type", "")) not in _WIRED:
        return f"{name} is of type {kind}, which can't be a bridge's port"
    if "802-1x" in own:
        return (
            f"{name} has 802.1X, by which the port of a switch is opened for the NIC alone; ask for a port without it"
        )
    if master := next((connection[key] for key in _MASTERS if connection.get(key)), ""):
        return f"{name} makes it part of {master}; take that out, or bridge {master} in its place"
    if _priority(own) >= _HIGHEST:
        return f"{name} has the highest priority ({_HIGHEST}), so no other can go before it; lower it"
    for other in others:
        said = other.get("connection", {})
        by_uuid = [section.get(key) for section in other.values() for key in ("parent", *_MASTERS)]
        if connection.get("uuid") in by_uuid:
            return f"the profile {said.get('id')!r} stands on {name} by its UUID; let it name {move.nic} instead"
        if said.get("interface-name") == move.bridge and said.get("uuid") not in uuids(move):
            return f"the profile {said.get('id')!r} is for {move.bridge} already; delete it, or take another name"
    return ""


def _priority(own: Profile) -> int:
    return int(own.get("connection", {}).get("autoconnect-priority", "0"))


def _connection(own: Profile, **settings: str) -> dict[str, str]:
    kept = own.get("connection", {}).get("autoconnect")
    more = {"autoconnect": kept} if kept else {}
    return {**settings, **more, "autoconnect-priority": str(_priority(own) + 1)}


def bridge(move: NicMove, own: Profile, kept: Kept) -> str:
    """Return the bridge's profile, with what the NIC's says of addresses, names and firewalls."""
    connection = _connection(own, id=move.bridge, uuid=uuids(move)[0], type="bridge")
    connection["interface-name"] = move.bridge
    connection["autoconnect-slaves"] = "1"
    rest = {key: value for key, value in own["connection"].items() if key not in _IDENTITY | {"autoconnect"}}
    profile: Profile = {
        "connection": {**connection, **rest},
        "ethernet": {"cloned-mac-address": move.mac, "mtu": str(move.mtu)},
        "bridge": {"stp": "false", "forward-delay": "0", **_filtering(move)},
        **{section: dict(own[section]) for section in _OF_THE_BRIDGE if section in own},
    }
    _keep(profile.setdefault("ipv4", {"method": "auto"}), kept.metric4, {"dhcp-client-id": kept.client_id})
    more = {"dhcp-iaid": kept.iaid6, "token": kept.token, "addr-gen-mode": "eui64" if kept.token else ""}
    _keep(profile.setdefault("ipv6", {"method": "auto"}), kept.metric6, more)
    return _text(profile, f"With what the profile {own['connection'].get('uuid')} says of {move.nic}.")


def _filtering(move: NicMove) -> dict[str, str]:
    if move.vlans is None:
        return {}
    return {"vlan-filtering": "true", "vlan-default-pvid": str(move.vlans.pvid), **_vlans(move, own=True)}


def _vlans(move: NicMove, own: bool) -> dict[str, str]:
    held = [
        f"{one.ids}{' pvid' * one.pvid}{' untagged' * one.untagged}"
        for one in (move.vlans.of(own) if move.vlans is not None else ())
    ]
    return {"vlans": ", ".join(held)} if held else {}


def _keep(section: dict[str, str], metric: str, identity: Mapping[str, str]) -> None:
    if metric and section.get("route-metric", "-1") == "-1":
        section["route-metric"] = metric
    if section.get("method") in _AUTOMATIC:
        section.update({key: value for key, value in identity.items() if value})


def port(move: NicMove, own: Profile) -> str:
    """Return the NIC's profile as the bridge's port."""
    said = own["connection"]
    connection = _connection(own, id=f"{move.bridge} port {move.nic}", uuid=uuids(move)[1], type=said["type"])
    connection |= {"interface-name": move.nic, "master": move.bridge, "slave-type": "bridge"}
    if "lldp" in said:
        connection["lldp"] = said["lldp"]
    left = {"connection", "user", "match", *_OF_THE_BRIDGE}
    profile: Profile = {"connection": connection}
    profile |= {name: dict(section) for name, section in own.items() if name not in left}
    profile["bridge-port"] = _vlans(move, own=False)
    ethernet = next((name for name in _ETHERNET if name in profile), "ethernet")
    if move.mtu != 1500:
        profile.setdefault(ethernet, {})["mtu"] = str(move.mtu)
    profile["user"] = {_FORMER: said.get("uuid", "")}
    return _text(profile, f"In place of the profile {said.get('uuid')}.")


def kept_in(text: str) -> Kept:
    """Return what our file of the bridge keeps."""
    profile = parsed(text)
    ipv4, ipv6 = profile.get("ipv4", {}), profile.get("ipv6", {})
    return Kept(
        ipv4.get("route-metric", ""),
        ipv6.get("route-metric", ""),
        ipv4.get("dhcp-client-id", ""),
        ipv6.get("dhcp-iaid", ""),
        ipv6.get("token", ""),
    )


def kept_of(own: Profile, state: Profile, addresses: str, links: Sequence[str]) -> Kept:
    """Return what the NIC has.

    ``state`` is what NetworkManager notes of the device, ``addresses`` /proc/net/if_inet6, ``links`` who may have the
    NIC's addresses.
    """
    metric = state.get("device", {}).get("route-metric-default-effective", "")
    client_id = state.get("dhcp4", {}).get("dhcp4.dhcp_client_identifier", "")
    iaid = state.get("dhcp6", {}).get("dhcp6.iaid", "")
    token = ""
    ipv6 = own.get("ipv6", {})
    if ipv6.get("addr-gen-mode") not in ("eui64", "0") and not ipv6.get("token"):
        token = _token(addresses, links)
    return Kept(metric, metric, client_id, _number(iaid), token)


def _number(iaid: str) -> str:
    try:
        return str(int(iaid.replace(":", ""), 16)) if ":" in iaid else iaid if iaid.isdigit() else ""
    except ValueError:
        return ""


def _token(addresses: str, links: Sequence[str]) -> str:
    """Return the interface identifier of the addresses from router advertisements, '' where there is not one alone."""
    found = set()
    for line in addresses.splitlines():
        address, _index, prefix, scope, flags, name = line.split()
        # Neither permanent nor temporary: IFA_F_PERMANENT, IFA_F_TEMPORARY.
        if name in links and prefix == "40" and scope == "00" and not int(flags, 16) & 0x81:
            found.add(address[16:])
    if len(found) != 1:
        return ""
    (identifier,) = found
    return f"::{':'.join(identifier[at : at + 4].lstrip('0') or '0' for at in range(0, 16, 4))}"


def state_file(uuid_of_connection: str, metric: str, made: bool) -> str:
    """Return what NetworkManager finds noted of a device when it starts, by which it takes it over as it is."""
    lines = ["managed=true", f"connection-uuid={uuid_of_connection}", f"nm-owned={'true' if made else 'false'}"]
    if metric:
        lines.append(f"route-metric-default-effective={metric}")
    return "[device]\n" + "".join(f"{line}\n" for line in lines)

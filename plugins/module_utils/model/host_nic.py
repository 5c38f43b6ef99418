# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A NIC of the host that is to be a port of a bridge, and what must be reachable then. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, names
from .nic_move import OPENVSWITCH
from .wanted_vlans import WantedVlans, parse_ports

GATEWAY, CONTROLLER, PING, TCP = "gateway", "controller", "ping", "tcp"
"""What can be asked of others to see whether the host is connected."""

AUTO, MANUAL = "auto", "manual"
PRESENT, ABSENT, CONFIRMED, ROLLED_BACK = "present", "absent", "confirmed", "rolled_back"

CONFIRM_TIMEOUT = (5, 600)
"""Seconds: what a new SSH connection takes, and how long a host may be out of reach before it helps itself."""

_TOKEN = re.compile(r"[0-9a-f]{32}")


class Probe(NamedTuple):
    """One question that others answer while the host is connected; ``port`` is 0 where none is asked for."""

    kind: str
    address: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.kind == TCP:
            return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        return self.address if self.kind == PING else f"{self.kind} {self.address}".strip()


@dataclass(frozen=True)
class HostNic:
    """``verify`` are the probes that count after the move, if they passed before it; ``confirm_timeout`` is in seconds.

    ``persist`` is who keeps it over a reboot: 'auto' for whoever manages the NIC, 'none' for nobody. ``vlans`` are
    those of a Linux bridge.
    """

    nic: str
    bridge: str
    kind: str
    state: str
    verify: tuple[Probe, ...]
    confirm_timeout: int
    confirm: str
    persist: str
    token: str
    datapath_type: str
    vlans: WantedVlans


def parse(options: Mapping[str, Any]) -> HostNic:
    """Return what the options of host_nic_bridge ask for.

    :raises InvalidOption: naming the first that can't be right.
    """
    nic = names.interface_name("nic", options["nic"])
    bridge = names.interface_name("bridge", options["bridge"])
    if nic == "lo":
        advice = "is the loopback of this host, which leads nowhere; give the NIC that leads to the LAN"
        raise InvalidOption("nic", nic, advice)
    if nic == bridge:
        raise InvalidOption("bridge", bridge, "is the NIC itself; choose another name for the bridge")
    if options.get("datapath_type") and options["type"] != OPENVSWITCH:
        raise InvalidOption("datapath_type", options["datapath_type"], "is for type openvswitch alone; leave it out")
    asked = [name for name in ("vlan_filtering", "port_vlans") if options.get(name)]
    if asked and options["type"] == OPENVSWITCH:
        raise InvalidOption(asked[0], options[asked[0]], "is for type linux alone; use ovs_vlan_port after the move")
    timeout = options["confirm_timeout"]
    if not CONFIRM_TIMEOUT[0] <= timeout <= CONFIRM_TIMEOUT[1]:
        advice = f"is out of range; give {CONFIRM_TIMEOUT[0]} to {CONFIRM_TIMEOUT[1]} seconds"
        raise InvalidOption("confirm_timeout", timeout, advice)
    token = options.get("token") or ""
    if token and not _TOKEN.fullmatch(token):
        raise InvalidOption("token", token, "is none; give what the task that moved the NIC returned as token")
    if options["state"] in (CONFIRMED, ROLLED_BACK) and not token:
        advice = f"is required with state {options['state']}; give what the task that moved the NIC returned as token"
        raise InvalidOption("token", None, advice)
    given = options.get("verify")
    verify = (GATEWAY, CONTROLLER) if given is None else given
    return HostNic(
        nic=nic,
        bridge=bridge,
        kind=options["type"],
        state=options["state"],
        verify=tuple(_probe(f"verify[{number}]", text) for number, text in enumerate(verify)),
        confirm_timeout=timeout,
        confirm=options["confirm"],
        persist=options["persist"],
        token=token,
        datapath_type=options.get("datapath_type") or "",
        vlans=WantedVlans(
            bridge,
            options.get("vlan_filtering"),
            parse_ports(options),
            members=(nic,),
            how_to_join="make it one first (container_bridge)",
        ),
    )


def _probe(option: str, text: str) -> Probe:
    if text in (GATEWAY, CONTROLLER):
        return Probe(text)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and (bracketed or ":" not in host):
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise InvalidOption(option, text, "has no TCP port of 1 to 65535 after its colon")
        return Probe(TCP, _address(option, text, host[1:-1] if bracketed else host), int(port))
    return Probe(PING, _address(option, text, text))


def _address(option: str, text: str, address: str) -> str:
    advice = "is no probe; give gateway, controller, an address, or an address and a TCP port (10.0.0.5:443)"
    try:
        return addresses.host_address(option, address, text)
    except InvalidOption:
        raise InvalidOption(option, text, advice) from None

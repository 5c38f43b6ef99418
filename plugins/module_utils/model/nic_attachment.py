# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A container's interface made from a host's NIC as it can be wanted. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, attachment, attachment_checks, limits, names
from .attachment import Attachment

MACVLAN, IPVLAN, PHYSICAL = "macvlan", "ipvlan", "physical"
KINDS = (MACVLAN, IPVLAN, PHYSICAL)

MADE = (MACVLAN, IPVLAN)
"""Kinds that are made from a NIC, as the kernel calls them; the other one is the NIC itself."""

BRIDGE, PRIVATE, VEPA, PASSTHRU = "bridge", "private", "vepa", "passthru"

MODES = {PRIVATE: 1, VEPA: 2, BRIDGE: 4, PASSTHRU: 8}
"""MACVLAN_MODE_* of linux/if_link.h by their names."""

L2, L3, L3S = "l2", "l3", "l3s"

IPVLAN_MODES = {L2: 0, L3: 1, L3S: 2}
"""IPVLAN_MODE_* of linux/if_link.h by their names; all on one NIC have the same."""

MODES_OF = {MACVLAN: MODES, IPVLAN: IPVLAN_MODES}

_DEFAULT_MODE = {MACVLAN: BRIDGE, IPVLAN: L2, PHYSICAL: ""}

ANY_NIC = "*"
"""Stands for the NIC of an attachment that is only to be taken away; no NIC can bear this name."""

_MAC = re.compile(r"[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}", re.IGNORECASE)
_PCI = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.IGNORECASE)


@dataclass(frozen=True)
class NicAttachment(Attachment):
    """What is wanted of one attachment; its ``bridge`` is ''.

    ``nic`` is the host's NIC by its name, MAC address or PCI address, each in canonical form, or ANY_NIC. With ``vlan``
    it is made on the interface that has the NIC's frames of that VLAN. ``mode`` is '' for the NIC itself (PHYSICAL).
    """

    nic: str = ANY_NIC
    kind: str = MACVLAN
    mode: str = BRIDGE
    vlan: int | None = None

    @property
    def segment(self) -> tuple[str, int | None]:
        return self.nic, self.vlan

    @property
    def has_own_mac(self) -> bool:
        """Tell whether its MAC address is another one than the NIC's."""
        return has_own_mac(self.kind, self.mode)

    @property
    def is_routed(self) -> bool:
        """Tell an interface that has no broadcasts, so that nobody asks for its MAC address: the host routes for it."""
        return self.kind == IPVLAN and self.mode != L2


def has_own_mac(kind: str, mode: str) -> bool:
    """Tell whether an interface of a kind and mode has another MAC address than its NIC."""
    return kind == MACVLAN and mode != PASSTHRU


def parse(options: Mapping[str, Any], prefix: str = "") -> NicAttachment:
    """Return the attachment that the options of nic_attach ask for.

    ``prefix`` is put before option names in errors (``attachments[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    kind, mode = options.get("kind"), options.get("mode")
    nic = _nic(f"{prefix}nic", options.get("nic"))
    if kind is None:
        raise InvalidOption(f"{prefix}kind", None, f"is required for an attachment; give {' or '.join(KINDS)}")
    vlan = limits.vlan(f"{prefix}vlan", options.get("vlan"))
    if kind == PHYSICAL:
        _check_itself(options, prefix)
    elif mode is not None and mode not in MODES_OF[kind]:
        *others, last = MODES_OF[kind]
        raise InvalidOption(f"{prefix}mode", mode, f"is no mode of kind {kind}; give {', '.join(others)} or {last}")
    if vlan is not None and nic == ANY_NIC:
        raise InvalidOption(f"{prefix}vlan", vlan, "is one of a NIC's, and none is named; give nic, too")
    want = NicAttachment(
        bridge="", nic=nic, kind=kind, mode=mode or _DEFAULT_MODE[kind], vlan=vlan,
        **attachment.container_side(options, prefix),
    )  # fmt: skip
    for position, entry in enumerate(want.routes or ()):
        if entry.leads_nowhere:
            advice = "leads nowhere, and so by no NIC; give it to an attachment of veth_attach, or leave it out"
            raise InvalidOption(f"{prefix}routes[{position}].destination", entry.destination, advice)
    if kind == PHYSICAL and want.rules:
        # Which rules are whose stands in the mark, and that of a NIC is what it is given back by.
        advice = f"is not for kind {PHYSICAL}; give them to an attachment of another kind, or leave them out"
        raise InvalidOption(f"{prefix}rules", f"{len(want.rules)} rules", advice)
    if kind in MADE and not want.has_own_mac and want.mac is not None:
        name = "mac" if options.get("mac") else "mac_seed"
        what = f"mode {PASSTHRU}" if kind == MACVLAN else f"kind {kind}"
        advice = f"is mutually exclusive with {what}, whose interface has the NIC's own MAC; leave it out"
        raise InvalidOption(f"{prefix}{name}", options[name], advice)
    if want.dhcp and kind == IPVLAN:
        advice = (
            "is not for kind ipvlan: a DHCP server tells clients by their MAC addresses, and all on a NIC have one; "
            "give an address, or kind macvlan"
        )
        raise InvalidOption(f"{prefix}addresses", addresses.DHCP, advice)
    attachment_checks.check(want, prefix)
    return want


def _check_itself(options: Mapping[str, Any], prefix: str) -> None:
    """Refuse for a NIC itself what is of those that are made from one."""
    mode, vlan = options.get("mode"), options.get("vlan")
    if mode is not None:
        advice = f"is of kinds {' and '.join(MADE)}, and none of kind {PHYSICAL}; leave it out"
        raise InvalidOption(f"{prefix}mode", mode, advice)
    if vlan is not None:
        advice = (
            f"is not for kind {PHYSICAL}, which is the NIC itself with the frames of all its VLANs; give kind "
            f"{' or '.join(MADE)}, or leave it out"
        )
        raise InvalidOption(f"{prefix}vlan", vlan, advice)


def _nic(option: str, text: str | None) -> str:
    """Return how a NIC is named in canonical form."""
    if not text:
        raise InvalidOption(option, None, "is required for an attachment; give the NIC's name, MAC or PCI address")
    if text == ANY_NIC:
        return text
    pci = _PCI.fullmatch(text)
    if pci is not None:
        return f"{(pci[1] or '0000').lower()}:{pci[2].lower()}"
    if _MAC.fullmatch(text):
        return addresses.mac(option, text)
    if ":" in text:
        advice = "is no name, MAC address or PCI address; give eth1, 02:00:00:00:00:01 or 0000:03:00.0"
        raise InvalidOption(option, text, advice)
    return names.interface_name(option, text)

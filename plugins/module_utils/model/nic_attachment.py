# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A container's interface made from a host's NIC as it can be wanted. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidOption
from ..light_dataclass import dataclass
from . import addresses, attachment, attachment_checks, names
from .attachment import Attachment

MACVLAN, PHYSICAL = "macvlan", "physical"
KINDS = (MACVLAN, PHYSICAL)

BRIDGE, PRIVATE, VEPA, PASSTHRU = "bridge", "private", "vepa", "passthru"

MODES = {PRIVATE: 1, VEPA: 2, BRIDGE: 4, PASSTHRU: 8}
"""MACVLAN_MODE_* of linux/if_link.h by their names."""

ANY_NIC = "*"
"""Stands for the NIC of an attachment that is only to be taken away; no NIC can bear this name."""

_MAC = re.compile(r"[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}", re.IGNORECASE)
_PCI = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.IGNORECASE)


@dataclass(frozen=True)
class NicAttachment(Attachment):
    """What is wanted of one attachment; its ``bridge`` is ''.

    ``nic`` is the host's NIC by its name, MAC address or PCI address, each in canonical form, or ANY_NIC. ``mode`` is
    '' for the NIC itself (PHYSICAL).
    """

    nic: str = ANY_NIC
    kind: str = MACVLAN
    mode: str = BRIDGE

    @property
    def segment(self) -> tuple[str, int | None]:
        return self.nic, None


def parse(options: Mapping[str, Any], prefix: str = "") -> NicAttachment:
    """Return the attachment that the options of nic_attach ask for.

    ``prefix`` is put before option names in errors (``attachments[2].``).

    :raises InvalidOption: naming the first option that can't be right.
    """
    kind, mode = options.get("kind"), options.get("mode")
    nic = _nic(f"{prefix}nic", options.get("nic"))
    if kind is None:
        raise InvalidOption(f"{prefix}kind", None, f"is required for an attachment; give {' or '.join(KINDS)}")
    if kind == PHYSICAL and mode is not None:
        raise InvalidOption(f"{prefix}mode", mode, f"is of kind {MACVLAN}, and none of kind {PHYSICAL}; leave it out")
    usual = "" if kind == PHYSICAL else BRIDGE
    want = NicAttachment(
        bridge="", nic=nic, kind=kind, mode=mode or usual, **attachment.container_side(options, prefix)
    )
    for position, entry in enumerate(want.routes or ()):
        if entry.leads_nowhere:
            advice = "leads nowhere, and so by no NIC; give it to an attachment of veth_attach, or leave it out"
            raise InvalidOption(f"{prefix}routes[{position}].destination", entry.destination, advice)
    if kind == PHYSICAL and want.rules:
        # Which rules are whose stands in the mark, and that of a NIC is what it is given back by.
        advice = f"is not for kind {PHYSICAL}; give them to an attachment of another kind, or leave them out"
        raise InvalidOption(f"{prefix}rules", f"{len(want.rules)} rules", advice)
    if want.mode == PASSTHRU and want.mac is not None:
        name = "mac" if options.get("mac") else "mac_seed"
        advice = f"is mutually exclusive with mode {PASSTHRU}, whose interface has the NIC's own MAC; leave it out"
        raise InvalidOption(f"{prefix}{name}", options[name], advice)
    attachment_checks.check(want, prefix)
    return want


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

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Words of pipework's command line that are no addresses here, and what does the same. Private to the collection."""

from __future__ import annotations

import re

from ..errors import InvalidOption

# The clients of its case statement (dhclient-f is one in the foreground), with options of theirs after a colon.
DHCP_CLIENT = r"(dhcp|udhcpc|dhclient|dhcpcd)(-f)?(:.*)?"


def refuse_address(option: str, text: str) -> None:
    """Refuse what pipework would take where ``addresses`` has no address.

    :raises InvalidOption: with the option that does it here; what isn't pipework's either is left to the caller.
    """
    if re.fullmatch(DHCP_CLIENT, text, re.IGNORECASE):
        raise InvalidOption(
            option,
            text,
            "is how pipework names a DHCP client; give an address such as 192.168.8.2/24, or, for a container's "
            "interface, dhcp, for which the service runs one",
        )
    if text == "0/0":
        raise InvalidOption(option, text, "is how pipework writes that there is no address; give [] for the whole list")
    address, at, gateway = text.partition("@")
    if at and address and gateway:
        name = "gateway6" if ":" in gateway else "gateway"
        raise InvalidOption(
            option,
            text,
            f"has a gateway after '@' as for pipework; give {address} here, and {gateway} in {name} of veth_attach",
        )


def refuse_mac(option: str, text: str) -> None:
    """Refuse what pipework would take for a MAC address: a text to derive one from, and a VLAN after either or alone.

    :raises InvalidOption: with the options that do it here; what isn't pipework's either is left to the caller.
    """
    given, at, vlan = text.partition("@")
    seed = given[2:] if given[:2].upper() == "U:" else ""
    if at and vlan.isascii() and vlan.isdigit():
        rest = f"{seed!r} in mac_seed" if seed else f"{given} here" if given else "no mac"
        raise InvalidOption(option, text, f"has a VLAN after '@' as for pipework; give {vlan} in vlan, and {rest}")
    if text[:2].upper() == "U:":
        advice = f"is how pipework derives a MAC address from a text; give {text[2:]!r} in mac_seed instead"
        raise InvalidOption(option, text, advice)

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of VLANs of bridges and ports, message by message."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink import bridge_vlans
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.netlink.wire import attribute
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.bridge_vlans import VlanRange


class Dump:
    """A route socket that answers with these messages."""

    def __init__(self, *messages):
        self._messages = messages

    def dump(self, *_asked):
        return list(self._messages)


def message(index, *attributes):
    header = bytes([7, 0, 0, 0]) + index.to_bytes(4, "little") + bytes(8)
    return header + attribute(26, b"".join(attributes))


def vlan(number, flags=0):
    return attribute(2, flags.to_bytes(2, "little") + number.to_bytes(2, "little"))


OF_THE_DRIVER = message(4, attribute(0, (2).to_bytes(2, "little")), attribute(1, (0).to_bytes(2, "little")))


def test_vlans_of_ports_and_ranges():
    shown = bridge_vlans.shown(Dump(message(3, vlan(1, 6)), message(4, vlan(100), vlan(200, 8), vlan(210, 16))))
    assert shown == {3: (VlanRange(1, 1, True, True),), 4: (VlanRange(100, 100), VlanRange(200, 210))}


def test_what_a_nic_says_of_its_own_switch_is_not_what_its_port_has():
    """Drivers with a bridge in hardware send a second message of the same port (ndo_bridge_getlink).

    It is without the VLANs that the port has here.
    """
    of_the_bridge = message(4, vlan(100))
    for messages in ((of_the_bridge, OF_THE_DRIVER), (OF_THE_DRIVER, of_the_bridge)):
        assert bridge_vlans.shown(Dump(*messages)) == {4: (VlanRange(100, 100),)}
    assert bridge_vlans.shown(Dump(OF_THE_DRIVER)) == {}

# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Whether the kernel switches for Open vSwitch. Private to the collection."""

from __future__ import annotations

from ..netlink.wire import KernelError, NetlinkSocket, attribute

_NETLINK_GENERIC, _GENL_ID_CTRL = 16, 16
_CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_NAME = 3, 2  # linux/genetlink.h
_FAMILY = b"ovs_datapath\0"  # OVS_DATAPATH_FAMILY of linux/openvswitch.h
_TIMEOUT = 5  # seconds


def in_kernel() -> bool:
    """Tell whether the kernel has the datapath ``system``.

    It is asked as ovs-vswitchd asks, upon which the kernel loads its module where it has one. In its database
    ovs-vswitchd names this datapath among its types whether or not the kernel has it.
    """
    request = bytes((_CTRL_CMD_GETFAMILY, 1, 0, 0)) + attribute(_CTRL_ATTR_FAMILY_NAME, _FAMILY)
    try:
        with NetlinkSocket(_NETLINK_GENERIC, _TIMEOUT) as asked:
            asked.get("tell of the datapath of Open vSwitch", _GENL_ID_CTRL, request)
    except KernelError:
        return False
    return True

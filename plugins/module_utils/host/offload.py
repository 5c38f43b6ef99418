# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The transmit checksum offload of links, by the ethtool ioctl. Private to the collection.

A userspace datapath of Open vSwitch passes on frames whose checksum the
sender left to hardware that isn't there: TCP dies while ping still works. So
links that send towards one compute their checksums themselves.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct

from ..errors import PipefitterError

_SIOCETHTOOL = 0x8946
_ETHTOOL_GTXCSUM, _ETHTOOL_STXCSUM = 0x16, 0x17  # linux/ethtool.h


class Offloads:
    """The offloads of links of the namespace that is current when this is opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def close(self) -> None:
        self._socket.close()

    def tx_checksum(self, link: str) -> bool:
        """Tell whether a link leaves checksums to the hardware; one that can't has none."""
        try:
            return bool(self._ioctl(link, _ETHTOOL_GTXCSUM, 0))
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENODEV):
                return False
            raise

    def set_tx_checksum(self, link: str, on: bool) -> None:
        """Switch a link's transmit checksum offload.

        :raises PipefitterError: the driver doesn't do it.
        """
        try:
            self._ioctl(link, _ETHTOOL_STXCSUM, int(on))
        except OSError as error:
            raise PipefitterError(
                f"{link}: its TX checksum offload can't be changed ({os.strerror(error.errno or 0)})"
            ) from None

    def _ioctl(self, link: str, command: int, value: int) -> int:
        # struct ethtool_value, behind the pointer in struct ifreq
        request = array.array("I", [command, value])
        address, _length = request.buffer_info()
        fcntl.ioctl(self._socket, _SIOCETHTOOL, struct.pack("16sP16x", link.encode(), address))
        return request[1]

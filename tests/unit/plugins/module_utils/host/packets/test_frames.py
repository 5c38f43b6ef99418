# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames byte by byte, as RFC 826, RFC 4861 and RFC 2464 have them."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.packets import frames

MAC, OTHER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
EVERYBODY = bytes.fromhex("ffffffffffff")


def ones_complement_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def split(frame):
    """Return Ethernet, IPv6 header and ICMPv6 message; the checksum must be right."""
    ethernet, header, body = frame[:14], frame[14:54], frame[54:]
    assert struct.unpack_from("!IHBB", header) == (6 << 28, len(body), 58, 255)
    assert ones_complement_sum(header[8:40] + struct.pack("!II", len(body), 58) + body) == 0xFFFF
    return ethernet, header, body


def test_an_arp_request():
    assert frames.arp_request(MAC, "0.0.0.0", "192.168.5.1") == bytes.fromhex(
        "ffffffffffff 020000000001 08060001 0800 06 04 0001020000000001 00000000000000000000 c0a80501"
    )


def test_a_neighbour_advertisement():
    ethernet, header, body = split(frames.neighbour_advertisement(MAC, "fd00:5::1"))
    assert ethernet == bytes.fromhex("333300000001 020000000001 86dd")
    assert header[8:24] == socket.inet_pton(socket.AF_INET6, "fd00:5::1")
    assert header[24:40] == socket.inet_pton(socket.AF_INET6, "ff02::1")
    # Override, neither solicited nor from a router; option 2 is the target's link-layer address.
    assert body[:2] == bytes([136, 0])
    assert body[4:] == bytes.fromhex("20000000 fd000005000000000000000000000001 0201 020000000001")


def test_a_neighbour_solicitation():
    """It goes to the solicited-node group, and is without a source: no cache changes by it."""
    ethernet, header, body = split(frames.neighbour_solicitation(MAC, "fd00:5::12:3456"))
    assert ethernet == bytes.fromhex("3333ff123456 020000000001 86dd")
    assert header[8:24] == bytes(16)
    assert header[24:40] == socket.inet_pton(socket.AF_INET6, "ff02::1:ff12:3456")
    assert body[:2] == bytes([135, 0])
    assert body[4:] == bytes(4) + socket.inet_pton(socket.AF_INET6, "fd00:5::12:3456")


def arp(to, operation, sender, asked="0.0.0.0"):
    addresses = OTHER_MAC + socket.inet_aton(sender) + to + socket.inet_aton(asked)
    return to + OTHER_MAC + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation) + addresses + bytes(18)


def test_an_arp_reply_is_an_answer_to_who_asked():
    answer = ("192.168.5.2", "02:00:00:00:00:02")
    assert frames.answered(arp(MAC, 2, "192.168.5.2"), MAC) == answer
    assert frames.answered(arp(OTHER_MAC, 2, "192.168.5.2"), MAC) is None
    assert frames.answered(arp(EVERYBODY, 1, "192.168.5.2"), MAC) is None
    assert frames.answered(arp(MAC, 1, "192.168.5.2"), MAC) is None
    assert frames.answered(arp(MAC, 2, "192.168.5.2")[:41], MAC) is None


def test_an_advertisement_is_an_answer():
    advertisement = frames.neighbour_advertisement(OTHER_MAC, "fd00:5::2")
    assert frames.answered(advertisement, MAC) == ("fd00:5::2", "02:00:00:00:00:02")
    assert frames.answered(advertisement[:85], MAC) is None
    assert frames.answered(frames.neighbour_solicitation(OTHER_MAC, "fd00:5::2"), MAC) is None
    assert frames.answered(OTHER_MAC + MAC + bytes.fromhex("0800") + bytes(80), MAC) is None


@pytest.mark.parametrize(("place", "value"), [(20, 17), (54, 135), (78, 1)], ids=["UDP", "a question", "no MAC"])
def test_what_differs_from_an_advertisement_in_one_byte_is_none(place, value):
    frame = bytearray(frames.neighbour_advertisement(OTHER_MAC, "fd00:5::2"))
    frame[place] = value
    assert frames.answered(bytes(frame), MAC) is None


class Wire:
    """A packet socket whose first sends fail."""

    def __init__(self, *codes):
        self.codes = list(codes)
        self.sent = []

    def send(self, frame):
        if self.codes:
            code = self.codes.pop(0)
            raise OSError(code, os.strerror(code))
        self.sent.append(frame)


def test_a_frame_that_finds_no_room_is_sent_again_and_given_up_after_some_tries():
    wire = Wire(*[errno.ENOBUFS] * 4)
    frames.send(wire, b"frame")
    assert wire.sent == [b"frame"]
    wire = Wire(*[errno.ENOBUFS] * 5)
    frames.send(wire, b"frame")
    assert wire.sent == []


def test_any_other_error_is_raised():
    with pytest.raises(OSError, match="Network is down"):
        frames.send(Wire(errno.ENETDOWN), b"frame")

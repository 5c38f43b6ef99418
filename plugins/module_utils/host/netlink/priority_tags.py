# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""A tc filter that takes what a bridge's port hands to the host past br_netfilter. Private to the collection.

Where bridge-nf-call-iptables is 1, br_netfilter translates what is sent to a published port while it is bridged
(br_nf_pre_routing_finish() in net/bridge/br_netfilter_hooks.c), and sends it on within the bridge, where an isolated
port drops it. It leaves alone what bears a VLAN tag. So IP packets for the bridge's own MAC get a priority tag
(IEEE 802.1Q: the one of VLAN 0, which says nothing of a VLAN): the bridge learns from them, puts them into the VLAN of
their port where it filters VLANs, and hands them up; the host takes the tag off (__netif_receive_skb_core() in
net/core/dev.c), and routes them through its firewall. They never leave the host with it.

``tc filter show dev PORT ingress`` shows the filter by its name: ``pipefitter`` and the bridge's MAC.
"""

from __future__ import annotations

import errno
import socket
import struct
from functools import cache

from . import rtnetlink
from .rtnetlink import RouteSocket
from .wire import NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL, KernelError, attribute, attributes, from_text, text

_TCMSG = struct.Struct("=BxxxiIII")  # tcmsg: family, index, handle, parent, info
_CLSACT, _ITS_PARENT = 0xFFFF0000, 0xFFFFFFF1  # "ffff:", TC_H_CLSACT (linux/pkt_sched.h)
_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3  # its two sides
_HANDLE = 1
_INFO = 0x7066 << 16 | socket.htons(0x0003)  # the preference, "pf", and ETH_P_ALL
_KIND, _OPTIONS = 1, 2  # TCA_*
_BPF_FD, _BPF_NAME, _BPF_FLAGS, _BPF_FLAG_ACT_DIRECT = 6, 7, 8, 1  # linux/pkt_cls.h
_U32 = struct.Struct("=I")
_NAME = "pipefitter "
_UNSPEC = 0xFFFFFFFF  # TC_ACT_UNSPEC: others' filters have their say
_IPV4, _IPV6, _VLAN = 0x0800, 0x86DD, 0x8100


def shown(route_socket: RouteSocket, index: int) -> str:
    """Return the MAC for which a link gives tags, '' where it gives none."""
    for payload in _filters(route_socket, index, _INGRESS):
        found = dict(attributes(payload, _TCMSG.size))
        name = text(dict(attributes(found.get(_OPTIONS, b""))).get(_BPF_NAME, b""))
        if name.startswith(_NAME):
            return name[len(_NAME) :]
    return ""


def change(route_socket: RouteSocket, index: int, link: str, mac: str) -> None:
    """Let a link give a tag to each IP packet for a MAC and no other, or where that is '' to none.

    Of others' filters there, all stay.

    :raises KernelError: the kernel refused.
    :raises MissingFeature: it takes no BPF programs.
    """
    if not mac:
        _drop(route_socket, index, link)
        return
    what = f"tag what {link} hands to the host"
    program = _U32.pack(_program(mac))
    try:
        kind = attribute(_KIND, from_text("clsact"))
        payload = _TCMSG.pack(0, index, _CLSACT, _ITS_PARENT, 0) + kind
        route_socket.request_payload(what, rtnetlink.RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, payload)
    except KernelError as error:
        if error.code != errno.EEXIST:  # others have filters there, too
            raise
    options = attribute(_BPF_FD, program) + attribute(_BPF_NAME, from_text(_NAME + mac))
    options += attribute(_BPF_FLAGS, _U32.pack(_BPF_FLAG_ACT_DIRECT))
    payload = _ours(index) + attribute(_OPTIONS | NLA_F_NESTED, options)
    route_socket.request_payload(what, rtnetlink.RTM_NEWTFILTER, NLM_F_CREATE, payload)


def _drop(route_socket: RouteSocket, index: int, link: str) -> None:
    try:
        what = f"no longer tag what {link} hands to the host"
        route_socket.request_payload(what, rtnetlink.RTM_DELTFILTER, 0, _ours(index))
        if _filters(route_socket, index, _INGRESS) or _filters(route_socket, index, _EGRESS):
            return
        payload = _TCMSG.pack(0, index, _CLSACT, _ITS_PARENT, 0) + attribute(_KIND, from_text("clsact"))
        route_socket.request_payload(what, rtnetlink.RTM_DELQDISC, 0, payload)
    except KernelError as error:
        # There is no such filter or nothing it could be in, the kernel has none at all, or the link is gone.
        if error.code not in (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.ENODEV):
            raise


def _filters(route_socket: RouteSocket, index: int, side: int) -> list[bytes]:
    try:
        return route_socket.dump(rtnetlink.RTM_GETTFILTER, _TCMSG.pack(0, index, 0, side, 0))
    except KernelError as error:
        if error.code in (errno.EOPNOTSUPP, errno.ENODEV):
            return []
        raise


def _ours(index: int) -> bytes:
    return _TCMSG.pack(0, index, _HANDLE, _INGRESS, _INFO) + attribute(_KIND, from_text("bpf"))


@cache
def _program(mac: str) -> int:
    """Return the descriptor of a bridge's program, loaded once for all its ports."""
    from .. import bpf
    from ..bpf import instruction

    first, last = struct.unpack(">IH", bytes.fromhex(mac.replace(":", "")))
    context, result = 6, 0
    steps = [
        instruction(bpf.MOV_REGISTER, context, 1),
        instruction(bpf.LD_ABS_WORD, value=0),
        instruction(bpf.MOV32, 1, value=first),
        (bpf.JUMP_UNEQUAL_REGISTER, result, 1, 0),
        instruction(bpf.LD_ABS_HALF, value=4),
        (bpf.JUMP_UNEQUAL, result, 0, last),
        instruction(bpf.LD_ABS_HALF, value=12),
        instruction(bpf.JUMP_EQUAL, result, jump=1, value=_IPV4),
        (bpf.JUMP_UNEQUAL, result, 0, _IPV6),
        instruction(bpf.LDX_WORD, 1, context, bpf.SKB_VLAN_PRESENT),
        (bpf.JUMP_UNEQUAL, 1, 0, 0),
        instruction(bpf.MOV_REGISTER, 1, context),
        instruction(bpf.MOV, 2, value=socket.htons(_VLAN)),
        instruction(bpf.MOV, 3, value=0),
        instruction(bpf.CALL, value=bpf.SKB_VLAN_PUSH),
    ]
    # A jump leads behind the last step, counted from the one that follows it.
    code = b"".join(
        step if isinstance(step, bytes) else instruction(step[0], step[1], step[2], len(steps) - place - 1, step[3])
        for place, step in enumerate(steps)
    )
    return bpf.load_classifier(code + instruction(bpf.MOV, result, value=_UNSPEC) + instruction(bpf.EXIT))

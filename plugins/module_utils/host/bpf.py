# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""BPF programs for tc, written by their instructions and loaded by bpf(2). Private to the collection."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from ..errors import MissingFeature

# What is used of linux/bpf_common.h and linux/bpf.h; the names are those of the kernel's filter.h.
LD_ABS_WORD, LD_ABS_HALF, LDX_WORD = 0x20, 0x28, 0x61
MOV32, MOV, MOV_REGISTER = 0xB4, 0xB7, 0xBF
JUMP_EQUAL, JUMP_UNEQUAL, JUMP_UNEQUAL_REGISTER, CALL, EXIT = 0x15, 0x55, 0x5D, 0x85, 0x95
SKB_VLAN_PUSH = 18
SKB_VLAN_PRESENT = 20  # the place of vlan_present in struct __sk_buff

# __NR_bpf where a register holds an address and a number alike.
_SYSCALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "s390x": 351}
_PROG_LOAD, _SCHED_CLS = 5, 3
_ATTRIBUTES = struct.Struct("=IIQQ")  # bpf_attr: prog_type, insn_cnt, insns, license
_INSTRUCTION = struct.Struct("=BBhi")  # bpf_insn: code, registers, offset, immediate


def instruction(code: int, to: int = 0, source: int = 0, jump: int = 0, value: int = 0) -> bytes:
    """Return one instruction; ``value`` has 32 bits, with a sign or without."""
    registers = source << 4 | to if sys.byteorder == "little" else to << 4 | source
    return _INSTRUCTION.pack(code, registers, jump, value - (1 << 32) if value >= 1 << 31 else value)


def load_classifier(program: bytes) -> int:
    """Load a program that tc runs for each frame, and return its descriptor; it is closed on exec.

    :raises MissingFeature: the kernel takes no such program, or not from this process.
    """
    number = _SYSCALLS.get(os.uname().machine) if struct.calcsize("P") == 8 else None
    if number is None:
        raise MissingFeature(f"BPF programs can't be loaded on {os.uname().machine} by this Python")
    code, permission = ctypes.create_string_buffer(program, len(program)), ctypes.create_string_buffer(b"Dual BSD/GPL")
    attributes = _ATTRIBUTES.pack(
        _SCHED_CLS, len(program) // _INSTRUCTION.size, ctypes.addressof(code), ctypes.addressof(permission)
    )
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(number, _PROG_LOAD, attributes, ctypes.c_uint(len(attributes)))
    if descriptor < 0:
        raise MissingFeature(f"the kernel refused to load a BPF program ({os.strerror(ctypes.get_errno())})")
    return descriptor

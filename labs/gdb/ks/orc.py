# SPDX-License-Identifier: GPL-2.0
"""The kernel's own tables for unwinding its stack (ORC): from one frame to its caller's.

The kernel keeps them in memory, since its code has no frame pointers; GDB cannot read them
by itself, and would guess. See the kernel's Documentation/x86/orc-unwinder.rst and
asm/orc_types.h.
"""

import bisect
import struct

UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT = range(10)
REGISTERS = {DX: "rdx", DI: "rdi", BP: "rbp", SP: "rsp", R10: "r10", R13: "r13",
             BP_INDIRECT: "rbp", SP_INDIRECT: "rsp"}
CALL, REGS = "call", "regs"
PT_REGS = {"rip": 16 * 8, "rsp": 19 * 8, "rbp": 4 * 8}  # struct pt_regs, in 8-byte words


class Orc:
    """The tables of a kernel, read when needed."""

    def __init__(self, kernel):
        self.memory = kernel.memory
        self.places, self.entries = (kernel.symbol("__start_orc_unwind_ip"),
                                     kernel.symbol("__start_orc_unwind"))
        end = kernel.symbol("__stop_orc_unwind_ip")
        self.first, self.last = kernel.symbol("_stext"), kernel.symbol("_etext")
        self.there = None not in (self.places, self.entries, end, self.first, self.last)
        self.count = (end - self.places) // 4 if self.there else 0
        kind = kernel.types("struct orc_entry")
        # Kernels from 6.4 on have three bits of type where older ones have two and "end".
        self.new = kind.members["type"].bits == 3
        self.addresses = None

    def covers(self, address):
        """Is this address in the kernel's own text?"""
        return self.there and self.first <= address < self.last

    def _load(self):
        raw = self.memory.read(self.places, 4 * self.count)
        self.addresses = [self.places + 4 * i + offset
                          for i, (offset,) in enumerate(struct.iter_unpack("<i", raw))]

    def entry(self, pc):
        """(sp_offset, bp_offset, sp_reg, bp_reg, type) for a frame's pc; None if unknown.

        A return address belongs to the call before it. Only at the start of a function,
        where nothing is on the stack but the return address, is the pc the newest frame's.
        """
        if self.addresses is None:
            self._load()
        index = bisect.bisect_right(self.addresses, pc) - 1
        if index >= 0 and self.addresses[index] == pc:
            here = self._decode(index)
            if here[0] == 8 and here[2] == SP:
                return here
            index -= 1
        return self._decode(index) if index >= 0 else None

    def _decode(self, index):
        sp_offset, bp_offset, bits = struct.unpack(
            "<hhH", self.memory.read(self.entries + 6 * index, 6))
        kind = bits >> 8 & (7 if self.new else 3)
        name = {2: CALL, 3: REGS}.get(kind) if self.new else {0: CALL, 1: REGS}.get(kind)
        return sp_offset, bp_offset, bits & 15, bits >> 4 & 15, name

    def caller(self, pc, register):
        """The caller's rip, rsp and rbp, or None. register(name): this frame's."""
        found = self.entry(pc)
        if found is None or found[4] is None or found[2] not in REGISTERS:
            return None
        sp_offset, bp_offset, sp_reg, bp_reg, kind = found
        base = register(REGISTERS[sp_reg])
        if sp_reg == BP_INDIRECT:
            cfa = self._word(base + sp_offset)
        elif sp_reg == SP_INDIRECT:
            cfa = self._word(base) + sp_offset
        else:
            cfa = base + sp_offset
        if kind == REGS:
            return {name: self._word(cfa + at) for name, at in PT_REGS.items()}
        rbp = register("rbp")
        if bp_reg == PREV_SP:
            rbp = self._word(cfa + bp_offset)
        elif bp_reg == BP:
            rbp = self._word(rbp + bp_offset)
        return {"rip": self._word(cfa - 8), "rsp": cfa, "rbp": rbp}

    def _word(self, address):
        return struct.unpack("<Q", self.memory.read(address, 8))[0]

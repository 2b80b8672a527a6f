# SPDX-License-Identifier: GPL-2.0
"""Backtraces through the kernel: GDB asks here for each frame in the kernel's own text."""

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from ks.orc import Orc

MASK = (1 << 64) - 1


class FrameId:
    """What tells a frame from another."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class AsSeen:
    """Memory by the addresses of the CPU that was stopped: it is in the kernel."""

    @staticmethod
    def read(address, length):
        """Bytes, or gdb.MemoryError."""
        return bytes(gdb.selected_inferior().read_memory(address, length))


class KernelUnwinder(Unwinder):
    """By the kernel's ORC tables; the module's frames have debug information.

    GDB calls it in the middle of its own work: nothing here may ask it to evaluate, to
    look up a symbol, or to talk to the machine but for reading memory as the CPU sees it.
    So prepare() does the rest, at a better time.
    """

    def __init__(self):
        super().__init__("kvmswap-orc")
        self.orc = self.word = None

    def prepare(self, kernel):
        """Reads the tables, once the module is there: the kernel's no longer change."""
        self.orc, self.word = Orc(kernel), gdb.lookup_type("unsigned long")
        self.orc.memory = AsSeen()

    def __call__(self, pending):
        if self.orc is None:
            return None
        pc = int(pending.read_register("rip")) & MASK
        if not self.orc.covers(pc):
            return None
        try:
            old = self.orc.caller(pc, lambda name: int(pending.read_register(name)) & MASK)
        except (ValueError, gdb.error):
            return None  # a stack that cannot be read: GDB's own guess is as good
        if old is None:
            return None
        info = pending.create_unwind_info(
            FrameId(pending.read_register("rsp"), pending.read_register("rip")))
        for name, value in old.items():
            info.add_saved_register(name, gdb.Value(value).cast(self.word))
        return info


UNWINDER = KernelUnwinder()
register_unwinder(None, UNWINDER, replace=True)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of labs/gdb/ks without GDB and without a machine: memory is made of bytes here, and
types are a table."""

import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "labs" / "gdb"))

from ks import elf, orc, picture, shadow, walk  # noqa: E402
from ks.kernel import HostPte  # noqa: E402
from ks.layout import Member, Missing, Type, View, address_of, has  # noqa: E402
from ks.memory import Entry, Frames, KernelMemory, Unreadable  # noqa: E402
from ks.memory import walk as walk_tables  # noqa: E402

U8, U32, U64 = (Type("int", name, size) for name, size in (("u8", 1), ("u32", 4), ("u64", 8)))
S32 = Type("int", "int", 4, signed=True)


class Ram:
    """Memory of a few frames; the rest does not exist."""

    def __init__(self):
        self.frames = {}

    def put(self, address, word, size=8):
        """Writes a number."""
        page = self.frames.setdefault(address // 4096, bytearray(4096))
        page[address % 4096:address % 4096 + size] = word.to_bytes(size, "little")

    def fetch(self, address, _length):
        """What Frames asks for."""
        if address // 4096 not in self.frames:
            raise Unreadable(f"{address:#x}")
        return self.frames[address // 4096]


class Flat:
    """Virtual memory that is physical memory."""

    def __init__(self, ram):
        self.frames = Frames(ram.fetch)

    def read(self, address, length):
        """Bytes."""
        return self.frames.read(address, length)


def tables(ram, root, address, target, levels, large=0):
    """Page tables for one address: frames from root on, each after the other."""
    table = root
    for level in range(levels, 0, -1):
        index = address >> 12 + 9 * (level - 1) & 511
        if level == 1 or level == large:
            ram.put(table + 8 * index, target | 3 | (0x80 if level > 1 else 0))
            return
        ram.put(table + 8 * index, table + 4096 | 3)
        table += 4096


class Memory(unittest.TestCase):
    """Frames, page tables, the kernel's addresses."""

    def test_walk(self):
        """4 and 5 levels, small and large pages."""
        for levels in (4, 5):
            ram = Ram()
            address = 0x7f12_3456_7000 if levels == 4 else 0x12_7f12_3456_7000
            tables(ram, 0x10000, address, 0xabcd000, levels)
            entries, place = walk_tables(Frames(ram.fetch), 0x10000, address + 0x123, levels)
            self.assertEqual([entry.level for entry in entries], list(range(levels, 0, -1)))
            self.assertEqual(place, 0xabcd123)
        ram = Ram()
        tables(ram, 0x10000, 0x40000000, 0x8000000, 4, large=2)
        entries, place = walk_tables(Frames(ram.fetch), 0x10000, 0x40012345, 4)
        self.assertEqual((entries[-1].level, place), (2, 0x8012345))

    def test_absent(self):
        """The walk ends at the entry that is not present."""
        ram = Ram()
        ram.put(0x10000, 0)
        entries, place = walk_tables(Frames(ram.fetch), 0x10000, 0x1000, 4)
        self.assertEqual((len(entries), place), (1, None))

    def test_kernel_memory(self):
        """Reads cross pages; what is not mapped is named; what was read is kept until told."""
        ram = Ram()
        tables(ram, 0x10000, 0x1000, 0x50000, 4)
        ram.put(0x10000 + 3 * 4096 + 8 * 2, 0x70000 | 3)
        ram.put(0x50ff8, 0x1122334455667788)
        ram.put(0x70000, 0x99)
        memory = KernelMemory(Frames(ram.fetch), 0x10000, 4)
        self.assertEqual(memory.read(0x1ff8, 9), bytes.fromhex("8877665544332211" "99"))
        with self.assertRaisesRegex(Unreadable, "maps nothing at 0x5000"):
            memory.read(0x5000, 1)
        ram.put(0x70000, 0x77)
        self.assertEqual(memory.read(0x2000, 1), b"\x99")
        memory.forget()
        self.assertEqual(memory.read(0x2000, 1), b"\x77")


class Layout(unittest.TestCase):
    """Structs seen through their types."""

    def setUp(self):
        self.node = Type("struct", "struct node", 24)
        self.node._members = {                      # pylint: disable=protected-access
            "next": Member(0, Type("pointer", "struct node *", 8, target=lambda: self.node)),
            "count": Member(8, S32),
            "level": Member(12, U32, 0, 3), "direct": Member(12, U32, 3, 1),
            "access": Member(12, U32, 6, 3),
            "array": Member(16, Type("array", "u8 [4]", 4, target=U8, count=4))}
        self.ram = Ram()
        self.ram.put(0x1000, 0x1040)
        self.ram.put(0x1008, (1 << 32) - 5, 4)
        self.ram.put(0x100c, 0b101_00_1_100, 4)
        self.ram.put(0x1010, 0x04030201, 4)
        self.ram.put(0x1048, 7, 4)
        self.view = View(Flat(self.ram), self.node, 0x1000)

    def test_members(self):
        """Numbers, signs, bit-fields, arrays, pointers."""
        self.assertEqual(self.view.count, -5)
        self.assertEqual((self.view.level, self.view.direct, self.view.access), (4, 1, 5))
        self.assertEqual(list(self.view.array), [1, 2, 3, 4])
        self.assertEqual(int(self.view.next), 0x1040)
        self.assertEqual(self.view.next.to.count, 7)
        self.assertEqual(address_of(self.view, "array"), 0x1010)

    def test_missing(self):
        """What a chapter's struct has not is said, by name."""
        self.assertFalse(has(self.view, "rmap"))
        with self.assertRaisesRegex(Missing, "struct node has no member rmap"):
            _ = self.view.rmap


class Entries(unittest.TestCase):
    """What an entry says."""

    def test_host_states(self):
        """Mapped, empty, swapped out (the kernel stores the offset inverted), the rest."""
        def state(value):
            return HostPte([Entry(1, 0, value)], value & 0xffffffffff000 if value & 1 else None)

        self.assertEqual(state(0).state, "empty")
        self.assertEqual(state(0x1234067).state, "mapped")
        self.assertTrue(state(0x1234067).writable)
        self.assertFalse(state(0x1234065).writable)
        swapped = (2 << 59) | ((~0x4711 & (1 << 50) - 1) << 14 >> 5)
        self.assertEqual((state(swapped).state, state(swapped).swap()), ("swapped", (2, 0x4711)))
        self.assertIn("area 2, page 0x4711", state(swapped).describe())
        self.assertEqual(state(30 << 59 | 0x3ffe00).state, "special")
        held_back = state((~0x1234 << 12 & (1 << 52) - 4096) | 0x100)
        self.assertEqual(held_back.state, "protnone")
        self.assertIn("keeps frame 0x1234 from being used", held_back.describe())

    def test_bits(self):
        """Six columns."""
        self.assertEqual(shadow.bits(0), "------")
        self.assertEqual(shadow.bits(0x1067), "pwuxad")
        self.assertEqual(shadow.bits(1 << 63 | 0x1001), "p-----")
        self.assertEqual(shadow.entry_text(0x1025),
                         "frame 0x1: present, read-only, user, executable, accessed")


class GuestVm:
    """A guest's memory, and nothing else of a VM."""

    def __init__(self):
        self.words, self.gone = {}, set()

    def guest_words(self, gpa, size, _count):
        """As Vm.guest_words()."""
        if gpa // 4096 in self.gone:
            return None
        return [self.words.get((gpa, size), 0)]

    @staticmethod
    def slot_of(_gfn):
        """All of it is in a slot."""
        return True


class Cpu:
    """A vCPU in one of the paging modes."""

    def __init__(self, long_mode=False, pae=False, pse=False, paging=True):
        self.long_mode, self.pae, self.paging = long_mode, pae, paging
        self.cr3, self.cr4 = 0x1000, 1 << 4 if pse else 0
        self.pdptrs = [0x2001, 0, 0, 0]


class GuestWalks(unittest.TestCase):
    """The guest's tables in each format (AMD manual, "Page Translation and Protection")."""

    def test_long(self):
        """Four levels, and a page of 2 MiB."""
        vm = GuestVm()
        vm.words = {(0x1000, 8): 0x2003, (0x2000, 8): 0x3003, (0x3008, 8): 0x4003,
                    (0x4018, 8): 0x77003, (0x3010, 8): 0x40000083}
        self.assertEqual(walk.GuestWalk(vm, Cpu(long_mode=True, pae=True), 0x203abc).gfn, 0x77)
        large = walk.GuestWalk(vm, Cpu(long_mode=True, pae=True), 0x405000)
        self.assertEqual((large.gfn, len(large.steps)), (0x40005, 3))

    def test_pae(self):
        """The four pointers are the vCPU's, as loaded with CR3."""
        vm = GuestVm()
        vm.words = {(0x2000, 8): 0x3003, (0x3028, 8): 0x88003}
        self.assertEqual(walk.GuestWalk(vm, Cpu(pae=True), 0x5000).gfn, 0x88)
        self.assertIn("directory pointer", walk.GuestWalk(vm, Cpu(pae=True), 0x40000000).end)

    def test_legacy(self):
        """Two levels of 1024 entries; 4 MiB pages if CR4.PSE, bits 16:13 on top."""
        vm = GuestVm()
        vm.words = {(0x1004, 4): 0x3003, (0x3014, 4): 0x99003, (0x1008, 4): 0x00802083}
        self.assertEqual(walk.GuestWalk(vm, Cpu(), 0x405123).gfn, 0x99)
        self.assertEqual(walk.GuestWalk(vm, Cpu(pse=True), 0x803000).gfn, 0x100803)

    def test_ends(self):
        """No paging, an absent entry, a table that is swapped out."""
        vm = GuestVm()
        self.assertEqual(walk.GuestWalk(vm, Cpu(paging=False), 0x1_0000_5000).gfn, 5)
        self.assertIn("not present", walk.GuestWalk(vm, Cpu(), 0x1000).end)
        vm.gone.add(1)
        found = walk.GuestWalk(vm, Cpu(), 0x1000)
        self.assertEqual((found.gfn, found.steps[-1].value), (None, None))
        self.assertIn("swapped out", found.end)


class Files(unittest.TestCase):
    """ELF, there and back."""

    def test_round_trip(self):
        """The kernel's symbols, as written, are read again."""
        base = 0xffffffff81000000
        data = elf.symbol_file([(base, "T", "_stext"), (base + 0x40, "t", "do_it"),
                                (base + 0x2000, "T", "_etext"), (base + 0x3000, "D", "data"),
                                (0x100, "A", "per_cpu")])
        self.assertEqual(elf.module_symbols(data), {
            "_stext": (".text", base), "do_it": (".text", base + 0x40),
            "_etext": (".data", base + 0x2000), "data": (".data", base + 0x3000)})

    def test_damaged(self):
        """A file that is no ELF file, and one cut off, are named."""
        for data in (b"", b"#!/bin/sh\n" * 20, elf.symbol_file(
                [(0xffffffff81000000, "T", "_stext")])[:200]):
            with self.assertRaises(elf.Malformed):
                elf.module_symbols(data)
        with self.assertRaises(elf.Malformed):
            elf.symbol_file([(1, "T", "low")])


class OrcKernel:
    """A kernel whose unwind tables have three entries; the type field of old or new kernels."""

    def __init__(self, bits, rows):
        ram = Ram()
        for i, (address, sp, bp, word) in enumerate(rows):
            ram.put(0x1000 + 4 * i, address - (0x1000 + 4 * i) & 0xffffffff, 4)
            ram.put(0x2000 + 6 * i, int.from_bytes(struct.pack("<hhH", sp, bp, word), "little"), 6)
        ram.put(0x3000, 0)
        self.ram, self.memory, self.bits = ram, Flat(ram), bits
        self.places = {"__start_orc_unwind_ip": 0x1000, "__start_orc_unwind": 0x2000,
                       "__stop_orc_unwind_ip": 0x1000 + 4 * len(rows), "_stext": 0x5000,
                       "_etext": 0x6000}

    def symbol(self, name):
        """As Kernel.symbol."""
        return self.places.get(name)

    def types(self, _name):
        """struct orc_entry."""
        return Type("struct", "struct orc_entry", 6,
                    members={"type": Member(4, U8, 8, self.bits)})


class Unwinding(unittest.TestCase):
    """One step up the stack."""

    def test_call(self):
        """A function after its first push: the return address is two words up."""
        for bits, call in ((2, 0), (3, 2)):
            kernel = OrcKernel(bits, [(0x5000, 8, 0, 5 | call << 8),
                                      (0x5001, 16, -16, 5 | 1 << 4 | call << 8)])
            for at, word in ((0x3100, 0xbbb), (0x3108, 0x5555), (0x30f8, 0x5777)):
                kernel.ram.put(at, word)
            tables_ = orc.Orc(kernel)
            regs = {"rsp": 0x3100, "rbp": 1}
            self.assertEqual(tables_.caller(0x5010, regs.get),
                             {"rip": 0x5555, "rsp": 0x3110, "rbp": 0xbbb})
            regs["rsp"] = 0x30f8
            self.assertEqual(tables_.caller(0x5000, regs.get),
                             {"rip": 0x5777, "rsp": 0x3100, "rbp": 1})
            self.assertTrue(tables_.covers(0x5fff))
            self.assertFalse(tables_.covers(0x6000))

    def test_unknown(self):
        """Where the tables say nothing, nothing is guessed."""
        kernel = OrcKernel(3, [(0x5000, 0, 0, 0)])
        self.assertIsNone(orc.Orc(kernel).caller(0x5010, {}.get))


class Pictures(unittest.TestCase):
    """The map's letters."""

    def test_draw(self):
        """A letter a page while they fit; then the most frequent, and any stale one."""
        each, lines = picture.draw(["young"] * 3 + ["swapped"] * 2, columns=4, rows=2)
        self.assertEqual((each, lines), (1, ["YYYs", "s"]))
        each, lines = picture.draw(["old"] * 30 + ["empty"] * 30 + ["stale"], columns=4, rows=1)
        self.assertEqual(each, 16)
        self.assertEqual(lines, ["oo.!"])
        self.assertEqual(picture.legend(["old", "old", "empty"]),
                         ["o        2 spte, not accessed", ".        1 never used"])


if __name__ == "__main__":
    unittest.main()

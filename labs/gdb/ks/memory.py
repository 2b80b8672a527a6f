# SPDX-License-Identifier: GPL-2.0
"""Memory as the machine has it: frames, and the kernel's addresses through its tables.

Everything is read by physical address and translated here, so that it does not matter
where a CPU was stopped: inside the guest its CR3 is a shadow table, under which the
kernel's own memory has no address at all.
"""

import struct

PAGE = 4096
PRESENT, WRITABLE, USER, LARGE, PROTNONE = 1, 2, 4, 1 << 7, 1 << 8
ACCESSED, DIRTY, NX = 1 << 5, 1 << 6, 1 << 63
FRAME = (1 << 52) - PAGE
KERNEL_IMAGE = 0xffffffff80000000

WORDS = struct.Struct("<512Q")


class Unreadable(Exception):
    """There is no memory at this address."""


class Frames:
    """The machine's memory, a frame at a time; what was read is kept.

    fetch(address, length): reads bytes by physical address, or raises Unreadable. The
    machine is stopped, so nothing changes until forget().
    """

    def __init__(self, fetch):
        self.fetch = fetch
        self.pages, self.tables = {}, {}

    def forget(self):
        """The machine ran, or memory was written: read again."""
        self.pages.clear()
        self.tables.clear()

    def page(self, pfn):
        """A frame's bytes."""
        if pfn not in self.pages:
            self.pages[pfn] = bytes(self.fetch(pfn * PAGE, PAGE))
        return self.pages[pfn]

    def words(self, pfn):
        """A frame's bytes as 512 numbers, as of a page table."""
        if pfn not in self.tables:
            self.tables[pfn] = WORDS.unpack(self.page(pfn))
        return self.tables[pfn]

    def read(self, address, length):
        """Bytes by physical address."""
        out = bytearray()
        while length:
            offset = address % PAGE
            part = min(length, PAGE - offset)
            out += self.page(address // PAGE)[offset:offset + part]
            address, length = address + part, length - part
        return bytes(out)


class Entry:
    """An entry of a page table: its level (1: maps 4 KiB), where it is, what it is."""

    def __init__(self, level, place, value):
        self.level, self.place, self.value = level, place, value


def walk(frames, root, address, levels):
    """Walks page tables in the format of long mode.

    root: the physical address of the topmost table. Returns (entries, physical address);
    the address is None where the last entry of `entries` is not present.
    """
    entries, table = [], root & FRAME
    for level in range(levels, 0, -1):
        shift = 12 + 9 * (level - 1)
        index = address >> shift & 511
        value = frames.words(table // PAGE)[index]
        entries.append(Entry(level, table + index * 8, value))
        if not value & PRESENT:
            return entries, None
        if level == 1 or (level < 4 and value & LARGE):
            low = (1 << shift) - 1
            return entries, value & FRAME & ~low | address & low
        table = value & FRAME
    raise AssertionError("not reached")


class KernelMemory:
    """The kernel's virtual memory."""

    def __init__(self, frames, root, levels):
        self.frames, self.root, self.levels = frames, root, levels
        self.places = {}

    def forget(self):
        """As Frames.forget()."""
        self.frames.forget()
        self.places.clear()

    def translate(self, address):
        """Virtual to physical; raises Unreadable."""
        page = address // PAGE
        if page not in self.places:
            found = walk(self.frames, self.root, page * PAGE, self.levels)[1] \
                if 0 <= address < 1 << 64 else None
            if found is None:
                raise Unreadable(f"the kernel maps nothing at {address:#x}")
            self.places[page] = found
        return self.places[page] + address % PAGE

    def read(self, address, length):
        """Bytes by the kernel's virtual address."""
        out = bytearray()
        while length:
            part = min(length, PAGE - address % PAGE)
            out += self.frames.read(self.translate(address), part)
            address, length = address + part, length - part
        return bytes(out)

    def text(self, address, limit=256):
        """The string there, up to its zero byte."""
        out = b""
        while b"\0" not in out and len(out) < limit:
            part = PAGE - (address + len(out)) % PAGE
            out += self.read(address + len(out), min(part, limit - len(out)))
        return out.split(b"\0")[0].decode(errors="replace")

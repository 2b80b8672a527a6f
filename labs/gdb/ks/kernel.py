# SPDX-License-Identifier: GPL-2.0
"""The kernel's side: its lists, its modules, its struct page, a process' page tables."""

import struct

from . import layout
from .layout import address_of, has, value_at
from .memory import FRAME, KERNEL_IMAGE, PAGE, PRESENT, PROTNONE, WRITABLE, KernelMemory, walk

SWAP_TYPES = 27  # types of an entry from here on are migration, hwpoison and their like


class NoKernel(Exception):
    """The kernel is not up, or not the one of these symbols."""


class Kernel:
    """A running kernel. symbol(name): an address, or None; types(name): a Type."""

    def __init__(self, frames, symbol, types):
        self.frames, self.symbol, self.types = frames, symbol, types
        root = symbol("init_top_pgt")
        if root is None:
            raise NoKernel("the kernel's symbols are not loaded: start GDB with `make gdb`")
        five = symbol("__pgtable_l5_enabled")
        # Booted without address randomization, so the image is where it was linked.
        self.levels = 5 if five and self._image(five) else 4
        self.memory = KernelMemory(frames, root - KERNEL_IMAGE, self.levels)

    def _image(self, address):
        return struct.unpack("<I", self.frames.read(address - KERNEL_IMAGE, 4))[0]

    def number(self, name, default=None):
        """A variable of the kernel, 64 bits wide."""
        address = self.symbol(name)
        if address is None:
            return default
        return struct.unpack("<Q", self.memory.read(address, 8))[0]

    def view(self, type_name, address):
        """A struct at an address."""
        return layout.View(self.memory, self.types(type_name), address)

    def each(self, head, type_name, member):
        """The structs on a list_head or hlist_head; head: a View of it."""
        kind = self.types(type_name)
        offset = kind.member(member)[0]
        node, seen = (head.next if has(head, "next") else head.first), set()
        while node and int(node) != address_of(head) and int(node) not in seen:
            seen.add(int(node))
            yield value_at(self.memory, kind, int(node) - offset)
            node = node.to.next

    # --- modules

    def up(self):
        """Has the kernel set up the list of its modules?"""
        head = self.symbol("modules")
        try:
            return bool(head and struct.unpack("<Q", self.memory.read(head, 8))[0])
        except Exception:  # pylint: disable=broad-except
            return False  # the machine has not even read its kernel yet

    def module(self, name):
        """The struct module of that name, or None."""
        if not self.up():
            return None
        head = layout.View(self.memory, self.types("struct list_head"), self.symbol("modules"))
        for module in self.each(head, "struct module", "list"):
            if self.memory.text(address_of(module, "name"), 56) == name:
                return module
        return None

    def module_name(self, module):
        """A module's name."""
        return self.memory.text(address_of(module, "name"), 56)

    def module_symbols(self, module):
        """What the kernel itself knows of a module's symbols: {name: address}."""
        table = module.kallsyms.to
        entry = self.types("struct elf64_sym")
        count, at = table.num_symtab, int(table.symtab)
        raw = self.memory.read(at, count * entry.size)
        name_at, value_at_ = entry.member("st_name")[0], entry.member("st_value")[0]
        strings = int(table.strtab)
        names = [int.from_bytes(raw[i + name_at:i + name_at + 4], "little")
                 for i in range(0, len(raw), entry.size)]
        text = self.memory.read(strings, max(names, default=0) + 1)
        out = {}
        for i, name in enumerate(names):
            value = int.from_bytes(raw[i * entry.size + value_at_:][:8], "little")
            end = text.find(b"\0", name)
            key = (text[name:end] if end >= 0
                   else self.memory.text(strings + name).encode()).decode(errors="replace")
            if key and value:
                out.setdefault(key, set()).add(value)
        return {key: min(values) for key, values in out.items() if len(values) == 1}

    def module_sections(self, module, file_symbols):
        """Where a module's sections are: {section: address}.

        file_symbols: of its file (elf.module_symbols()). None if the module that runs is
        not the one of that file.
        """
        votes = {}
        for name, address in self.module_symbols(module).items():
            if name in file_symbols:
                section, offset = file_symbols[name]
                votes.setdefault(section, []).append(address - offset)
        if ".text" not in votes or any(len(set(found)) > 1 for found in votes.values()):
            return None
        return {section: found[0] for section, found in votes.items()}

    # --- pages

    def page(self, pfn):
        """The struct page of a frame."""
        base = self.number("vmemmap_base", 0xffffea0000000000)
        return self.view("struct page", base + pfn * self.types("struct page").size)

    def page_facts(self, pfn):
        """A frame's flags (a list of names), reference count and map count."""
        page = self.page(pfn)
        flags, word = [], page.flags
        taken = set()
        for name, bit in self.types("enum pageflags").members.items():
            if name.startswith("PG_") and bit not in taken and word >> bit & 1:
                taken.add(bit)
                flags.append(name[3:])
        kind = "slab or table" if page._mapcount.counter < -1 else ""
        mapping = int(page.mapping) if has(page, "mapping") else 0
        if mapping & 3 == 1:
            kind = "anonymous"
        elif mapping and mapping & 3 == 0 and not kind:
            kind = "of a file"
        return {"flags": flags, "count": page._refcount.counter,
                "mapcount": page._mapcount.counter + 1, "kind": kind,
                "page": address_of(page)}

    def zero_pfns(self):
        """The frames that read as zeros: (the small zero page, the first of the huge one)."""
        return self.number("zero_pfn"), self.number("huge_zero_pfn")

    # --- a process

    def host_pte(self, mm, hva):
        """What a process maps at an address: a HostPte."""
        root = self.memory.translate(int(mm.pgd))
        entries, place = walk(self.frames, root, hva, self.levels)
        return HostPte(entries, place)


class HostPte:
    """The host's own entry for an address of the VM's process."""

    def __init__(self, entries, place):
        self.entries, self.level, self.value = entries, entries[-1].level, entries[-1].value
        self.present = place is not None
        self.pfn = place // PAGE if self.present else None
        self.writable = bool(self.present and self.value & WRITABLE)

    @property
    def state(self):
        """One word: mapped, swapped, or empty; protnone, special."""
        if self.present:
            return "mapped"
        if not self.value:
            return "empty"
        if self.value & PROTNONE and not self.value & PRESENT:
            return "protnone"
        return "swapped" if self.swap()[0] < SWAP_TYPES else "special"

    def swap(self):
        """A swap entry's area and offset in it, in pages (see the kernel's pgtable_64.h)."""
        return (self.value >> 59,
                (~self.value << 5 & (1 << 64) - 1) >> 14)

    def describe(self):
        """In words."""
        if self.present:
            size = {1: "", 2: ", as part of 2 MiB", 3: ", as part of 1 GiB"}[self.level]
            return (f"maps frame {self.pfn:#x}, {'writable' if self.writable else 'read-only'}"
                    f"{size}")
        return {"empty": "maps nothing there",
                # ... which the kernel stores inverted, as it does for swap entries
                "protnone": f"keeps frame {(~self.value & FRAME) // PAGE:#x} from being used",
                "special": f"has a special entry {self.value:#x} (migration or the like)",
                "swapped": "has it swapped out: area %d, page %#x" % self.swap(),
                }[self.state]

# SPDX-License-Identifier: GPL-2.0
"""The module's VMs, their vCPUs, memslots and statistics."""

import struct

from .layout import address_of, has, type_of, value_at
from .memory import PAGE

MODULE = "kvmswap"
REGS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
CR0_PE, CR0_PG, CR0_WP = 1, 1 << 31, 1 << 16
CR4_PSE, CR4_PAE = 1 << 4, 1 << 5
EFER_LMA, EFER_NX = 1 << 10, 1 << 11


class NotHere(Exception):
    """What is asked for is not there; the message says what to do."""


class Slot:
    """A memslot, as it is now."""

    def __init__(self, number, view):
        self.view, self.number = view, number
        self.base_gfn, self.npages = view.base_gfn, view.npages
        self.hva, self.flags = view.userspace_addr, view.flags
        self.dirty_bitmap, self.rmap = int(view.dirty_bitmap), view.rmap

    def holds(self, gfn):
        """Is this guest frame in the slot?"""
        return self.base_gfn <= gfn < self.base_gfn + self.npages

    def hva_of(self, gfn):
        """The host virtual address of a guest frame."""
        return self.hva + (gfn - self.base_gfn) * PAGE


class Vcpu:
    """A vCPU: what its fields say, and the guest's paging mode."""

    def __init__(self, view):
        self.view, self.id, self.mode = view, view.id, view.mode
        self.cpu, self.requests = view.cpu, view.requests
        self.rip, self.cr0, self.cr3, self.cr4 = view.rip, view.cr0, view.cr3, view.cr4
        self.efer = view.efer
        self.pdptrs = [view.pdptrs[i] for i in range(4)]

    @property
    def paging(self):
        """Is the guest's paging on?"""
        return bool(self.cr0 & CR0_PG)

    @property
    def long_mode(self):
        """Is the guest in long mode?"""
        return bool(self.efer & EFER_LMA)

    @property
    def pae(self):
        """Have the guest's entries 8 bytes?"""
        return bool(self.cr4 & CR4_PAE)

    def mode_name(self):
        """The guest's mode, in words."""
        if self.long_mode:
            return "64-bit"
        if self.paging:
            return "PAE" if self.pae else "32-bit paging"
        return "protected, no paging" if self.cr0 & CR0_PE else "real mode"


class Vm:
    """One VM of the module."""

    def __init__(self, kernel, view, name):
        self.kernel, self.view, self.name = kernel, view, name
        self.address = address_of(view)
        self._slots = None

    def vcpus(self):
        """Its vCPUs, by their number."""
        return [Vcpu(pointer.to) for pointer in self.view.vcpus if pointer]

    def stats(self):
        """What it counted: {name: number}."""
        return {name: getattr(self.view.stats, name).counter
                for name in type_of(self.view.stats).members}

    def has_slots(self):
        """From chapter 1 on there are memslots."""
        return has(self.view, "memslots.slot")

    def has_shadow(self):
        """From chapter 2 on there are shadow pages."""
        return has(self.view, "shadow.pages")

    def has_rmaps(self):
        """From chapter 3 on there are rmaps."""
        return self.kernel.types.known("struct rmap_desc")

    def slots(self):
        """Its memslots that are in use."""
        if not self.has_slots():
            raise NotHere("this module has no memslots: they come with chapter 1")
        if self._slots is None:
            table, out = self.view.memslots.slot, []
            pointers = type_of(table).target.kind == "pointer"
            if pointers and self.view.memslots.used:
                raw = self.kernel.memory.read(address_of(table), 8 * self.view.memslots.used)
                for number, (address,) in enumerate(struct.iter_unpack("<Q", raw)):
                    if address:
                        kind = type_of(table).target.target
                        out.append(Slot(number, value_at(self.kernel.memory, kind, address)))
            elif not pointers:
                out = [Slot(number, table[number]) for number in range(self.view.memslots.used)]
            self._slots = [slot for slot in out if slot.npages]
        return self._slots

    def slot_of(self, gfn):
        """The slot that a guest frame is in, or None."""
        for slot in self.slots():
            if slot.holds(gfn):
                return slot
        return None

    def lock_held(self):
        """Is mmu_lock taken at this moment? Then a change may be half done."""
        word = self.kernel.memory.read(address_of(self.view, "mmu_lock"), 4)
        return any(word)

    def host_pte(self, gfn):
        """The host's own entry for a guest frame."""
        slot = self.slot_of(gfn)
        if slot is None:
            raise NotHere(f"the guest has no memory at gfn {gfn:#x}: ks-slots shows where")
        return self.kernel.host_pte(self.view.mm.to, slot.hva_of(gfn))

    def guest_words(self, gpa, size, count):
        """Numbers of `size` bytes from the guest's memory, or None where the page is not in
        memory or the guest has none there."""
        slot = self.slot_of(gpa // PAGE)
        if slot is None:
            return None
        pte = self.host_pte(gpa // PAGE)
        if not pte.present:
            return None
        raw = self.kernel.frames.read(pte.pfn * PAGE + gpa % PAGE, size * count)
        return [int.from_bytes(raw[i:i + size], "little") for i in range(0, len(raw), size)]


def children(kernel, dentry):
    """The entries of a folder of debugfs."""
    if has(dentry, "d_subdirs"):
        return kernel.each(dentry.d_subdirs, "struct dentry", "d_child")
    return kernel.each(dentry.d_children, "struct dentry", "d_sib")


def find_vms(kernel):
    """All VMs. The module keeps no list of them; but each has its folder in debugfs, whose
    files know the VM that they speak of."""
    place = kernel.symbol("kvmswap_dir")
    if place is None:
        raise NotHere("the module's symbols are not loaded")
    folder = int.from_bytes(kernel.memory.read(place, 8), "little")
    out = []
    if not folder or folder >= (1 << 64) - 4095:
        return out
    for dentry in children(kernel, kernel.view("struct dentry", folder)):
        name = kernel.memory.text(int(dentry.d_name.name))
        if not name.startswith("vm-") or not dentry.d_inode:
            continue
        for file in children(kernel, dentry):
            if kernel.memory.text(int(file.d_name.name)) == "stats" and file.d_inode:
                out.append(Vm(kernel, kernel.view("struct vm", int(file.d_inode.to.i_private)),
                              name))
    return sorted(out, key=lambda vm: [int(part) for part in vm.name[3:].split("-")])

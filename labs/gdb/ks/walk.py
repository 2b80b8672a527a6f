# SPDX-License-Identifier: GPL-2.0
"""The two page walks of an address: the guest's own tables, and the shadow tables."""

from .memory import FRAME, LARGE, PAGE, PRESENT, WRITABLE
from .shadow import Shadow, bits
from .vm import CR4_PSE, NotHere

PSE36_HIGH = 0xf << 13  # of a 4 MiB entry: bits 35:32 of its address


class Step:
    """One entry on the way. value is None where the table cannot be read."""

    def __init__(self, level, place, value, note=""):
        self.level, self.place, self.value, self.note = level, place, value, note


class GuestWalk:
    """What the guest's tables say of an address. gfn is None where the walk ends early."""

    def __init__(self, vm, vcpu, gva):
        self.vm, self.vcpu, self.gva, self.steps, self.gfn, self.end = vm, vcpu, gva, [], None, ""
        if not vcpu.paging:
            self.gfn = (gva & 0xffffffff) // PAGE
            return
        table, level = vcpu.cr3 & FRAME, 4 if vcpu.long_mode else 2
        if vcpu.pae and not vcpu.long_mode:
            entry = vcpu.pdptrs[gva >> 30 & 3]
            self.steps.append(Step(3, vcpu.cr3 & 0xffffffe0 | (gva >> 30 & 3) * 8, entry))
            if not entry & PRESENT:
                self.end = "the guest's directory pointer is not present"
                return
            table = entry & FRAME
        self._descend(table, level)

    def _descend(self, table, level):
        wide = self.vcpu.pae or self.vcpu.long_mode
        size, index_bits = (8, 9) if wide else (4, 10)
        for level in range(level, 0, -1):
            shift = 12 + index_bits * (level - 1)
            place = table + (self.gva >> shift & (1 << index_bits) - 1) * size
            found = self.vm.guest_words(place, size, 1)
            if found is None:
                slot = self.vm.slot_of(place // PAGE)
                self.end = (f"the guest's table at gpa {table:#x} is "
                            + ("swapped out" if slot else "where the guest has no memory"))
                self.steps.append(Step(level, place, None))
                return
            entry = found[0]
            self.steps.append(Step(level, place, entry))
            if not entry & PRESENT:
                self.end = "the guest's entry is not present"
                return
            if level == 1 or entry & LARGE and self._may_be_large(level):
                self.gfn = self._frame(entry, level, shift)
                return
            table = entry & FRAME if wide else entry & 0xfffff000

    def _may_be_large(self, level):
        if level == 2:
            return self.vcpu.pae or self.vcpu.long_mode or bool(self.vcpu.cr4 & CR4_PSE)
        return level == 3 and self.vcpu.long_mode

    def _frame(self, entry, level, shift):
        address = entry & FRAME & ~((1 << shift) - 1)
        if level == 2 and shift == 22:
            address = entry & 0xffc00000 | (entry & PSE36_HIGH) << 19
        return (address | self.gva & (1 << shift) - 1) // PAGE


class ShadowWalk:
    """What the hardware's tables say of it. spte is the leaf entry, None if there is none."""

    def __init__(self, vm, vcpu, gva):
        shadow = Shadow(vm)
        self.steps, self.sptep, self.spte, self.end, self.leaf_page = [], None, None, "", None
        mmu = vcpu.view.mmu
        root = int(mmu.root[0 if vcpu.long_mode else gva >> 30 & 3])
        page = next((page for page in shadow.pages if page.address == root), None)
        if page is None:
            self.end = "no root is loaded" if not mmu.loaded else "its root maps nothing there"
            return
        while page:
            index = gva >> 12 + 9 * (page.level - 1) & 511
            entry = page.entries[index]
            self.steps.append(Step(page.level, page.spt + 8 * index, entry))
            if page.level == 1:
                self.sptep, self.spte, self.leaf_page = page.spt + 8 * index, entry, page
                return
            if not entry & PRESENT:
                self.end = "nothing is mapped below"
                return
            page = shadow.child(entry)
        self.end = "the last entry leads to no shadow page"


def row(step, guest):
    """One entry in words."""
    if step is None:
        return ""
    if step.value is None:
        return f"{step.place:#x}  (not in memory)"
    target = (step.value & FRAME) // PAGE
    if not step.value & PRESENT:
        return f"{step.place:#x}  {bits(step.value)}  {step.value:#x}"
    name = "gfn" if guest else "pfn"
    large = " large" if guest and step.value & LARGE and step.level > 1 else ""
    return f"{step.place:#x}  {bits(step.value)}  {name} {target:#x}{large}"


def table(guest, shadow):
    """The two walks side by side: lines of text."""
    lines = [f"{'level':5}  {'the guest (gpa of its entry)':41}  the shadow (address of the entry)"]
    by_level = {step.level: step for step in guest.steps}
    mine = {step.level: step for step in shadow.steps}
    for level in sorted(by_level.keys() | mine.keys(), reverse=True):
        lines.append(f"{level:5}  {row(by_level.get(level), True):41}  "
                     f"{row(mine.get(level), False)}".rstrip())
    if not guest.vcpu.paging:
        lines.append("       (the guest's paging is off: gva is gpa)")
    return lines


def host_lines(vm, gfn, spte=None):
    """From a gfn to the host's page, and whether the spte and the host agree."""
    slot = vm.slot_of(gfn)
    if slot is None:
        return [f"gfn {gfn:#x} is in no memslot: an access is MMIO"]
    pte = vm.host_pte(gfn)
    lines = [f"gfn {gfn:#x}  slot {slot.number}  hva {slot.hva_of(gfn):#x}",
             f"the host {pte.describe()}"]
    if pte.present:
        lines.append(page_line(vm.kernel, pte.pfn))
    if spte and spte & PRESENT:
        pfn = (spte & FRAME) // PAGE
        if is_current(vm, gfn, spte):
            lines.append("the spte maps the host's page")
        else:
            lines.append(f"STALE: the spte maps frame {pfn:#x}, and the host does not there"
                         + ("" if pte.pfn != pfn else " allow the write"))
            if pte.pfn != pfn:
                lines.append(page_line(vm.kernel, pfn))
    elif spte is not None:
        lines.append("no spte: the next access faults")
    return lines


def times(count):
    """A number of times in words."""
    return {0: "nowhere", 1: "once"}.get(count, f"{count} times")


def page_line(kernel, pfn):
    """The struct page of a frame in one line."""
    facts = kernel.page_facts(pfn)
    kind = f" {facts['kind']}," if facts["kind"] else ""
    if pfn == kernel.zero_pfns()[0]:
        kind = " the zero page,"
    return (f"frame {pfn:#x}:{kind} count {facts['count']}, mapped {times(facts['mapcount'])}, "
            f"flags {' '.join(facts['flags']) or 'none'}")


def is_current(vm, gfn, spte):
    """Does the host map there what the spte maps? (Invariant 1.)"""
    try:
        pte = vm.host_pte(gfn)
    except NotHere:
        return False
    pfn, write = (spte & FRAME) // PAGE, spte & WRITABLE
    if not pte.present:
        return False
    if pte.pfn == pfn:
        return not write or pte.writable or pte.level == 3
    small, huge = vm.kernel.zero_pfns()
    # A part of the huge zero page may stand for the small one: both read as zeros.
    return (not write and pte.pfn == small and huge is not None and huge != (1 << 64) - 1
            and huge <= pfn < huge + 512)

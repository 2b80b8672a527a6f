# SPDX-License-Identifier: GPL-2.0
"""Shadow pages, their entries, and the rmaps: who maps this page?"""

import struct

from .layout import address_of
from .memory import ACCESSED, DIRTY, FRAME, NX, PAGE, PRESENT, USER, WRITABLE
from .vm import NotHere

SPTES = 512
ROLE_BITS = ("direct", "quadrant", "access", "dirty", "pae", "long_mode", "nx", "wp", "pse")
RMAP_MANY = 1  # bit 0 of an rmap_head: the rest is a struct rmap_desc


class ShadowPage:
    """One page table for the hardware, read as a whole."""

    def __init__(self, kernel, view):
        self.view, self.address, self.gfn = view, address_of(view), view.gfn
        role = view.role
        self.role_word, self.level = role.word, role.level
        self.role = {name: getattr(role, name) for name in ROLE_BITS}
        self.root_count = view.root_count
        self.spt = int(view.spt)
        self.spt_pa = kernel.memory.translate(self.spt)
        self.entries = kernel.frames.words(self.spt_pa // PAGE)
        self.gfns = None
        if self.level == 1:
            self.gfns = kernel.frames.words(kernel.memory.translate(int(view.gfns)) // PAGE)

    def role_text(self):
        """The role in words."""
        out = [f"level {self.level}"]
        out += [name for name in ("direct", "long_mode", "pae", "nx", "wp", "pse")
                if self.role[name]]
        if self.role["quadrant"]:
            out.append(f"quadrant {self.role['quadrant']}")
        access = self.role["access"]
        allowed = "r" + ("w" if access & 2 else "-") + ("x" if access & 1 else "-")
        return " ".join(out + [allowed + (" user" if access & 4 else " kernel only")])


class Leaf:
    """A present leaf spte: where it is, what it is, and the gfn that it maps."""

    def __init__(self, page, index):
        self.page, self.index = page, index
        self.sptep = page.spt + index * 8
        self.spte, self.gfn = page.entries[index], page.gfns[index]
        self.pfn = (self.spte & FRAME) // PAGE


class Shadow:
    """All shadow pages of a VM."""

    def __init__(self, vm):
        if not vm.has_shadow():
            raise NotHere("this module has no shadow pages: they come with chapter 2")
        self.vm = vm
        self.pages = [ShadowPage(vm.kernel, view) for view in
                      vm.kernel.each(vm.view.shadow.pages, "struct shadow_page", "link")]
        self.by_frame = {page.spt_pa // PAGE: page for page in self.pages}

    def leaves(self):
        """Every present leaf spte."""
        for page in self.pages:
            if page.level == 1:
                for index, spte in enumerate(page.entries):
                    if spte & PRESENT:
                        yield Leaf(page, index)

    def page_of(self, sptep):
        """The shadow page that an entry is in, by the entry's kernel address; or None."""
        for page in self.pages:
            if page.spt <= sptep < page.spt + PAGE:
                return page
        return None

    def child(self, entry):
        """The shadow page that an upper entry leads to, or None."""
        return self.by_frame.get((entry & FRAME) // PAGE)

    def parents(self, page):
        """The (page, index) of the entries that lead to a shadow page."""
        return [(other, index) for other in self.pages if other.level > 1
                for index, entry in enumerate(other.entries)
                if entry & PRESENT and (entry & FRAME) == page.spt_pa]


class Rmaps:
    """The chains of a VM."""

    def __init__(self, vm):
        if not vm.has_rmaps():
            raise NotHere("this module has no rmaps: they come with chapter 3; "
                          "ks-page finds who maps a frame by looking at every spte")
        self.vm, self.kernel = vm, vm.kernel
        desc = self.kernel.types("struct rmap_desc")
        self.desc_size = desc.size
        self.sptes_at, array = desc.member("sptes")
        self.per_desc, self.more_at = array.count, desc.member("more")[0]

    def head(self, slot, gfn):
        """Where the chain of a gfn begins: a kernel address."""
        size = self.kernel.types("struct rmap_head").size
        return int(slot.rmap) + (gfn - slot.base_gfn) * size

    def heads(self, slot):
        """The words of all chains of a slot, in order."""
        raw = self.kernel.memory.read(int(slot.rmap), slot.npages * 8)
        return struct.unpack(f"<{slot.npages}Q", raw)

    def follow(self, word, limit=1 << 20):
        """A chain from its first word: yields (its descriptor or None, sptep)."""
        if not word & RMAP_MANY:
            if word:
                yield None, word
            return
        desc, seen = word & ~RMAP_MANY, 0
        while desc and seen < limit:
            raw = self.kernel.memory.read(desc, self.desc_size)
            for i in range(self.per_desc):
                at = self.sptes_at + 8 * i
                sptep = int.from_bytes(raw[at:at + 8], "little")
                if not sptep:
                    break
                seen += 1
                yield desc, sptep
            desc = int.from_bytes(raw[self.more_at:self.more_at + 8], "little")

    def chain(self, gfn):
        """The addresses of the sptes on the chain of a gfn."""
        slot = self.vm.slot_of(gfn)
        if slot is None:
            raise NotHere(f"the guest has no memory at gfn {gfn:#x}: ks-slots shows where")
        word = int.from_bytes(self.kernel.memory.read(self.head(slot, gfn), 8), "little")
        return [sptep for _, sptep in self.follow(word)]

    def words_of(self, gfn):
        """Where the words of a chain are that a change of it writes to: kernel addresses."""
        slot = self.vm.slot_of(gfn)
        if slot is None:
            raise NotHere(f"the guest has no memory at gfn {gfn:#x}: ks-slots shows where")
        head = self.head(slot, gfn)
        word = int.from_bytes(self.kernel.memory.read(head, 8), "little")
        out = [head]
        if word & RMAP_MANY:  # the first descriptor is the one that may have room
            first = (word & ~RMAP_MANY) + self.sptes_at
            out += [first + 8 * i for i in range(self.per_desc)]
        return out


def bits(entry):
    """An entry's bits in six columns: present, writable, user, executable, accessed, dirty."""
    if not entry & PRESENT:
        return "------"
    return "p" + "".join(letter if there else "-" for letter, there in (
        ("w", entry & WRITABLE), ("u", entry & USER), ("x", not entry & NX),
        ("a", entry & ACCESSED), ("d", entry & DIRTY)))


def entry_text(entry):
    """An entry decoded, in words."""
    if not entry & PRESENT:
        return "not present" + (f" ({entry:#x})" if entry else "")
    names = ["present", "writable" if entry & WRITABLE else "read-only",
             "user" if entry & USER else "kernel only",
             "no execute" if entry & NX else "executable"]
    names += [name for name, mask in (("accessed", ACCESSED), ("dirty", DIRTY)) if entry & mask]
    return f"frame {(entry & FRAME) // PAGE:#x}: " + ", ".join(names)

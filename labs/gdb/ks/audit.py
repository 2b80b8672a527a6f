# SPDX-License-Identifier: GPL-2.0
"""The design's invariants, checked from outside: what audit.c checks, by another hand.

(1) no stale spte, (2) each leaf spte on one chain, that of its gfn, and each entry of a chain
a leaf spte of that gfn, (3) no page held from chapter 4 on, (9) a shadow page only where
its gfn and role belong. The counts are those of the module's debugfs file "audit".
"""

from collections import Counter

from .memory import FRAME, PAGE, PRESENT
from .shadow import Rmaps, Shadow
from .walk import is_current

SAME = ("pae", "long_mode", "nx", "wp")  # of a role, from the top to the bottom


class Audit:
    """One audit of a VM, done when it is made."""

    def __init__(self, vm):
        self.vm, self.shadow, self.details = vm, Shadow(vm), []
        self.leaf_sptes = self.stale_sptes = self.rmap_errors = self.role_errors = 0
        self.pinned_pages = vm.stats()["pages_pinned"]
        self.leaves = list(self.shadow.leaves())
        self.leaf_sptes = len(self.leaves)
        self._roles()
        if vm.has_rmaps():
            self._rmaps()
        else:
            for leaf in self.leaves:
                if vm.slot_of(leaf.gfn) is None:
                    self._rmap(f"gfn {leaf.gfn:#x} is mapped and in no slot")
        if not vm.view.dead:
            self._stale()

    def counts(self):
        """name -> number, as the module prints them."""
        return {name: getattr(self, name) for name in
                ("leaf_sptes", "stale_sptes", "rmap_errors", "role_errors", "pinned_pages")}

    def _rmap(self, text):
        self.rmap_errors += 1
        self.details.append("rmap: " + text)

    def _role(self, text):
        self.role_errors += 1
        self.details.append("role: " + text)

    # --- invariant 9

    def _roles(self):
        seen = Counter((page.gfn, page.role_word) for page in self.shadow.pages)
        for page in self.shadow.pages:
            for _ in range(seen[page.gfn, page.role_word] - 1):
                self._role(f"gfn {page.gfn:#x} role {page.role_word:#x} is there twice")
            for index, entry in enumerate(page.entries):
                if not entry & PRESENT:
                    if entry:
                        self._role(f"not present, not zero: {entry:#x}")
                elif page.level > 1:
                    self._link(page, index, entry)
                elif page.role["direct"] and page.gfns[index] != page.gfn + index:
                    self._role(f"direct spte of gfn {page.gfn + index:#x} "
                               f"says {page.gfns[index]:#x}")

    def _link(self, page, index, entry):
        child = self.shadow.child(entry)
        if child is None:
            self._role(f"gfn {page.gfn:#x} role {page.role_word:#x} entry {index} leads to "
                       f"frame {(entry & FRAME) // PAGE:#x}, which is no shadow page")
            return
        if child.level != page.level - 1 or child.role["access"] & ~page.role["access"] \
                or any(child.role[name] != page.role[name] for name in SAME):
            self._role(f"gfn {page.gfn:#x} role {page.role_word:#x} "
                       f"leads to role {child.role_word:#x}")
        if page.role["direct"]:
            gfn = page.gfn + (index << 9 * (page.level - 1))
            if not child.role["direct"] or child.gfn != gfn:
                self._role(f"direct gfn {page.gfn:#x} leads to {child.gfn:#x}, not {gfn:#x}")

    # --- invariant 2

    def _rmaps(self):
        rmaps, here = Rmaps(self.vm), {leaf.sptep: leaf for leaf in self.leaves}
        on_chains, on_own = 0, Counter()
        limit = self.leaf_sptes + 1  # a chain that leads back into itself ends here
        for slot in self.vm.slots():
            for offset, word in enumerate(rmaps.heads(slot)):
                if not word:
                    continue
                gfn = slot.base_gfn + offset
                for _, sptep in rmaps.follow(word, limit):
                    on_chains += 1
                    leaf = here.get(sptep)
                    if leaf is None or leaf.gfn != gfn:
                        self._rmap(f"chain of gfn {gfn:#x} has "
                                   + (f"spte {leaf.spte:#x} of gfn {leaf.gfn:#x}" if leaf
                                      else f"{sptep:#x}, which is no present leaf spte"))
                    else:
                        on_own[sptep] += 1
        for leaf in self.leaves:
            if self.vm.slot_of(leaf.gfn) is None:
                self._rmap(f"gfn {leaf.gfn:#x} is mapped and in no slot")
            elif on_own[leaf.sptep] != 1:
                self._rmap(f"spte of gfn {leaf.gfn:#x} is {on_own[leaf.sptep]} times "
                           "on its chain")
        if on_chains != self.leaf_sptes:
            self._rmap(f"{self.leaf_sptes} leaf sptes, {on_chains} on chains")

    # --- invariant 1

    def _stale(self):
        for leaf in self.leaves:
            if not is_current(self.vm, leaf.gfn, leaf.spte):
                self.stale_sptes += 1
                self.details.append(f"stale: gfn {leaf.gfn:#x} spte {leaf.spte:#x} "
                                    f"at {leaf.sptep:#x}")

# SPDX-License-Identifier: GPL-2.0
"""The guest's pages as a picture of letters, and one page's neighbours as a graph."""

from collections import Counter

from .memory import ACCESSED
from .shadow import RMAP_MANY, Rmaps, Shadow, bits
from .walk import is_current

LETTERS = {"young": "Y", "old": "o", "mapped": "m", "swapped": "s", "empty": ".",
           "stale": "!", "other": "?"}
MEANING = {"young": "spte, accessed", "old": "spte, not accessed", "mapped": "in memory, no spte",
           "swapped": "swapped out", "empty": "never used", "stale": "STALE spte",
           "other": "something else"}


def states(vm, slot):
    """What each page of a slot is at: a list of the words above."""
    sptes = {}
    if vm.has_shadow():
        for leaf in Shadow(vm).leaves():
            if slot.holds(leaf.gfn):
                sptes.setdefault(leaf.gfn, []).append(leaf.spte)
    out, mm = [], vm.view.mm.to
    for gfn in range(slot.base_gfn, slot.base_gfn + slot.npages):
        mapped = sptes.get(gfn)
        if mapped:
            if not all(is_current(vm, gfn, spte) for spte in mapped):
                out.append("stale")
            else:
                out.append("young" if any(spte & ACCESSED for spte in mapped) else "old")
            continue
        state = vm.kernel.host_pte(mm, slot.hva_of(gfn)).state
        out.append(state if state in LETTERS else "other")
    return out


def draw(found, columns=64, rows=24):
    """Lines of letters; a letter is as many pages as it takes to fit."""
    each = max(1, -(-len(found) // (columns * rows)))
    cells = []
    for start in range(0, len(found), each):
        count = Counter(found[start:start + each])
        best = "stale" if count["stale"] else count.most_common(1)[0][0]
        cells.append(LETTERS[best])
    lines = ["".join(cells[start:start + columns]) for start in range(0, len(cells), columns)]
    return each, lines


def legend(found):
    """How many pages are in which state, a line each."""
    count = Counter(found)
    return [f"{LETTERS[state]}  {count[state]:7} {MEANING[state]}"
            for state in LETTERS if count[state]]


def quoted(text):
    """A label of Graphviz."""
    return '"' + text.replace('"', "'") + '"'


def graph(vm, gfn):
    """Slot, chain, sptes, shadow pages and the host's page of a gfn: Graphviz text."""
    lines = ["digraph page {", "  rankdir=LR; node [shape=box fontname=monospace fontsize=10];",
             "  edge [fontname=monospace fontsize=9];"]

    def node(name, label, **style):
        look = "".join(f" {key}={quoted(value)}" for key, value in style.items())
        lines.append(f"  {name} [label={quoted(label)}{look}];")

    def edge(start, end, label="", **style):
        look = "".join(f" {key}={quoted(value)}" for key, value in style.items())
        lines.append(f"  {start} -> {end} [label={quoted(label)}{look}];")

    slot, pte = vm.slot_of(gfn), vm.host_pte(gfn)
    shadow = Shadow(vm)
    node("vm", f"VM {vm.name}")
    node("slot", f"slot {slot.number}\\ngfn {slot.base_gfn:#x}, {slot.npages} pages\\n"
                 f"hva {slot.hva:#x}")
    node("gfn", f"gfn {gfn:#x}\\nhva {slot.hva_of(gfn):#x}", style="bold")
    node("pte", f"the host's pte\\n{pte.describe()}")
    edge("vm", "slot")
    edge("slot", "gfn")
    edge("gfn", "pte", "hva")
    pages, seen = {}, set()
    if pte.present:
        edge("pte", f"page{pte.pfn:x}")
        pages[pte.pfn] = None
    leaves = [leaf for leaf in shadow.leaves() if leaf.gfn == gfn]
    if vm.has_rmaps():
        _chain(vm, slot, gfn, node, edge)
    for leaf in leaves:
        name = f"spte{leaf.sptep:x}"
        current = is_current(vm, gfn, leaf.spte)
        node(name, f"spte at {leaf.sptep:#x}\\n{bits(leaf.spte)}"
                   + ("" if current else "\\nSTALE"), color="black" if current else "red")
        edge(name, f"page{leaf.pfn:x}", "maps", color="black" if current else "red")
        pages[leaf.pfn] = None
        _above(shadow, leaf.page, leaf.index, name, node, edge, seen)
    for pfn in pages:
        facts = vm.kernel.page_facts(pfn)
        node(f"page{pfn:x}", f"frame {pfn:#x}\\ncount {facts['count']} mapped "
                             f"{facts['mapcount']}\\n{' '.join(facts['flags'])}", style="filled",
             fillcolor="lightgrey")
    return "\n".join(lines + ["}"]) + "\n"


def _chain(vm, slot, gfn, node, edge):
    """The rmap head, its descriptors, and the sptes that they name."""
    rmaps = Rmaps(vm)
    head = rmaps.head(slot, gfn)
    word = int.from_bytes(vm.kernel.memory.read(head, 8), "little")
    kind = "empty" if not word else "a list" if word & RMAP_MANY else "one spte"
    node("head", f"rmap head\\n{kind}")
    edge("gfn", "head", "rmap")
    last = "head"
    for desc, sptep in rmaps.follow(word):
        if desc is None:
            edge("head", f"spte{sptep:x}", "", style="dashed")
            continue
        name = f"desc{desc:x}"
        if name != last:
            node(name, "rmap_desc")
            edge(last, name, "" if last == "head" else "more")
            last = name
        edge(name, f"spte{sptep:x}", "", style="dashed")


def _above(shadow, page, index, below, node, edge, seen):
    """The shadow pages that lead to an entry, up to the roots."""
    name = f"sp{page.address:x}"
    edge(name, below, f"[{index}]")
    if name in seen:
        return
    seen.add(name)
    root = f"\\nroot of {page.root_count} vCPU" if page.root_count else ""
    node(name, f"shadow page\\ngfn {page.gfn:#x}\\n{page.role_text()}{root}")
    for parent, at in shadow.parents(page):
        _above(shadow, parent, at, name, node, edge, seen)


def mappers(vm, pfn):
    """Who maps a frame: (leaf sptes of it, gfns whose host's entry is it)."""
    leaves = [leaf for leaf in Shadow(vm).leaves() if leaf.pfn == pfn] if vm.has_shadow() else []
    mm, gfns = vm.view.mm.to, []
    for slot in vm.slots():
        for gfn in range(slot.base_gfn, slot.base_gfn + slot.npages):
            pte = vm.kernel.host_pte(mm, slot.hva_of(gfn))
            if pte.present and pte.pfn == pfn:
                gfns.append(gfn)
    return leaves, gfns

# SPDX-License-Identifier: GPL-2.0
"""Runs inside of GDB: types the commands at known places and writes down what they say.

gdb_test.py starts it and judges. A stop is a read of a VM's statistics by state.c, at
which a breakpoint on stats_show() waits. The record is JSON: a list of {"at", "command",
"out" or "error", "seconds"}; planted faults and facts are entries of their own.
"""

import json
import os
import time

import gdb

import target
from ks import shadow

import commands
import watch

CHAPTERS = [int(number) for number in os.environ["KVMSWAP_CHAPTERS"].split()]
RECORD = []

# Backtraces of the module's functions, innermost first, of which ks-watch is to say who it was.
TRACES = (
    ("set_spte", "fault_walk", "page_fault", "vcpu_run"),
    # a fault that waits for memory: the host takes pages back
    ("drop_spte", "invalidate_range", "hva_to_pfn", "fault_walk", "page_fault"),
    ("age_rmapp", "notifier_clear_flush_young", "hva_to_pfn", "page_fault"),
    ("drop_spte", "set_memory_region"),
    ("drop_spte", "notifier_release", "notifier_unregister", "vm_free"),
    ("drop_spte", "notifier_release"),
    ("drop_spte",),
)


class Place:
    """Where the machine stands, for the record."""
    name = "before the module"


def run(command, turns=1):
    """Types a command; records what it printed, or its error, and how long it took: the best
    of some turns, where the machine under us may be busy. Returns the text."""
    entry = {"at": Place.name, "command": command, "seconds": float("inf")}
    for _ in range(turns):
        start = time.monotonic()
        try:
            entry["out"] = gdb.execute(command, to_string=True)
        except gdb.error as error:
            entry["error"] = str(error)
        entry["seconds"] = min(entry["seconds"], time.monotonic() - start)
    RECORD.append(entry)
    return entry.get("out", "")


def go(name):
    """Lets the machine run to its next stop."""
    gdb.execute("continue", to_string=True)
    Place.name = name


def note(what, value):
    """A fact for gdb_test.py."""
    RECORD.append({"at": Place.name, "command": what, "out": value, "seconds": 0})


def poke(address, word):
    """Writes a word of the kernel's memory; returns what was there."""
    kernel = target.kernel()
    place = kernel.memory.translate(address)
    old = int.from_bytes(kernel.frames.read(place, 8), "little")
    target.store(place, word.to_bytes(8, "little"))
    target.FRAMES.forget()
    return old


def look(chapter):
    """Every command that only looks, on state.c's VM."""
    for command in ("ks-vms", "ks-vm", "ks-slots", "ks-walk 0x210000", "ks-walk 0x303000",
                    "ks-walk 0x220000", "ks-walk 0x230000", "ks-walk 0x240000",
                    "ks-walk 0x7000000000", "ks-walk", "ks-walk 0x210000 5", "ks-rmap 0x200",
                    "ks-rmap -v 0x304000", "ks-rmap 0x99999", "ks-rmap nonsense", "ks-audit",
                    "ks-map", "ks-map 3", "ks-vm 0", "ks-vm 1", "ks-spte 0x1000",
                    "ks-graph 0x200"):
        run(command)
    if chapter >= 2:
        vm = commands.chosen_vm()
        for leaf in shadow.Shadow(vm).leaves():
            if leaf.gfn in (0x200, 0x210):
                run(f"ks-spte {leaf.sptep:#x}")
                run(f"ks-page {leaf.pfn:#x}")
        run(f"ks-spte {shadow.Shadow(vm).pages[0].spt:#x}")


def leaf_of(gfn):
    """The spte of a page that is mapped once."""
    return next(leaf for leaf in shadow.Shadow(commands.chosen_vm()).leaves() if leaf.gfn == gfn)


def plant_stale():
    """A leaf spte that maps the next frame."""
    leaf = leaf_of(0x210)
    return leaf.sptep, leaf.spte + 0x1000


def plant_missing():
    """A chain without its only entry."""
    vm = commands.chosen_vm()
    return shadow.Rmaps(vm).head(vm.slot_of(0x210), 0x210), 0


def plant_absent():
    """A chain whose entry is not present: that of the page that was never used."""
    vm = commands.chosen_vm()
    page = leaf_of(0x210).page
    empty = next(i for i, entry in enumerate(page.entries) if not entry)
    return shadow.Rmaps(vm).head(vm.slot_of(0x240), 0x240), page.spt + 8 * empty


def plant_role():
    """A shadow page that says it is for CR0.WP = 0 below one for WP = 1."""
    vm = commands.chosen_vm()
    page = leaf_of(0x210).page
    at = page.address + target.TYPES("struct shadow_page").member("role")[0]
    member = target.TYPES("union role").members["wp"]
    word = int.from_bytes(vm.kernel.memory.read(at, 8), "little")
    return at, word ^ 1 << member.offset * 8 + member.shift


def plants(chapter):
    """Plants each fault, sees whether ks-audit finds it, and mends it when the module's own
    audit has looked."""
    for number, plan in enumerate((plant_stale, plant_missing, plant_absent, plant_role)):
        go(f"plant{number} {chapter}")
        address, word = plan()
        old = poke(address, word)
        run("ks-audit")
        if plan is plant_stale:
            run("ks-walk 0x210000")
            run("ks-map")
        go(f"mend{number} {chapter}")
        poke(address, old)
        run("ks-audit")


def workload():
    """A guest of 96 MiB under swap: every command, with its time."""
    for turn in range(6):
        go(f"workload {turn}")
    Place.name = "workload"
    vm = commands.chosen_vm()
    note("pages", sum(slot.npages for slot in vm.slots()))
    note("stats", vm.stats())
    leaf = next(shadow.Shadow(vm).leaves())
    for command in ("ks-vms", "ks-vm", "ks-slots", f"ks-walk {leaf.gfn << 12:#x}",
                    f"ks-spte {leaf.sptep:#x}", f"ks-rmap {leaf.gfn:#x}",
                    f"ks-page {leaf.pfn:#x}", "ks-audit", "ks-map", f"ks-graph {leaf.gfn:#x}"):
        run(command, turns=3)
    inside_guest()
    vm = commands.chosen_vm()
    busy = next(leaf for leaf in shadow.Shadow(vm).leaves() if leaf.gfn > 0x1000)
    note("watched", busy.gfn)
    gdb.execute("delete")
    run(f"ks-watch {busy.gfn:#x} 1")


def inside_guest():
    """A stop in the guest's own code, where the CPU has no kernel to be seen."""
    rip = commands.chosen_vm().vcpus()[0].rip
    gdb.execute("delete")
    gdb.execute(f"hbreak *{rip:#x}", to_string=True)
    go("inside the guest")
    note("rip", [rip, int(gdb.parse_and_eval("(unsigned long)$pc"))])
    for command in ("ks-vms", "ks-vm", "ks-audit", "ks-map"):
        run(command, turns=3)


def main():
    """All of it."""
    for name in ("ks", "ks-vms", "ks-vm", "ks-slots", "ks-walk", "ks-spte", "ks-rmap", "ks-page",
                 "ks-audit", "ks-watch", "ks-map", "ks-graph"):
        run(f"help {name}")
    run("ks-vms")
    note("causes", [watch.cause([(name, "file.c:1") for name in trace] + [("do_exit", "")])
                    for trace in TRACES])
    note("completion", gdb.execute("complete ks-", to_string=True))
    gdb.execute("hbreak vm.c:vm_create", to_string=True)
    go("no VM")
    run("ks-vms")
    run("ks-audit")
    gdb.execute("delete")
    gdb.execute("hbreak debugfs.c:stats_show", to_string=True)
    for chapter in CHAPTERS:
        go(f"chapter {chapter}")
        look(chapter)
        if chapter >= 5:
            plants(chapter)
            go(f"watch {chapter}")  # ... and ends at state.c's next stop
            run("ks-watch 0x210 40")
            run("ks-watch")
        if chapter == 2:
            run("ks-watch 0x210")
    workload()


try:
    main()
finally:
    with open(os.environ["KVMSWAP_RECORD"], "w", encoding="utf-8") as out:
        json.dump(RECORD, out, indent=1)
gdb.execute("kill")

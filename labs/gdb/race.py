# SPDX-License-Identifier: GPL-2.0
"""The race, step by step: GDB reads this after start.py (see race_lab.py).

The CPU whose fault has its answer from the host is held before mmu_lock; the other CPU alone
runs on, until the host has told the module that the page goes; then the fault runs on.

That works since the callback comes before the host waits for the held CPU: reclaim gathers
its TLB flushes. A window that must outlast that flush needs the module's pause point.
"""

import json
import os
import sys

import gdb

import commands
import target
from ks import audit, walk
from ks.layout import Missing
from ks.memory import PRESENT

GVA = 0x300000  # as race.c has it
STOP = "debugfs.c:stats_show"  # where race.c has us stop; the kernel has others of that name
CALLBACKS = ("invalidate_range_start", "invalidate_range")
WINDOW = "READ_ONCE(pause_state[point])"
ASK = sys.stdin.isatty() and "KVMSWAP_RECORD" not in os.environ


def tell(text):
    """A step's explanation; the reader says when to go on."""
    gdb.write("\n" + text + "\n")
    if ASK:
        gdb.write("   RET goes on: ")
        gdb.flush()
        sys.stdin.readline()


def show(command):
    """A command as the reader would type it."""
    gdb.write(f"(gdb) {command}\n")
    gdb.write(gdb.execute(command, to_string=True))


def go():
    """Continues, quietly."""
    gdb.execute("continue", to_string=True)


def run_to(place, thread=None):
    """Runs to a place, on one CPU if asked for."""
    point = gdb.Breakpoint(place, type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
    point.silent = True
    if thread:
        point.thread = thread.global_num
    try:
        go()
        if point.hit_count != 1:
            raise gdb.GdbError(f"the machine stopped before it came to {place}")
    finally:
        point.delete()


def run_out_of(function, thread):
    """Runs one CPU until it has returned from a function it is in."""
    frame = gdb.newest_frame()
    while frame.name() != function:
        frame = frame.older()
        if frame is None:
            raise gdb.GdbError(f"CPU {thread.num - 1} is not in {function}()")
    run_to(f"*{frame.older().pc():#x}", thread)


def functions_at(pc):
    """The functions that an address is in: inlined ones first."""
    block = gdb.block_for_pc(pc)
    while block is not None:
        if block.function is not None:
            yield block.function.name
        block = block.superblock


def window():
    """The place of the window: where fault_walk() looks whether it shall pause, after GUP and
    before mmu_lock. The pause point is inlined; the line table knows each of its places."""
    source = gdb.decode_line("pause_debugfs_init")[1][0].symtab.fullname()
    header = source[:-2] + ".h"
    with open(header, encoding="utf-8") as text:
        line = next((number for number, line in enumerate(text, 1) if WINDOW in line), None)
    for place in gdb.decode_line(f"pause.h:{line}")[1] if line else ():
        if "fault_walk" in functions_at(place.pc):
            return f"*{place.pc:#x}"
    raise gdb.GdbError(f"{header} or fault_walk() has changed: no pause point is in it")


def callback():
    """The function that the host calls in this chapter."""
    for name in CALLBACKS:
        if target.symbol(name):
            return name
    raise gdb.GdbError("this module has no notifier: the race begins with chapter 4")


def callback_for(hva, thread):
    """Runs one CPU to the callback for a page; returns the callback's name, and whether it
    names all addresses (where the host gathers flushes, Linux 6.12 says no more than that).

    Where the kernel calls invalidate_range() for the page and once more at the end of the
    section, this is the second call: no other comes after it.
    """
    name = callback()
    begin, end = ("start", "end") if name == "invalidate_range" else ("range->start", "range->end")
    twice = name == "invalidate_range" and \
        target.TYPES("struct mmu_notifier_ops").has("invalidate_range")
    while True:
        run_to(name, thread)
        first, last = (int(gdb.parse_and_eval(f"(unsigned long)({text})"))
                       for text in (begin, end))
        if first <= hva < last and (not twice or "_end" in gdb.newest_frame().older().name()):
            return name, last - first > 1 << 40


def protocol(vm):
    """What the faults of this chapter look at: (name, value) pairs."""
    out = {}
    for name in ("mmu_notifier_invalidate_lock.seqcount.seqcount.sequence",
                 "mmu_invalidate_in_progress", "mmu_invalidate_seq"):
        try:
            value = vm.view
            for part in name.split("."):
                value = getattr(value, part)
            out[name] = value
        except Missing:
            continue
    if "mmu_invalidate_in_progress" in out:  # the seqlock is still there, and not asked
        out.pop("mmu_notifier_invalidate_lock.seqcount.seqcount.sequence", None)
    return out


def tell_protocol(vm, text):
    """The protocol's state, or that there is none."""
    state = protocol(vm)
    for name, value in state.items():
        gdb.write(f"{text} {name}: {value}\n")
    if not state:
        gdb.write("This chapter's faults have nothing to ask: no sequence, no count.\n")
    return state


def spte(vm):
    """The leaf spte of the address, 0 if there is none."""
    return walk.ShadowWalk(vm, vm.vcpus()[0], GVA).spte or 0


def race():
    """One race, on the module that is loaded next. Returns what was seen."""
    seen = {}
    run_to(STOP)
    vm = commands.chosen_vm()
    tell(f"1. A guest is about to read {GVA:#x} for the first time. The host has the page in "
         "memory;\n   no spte leads to it.")
    show(f"ks-walk {GVA:#x}")
    run_to(window())
    faulting = gdb.selected_thread()
    other = next(thread for thread in gdb.selected_inferior().threads()
                 if thread.num != faulting.num)
    vm = commands.chosen_vm()
    before = vm.stats()
    tell(f"2. CPU {faulting.num - 1} is in the window: gva -> gfn, gfn -> hva, hva -> pfn are "
         "done; mmu_lock and\n   the spte are to come. From here on this CPU is held: "
         "set scheduler-locking on.")
    show("bt 4")
    seen["before"] = tell_protocol(vm, "Now")
    gdb.execute("set scheduler-locking on")
    other.switch()
    hva = vm.slot_of(GVA >> 12).hva_of(GVA >> 12)
    name, seen["names all"] = callback_for(hva, other)
    seen["spte before"] = bool(spte(commands.chosen_vm()) & PRESENT)
    tell(f"3. CPU {other.num - 1} alone has run on. The host takes the page back, and calls "
         f"{name}():")
    show("bt 6")
    run_out_of(name, other)
    vm = commands.chosen_vm()
    seen["unmapped"] = vm.stats()["sptes_unmapped"] - before["sptes_unmapped"]
    seen["held"] = tell_protocol(vm, "After the callback")
    tell(f"4. The callback has returned: it found and dropped {seen['unmapped']} sptes"
         + (", but none of this page, for there is none yet." if seen["unmapped"] else
            ", for there is none yet."))
    show(f"ks-walk {GVA:#x}")
    faulting.switch()
    run_out_of("page_fault", faulting)
    vm = commands.chosen_vm()
    seen["retried"] = vm.stats()["faults_retried"] - before["faults_retried"]
    seen["spte"] = bool(spte(vm) & PRESENT)
    seen["stale"] = audit.Audit(vm).stale_sptes
    tell(f"5. CPU {faulting.num - 1} alone has run on, through mmu_lock, and out of "
         f"page_fault(). Faults retried: {seen['retried']}.")
    show(f"ks-walk {GVA:#x}")
    show("ks-audit")
    if seen["stale"]:
        verdict = ("The spte was set from an answer that was no longer true. No callback will "
                   "come for it\n   again: it is stale, and the guest goes on using that page.")
        if seen["names all"]:
            verdict += ("\n   (Unless by accident: this kernel's callbacks may name all "
                        "addresses, also for other pages.)")
    else:
        verdict = ("The fault saw that an invalidation had come in between, and set nothing: "
                   "the guest\n   executes its instruction again, and asks the host anew.")
    gdb.execute("set scheduler-locking off")
    tell(f"6. {verdict}\n   Both CPUs run again, to the end.")
    run_to(STOP)
    vm = commands.chosen_vm()
    seen["stale at the end"] = audit.Audit(vm).stale_sptes
    seen["audit failures"] = vm.stats()["audit_failures"]
    show("ks-audit")
    gdb.write(f"The module's own audit found broken: {seen['audit failures']}.\n")
    return seen


def main():
    """A race for each chapter that the machine loads."""
    out = {}
    for chapter in os.environ["KVMSWAP_RACES"].split():
        gdb.write(f"\n=== The race, on chapter {chapter}'s module\n")
        out[chapter] = race()
    if "KVMSWAP_RECORD" in os.environ:
        with open(os.environ["KVMSWAP_RECORD"], "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)
        try:
            go()  # to its end
        except gdb.error:
            pass
    else:
        gdb.write("\nThat was all; the machine stands, and is yours: `continue` lets it end.\n")


if __name__ == "__main__":  # and not read by reverse.py
    main()

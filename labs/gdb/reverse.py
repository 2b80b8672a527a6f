# SPDX-License-Identifier: GPL-2.0
"""The race, backwards: GDB reads this after start.py (see reverse_lab.py).

The machine runs again what was recorded, from a snapshot shortly before the race. From what
is wrong at the end, the stale spte, it goes back to who set it, and on to why: what happened
between the host's answer and that moment.
"""

import json
import os
import re

import gdb

import commands
import race
import target
from ks import shadow, walk
from ks.layout import address_of
from ks.memory import FRAME, PAGE

GVA = 0x300000  # as chapter 4's race.c has it
GFN = GVA >> 12
REPORT = '"stale: gfn %#llx spte %#llx\\n"'  # where audit.c prints it
GUP = "get_user_pages_fast"
FAULT = ("hva_to_pfn", "fault_walk")  # who asks GUP in a fault
MOST = 200  # stops on the way back, before something must be wrong


def count():
    """How many instructions the machine has executed since it was switched on."""
    text = gdb.execute("monitor info replay", to_string=True)
    return int(re.search(r"instruction count = (\d+)", text).group(1))


def word_at(address):
    """A word of the kernel's memory."""
    target.FRAMES.forget()
    kernel = target.kernel()
    return int.from_bytes(kernel.memory.read(address, 8), "little")


def report_line():
    """The place at which the module's audit prints a stale spte."""
    source = gdb.decode_line("audit_report")[1][0].symtab.fullname()
    with open(source, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if REPORT in line:
                return f"audit.c:{number}"
    raise gdb.GdbError(f"{source} has changed: it prints no stale spte")


def backwards():
    """Runs backwards to the next place that is watched."""
    gdb.execute("reverse-continue", to_string=True)


class Stops:
    """Breakpoints for the way back."""

    def __init__(self, *functions):
        self.points = []
        for name in functions:
            point = gdb.Breakpoint(f"*{target.symbol(name):#x}", internal=True,
                                   type=gdb.BP_HARDWARE_BREAKPOINT)
            point.silent = True
            self.points.append(point)

    def back(self):
        """Runs backwards to one of them; returns its function."""
        before = [point.hit_count for point in self.points]
        backwards()
        if before == [point.hit_count for point in self.points]:
            raise gdb.GdbError("the recording's snapshot was reached before the place that was "
                               "looked for")
        return int(gdb.parse_and_eval("(unsigned long)$pc"))

    def delete(self):
        """Takes them away."""
        for point in self.points:
            point.delete()


def argument(register):
    """An argument of the function that has just been entered."""
    return int(gdb.parse_and_eval(f"(unsigned long)${register}"))


def stale_leaf(vm):
    """The stale spte of the page."""
    for leaf in shadow.Shadow(vm).leaves():
        if leaf.gfn == GFN and not walk.is_current(vm, leaf.gfn, leaf.spte):
            return leaf
    raise gdb.GdbError(f"the audit reports a stale spte, but gfn {GFN:#x} has none")


def to_report():
    """Forwards, to the audit's report. Returns (the stale leaf spte, its VM)."""
    race.run_to(report_line())
    vm = commands.chosen_vm()
    return stale_leaf(vm), vm


def to_write(sptep, spte, seen):
    """Backwards to the instruction that wrote the spte."""
    watch = gdb.Breakpoint(f"*(unsigned long *){sptep:#x}", type=gdb.BP_WATCHPOINT,
                           wp_class=gdb.WP_WRITE, internal=True)
    watch.silent = True
    backwards()
    watch.delete()
    seen["set by"] = gdb.newest_frame().name()
    seen["after the write"] = word_at(sptep)
    race.show("bt 4")
    race.show("reverse-stepi")
    seen["before the write"] = word_at(sptep)
    seen["set"] = count()
    gdb.write(f"The spte before this instruction: {seen['before the write']:#x}; after it: "
              f"{seen['after the write']:#x}.\n")
    if seen["after the write"] != spte:
        raise gdb.GdbError("that was not the write of the stale spte")


def tell_invalidation(vm, stop, seen):
    """One invalidation of the page, on the way back."""
    chain = shadow.Rmaps(vm).chain(GFN)
    seen["invalidations"].append({"count": count(), "range": stop, "chain": len(chain)})
    race.tell(f"{2 + len(seen['invalidations'])}. {before(seen)} the host takes the page\n   "
              f"back, and tells the module: {race.callback()}() for hva {stop[0]:#x} to "
              f"{stop[1]:#x}.")
    race.show("bt 5")
    race.show(f"ks-rmap {GFN:#x}")


def before(seen):
    """How far back we are, in words."""
    return f"{seen['set'] - count():,} instructions before the spte was set,"


def to_gup(vm, hva, seen):
    """Backwards over the invalidations of the page, to the GUP that answered for it, and out of
    that again. Returns the frame that it answered with."""
    stops = Stops(race.callback(), GUP)
    begin, end = ("rdx", "rcx") if race.callback() == "invalidate_range" else (None, None)
    try:
        for _ in range(MOST):
            if stops.back() != target.symbol(GUP):
                page = (argument(begin), argument(end))
                if page[0] <= hva < page[1]:
                    tell_invalidation(commands.chosen_vm(), page, seen)
                continue
            caller = word_at(argument("rsp"))
            if argument("rdi") & -PAGE == hva and set(race.functions_at(caller)) & set(FAULT):
                break
        else:
            raise gdb.GdbError(f"{MOST} stops, and none of them was the fault's GUP")
    finally:
        stops.delete()
    where = argument("rcx")  # struct page **pages
    race.run_to(f"*{caller:#x}")
    seen["gup"] = count()
    seen["gup returned"] = argument("eax")
    size = target.TYPES("struct page").size
    return (word_at(where) - address_of(vm.kernel.page(0))) // size


def reverse():
    """All of it. Returns what was seen."""
    seen = {"invalidations": []}
    leaf, vm = to_report()
    seen["report"], seen["spte"], seen["sptep"] = count(), leaf.spte, leaf.sptep
    pfn = (leaf.spte & FRAME) // PAGE
    seen["pfn"] = pfn
    race.tell(f"1. After {seen['report']:,} instructions the module's audit reports a stale spte:"
              f"\n   the guest has frame {pfn:#x} at {GVA:#x}, and the host another page there.")
    race.show("bt 3")
    race.show(f"ks-walk {GVA:#x}")
    race.tell("2. Who set that spte? A watchpoint on it, and backwards to the last write.")
    gdb.write(f"(gdb) watch *(unsigned long *){leaf.sptep:#x}\n(gdb) reverse-continue\n")
    to_write(leaf.sptep, leaf.spte, seen)
    hva = vm.slot_of(GFN).hva_of(GFN)
    seen["hva"] = hva
    gdb.write("It came from the host's answer, which is older. On backwards: to each callback for "
              "the\npage, and to the GUP that answered.\n")
    seen["gup pfn"] = to_gup(vm, hva, seen)
    number = 3 + len(seen["invalidations"])
    race.tell(f"{number}. {before(seen)} {GUP}() has answered the fault:\n   hva {hva:#x} is "
              f"frame {seen['gup pfn']:#x}. That was true, then:")
    race.show("bt 3")
    race.show(f"ks-walk {GVA:#x}")
    number += 1
    race.tell(f"{number}. So, in the order of time, in instructions since the machine was switched "
              "on:\n"
              f"   {seen['gup']:>16,}  the fault has its answer, frame {seen['gup pfn']:#x}\n"
              + "".join(f"   {call['count']:>16,}  the host takes that frame back; sptes to drop: "
                        f"{call['chain']}\n" for call in reversed(seen["invalidations"]))
              + f"   {seen['set']:>16,}  the fault sets the spte, to frame {pfn:#x}\n"
              f"   {seen['report']:>16,}  the audit finds it\n"
              "   No call was missed and none was late. The fault did not look whether its answer\n"
              "   was still true when it set the spte: that is chapter 5.")
    return seen


def main():
    """Backwards once, and in batch forwards again: the same run, to the same instruction."""
    seen = reverse()
    if "KVMSWAP_RECORD" not in os.environ:
        gdb.write("\nThat was all; the machine stands where GUP has answered, and is yours: "
                  "reverse-stepi,\nreverse-continue; `continue` lets it run to the end of the "
                  "recording.\n")
        return
    leaf, _ = to_report()
    seen["report again"], seen["spte again"] = count(), leaf.spte
    with open(os.environ["KVMSWAP_RECORD"], "w", encoding="utf-8") as file:
        json.dump(seen, file, indent=1)


main()

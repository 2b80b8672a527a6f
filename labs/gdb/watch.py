# SPDX-License-Identifier: GPL-2.0
"""ks-watch: stop at every change of any spte of a guest page, and say who did it.

Watchpoints sit on the words that must change: the head of the page's rmap chain, its first
descriptor, and each spte on the chain. A chain changes just before its spte does; at
each stop the set is made anew. The hardware's own writes of A and D pass unseen.
"""

import gdb

import commands
import target
from ks import shadow
from ks.memory import ACCESSED, DIRTY, PRESENT, WRITABLE
from ks.vm import NotHere

# The innermost of these in the backtrace says who it was: a fault may wait for memory, and
# then it is the host that takes a page back. But the end of a VM is more than a release.
CAUSES = (
    ("fault", ("page_fault",)),
    ("invalidate", ("invalidate_range", "invalidate_range_start", "invalidate_range_end",
                    "interval_invalidate")),
    ("age", ("notifier_clear_flush_young", "notifier_clear_young", "notifier_test_young")),
    ("slot change", ("set_memory_region", "set_memory_region_legacy", "get_dirty_log")),
    ("the guest's flush", ("mmu_invlpg", "mmu_load")),
    ("the end of the process", ("release", "notifier_release")),
)


class Watch(gdb.Breakpoint):
    """A hidden watchpoint on one word."""

    def __init__(self, address):
        super().__init__(f"*(unsigned long *){address:#x}", type=gdb.BP_WATCHPOINT,
                         wp_class=gdb.WP_WRITE, internal=True)
        self.silent, self.address = True, address


def frames():
    """The backtrace: (name, place) for each frame; place is "" where no source is known."""
    out, frame = [], gdb.newest_frame()
    while frame is not None and len(out) < 40:
        place = frame.find_sal()
        where = ""
        if place.symtab:
            where = f"{place.symtab.filename.rpartition('/')[2]}:{place.line}"
        name = frame.name()
        if name is None:
            break
        out.append((name, where))
        try:
            frame = frame.older()
        except gdb.error:
            break
    return out


def cause(trace):
    """Who changed it, by the backtrace."""
    ours = [name for name, place in trace if place]
    if "vm_free" in ours:
        return "the end of the VM"
    for name in ours:
        for text, functions in CAUSES:
            if name in functions:
                return text
    return "somebody else"


def changes(old, new):
    """What happened between two states {sptep: spte}: lines of text; none if only the chain
    changed, and no spte yet."""
    out = []
    for sptep in old.keys() | new.keys():
        before, after = old.get(sptep, 0), new.get(sptep, 0)
        if before == after:
            continue
        what = shadow.entry_text(after)
        if not before & PRESENT:
            verb = "set"
        elif not after & PRESENT:
            verb, what = "dropped", "it was " + shadow.entry_text(before)
        elif (before ^ after) & WRITABLE and not after & WRITABLE:
            verb = "write-protected"
        elif before & ~after & ACCESSED:
            verb = "aged: accessed is cleared"
        elif not (before ^ after) & ~(ACCESSED | DIRTY):
            continue  # the hardware has marked it, some time ago
        else:
            verb = "changed"
        out.append(f"spte at {sptep:#x} {verb}: {what}")
    return out


class KsWatch(commands.Command):
    """Let the machine run until an spte of a guest page changes; say who changed it.

Usage: ks-watch GFN [COUNT]
Prints what was set, dropped, write-protected or aged, who did it (fault, invalidate, age,
slot change ...), where the host has the page now, and the backtrace. With COUNT, goes on
until so many changes were seen: so a page can be followed out to swap and back. Ends
early when something else stops the machine, a breakpoint of yours for example."""

    completer = gdb.COMPLETE_EXPRESSION

    def __init__(self):
        super().__init__("ks-watch")
        self.watches = {}

    def run(self, argument):
        gfn, *rest = commands.numbers(argument, 1, 2, "ks-watch GFN [COUNT]")
        vm = commands.chosen_vm()
        name, count = vm.name, rest[0] if rest else 1
        before, seen = self._state(vm, gfn), 0
        try:
            while seen < count:
                self._arm(vm, gfn, before)
                hits = sum(watch.hit_count for watch in self.watches.values())
                self._go()
                vm = self._again(name)
                now = self._state(vm, gfn, before)
                lines = changes(before, now)
                if sum(watch.hit_count for watch in self.watches.values()) == hits:
                    commands.say("(stopped by something else than a change of this page)")
                    return
                before = now
                if lines:
                    seen += 1
                    self._report(vm, gfn, lines)
                if vm.slot_of(gfn) is None and not any(now.values()):
                    commands.say("(the guest has no memory there any more)")
                    return
        finally:
            self._disarm()

    @staticmethod
    def _go():
        try:
            gdb.execute("continue", to_string=True)
        except gdb.error as error:
            raise gdb.GdbError(f"the machine has ended: {error}") from None
        if not target.connected():
            raise gdb.GdbError("the machine has ended")

    @staticmethod
    def _again(name):
        """The VM after the machine ran, if it is still there."""
        for vm in commands.all_vms():
            if vm.name == name:
                return vm
        raise gdb.GdbError(f"{name} is gone")

    @staticmethod
    def _state(vm, gfn, old=None):
        """{sptep: spte} of the chain, and of what was on it a moment ago."""
        tables = shadow.Shadow(vm)
        chain = shadow.Rmaps(vm).chain(gfn) if vm.slot_of(gfn) else ()
        out = {}
        for sptep in set(chain) | set(old or ()):
            page = tables.page_of(sptep)
            if page is None:
                continue
            entry, index = page.entries[(sptep - page.spt) // 8], (sptep - page.spt) // 8
            # An entry that left the chain and maps another page by now is not ours.
            if not entry & PRESENT or page.gfns[index] == gfn:
                out[sptep] = entry
        return out

    def _arm(self, vm, gfn, state):
        """Watches every word that may change next. A slot that is deleted is taken out of
        the table before its sptes go: then the sptes alone are left to watch."""
        chain = shadow.Rmaps(vm).words_of(gfn) if vm.slot_of(gfn) else ()
        wanted = set(chain) | set(state)
        for address in list(self.watches.keys() - wanted):
            self.watches.pop(address).delete()
        for address in wanted - self.watches.keys():
            self.watches[address] = Watch(address)

    def _disarm(self):
        while self.watches:
            try:
                self.watches.popitem()[1].delete()
            except RuntimeError:
                pass  # GDB has dropped it, with the machine

    @staticmethod
    def _report(vm, gfn, lines):
        trace = frames()
        for line in lines:
            commands.say(f"gfn {gfn:#x}: {line}")
        try:
            commands.say(f"  the host {vm.host_pte(gfn).describe()}")
        except NotHere:
            commands.say("  the guest has no memory there any more")
        commands.say(f"  by: {cause(trace)}")
        for number, (name, where) in enumerate(trace):
            commands.say(f"    #{number:<2} {name}{'  ' + where if where else ''}")


KsWatch()

# SPDX-License-Identifier: GPL-2.0
"""The commands: thin, each a question to the decoder (ks/) and its answer in lines.

A command's docstring is its help. What can go wrong (no machine, no module, no VM, a
chapter without the thing asked for) is one line that says what to do.
"""

import os
import shutil
import subprocess

import gdb

import target
from ks import audit, picture, shadow, vm as vms, walk
from ks.layout import Missing
from ks.memory import Unreadable, WRITABLE

LOADER = None
CHOSEN = None  # the name of the VM that the commands speak of


def say(text):
    """One line."""
    gdb.write(text + "\n")


def all_vms():
    """Every VM there is, or an error that says why there is none."""
    kernel = target.kernel()
    if LOADER and not LOADER.loaded and not LOADER.catch_up():
        raise gdb.GdbError("the module is not loaded: in the machine, say `kload` "
                           "(or insmod /kvmswap/kvmswap.ko), then ask again")
    found = vms.find_vms(kernel)
    if not found:
        raise gdb.GdbError("no VM yet: in the machine, start a guest (kvmswap-run, for example)")
    return found


def chosen_vm():
    """The VM that was chosen with ks-vm, else the first."""
    found = all_vms()
    for vm in found:
        if vm.name == CHOSEN:
            return vm
    return found[0]


def numbers(argument, least, most, usage):
    """The argument's expressions as numbers."""
    words = gdb.string_to_argv(argument)
    if not least <= len(words) <= most:
        raise gdb.GdbError(f"usage: {usage}")
    out = []
    for word in words:
        try:
            out.append(int(gdb.parse_and_eval(word).cast(gdb.lookup_type("unsigned long"))))
        except (gdb.error, ValueError) as error:
            text = str(error).rstrip(".")
            raise gdb.GdbError(f"{word}: {text}; usage: {usage}") from None
    return out


def vcpu_of(vm, number):
    """A vCPU by its number; without one, the first."""
    vcpus = vm.vcpus()
    if not vcpus:
        raise gdb.GdbError(f"{vm.name} has no vCPU yet")
    for vcpu in vcpus:
        if number in (None, vcpu.id):
            return vcpu
    raise gdb.GdbError(f"{vm.name} has no vCPU {number}: it has "
                       + ", ".join(str(vcpu.id) for vcpu in vcpus))


def gfn_of(argument, usage):
    """GFN, or -v GVA: an address that the guest's tables translate now."""
    if not argument.startswith("-v "):
        return numbers(argument, 1, 1, usage)[0]
    vm = chosen_vm()
    gva = numbers(argument[3:], 1, 1, usage)[0]
    found = walk.GuestWalk(vm, vcpu_of(vm, None), gva)
    if found.gfn is None:
        raise gdb.GdbError(f"gva {gva:#x} has no gfn: {found.end}")
    return found.gfn


class Command(gdb.Command):
    """What all commands share: errors become one line, and they cannot be repeated by RET."""

    completer = gdb.COMPLETE_NONE

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA, self.completer)

    def invoke(self, argument, from_tty):
        """Runs the command."""
        self.dont_repeat()
        try:
            self.run(argument.strip())
        except (Missing, Unreadable, vms.NotHere) as error:
            raise gdb.GdbError(str(error)) from None

    def run(self, argument):
        """The command itself."""
        raise NotImplementedError


class KsVms(Command):
    """List the VMs of the module: process and file descriptor, vCPUs, memory, leaf sptes.

Usage: ks-vms
The one with the star is the one that the other commands speak of; ks-vm chooses."""

    def run(self, argument):
        current = chosen_vm()
        say("   number  name          struct vm           vCPUs    pages  leaf sptes")
        for number, vm in enumerate(all_vms()):
            pages = sum(slot.npages for slot in vm.slots()) if vm.has_slots() else 0
            leaves = sum(1 for _ in shadow.Shadow(vm).leaves()) if vm.has_shadow() else 0
            say(f"{'*' if vm.name == current.name else ' '}  {number:6}  {vm.name:12}  "
                f"{vm.address:#x}  {len(vm.vcpus()):5}  {pages:7}  {leaves:10}"
                + ("  dead" if vm.view.dead else ""))


class KsVm(Command):
    """Show a VM: its vCPUs and its statistics. With a number, choose it first.

Usage: ks-vm [NUMBER]
NUMBER is that of ks-vms. The other commands speak of the VM that was chosen."""

    def complete(self, text, word):
        """The numbers there are."""
        try:
            return [str(i) for i in range(len(all_vms())) if str(i).startswith(word)]
        except gdb.GdbError:
            return []

    def run(self, argument):
        global CHOSEN  # pylint: disable=global-statement
        found = all_vms()
        if argument:
            number = numbers(argument, 1, 1, "ks-vm [NUMBER]")[0]
            if number >= len(found):
                raise gdb.GdbError(f"no VM {number}: there are {len(found)}, from 0 on")
            CHOSEN = found[number].name
        vm = chosen_vm()
        say(f"VM {vm.name} at {vm.address:#x}, mm {int(vm.view.mm):#x}"
            + (", dead" if vm.view.dead else "")
            + (", mmu_lock is held: a change may be half done" if vm.lock_held() else ""))
        for vcpu in vm.vcpus():
            doing = f"in the guest on CPU {vcpu.cpu}" if vcpu.mode else "outside of the guest"
            say(f"  vCPU {vcpu.id}: {vcpu.mode_name()}, {doing}, rip {vcpu.rip:#x}, "
                f"cr3 {vcpu.cr3:#x}")
        row = [f"{name} {value}" for name, value in vm.stats().items()]
        for start in range(0, len(row), 3):
            say("  " + "".join(f"{text:28}" for text in row[start:start + 3]).rstrip())


class KsSlots(Command):
    """List the memslots: guest frames, the host's addresses, flags.

Usage: ks-slots"""

    def run(self, argument):
        slots = chosen_vm().slots()
        if not slots:
            raise gdb.GdbError("the VM has no memslots yet")
        say("slot  gfn                      pages  hva")
        for slot in slots:
            end = slot.base_gfn + slot.npages
            notes = (", writes are logged" if slot.dirty_bitmap else "") \
                + ("" if slot.hva else " (not mapped yet)")
            say(f"{slot.number:4}  {slot.base_gfn:#x} to {end - 1:#x}".ljust(28)
                + f"{slot.npages:8}  {slot.hva:#x} to {slot.hva_of(end) - 1:#x}{notes}")


class KsWalk(Command):
    """Walk an address through the guest's tables and the shadow tables, side by side.

Usage: ks-walk GVA [VCPU]
Each entry has its place and its bits: p present, w writable, u user, x executable, a
accessed, d dirty. Below: the memslot, the host's own entry, the host's page, and
whether the spte agrees with them."""

    completer = gdb.COMPLETE_EXPRESSION

    def run(self, argument):
        gva, *rest = numbers(argument, 1, 2, "ks-walk GVA [VCPU]")
        vm = chosen_vm()
        vcpu = vcpu_of(vm, rest[0] if rest else None)
        guest = walk.GuestWalk(vm, vcpu, gva)
        say(f"gva {gva:#x} on vCPU {vcpu.id} ({vcpu.mode_name()}), cr3 {vcpu.cr3:#x}")
        if vm.has_shadow():
            hardware = walk.ShadowWalk(vm, vcpu, gva)
            for line in walk.table(guest, hardware):
                say(line)
            if hardware.end:
                say(f"the shadow: {hardware.end}")
        else:
            say("this module has no shadow pages (they come with chapter 2): "
                "nothing is mapped for the guest")
            hardware = None
        if guest.gfn is None:
            say(f"the guest: {guest.end}: the guest gets a page fault")
            return
        for line in walk.host_lines(vm, guest.gfn, hardware.spte if hardware else None):
            say(line)


class KsSpte(Command):
    """Decode a shadow page-table entry: bits, shadow page, the gfn and the page it maps.

Usage: ks-spte ADDRESS
ADDRESS is where the entry is, such as `sptep` in a frame of the module, or as printed by
ks-rmap and ks-walk."""

    completer = gdb.COMPLETE_EXPRESSION

    def run(self, argument):
        sptep = numbers(argument, 1, 1, "ks-spte ADDRESS")[0]
        vm = chosen_vm()
        tables = shadow.Shadow(vm)
        page = tables.page_of(sptep)
        if page is None or sptep % 8:
            raise gdb.GdbError(f"{sptep:#x} is no entry of a shadow page of {vm.name}")
        index = (sptep - page.spt) // 8
        entry = page.entries[index]
        say(f"entry {index} of the shadow page of gfn {page.gfn:#x}: {page.role_text()}")
        say(f"{entry:#x}: {shadow.entry_text(entry)}")
        if page.level > 1 and entry & 1:
            child = tables.child(entry)
            say("leads to " + (f"the shadow page of gfn {child.gfn:#x}: {child.role_text()}"
                               if child else "no shadow page of this VM"))
        elif entry & 1:
            for line in walk.host_lines(vm, page.gfns[index], entry):
                say(line)


class KsRmap(Command):
    """Who maps a guest page? Show the chain of its sptes.

Usage: ks-rmap GFN
       ks-rmap -v GVA    the page that the guest has at this address now"""

    completer = gdb.COMPLETE_EXPRESSION

    def run(self, argument):
        usage = "ks-rmap GFN, or ks-rmap -v GVA"
        gfn, vm = gfn_of(argument, usage), chosen_vm()
        rmaps = shadow.Rmaps(vm)
        chain, tables = rmaps.chain(gfn), shadow.Shadow(vm)
        say(f"gfn {gfn:#x}: {len(chain)} spte{'' if len(chain) == 1 else 's'} on its chain")
        for sptep in chain:
            page = tables.page_of(sptep)
            if page is None:
                say(f"  {sptep:#x}  in no shadow page of this VM: a broken chain")
                continue
            index = (sptep - page.spt) // 8
            say(f"  {sptep:#x}  {shadow.entry_text(page.entries[index])}")
            say(f"    entry {index} of the shadow page of gfn {page.gfn:#x}: "
                f"{page.role_text()}")
        say(f"the host {vm.host_pte(gfn).describe()}")


class KsPage(Command):
    """Who maps a frame of the host? Its struct page, the VM's sptes, and the host's entries.

Usage: ks-page PFN"""

    completer = gdb.COMPLETE_EXPRESSION

    def run(self, argument):
        pfn = numbers(argument, 1, 1, "ks-page PFN")[0]
        vm = chosen_vm()
        say(walk.page_line(vm.kernel, pfn))
        leaves, gfns = picture.mappers(vm, pfn)
        for leaf in leaves:
            note = "" if leaf.gfn in gfns else "  STALE: the host maps another page there"
            say(f"  spte at {leaf.sptep:#x} of gfn {leaf.gfn:#x}, "
                f"{'writable' if leaf.spte & WRITABLE else 'read-only'}{note}")
        for gfn in gfns:
            say(f"  the VM's process maps it at hva {vm.slot_of(gfn).hva_of(gfn):#x}, "
                f"which is gfn {gfn:#x}")
        if not leaves and not gfns:
            say(f"  neither {vm.name}'s sptes nor its process' memslots map it")


class KsAudit(Command):
    """Check the design's invariants from outside: what the module's own audit checks.

Usage: ks-audit
Prints the counts of debugfs' file "audit", and each fault that it finds. What is stale
for a moment only, while an invalidation is on its way, is counted: the machine stands."""

    def run(self, argument):
        vm = chosen_vm()
        result = audit.Audit(vm)
        if vm.lock_held():
            say("(mmu_lock is held: a change is under way, and may be found half done)")
        for name, value in result.counts().items():
            say(f"{name} {value}")
        for line in result.details[:32]:
            say(line)
        if len(result.details) > 32:
            say(f"... and {len(result.details) - 32} more")


class KsMap(Command):
    """Draw the guest's pages: which have an spte, which are in memory, which swapped out.

Usage: ks-map [SLOT]
A letter is a page, or as many pages as it takes to fit: then the state of most of them,
or ! if any spte of them is stale. The legend below counts pages."""

    def run(self, argument):
        wanted = numbers(argument, 0, 1, "ks-map [SLOT]")
        vm = chosen_vm()
        slots = [slot for slot in vm.slots() if not wanted or slot.number == wanted[0]]
        if not slots:
            raise gdb.GdbError(f"no slot {wanted[0]}: ks-slots lists them" if wanted
                               else "the VM has no memslots yet")
        total = []
        for slot in slots:
            found = picture.states(vm, slot)
            each, lines = picture.draw(found)
            say(f"slot {slot.number}: {slot.npages} pages from gfn {slot.base_gfn:#x}, a letter "
                f"is {each} page{'' if each == 1 else 's'}")
            for line in lines:
                say("  " + line)
            total += found
        for line in picture.legend(total):
            say(line)


class KsGraph(Command):
    """Draw a page's slot, chain, sptes, shadow pages and host page as SVG.

Usage: ks-graph GFN
       ks-graph -v GVA
Writes build/gdb/graph-GFN.dot, and graph-GFN.svg if Graphviz is installed."""

    completer = gdb.COMPLETE_EXPRESSION

    def run(self, argument):
        gfn, vm = gfn_of(argument, "ks-graph GFN, or ks-graph -v GVA"), chosen_vm()
        if vm.slot_of(gfn) is None:
            raise gdb.GdbError(f"the guest has no memory at gfn {gfn:#x}: ks-slots shows where")
        text = picture.graph(vm, gfn)
        base = os.path.join(os.environ.get("KVMSWAP_BUILD", "."), "gdb", f"graph-{gfn:x}")
        with open(base + ".dot", "w", encoding="utf-8") as file:
            file.write(text)
        if not shutil.which("dot"):
            say(f"{base}.dot is written; for a picture: apt install graphviz")
            return
        subprocess.run(["dot", "-Tsvg", "-o", base + ".svg", base + ".dot"], check=True)
        say(f"{base}.svg")


class Ks(Command):
    """The commands of kvmswap; each has its own help.

ks-vms            the VMs                    ks-vm [N]       one of them, its vCPUs, its counts
ks-slots          its memslots               ks-walk GVA     both page walks, to the host's page
ks-spte ADDRESS   an spte decoded            ks-rmap GFN     who maps this guest page
ks-page PFN       who maps this host page    ks-audit        are the invariants kept?
ks-map            all pages as letters       ks-graph GFN    one page as SVG
ks-watch GFN      stop when one of its sptes changes, and say who did it"""

    def run(self, argument):
        say(self.__doc__)


COMMANDS = ((Ks, "ks"), (KsVms, "ks-vms"), (KsVm, "ks-vm"), (KsSlots, "ks-slots"),
            (KsWalk, "ks-walk"), (KsSpte, "ks-spte"), (KsRmap, "ks-rmap"), (KsPage, "ks-page"),
            (KsAudit, "ks-audit"), (KsMap, "ks-map"), (KsGraph, "ks-graph"))

for _class, _name in COMMANDS:
    _class(_name)

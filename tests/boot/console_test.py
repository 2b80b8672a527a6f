# SPDX-License-Identifier: GPL-2.0
"""Tests of console.py: each kind of report that a kernel makes of a mistake fails a run."""

import io
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "code/boot"))

import console  # noqa: E402

# The first lines of reports, as Linux 6.1 and 6.12 print them.
REPORTS = {
    "KASAN": "BUG: KASAN: use-after-free in rmap_remove+0x1c/0x80 [kvmswap]",
    "KASAN, wild": "general protection fault, probably for non-canonical address 0xdffffc0000000001",
    "lockdep, order": "WARNING: possible circular locking dependency detected",
    "lockdep, twice": "WARNING: possible recursive locking detected",
    "lockdep, interrupts": "WARNING: inconsistent lock state",
    "lockdep, balance": "WARNING: bad unlock balance detected!",
    "lockdep, left": "WARNING: lock held when returning to user space!",
    "lockdep, freed": "WARNING: held lock freed!",
    "lockdep, RCU": "WARNING: suspicious RCU usage",
    "lockdep, key": "INFO: trying to register non-static key.",
    "lockdep, full": "BUG: MAX_LOCKDEP_CHAINS too low!",
    "atomic": "BUG: sleeping function called from invalid context at mm/gup.c:1180",
    "scheduling": "BUG: scheduling while atomic: vcpu 0/71/0x00000002",
    "preemption": "BUG: using smp_processor_id() in preemptible [00000000] code: demo/90",
    "UBSAN": "UBSAN: shift-out-of-bounds in kernel-module/walk.c:88:12",
    "page tables": "kernel BUG at mm/page_table_check.c:92!",
    "DEBUG_VM": "page dumped because: VM_BUG_ON_FOLIO(folio_ref_count(folio) <= 0)",
    "bad page": "BUG: Bad page state in process demo  pfn:03f2a",
    "lists": "list_del corruption. prev->next should be ffff888003f2a000, but was 0",
    "counts": "refcount_t: underflow; use-after-free.",
    "kmemleak": "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "kmemleak, off": "kmemleak: Kernel memory leak detector disabled",
    "hung task": "INFO: task rmmod:113 blocked for more than 122 seconds.",
    "lockup": "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [vcpu:98]",
    "work queue": "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 33s!",
}

# What such kernels print when all is well.
NEWS = (
    "kasan: KernelAddressSanitizer initialized",
    "kcsan: enabled early",
    "kcsan: strict mode configured",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 63462)",
    "Running RCU self tests",
    "page_owner is disabled",
    "... MAX_LOCKDEP_SUBCLASSES:  8",
    "kvmswap: loading out-of-tree module taints kernel.",
)

RACE = """
==================================================================
BUG: KCSAN: data-race in {first} / {second}

write to 0xffff888003f2a010 of 8 bytes by task 71 on cpu 0:
 {writer}
 ksys_ioctl+0x10/0x90
 entry_SYSCALL_64_after_hwframe+0x63/0xcd

read to 0xffff888003f2a010 of 8 bytes by interrupt on cpu 1:
 {reader}
 handle_mm_fault+0x8a/0x1b0
 asm_exc_page_fault+0x22/0x30

value changed: 0x0000000000000001 -> 0x0000000000000003

Reported by Kernel Concurrency Sanitizer on:
CPU: 1 PID: 72 Comm: vcpu Tainted: G           O       6.1.0-kcsan #1
==================================================================
"""


def splats(text):
    """The lines that fail a run."""
    found = console.Console(io.BytesIO())
    for number, line in enumerate(text.splitlines()):
        found.feed(f"[ {number:4}.000000] {line}\r\n".encode())
    found.close()
    return [found.lines[number] for number in found.splats]


class Reports(unittest.TestCase):
    """Single lines."""

    def test_each_kind(self):
        for kind, line in REPORTS.items():
            with self.subTest(kind):
                self.assertEqual(len(splats(line)), 1)

    def test_news(self):
        for line in NEWS:
            with self.subTest(line):
                self.assertEqual(splats(line), [])


class Races(unittest.TestCase):
    """A report of KCSAN counts if one of the accesses is the module's."""

    def race(self, writer, reader):
        """The splats of a report with these first lines of its two stacks."""
        return splats(RACE.format(first="first", second="second",
                                  writer=writer, reader=reader))

    def test_both_ours(self):
        found = self.race("set_spte+0x1/0x2 [kvmswap]", "zap_spte+0x1/0x2 [kvmswap]")
        self.assertEqual(len(found), 1)
        self.assertIn("BUG: KCSAN: data-race in first / second", found[0])

    def test_one_ours(self):
        self.assertEqual(len(self.race("set_spte+0x1/0x2 [kvmswap]", "folio_lock+0x1/0x2")), 1)
        self.assertEqual(len(self.race("folio_lock+0x1/0x2", "set_spte+0x1/0x2 [kvmswap]")), 1)

    def test_helper_on_our_data(self):
        """What a list's function does, its caller does."""
        self.assertEqual(len(self.race(
            "__list_add_valid+0x1/0x2\n shadow_page+0x1/0x2 [kvmswap]",
            "folio_lock+0x1/0x2")), 1)

    def test_mainline(self):
        """Also when the module has called it."""
        self.assertEqual(self.race(
            "folio_lock+0x1/0x2\n hva_to_pfn+0x1/0x2 [kvmswap]", "folio_unlock+0x1/0x2"), [])
        self.assertEqual(self.race("folio_lock+0x1/0x2", "folio_unlock+0x1/0x2"), [])

    def test_other_module(self):
        self.assertEqual(self.race("zram_write+0x1/0x2 [zram]", "folio_unlock+0x1/0x2"), [])

    def test_unfinished(self):
        """A report that the end of the VM cuts off is judged by what there is of it."""
        text = RACE.format(first="a", second="b", writer="set_spte+0x1/0x2 [kvmswap]", reader="x")
        self.assertEqual(len(splats(text[:text.index("ksys_ioctl")])), 1)

    def test_two(self):
        """One of mainline, one of ours: ours counts."""
        text = RACE.format(first="a", second="b", writer="a+0x1/0x2", reader="b+0x1/0x2") + \
            RACE.format(first="c", second="d", writer="c+0x1/0x2 [kvmswap]", reader="d+0x1/0x2")
        found = splats(text)
        self.assertEqual(len(found), 1)
        self.assertIn("c / d", found[0])


if __name__ == "__main__":
    unittest.main()

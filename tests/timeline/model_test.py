#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of what the lanes are: pages, doors and the race, from traces that are known."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "labs" / "timeline"))

from doors import doors_of, exit_name  # noqa: E402
from events import TraceError, parse  # noqa: E402
from pages import pages_of, shares  # noqa: E402
from race import race_of, words  # noqa: E402

KNOWN = (HERE / "known.txt").read_text()
SECOND = 10**9


def text_of(*rows):
    """Rows (ms, pid, cpu, event) as a trace that begins at 1 s."""
    return "".join(row + "\n" if isinstance(row, str) else
                   f"  t-{row[1]} [{row[2]:03}] {1 + row[0] / 1000:.9f}: kvmswap_{row[3]}\n"
                   for row in rows)


def stretches(text, gfn):
    """A page's stretches, in ms from 1 s."""
    return [((start - SECOND) / 10**6, (end - SECOND) / 10**6, state)
            for start, end, state, _ in pages_of(parse(text))[gfn].stretches]


def set_spte(ms, gfn=0x10, sptep="0xa", pid=1):
    """A page is mapped."""
    return ms, pid, 0, f"set_spte: vm=0x1 gfn={gfn:#x} sptep={sptep} spte=0x500027"


def drop(ms, used, gfn=0x10, sptep="0xa", pid=2):
    """An spte goes, with or without its accessed bit."""
    spte = 0x500007 | used << 5
    return ms, pid, 0, f"drop_spte: vm=0x1 gfn={gfn:#x} sptep={sptep} spte={spte:#x}"


def invalidate(ms, pid=2, sptes=1, start=0x10000, end=0x11000):
    """The host's word."""
    return ms, pid, 0, f"invalidate: vm=0x1 hva=[{start:#x},{end:#x}) sptes={sptes}"


def age(ms, words_, gfn=0x10):
    """The host's question."""
    return ms, 2, 0, f"age: vm=0x1 gfn={gfn:#x} {words_}"


class Pages(unittest.TestCase):
    """What becomes of a page."""

    def test_known(self):
        """The whole of the known trace."""
        self.assertEqual(stretches(KNOWN, 0x10), [
            (1.6, 4.0, "young"), (4.0, 7.0, "old"), (7.0, 12.0, "taken"), (12.0, 14.0, "young"),
            (14.0, 20.0, "taken")])
        self.assertEqual(stretches(KNOWN, 0x11), [(3.0, 18.0, "young"), (18.0, 20.0, "unmapped")])
        pages = pages_of(parse(KNOWN))
        self.assertEqual({gfn: page.taken for gfn, page in pages.items()}, {0x10: 2, 0x11: 0})
        self.assertEqual([row[3] for row in pages[0x10].stretches],
                         [None, None, SECOND + 7200000, None, None])

    def test_answer_at_the_end(self):
        """A stretch has the colour of the answer that ends it; equal ones are one."""
        self.assertEqual(
            stretches(text_of(set_spte(0), age(1, "young, now old"), age(2, "old"), age(3, "old"),
                              age(4, "young"), drop(5, False), invalidate(5.1), (9, 1, 0,
                              "flush: vm=0x1 kicked=0")), 0x10),
            [(0, 1, "young"), (1, 3, "old"), (3, 4, "young"), (4, 5, "old"), (5, 9, "taken")])

    def test_not_asked(self):
        """Nobody has asked when the trace ends."""
        self.assertEqual(stretches(text_of(set_spte(0), age(3, "old", 0x99)), 0x10),
                         [(0, 3, "mapped")])

    def test_two_sptes(self):
        """It is mapped until the last one goes; any accessed bit counts."""
        text = text_of(set_spte(0), set_spte(1, sptep="0xb"), drop(2, True), invalidate(2.1),
                       drop(3, False, sptep="0xb"), invalidate(3.1), age(4, "old", 0x99))
        self.assertEqual(stretches(text, 0x10), [(0, 3, "young"), (3, 4, "taken")])

    def test_who_dropped(self):
        """Taken only if the task's next word is an invalidation."""
        other = (3.05, 3, 0, "flush: vm=0x1 kicked=0")
        text = text_of(set_spte(0), drop(3, True), other,
                       (3.1, 2, 0, "unmap_rmapp: vm=0x1 gfn=0x10"),
                       (3.2, 2, 0, "flush: vm=0x1 kicked=1"), invalidate(3.3), set_spte(5))
        self.assertEqual(stretches(text, 0x10)[1], (3, 5, "taken"))
        text = text_of(set_spte(0), drop(3, True), invalidate(3.3, pid=9), set_spte(4, 0x77, pid=2),
                       invalidate(4.1), set_spte(5))
        self.assertEqual(stretches(text, 0x10)[1], (3, 5, "unmapped"))

    def test_written(self):
        """Only a page of the guest's that is away, and by the frame that it had last."""
        gup = (0, 1, 0, "gup: vcpu=0 gfn=0x10 hva=0x10000 pfn=0x500")
        write = "  t-3 [000] {}: mm_vmscan_write_folio: page=0x1 pfn={} flags=X"
        text = text_of(gup, set_spte(0.1), write.format(1.001, "0x500"), drop(2, True),
                       write.format(1.0025, "0x500"), invalidate(3), write.format(1.004, "0x501"),
                       write.format(1.005, "0x500"), set_spte(8))
        self.assertEqual(pages_of(parse(text))[0x10].stretches[1],
                         [SECOND + 2 * 10**6, SECOND + 8 * 10**6, "taken", SECOND + 5 * 10**6])

    def test_from_the_middle(self):
        """A trace that begins when pages are mapped already."""
        text = text_of(age(0, "old", 0x99), age(1, "young, now old"), age(2, "old"),
                       drop(3, False), invalidate(3), set_spte(4))
        self.assertEqual(stretches(text, 0x10), [(1, 3, "old"), (3, 4, "taken")])
        self.assertEqual(stretches(text_of(drop(3, False), invalidate(3), set_spte(4)), 0x10),
                         [(3, 4, "taken")])

    def test_lost(self):
        """Where events are missing nothing is known, until the next one."""
        text = text_of(set_spte(0), set_spte(0, 0x11), age(2, "young", 0x11),
                       "CPU:0 [LOST 5 EVENTS]", age(6, "young, now old", 0x11), drop(7, True),
                       invalidate(7), age(9, "old", 0x11))
        self.assertEqual(stretches(text, 0x10), [(0, 2.000001, "mapped"), (7, 9, "taken")])
        self.assertEqual(stretches(text, 0x11), [(0, 2, "young"), (2, 2.000001, "mapped"),
                                                 (6, 9, "old")])

    def test_shares(self):
        """How many pages are in a state, moment by moment."""
        trace = parse(KNOWN)
        counts = shares(pages_of(trace), trace.start, trace.end, 20)     # each ms
        young = [0, 0, 1, 2] + [1] * 8 + [2, 2] + [1] * 4 + [0, 0, 0]
        self.assertEqual(counts["young"], young)
        self.assertEqual(counts["taken"], [0] * 7 + [1] * 5 + [0, 0] + [1] * 7)
        self.assertEqual(counts["unmapped"], [0] * 18 + [1, 1, 1])
        for moment in range(21):
            self.assertLessEqual(sum(row[moment] for row in counts.values()), 2)


class Doors(unittest.TestCase):
    """The vCPUs and the host."""

    def test_known(self):
        """The whole of the known trace."""
        doors = doors_of(parse(KNOWN))
        self.assertEqual(sorted(doors.vcpus), [0, 1])
        self.assertEqual([(fault.gfn, fault.result, fault.pfn) for fault in doors.vcpus[0].faults],
                         [(0x10, "mapped", 0x500), (0x10, "mapped", 0x520)])
        self.assertEqual([(fault.gfn, fault.result, fault.pfn) for fault in doors.vcpus[1].faults],
                         [(0x11, "retried", 0x511), (0x11, "mapped", 0x512)])
        fault = doors.vcpus[0].faults[0]
        self.assertEqual([time - SECOND for time in (fault.start, fault.walk, fault.gup, fault.done,
                                                     fault.end)],
                         [1000000, 1020000, 1500000, 1600000, 1700000])
        self.assertEqual(doors.vcpus[1].faults[0].why, "the host invalidated")
        self.assertEqual([what for _, _, what in doors.vcpus[0].stretches],
                         ["guest", "guest", "interrupt", "guest", "guest"])
        self.assertEqual([(call.start - SECOND, call.end - SECOND, call.sptes, call.gfns, call.task)
                          for call in doors.invalidations],
                         [(2200000, 2300000, 0, [], "kswapd0"),
                          (7010000, 7100000, 1, [0x10], "kswapd0"),
                          (14020000, 14100000, 1, [0x10], "kswapd0")])
        self.assertEqual([ask[1:] for ask in doors.asks],
                         [(0x10, True, True), (0x10, False, False)])

    def test_nested_calls(self):
        """The second call belongs to the first of the same task and range."""
        doors = doors_of(parse(text_of(
            invalidate(1), invalidate(2, pid=3), invalidate(3, start=0, end=0x1000),
            (4, 3, 0, "invalidate_end: vm=0x1 hva=[0x10000,0x11000)"),
            (5, 2, 0, "invalidate_end: vm=0x1 hva=[0x10000,0x11000)"))))
        ends = [call.end and (call.end - SECOND) // 10**6 for call in doors.invalidations]
        self.assertEqual(ends, [5, 4, None])

    def test_other_ends(self):
        """Faults that set no spte: the guest's own, and no memory there."""
        head = [(0, 1, 0, "exit: vcpu=0 rip=0 code=0x4e info1=0 info2=0"),
                (1, 1, 0, "page_fault: vcpu=0 gva=0x5000 error=0")]
        for rows, result in (
                ([(2, 1, 0, "guest_fault: vcpu=0 gva=0x5000 error=0x4")], "injected"),
                ([(2, 1, 0, "walk: vcpu=0 gva=0x5000 gfn=0xfee00 level=1 access=0x7")], "mmio"),
                ([], "cut off")):
            doors = doors_of(parse(text_of(*head, *rows, (3, 1, 0, "entry: vcpu=0 rip=0"))))
            self.assertEqual([fault.result for fault in doors.vcpus[0].faults], [result])

    def test_lost(self):
        """A fault whose end is lost has none."""
        doors = doors_of(parse(text_of(
            (0, 1, 0, "exit: vcpu=0 rip=0 code=0x4e info1=0 info2=0"),
            (1, 1, 0, "page_fault: vcpu=0 gva=0x5000 error=0"), "CPU:0 [LOST 3 EVENTS]",
            (5, 1, 0, "entry: vcpu=0 rip=0"),
            (6, 1, 0, "exit: vcpu=0 rip=0 code=0x78 info1=0 info2=0"))))
        fault, = doors.vcpus[0].faults
        self.assertEqual((fault.result, fault.end), ("cut off", None))
        self.assertEqual([(end - start) // 10**6 for start, end, _ in doors.vcpus[0].stretches],
                         [1])

    def test_exits(self):
        """Names of the exits."""
        self.assertEqual([exit_name(code) for code in (0x4e, 0x78, 3, 0x10, 0x400)],
                         ["#PF", "HLT", "read CR3", "write CR0", "exit 0x400"])


class Race(unittest.TestCase):
    """The two pictures."""

    FAULT = [(0, 1, 1, "exit: vcpu=0 rip=0x8000 code=0x4e info1=0 info2=0x30000"),
             (1, 1, 1, "page_fault: vcpu=0 gva=0x30000 error=0"),
             (2, 1, 1, "walk: vcpu=0 gva=0x30000 gfn=0x30 level=1 access=0x7"),
             (3, 1, 1, "gup: vcpu=0 gfn=0x30 hva=0x10000 pfn=0x500")]
    SET = "set_spte: vm=0x1 gfn=0x30 sptep=0xa spte=0x500025"
    RETRY = "retry: vcpu=0 gfn=0x30 because the host invalidated"
    HALT = [(20, 1, 1, "entry: vcpu=0 rip=0x8000"),
            (21, 1, 1, "exit: vcpu=0 rip=0x8002 code=0x78 info1=0 info2=0"),
            (22, 1, 1, "entry: vcpu=0 rip=0x8002")]

    def test_stale(self):
        """An invalidation in the window, and the spte is set all the same."""
        race = race_of(parse(text_of(*self.FAULT, invalidate(5, sptes=0), invalidate(6, sptes=0),
                                     (9, 1, 1, self.SET), *self.HALT,
                                     (50, 2, 0, self.SET.replace("set", "drop")))))
        self.assertEqual([step.name for step in race.steps],
                         ["exit", "page_fault", "walk", "gup", "invalidate", "set_spte", "entry",
                          "exit"])
        self.assertEqual((race.opened, race.invalidated, race.closed, race.mapped), (3, 4, 5, 5))
        self.assertEqual((race.steps[4].times, race.steps[4].door), (2, "host"))
        self.assertEqual((race.result, race.pfn, race.new_pfn), ("stale", 0x500, None))
        self.assertIn("for 41.0 ms, until the VM goes", words(race)[1])

    def test_retried(self):
        """The same, and the fault starts again."""
        again = [(ms + 11, *rest) for ms, *rest in self.FAULT]
        again[3] = (14, 1, 1, "gup: vcpu=0 gfn=0x30 hva=0x10000 pfn=0x600")
        race = race_of(parse(text_of(*self.FAULT, invalidate(5, sptes=0),
                                     (9, 1, 1, self.RETRY),
                                     (10, 1, 1, "entry: vcpu=0 rip=0x8000"), *again,
                                     (15, 1, 1, self.SET.replace("0x500025", "0x600025")),
                                     *self.HALT)))
        self.assertEqual((race.result, race.pfn, race.new_pfn), ("retried", 0x500, 0x600))
        self.assertEqual((race.opened, race.invalidated, race.closed, race.mapped), (3, 4, 5, 11))
        self.assertIn("6.0 ms later maps the right page", words(race)[1])

    def none(self, text, say):
        """There is no race, and why."""
        with self.assertRaises(TraceError) as caught:
            race_of(parse(text))
        self.assertIn(say, str(caught.exception))

    def test_none(self):
        """Before the window, after it, of another page, or by the fault's own task."""
        for rows in ([invalidate(2.5)], [invalidate(10)],
                     [invalidate(5, start=0x11000, end=0x12000)],
                     [invalidate(5, start=0, end=0x10000)], [invalidate(5, pid=1)]):
            self.none(text_of(*self.FAULT, (9, 1, 1, self.SET), *rows, *self.HALT),
                      "no race in this trace")

    def test_cut_off(self):
        """A retry, and then no more."""
        self.none(text_of(*self.FAULT, invalidate(5),
                          (9, 1, 1, self.RETRY)),
                  "the trace ends before the race")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of the reader of traces: both forms of a line, and all that is not as it should be."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "labs" / "timeline"))

from events import Loss, TraceError, parse  # noqa: E402

KNOWN = (HERE / "known.txt").read_text()
REPORT = "  guest-11    [000]  1.5: kvmswap_entry:  vcpu=0 rip=0x8000\n"


def entry(cpu, seconds):
    """A line of a CPU at a time."""
    return f"  guest-1{cpu}    [00{cpu}]  {seconds:.6f}: kvmswap_entry:  vcpu={cpu} rip=0x8000\n"


class Lines(unittest.TestCase):
    """One line each."""

    def event(self, line):
        """The one event of a text."""
        trace = parse(line)
        self.assertEqual((len(trace.events), trace.malformed), (1, []))
        return trace.events[0]

    def test_trace_cmd(self):
        """trace-cmd report -t."""
        event = self.event("     kvmswap-run-143   [001]    20.232627640: kvmswap_page_fault:   "
                           "vcpu=0 gva=0x43ff8 error=0x2\n")
        self.assertEqual((event.task, event.pid, event.cpu), ("kvmswap-run", 143, 1))
        self.assertEqual(event.time, 20232627640)
        self.assertEqual(event.name, "kvmswap_page_fault")
        self.assertEqual(event.fields, {"vcpu": 0, "gva": 0x43ff8, "error": 2})

    def test_tracefs(self):
        """The file trace of tracefs: flags, hashed pointers, microseconds."""
        event = self.event("     a-b c-12      [000] d..1.   100.000123: kvmswap_set_spte: "
                           "vm=00000000d2f1 gfn=0x10 sptep=00000000beef spte=0x29d0025\n")
        self.assertEqual((event.task, event.pid), ("a-b c", 12))
        self.assertEqual(event.time, 100000123000)
        self.assertEqual(event.fields["sptep"], "00000000beef")
        self.assertEqual(event.fields["spte"], 0x29d0025)

    def test_system_name(self):
        """Some versions name the system before the event."""
        event = self.event("  x-1  [000]  1.5:  kvmswap:kvmswap_age: vm=0x1 gfn=0x2 young\n")
        self.assertEqual(event.fields, {"vm": "0x1", "gfn": 2, "young": True, "cleared": False})

    def test_age(self):
        """The three answers."""
        for words, young, cleared in (("old", False, False), ("young", True, False),
                                      ("young, now old", True, True)):
            event = self.event(f"  x-1  [000]  1.5: kvmswap_age: vm=0x1 gfn=0x2 {words}\n")
            self.assertEqual((event.fields["young"], event.fields["cleared"]), (young, cleared))

    def test_range(self):
        """A range of addresses, also one from 0."""
        event = self.event("  x-1  [000]  1.5: kvmswap_invalidate: "
                           "vm=0x1 hva=[0,0xffffffffffffffff) sptes=12\n")
        self.assertEqual((event.fields["start"], event.fields["end"], event.fields["sptes"]),
                         (0, 2**64 - 1, 12))


class Texts(unittest.TestCase):
    """Whole traces, sound and broken."""

    def test_known(self):
        """All lines of the known trace are understood."""
        trace = parse(KNOWN)
        self.assertEqual(len(trace.events), KNOWN.count("\n") - 1)
        self.assertEqual((trace.malformed, trace.losses), ([], []))

    def test_order(self):
        """Buffers one after the other are put in the order of time."""
        trace = parse(entry(0, 3) + entry(0, 5) + entry(1, 2) + entry(1, 4))
        self.assertEqual([event.time // 10**9 for event in trace.events], [2, 3, 4, 5])

    def test_others(self):
        """Events of others are left out, and are no mistakes."""
        trace = parse("# tracer: nop\n#\n  x-1 [000] 1.1: sched_switch: a=b ==> c\n" + REPORT)
        self.assertEqual((len(trace.events), trace.malformed), (1, []))

    def test_malformed(self):
        """What is no event, or not all of one, is kept apart with its line number."""
        cut = KNOWN.splitlines()[5]
        bad = ["what is this", cut[:cut.index("hva")], cut.replace("pfn=0x500", "pfn=zero"),
               "  x-1 [000] 1.1: kvmswap_new: vcpu=0",
               "  x-1 [000] 1.1: kvmswap_invalidate: vm=0x1 hva=[0x10,oops) sptes=0",
               "  x-1 [000] 1.1: kvmswap_age: vm=0x1 gfn=0x2 perhaps",
               "  x-1 [000] 1.1: kvmswap_retry: vcpu=0 gfn=0x2"]
        trace = parse(REPORT + "\n".join(bad) + "\n" + REPORT)
        self.assertEqual(len(trace.events), 2)
        self.assertEqual(trace.malformed, list(enumerate(bad, 2)))

    def test_lost(self):
        """Both forms in which a full buffer is told; the time is between that CPU's events."""
        for words in ("LOST 3 EVENTS", "3 EVENTS DROPPED"):
            trace = parse(entry(0, 1) + entry(1, 2) + f"CPU:0 [{words}]\n" + entry(1, 3) +
                          entry(0, 4))
            self.assertEqual(trace.losses, [Loss(0, 3, 10**9, 4 * 10**9)])
            self.assertEqual((len(trace.events), trace.malformed), (4, []))

    def test_lost_at_the_edges(self):
        """Before a CPU's first event, after its last, and when nobody knows how many."""
        trace = parse(entry(1, 1) + "CPU:0 [EVENTS DROPPED]\n" + entry(0, 2) + entry(1, 5) +
                      "CPU:0 [LOST 7 EVENTS]\n")
        self.assertEqual(trace.losses, [Loss(0, 0, 10**9, 2 * 10**9),
                                        Loss(0, 7, 2 * 10**9, 5 * 10**9)])

    def fails(self, text, words):
        """The reason why there is no trace."""
        with self.assertRaises(TraceError) as caught:
            parse(text)
        self.assertIn(words, str(caught.exception))

    def test_empty(self):
        """Nothing, or nothing of ours."""
        self.fails("", "the trace is empty")
        self.fails("  \n\n", "the trace is empty")
        self.fails("cpus=2\n", "no event of kvmswap")
        self.fails("  x-1 [000] 1.1: sched_switch: a=b\n", "trace-cmd record -e kvmswap")

    def test_no_trace(self):
        """Some other file: the first line that is wrong is named."""
        self.fails("#\n\x7fELF\x02 and so on\n", "line 2 is not one of a trace: '\\x7fELF")

    def test_two_vms(self):
        """They cannot be told apart."""
        line = "  x-1 [000] 1.{0}: kvmswap_flush: vm=0x{0} kicked=0\n"
        self.fails(line.format(1) + line.format(2), "2 VMs in one trace (0x1, 0x2)")


if __name__ == "__main__":
    unittest.main()

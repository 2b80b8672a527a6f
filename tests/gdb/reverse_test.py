#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of the way back through the race: from the stale spte that the audit reports to what set
it, to the invalidations that found nothing, and to the answer that it was set from."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096
FRAME = (1 << 52) - PAGE


class Reverse(unittest.TestCase):
    """What was seen on the way back."""

    @classmethod
    def setUpClass(cls):
        (ROOT / "build/tmp").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="reverse.") as folder:
            record = Path(folder) / "record"
            run = subprocess.run(
                [ROOT / "labs/gdb/reverse_lab.py", "--batch", record], text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=900, check=False)
            cls.text = run.stdout
            if not record.exists():
                raise AssertionError("GDB left no record; it printed:\n" + run.stdout)
            cls.seen = json.loads(record.read_text())
        # For the page of the book (`make gdb-samples`); from its second step on.
        steps = run.stdout[run.stdout.index("2. Who"):].partition("\n[")[0]
        steps = re.sub(r" at /\S*/(\w+\.[ch]:\d+)", r" at \1", steps)
        (ROOT / "build/gdb/reverse.txt").write_text(steps.rstrip() + "\n")

    def test_installation(self):
        """The watchpoint stops at the very instruction that wrote the stale spte."""
        seen = self.seen
        self.assertEqual(seen["set by"], "set_spte")
        self.assertEqual((seen["before the write"], seen["after the write"]), (0, seen["spte"]))

    def test_answer(self):
        """GUP answered with the frame that the spte maps to this day."""
        seen = self.seen
        self.assertEqual(seen["gup returned"], 1)
        self.assertEqual(seen["gup pfn"], (seen["spte"] & FRAME) // PAGE)

    def test_order(self):
        """The answer, then the invalidations, then the spte, then the report."""
        seen = self.seen
        between = [call["count"] for call in seen["invalidations"]]  # backwards
        self.assertTrue(between)
        order = [seen["report"], seen["set"], *between, seen["gup"]]
        self.assertEqual(order, sorted(set(order), reverse=True))

    def test_invalidations(self):
        """Each names the page, and finds nothing on its chain."""
        for call in self.seen["invalidations"]:
            start, end = call["range"]
            self.assertLessEqual(start, self.seen["hva"])
            self.assertLess(self.seen["hva"], end)
            self.assertEqual(call["chain"], 0)

    def test_same_run(self):
        """Forwards again it is the same run: the same spte, at the same instruction."""
        self.assertEqual((self.seen["report again"], self.seen["spte again"]),
                         (self.seen["report"], self.seen["spte"]))

    def test_explains(self):
        """Each step says what it shows."""
        for words in ("the module's audit reports a stale spte", "STALE: the spte maps frame",
                      "2. Who set that spte?", "WRITE_ONCE(*sptep, spte)",
                      "3. ", "tells the module: invalidate_range() for hva",
                      "gfn 0x300: 0 sptes on its chain", "has answered the fault",
                      "in the order of time", "the audit finds it"):
            self.assertIn(words, self.text)


if __name__ == "__main__":
    unittest.main()

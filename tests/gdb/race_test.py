#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of the race that GDB steps through: the same steps on three chapters' modules, in one
boot, and what each makes of the page that the host took back in between."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RACES = os.environ.get("KVMSWAP_RACES", "4 5 8").split()
SEQUENCE = "mmu_notifier_invalidate_lock.seqcount.seqcount.sequence"
COUNT = "mmu_invalidate_in_progress"


class Race(unittest.TestCase):
    """What was seen at each step."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="race.") as folder:
            record = Path(folder) / "record"
            run = subprocess.run(
                [ROOT / "labs/gdb/race_lab.py", "--batch", record, *RACES], text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=300, check=False)
            cls.text = run.stdout
            if not record.exists():
                raise AssertionError("GDB left no record; it printed:\n" + run.stdout)
            cls.seen = json.loads(record.read_text())
        # For the pages of the book (`make gdb-samples`); from its second step on.
        for part in run.stdout.split("=== The race, on chapter ")[1:]:
            chapter, _, text = part.partition("'s module\n")
            steps = text[text.index("2. CPU"):].partition("\n[")[0]
            steps = re.sub(r" at /\S*/(\w+\.[ch]:\d+)", r" at \1", steps)
            (ROOT / "build/gdb" / f"chapter{chapter}.txt").write_text(steps.rstrip() + "\n")

    def test_callback_finds_nothing(self):
        """On every chapter the callback comes while there is no spte yet."""
        for chapter in RACES:
            self.assertFalse(self.seen[chapter]["spte before"], chapter)
            if not self.seen[chapter]["names all"]:
                self.assertEqual(self.seen[chapter]["unmapped"], 0, chapter)

    def test_chapter4(self):
        """Nothing to ask: the fault sets a stale spte, and both audits find it."""
        seen = self.seen["4"]
        self.assertEqual((seen["before"], seen["held"]), ({}, {}))
        self.assertEqual((seen["retried"], seen["spte"], seen["stale"]), (0, True, 1))
        if not seen["names all"]:  # or another page's callback drops this spte, by accident
            self.assertEqual((seen["stale at the end"], seen["audit failures"]), (1, 1))
        self.assertIn("STALE: the spte maps frame", self.text)

    def test_chapter5(self):
        """The sequence has moved: the fault retries, and sets nothing."""
        seen = self.seen["5"]
        self.assertGreater(seen["held"][SEQUENCE], seen["before"][SEQUENCE])
        self.assertEqual(seen["held"][SEQUENCE] % 2, 0, "no invalidation is under way")
        self.assertEqual((seen["retried"], seen["spte"], seen["stale"]), (1, False, 0))
        self.assertEqual((seen["stale at the end"], seen["audit failures"]), (0, 0))

    def test_chapter8(self):
        """The count says that an invalidation is under way: the fault retries."""
        seen = self.seen["8"]
        self.assertEqual((seen["before"][COUNT], seen["held"][COUNT]), (0, 1))
        self.assertEqual((seen["retried"], seen["spte"], seen["stale"]), (1, False, 0))
        self.assertEqual((seen["stale at the end"], seen["audit failures"]), (0, 0))

    def test_explains(self):
        """Each step says what it shows."""
        for words in ("1. A guest is about to read 0x300000", "2. CPU 0 is in the window",
                      "3. CPU 1 alone has run on", "4. The callback has returned",
                      "5. CPU 0 alone has run on", "6. The spte was set from an answer",
                      "6. The fault saw that an invalidation"):
            self.assertIn(words, self.text)


if __name__ == "__main__":
    unittest.main()

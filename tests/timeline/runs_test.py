#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The whole way: real runs traced in the machine, read by trace-cmd, drawn, and looked at in a
browser.  What the programs said of themselves is what the traces must show.

The pictures are kept in build/timeline-test: page.png, race.png, window.png.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "labs" / "timeline"))

import capture  # noqa: E402
import timeline  # noqa: E402
from browser import Browser  # noqa: E402

OUT = ROOT / "build/timeline-test"
MEMORY, LIMIT, PASSES = 12, 3, 1
PNG = b"\x89PNG\r\n\x1a\n"


def figure(text, label):
    """A number that a program printed behind a label."""
    return int(re.search(rf"^ *{re.escape(label)} +(\d+)", text, re.M)[1])


class Runs(unittest.TestCase):
    """One capture for all."""

    @classmethod
    def setUpClass(cls):
        capture.capture(os.environ.get("KERNEL", "6.1"), os.environ.get("LAST", "8"), OUT,
                        MEMORY, LIMIT, PASSES)
        result = subprocess.run([ROOT / "labs/timeline/timeline.py", "--keep", "--out", OUT],
                                text=True, check=False, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        if result.returncode:
            raise AssertionError(result.stdout)
        cls.said = result.stdout
        cls.out = {name: (OUT / f"{name}.out").read_text()
                   for name in ("chapter4", "chapter5", "run")}
        cls.folder = tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="timeline.")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.browser = Browser(cls.folder.name)
        cls.addClassCleanup(cls.browser.close)
        cls.browser.open(OUT / "timeline.html")

    def run_js(self, script):
        """JavaScript's answer."""
        return self.browser.run(f"return {script}")

    def test_files(self):
        """Where everything is, is said; and trace-cmd reads the traces, enums and all."""
        for name in ("timeline.html", "chapter4.dat", "chapter5.dat", "run.dat"):
            self.assertIn(str(OUT / name), self.said)
        for name in ("chapter4", "chapter5", "run"):
            text = subprocess.run(["trace-cmd", "report", "-i", OUT / f"{name}.dat"], text=True,
                                  check=True, stdout=subprocess.PIPE).stdout
            self.assertNotIn("because 0x", text)
            self.assertIn("kvmswap_set_spte", text)
            if name == "chapter5":
                self.assertIn("because the host invalidated", text)

    def test_console(self):
        """The browser has nothing to complain about, and no line was left out."""
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.find(".warning"), [])
        self.assertIn(f"a guest of {MEMORY} MiB and two vCPUs which may keep {LIMIT} MiB",
                      self.browser.find(".about")[0].text)

    def test_races(self):
        """Two pictures, one above the other, and what they say is what the demos said."""
        four, five = self.run_js("timeline.races")
        for race, name in ((four, "chapter4"), (five, "chapter5")):
            frame = re.search(r"in frame (0x[0-9a-f]+): P$", self.out[name], re.M)[1]
            self.assertEqual(race["pfn"], int(frame, 16))
            self.assertEqual(race["gfn"], 0x300)
        stale = figure(self.out["chapter4"], "stale sptes that the audit counts")
        self.assertEqual((four["result"], stale), ("stale", 1))
        self.assertEqual((five["result"], figure(self.out["chapter5"], "faults retried")),
                         ("retried", 1))
        other = re.search(r"in frame (0x[0-9a-f]+): not P$", self.out["chapter5"], re.M)[1]
        self.assertEqual(five["newPfn"], int(other, 16))
        boxes = [figure_.rect for figure_ in self.browser.find("#races figure")]
        self.assertEqual(len(boxes), 2)
        self.assertLess(boxes[0]["y"] + boxes[0]["height"], boxes[1]["y"] + 1)
        self.assertEqual(boxes[0]["x"], boxes[1]["x"])

    def test_race_drawn(self):
        """Each step is a box; the windows lie above each other; pointing tells the event."""
        for number, race in enumerate(self.run_js("timeline.races")):
            selector = f"#races figure:nth-child({number + 1})"
            self.assertEqual(len(self.browser.find(f"{selector} .step")), len(race["steps"]))
            self.assertEqual(len(self.browser.find(f"{selector} .stale")),
                             race["result"] == "stale")
        windows = [one.rect["x"] for one in self.browser.find("#races .window")]
        self.assertEqual(windows[0], windows[1])
        self.browser.click("input[value=time]")
        self.assertEqual(len(self.browser.find("#races .window")), 2)
        self.browser.screenshot(OUT / "window.png", 1000)
        self.browser.click("input[value=steps]")
        for name, words in (("gup", "vcpu=0 gfn=0x300 hva=0x"), ("retry", "the host invalidated")):
            selector = f"#races figure:nth-child(2) .step.{name} rect"
            self.browser.point(selector, 20, 20)
            self.assertIn(words, self.browser.tip())

    def test_race_zoom(self):
        """The buttons of the races zoom both pictures, and only these."""
        span = "timeline.view().end - timeline.view().start"
        before = self.run_js(span)
        wide = [one.rect["width"] for one in self.browser.find("#races .window")]
        self.browser.click("#races button[data-zoom=in]")
        zoomed = [one.rect["width"] for one in self.browser.find("#races .window")]
        self.assertGreater(zoomed[0], wide[0])
        self.assertEqual(self.run_js(span), before)
        self.browser.click("#races button[data-zoom=all]")
        self.assertEqual([one.rect["width"] for one in self.browser.find("#races .window")], wide)

    def test_run(self):
        """The counts of the trace are those of the module's own statistics.

        These were read when the guest had ended: no fault comes after that. The host may take
        more pages until the VM's end, but no event is lost, so nothing is less."""
        out = self.out["run"]
        self.assertIn("all checks passed", out)
        faults = sum(self.run_js("timeline.run.vcpus.map(v => v.faults.length)"))
        self.assertEqual(faults, figure(out, "faults"))
        retried = self.run_js("[].concat(...timeline.run.vcpus.map(v => v.faults)).filter("
                              "fault => fault[10] === 'the host invalidated').length")
        self.assertEqual(retried, figure(out, "faults retried"))
        calls = self.run_js("timeline.run.invalidations.length")
        self.assertGreaterEqual(calls, figure(out, "host's callbacks"))
        taken = self.run_js("d3.sum(timeline.run.pages, page => page.taken)")
        self.assertGreaterEqual(taken, figure(out, "... since the host asked"))
        self.assertLessEqual(taken, self.run_js("d3.sum(timeline.run.invalidations, one => one[5])"))
        written = self.run_js("d3.sum(timeline.run.pages, page => "
                              "page.stretches.filter(s => s[3] !== null).length)")
        self.assertGreater(written, 0)
        self.assertLessEqual(written, figure(out, "pages out"))

    def test_picture(self):
        """It is drawn: each state has its share of the canvas. The screenshot is kept."""
        self.browser.click("#run button[data-zoom=all]")
        counts = self.browser.run("""
			const canvas = document.querySelector(".lanes canvas"), out = {};
			const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
			for (let i = 0; i < bytes.length; i += 4) {
				const name = Object.keys(COLOURS).find(key => COLOURS[key] === "#" + [0, 1, 2].map(
					j => bytes[i + j].toString(16).padStart(2, "0")).join(""));
				out[name] = (out[name] || 0) + 1;
			}
			return out;""")
        for name in ("young", "old", "taken", "guest", "host", "invalidate"):
            self.assertGreater(counts.get(name, 0), 500, name)
        self.assertEqual(len(self.run_js("timeline.lanes().filter(one => one.page)")), 40)
        self.browser.screenshot(OUT / "page.png")
        self.browser.screenshot(OUT / "race.png", 960)
        for name in ("page.png", "race.png"):
            self.assertTrue((OUT / name).read_bytes().startswith(PNG))


class Shown(unittest.TestCase):
    """What `make timeline` itself asks for."""

    def test_bounded(self):
        """The guest that it runs is larger than what it may keep, and small."""
        self.assertLess(timeline.LIMIT, timeline.MEMORY)
        self.assertLess(timeline.MEMORY, 64)


if __name__ == "__main__":
    unittest.main()

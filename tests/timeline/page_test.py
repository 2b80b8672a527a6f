#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of the page in a browser: of a known trace, all that is there is in the data, is drawn,
can be zoomed into and pointed at."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "labs" / "timeline"))

from browser import Browser  # noqa: E402

TOOL = ROOT / "labs/timeline/timeline.py"
KNOWN = HERE / "known.txt"

# Colours of a row of pixels of the lanes, as [[colour, pixels], ...]; the middle of a lane.
ROW = """
	const lane = timeline.lanes().find(one => one.name.startsWith(arguments[0]));
	const canvas = document.querySelector(".lanes canvas"), view = timeline.view();
	const y = lane.top + (arguments[1] === null ? Math.floor(lane.high / 2) : arguments[1]);
	const bytes = canvas.getContext("2d").getImageData(view.left, y, view.right - view.left, 1).data;
	const out = [];
	for (let i = 0; i < bytes.length; i += 4) {
		const name = bytes[i + 3] < 128 ? "" : "#" + [0, 1, 2].map(
			j => bytes[i + j].toString(16).padStart(2, "0")).join("");
		if (out.length && out[out.length - 1][0] === name)
			out[out.length - 1][1]++;
		else
			out.push([name, 1]);
	}
	return out;
"""
YOUNG, OLD, TAKEN, UNMAPPED = "#0072b2", "#a9d3ee", "#e69f00", "#d4d4d4"
GUEST, EXIT, WALK, HOST, WINDOW = "#dbe3e8", "#8d99a3", "#54427f", "#cc79a7", "#f0e442"


def make_page(trace, folder):
    """Makes the page of a trace; returns its path."""
    result = subprocess.run([TOOL, "--trace", trace, "--out", folder], text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        raise AssertionError(result.stdout)
    return Path(folder) / f"{trace.stem}.html"


class Known(unittest.TestCase):
    """The page of known.txt."""

    @classmethod
    def setUpClass(cls):
        (ROOT / "build/tmp").mkdir(parents=True, exist_ok=True)
        cls.folder = tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="timeline.")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.page = make_page(KNOWN, cls.folder.name)
        cls.browser = Browser(cls.folder.name)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.complaints()   # of the tests' own reading of pixels
        self.browser.open(self.page)

    def row(self, lane, y=None):
        """The colours along a lane."""
        return self.browser.run(ROW, lane, y)

    def colours(self, lane, y=None):
        """... without their widths, and without what is blank."""
        return [colour for colour, _ in self.row(lane, y) if colour]

    def test_console(self):
        """Loaded from a file, with nothing to complain about, and nothing from elsewhere."""
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.run(
            "return performance.getEntriesByType('resource').map(one => one.name)"
            ".filter(name => !name.startsWith('data:'))"), [])
        self.assertTrue(self.browser.run("return location.protocol === 'file:'"))

    def test_data(self):
        """The events are all there."""
        run = self.browser.run("const r = timeline.run; return [r.events, r.invalidations.length, "
                               "r.asks.length, r.vcpus.map(v => v.faults.length), "
                               "r.pages.map(p => [p.gfn, p.taken, p.stretches.length])]")
        self.assertEqual(run, [KNOWN.read_text().count("\n") - 1, 3, 2, [2, 2],
                               [[0x10, 2, 5], [0x11, 0, 2]]])

    def test_about(self):
        """What the page says of the trace."""
        text = self.browser.find(".about")[0].text
        self.assertIn("4 faults, 1 of them retried; 3 invalidations; 2 pages used, which the host "
                      "took 2 times", text)
        self.assertEqual(self.browser.find(".warning"), [])
        self.assertFalse(self.browser.find("#races")[0].is_displayed())

    def test_lane_names(self):
        """Each lane has its name."""
        names = [element.text for element in self.browser.find(".lanes text.name")]
        self.assertEqual(names, ["all 2 pages used", "the host invalidates",
                                 "the host asks: young?", "vCPU 0", "vCPU 0: retries",
                                 "vCPU 1", "vCPU 1: retries", "0x10 ×2", "0x11 ×0"])

    def test_pages_drawn(self):
        """The stretches of both pages, and how long they are."""
        self.assertEqual(self.colours("0x10"), [YOUNG, OLD, TAKEN, YOUNG, TAKEN])
        self.assertEqual(self.colours("0x11"), [YOUNG, UNMAPPED])
        wide = self.browser.run("return timeline.view().right - timeline.view().left") / 20  # a ms
        for (_, pixels), ms in zip(self.row("0x10")[1:], (2.4, 3, 5, 2, 6)):
            self.assertAlmostEqual(pixels, ms * wide, delta=2)

    def test_doors_drawn(self):
        """What the vCPU of 0x10 did: each part of its faults, and what was between them."""
        large = [name for name in self.colours("vCPU 0", 30) if name in (GUEST, HOST, EXIT)]
        self.assertEqual(large, [GUEST, HOST, GUEST, EXIT, GUEST, HOST, GUEST])
        self.assertEqual(self.colours("the host invalidates"), ["#333333"] * 3)
        self.assertEqual(self.colours("the host asks"), [YOUNG, OLD])
        self.assertEqual(self.colours("vCPU 0: retries"), [])
        self.assertEqual(self.colours("vCPU 1: retries"), ["#d55e00"])

    def zoom_in(self, times):
        """With the button; each is animated by nothing, so it is done at once."""
        for _ in range(times):
            self.browser.click("#run button[data-zoom=in]")

    def view(self):
        """The times that are shown, in ms."""
        return [time / 1000 for time in
                self.browser.run("return [timeline.view().start, timeline.view().end]")]

    def test_zoom(self):
        """In, and out again; what is drawn follows."""
        self.assertEqual(self.view(), [0, 20])
        self.zoom_in(2)
        start, end = self.view()
        self.assertAlmostEqual(end - start, 20 / 9, places=3)
        self.assertAlmostEqual((start + end) / 2, 10, places=3)
        # 8.9 to 11.1 ms: the page is away; its fault is under way from 10 ms on.
        self.assertEqual(self.colours("0x10"), [TAKEN])
        self.assertEqual(self.colours("vCPU 0", 30), [GUEST, WALK, HOST])
        self.assertIn("10 ms", self.browser.find("svg.axis")[0].text)
        self.browser.click("#run button[data-zoom=out]")
        self.assertAlmostEqual(self.view()[1] - self.view()[0], 20 / 3, places=3)
        self.browser.click("#run button[data-zoom=all]")
        self.assertEqual(self.view(), [0, 20])

    def test_zoom_to_the_window(self):
        """A tenth of a millisecond, with all parts of a fault to be seen."""
        self.browser.run("""
			const x = timeline.view().x, box = document.querySelector(".lanes");
			const from = box.getBoundingClientRect();
			box.dispatchEvent(new WheelEvent("wheel", { deltaY: -1500, ctrlKey: true, bubbles: true,
				clientX: from.left + x(2060), clientY: from.top + 20 }));""")
        start, end = self.view()
        self.assertLess(end - start, 5)
        self.assertTrue(start < 2.0 < 2.5 < end)
        colours = self.colours("vCPU 1", 18)
        first = colours.index(WINDOW)
        self.assertEqual(colours[first - 1:first + 3], [HOST, WINDOW, WALK, GUEST])

    def test_plain_wheel(self):
        """... is for the page."""
        self.browser.run("""document.querySelector(".lanes").dispatchEvent(
			new WheelEvent("wheel", { deltaY: -300, bubbles: true, clientX: 500, clientY: 500 }));""")
        self.assertEqual(self.view(), [0, 20])

    def tip(self, lane, ms):
        """What the box beside the pointer says there."""
        x, y = self.browser.run(
            "const lane = timeline.lanes().find(one => one.name.startsWith(arguments[0]));"
            "return [timeline.view().x(arguments[1]), lane.top + lane.high / 2]", lane, ms * 1000)
        self.browser.point(".lanes", x, y)
        return self.browser.tip()

    def test_hover(self):
        """Each kind of lane has something to say."""
        for lane, ms, says in (
                ("0x10", 5, ("gfn 0x10: mapped, and not used", "from 4.00 ms to 7.00 ms: 3.00 ms")),
                ("0x10", 9, ("taken by the host", "written to the disk at 7.20 ms",
                             "took it 2 times")),
                ("0x10", 17, ("taken by the host", "not written")),
                ("0x11", 19, ("not mapped, by the module's own choice",)),
                ("vCPU 0", 8, ("the guest runs",)),
                ("vCPU 0", 4.6, ("interrupt exit",)),
                ("vCPU 0", 11, ("fault at 0x10000, mapped", "read), gfn 0x10, pfn 0x520",
                                "walk to gup (the host): 1.88 ms", "in all: 2.10 ms")),
                ("vCPU 1: retries", 2.4, ("retry of gfn 0x11", "because the host invalidated",
                                          "the window was open for 300 µs")),
                ("the host invalidates", 7.01, ("invalidates 1 page", "gfn 0x10",
                                                "hva 0x7f0000010000",
                                                "1 spte dropped, by kswapd0 on CPU 0",
                                                "its end came 90.0 µs later")),
                ("the host asks", 4, ("is gfn 0x10 young?", "yes", "counts as old")),
                ("all", 9, ("All 2 pages at 9.00 ms", "young: 1", "taken: 1"))):
            text = self.tip(lane, ms)
            self.assertIsNotNone(text, (lane, ms))
            for words in says:
                self.assertIn(words, text)

    def test_hover_nothing(self):
        """Where nothing is, nothing is said."""
        self.assertIsNotNone(self.tip("0x10", 5))
        self.assertIsNone(self.tip("0x10", 0.5))
        self.assertIsNone(self.tip("vCPU 1: retries", 10))

    def test_choose_pages(self):
        """Other pages, by the list and by number."""
        shown = "return timeline.lanes().filter(one => one.page).map(one => one.page.gfn)"
        self.assertEqual(self.browser.run(shown), [0x10, 0x11])
        self.browser.run("const s = document.querySelector('#run select');"
                         "s.value = 'kept'; s.onchange()")
        self.assertEqual(self.browser.run(shown), [0x11, 0x10])
        for text, pages, says in (("0x11", [0x11], "1 of 2 are shown"), ("0x99", [], "0 of 2"),
                                  ("x", [], "That is no number"), ("", [0x11, 0x10], "2 of 2")):
            self.browser.run("const i = document.querySelector('#run input');"
                             "i.value = arguments[0]; i.onchange()", text)
            self.assertEqual(self.browser.run(shown), pages)
            self.assertIn(says, self.browser.find("#run .count")[0].text)

    def test_least(self):
        """A trace of one event, with no page and no moment to show, is no mistake."""
        with tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="timeline.") as folder:
            least = Path(folder) / "least.txt"
            least.write_text("  x-1 [000] 1.5: kvmswap_entry: vcpu=0 rip=0x8000\n")
            self.browser.complaints()
            self.browser.open(make_page(least, folder))
            self.assertEqual(self.browser.complaints(), [])
            self.assertIn("1 events: 0 faults", self.browser.find(".about")[0].text)
            self.assertEqual(self.colours("all 0 pages"), [])

    def test_warnings(self):
        """What is missing in a trace, the page says."""
        lines = KNOWN.read_text().splitlines()
        lines[22:22] = ["CPU:0 [LOST 12 EVENTS]", "oops <script>alert(1)</script> @D3@"]
        with tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="timeline.") as folder:
            broken = Path(folder) / "broken.txt"
            broken.write_text("\n".join(lines))
            self.browser.complaints()
            self.browser.open(make_page(broken, folder))
            self.assertEqual(self.browser.complaints(), [])
            lost, bad = [element.text for element in self.browser.find(".warning")]
            self.assertIn("12 events are missing", lost)
            self.assertIn("1 line(s) of the trace are not understood", bad)
            self.assertIn("line 24: oops <script>alert(1)</script> @D3@", bad)
            self.assertIn("#d55e00", self.colours("0x10", 1) + self.colours("0x11", 1) +
                          self.colours("vCPU 0", 0) + self.colours("vCPU 1", 1))


class Refused(unittest.TestCase):
    """Bad input."""

    def refused(self, text, says):
        """The tool ends with a status and with words."""
        with tempfile.TemporaryDirectory(dir=ROOT / "build/tmp", prefix="timeline.") as folder:
            trace = Path(folder) / "trace.txt"
            if text is not None:
                trace.write_bytes(text)
            result = subprocess.run([TOOL, "--trace", trace, "--out", folder], text=True,
                                    check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(result.returncode, 125)
            self.assertIn(says, result.stdout)
            self.assertNotIn("Traceback", result.stdout)
            self.assertEqual(list(Path(folder).glob("*.html")), [])

    def test_refused(self):
        """No file, an empty one, one of something else, half a trace.dat."""
        self.refused(None, "trace.txt: No such file")
        self.refused(b"", "the trace is empty")
        self.refused(b"\x7fELF\x00\xff", "is not one of a trace")
        self.refused(b"\x17\x08Dtracing6\x00\x00", "trace-cmd cannot read it")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-2.0
"""What the chapters say of themselves must hold together: the sample that a page shows
is what `expected` says, and the functions that a demo names are in the module."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "code" / "boot"))

import chapter  # noqa: E402  the path comes first

FOLDERS = sorted((ROOT / "chapters").glob("[0-9][0-9]-*"))
PLACE = re.compile(r"^   \[(.*)\]$", re.M)
FUNCTION = re.compile(r"\b(\w+)\(\)")
FILE = re.compile(r"\b\w+\.[chS]\b")


def lines(path):
    """The lines of a file, as chapter.py compares them."""
    return [line.rstrip() for line in path.read_text().splitlines()]


class Chapters(unittest.TestCase):
    """One check a chapter."""

    def test_there_are_chapters(self):
        self.assertGreaterEqual(len(FOLDERS), 6)

    def test_sample_is_as_expected(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                agree, rows = chapter.compare(lines(folder / "expected"),
                                              lines(folder / "sample.txt"))
                wrong = [sign + text for sign, text in rows if sign != " "]
                self.assertTrue(agree, f"make sample{int(folder.name[:2])}: {wrong}")

    def test_places_in_the_code_exist(self):
        module = {path.name: path.read_text()
                  for path in (ROOT / "kernel-module").glob("*.[chS]")}
        for folder in FOLDERS:
            places = PLACE.findall((folder / "sample.txt").read_text())
            with self.subTest(folder.name):
                self.assertTrue(places, "the demo names no place in the code")
                for name in FILE.findall(" ".join(places)):
                    self.assertIn(name, module)
                for name in FUNCTION.findall(" ".join(places)):
                    pattern = re.compile(rf"^[a-z].*\b{name}\(", re.M)
                    self.assertTrue(any(pattern.search(text) for text in module.values()),
                                    f"{name}() is not in the module")


if __name__ == "__main__":
    unittest.main()

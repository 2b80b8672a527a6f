# SPDX-License-Identifier: GPL-2.0
"""Plants each fault that the documentation's gate must find, in a small tree.

The tree has the real docs/*.py and a module of two files. Each test changes one
thing, and wants a failure whose message has the file, the line and what to do.
"""
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEADER = """\
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * thing.h - a thing, for the tests of the gate.
 */
#ifndef THING_H
#define THING_H

/** struct thing - what a thing is. */
struct thing {
	int weight;	/* in grams, <never> negative: 100 % #sure */
};

#ifdef CONFIG_KVMSWAP_THING
int thing_weigh(struct thing *thing, unsigned int scale);
void thing_drop(struct thing *thing);
#else
static inline int thing_weigh(struct thing *thing, unsigned int scale)
{
	return 0;
}
#endif
#endif
"""

SOURCE = """\
// SPDX-License-Identifier: GPL-2.0
/*
 * thing.c - the other half.
 */
#include "thing.h"

/**
 * thing_weigh() - how heavy it is.
 * @thing: the thing.
 * @scale: which scale to use.
 *
 * Context: any; does not sleep. "{" and /} in a text do no harm.
 * Return: the weight in grams, or -EINVAL for a scale that is not there.
 * Source: thing(1), <linux/thing.h>.
 */
int thing_weigh(struct thing *thing, unsigned int scale)
{
	static const char brace = '{', quote = '"';

	/* >>> weighing */
	if (scale > 3 || brace == quote)
		return -EINVAL;
	/* <<< weighing */
	return thing->weight;
}

/**
 * thing_drop() - let it fall.
 * @thing: the thing.
 *
 * Context: process, may sleep.
 */
void thing_drop(struct thing *thing)
{
	thing->weight = 0;
}
""" + "/* filler */\n" * 100

PAGE = """\
Chapter 0: a thing
==================

It weighs: :c:func:`thing_weigh`.

.. show:: thing.c weighing

.. show:: thing.c thing_drop
   :comment:

It prints
---------

.. literalinclude:: sample.txt
"""

NAMES = '"seed #v6","kvmswap","mainline 6.12"\n"weigh","``thing_weigh``","weigh()"\n'


class Tree(unittest.TestCase):
    """A small tree that is good until a test changes it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvmswap-docs-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for part in ("docs", "code/boot"):
            (self.root / part).mkdir(parents=True)
            for path in (ROOT / part).glob("*.py"):
                shutil.copy(path, self.root / part)
        for name in ("Doxyfile", "style.css"):
            shutil.copy(ROOT / "docs" / name, self.root / "docs")
        self.write("kernel-module/thing.h", HEADER)
        self.write("kernel-module/thing.c", SOURCE)
        self.write("chapters/00-thing/page.rst", PAGE)
        self.write("chapters/00-thing/expected", "weight: [0-9]+ g\n...\ndone\n")
        self.write("chapters/00-thing/sample.txt", "weight: 12 g\nand so on\ndone\n")
        self.write("docs/names.csv", NAMES)
        self.write("docs/index.rst", "Things\n======\n\n.. toctree::\n   :glob:\n\n"
                                     "   chapters/*/page\n   api/*\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def change(self, name, old, new):
        text = (self.root / name).read_text(encoding="utf-8")
        self.assertIn(old, text, "the test changes what is not there")
        self.write(name, text.replace(old, new, 1))

    def line(self, name, text):
        """Where a file says something: what a message must point at."""
        lines = (self.root / name).read_text(encoding="utf-8").split("\n")
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def call(self, tool, *arguments):
        return subprocess.run([sys.executable, "-B", str(self.root / "docs" / tool), *arguments],
                              capture_output=True, text=True, check=False)

    def passes(self):
        run = self.call("gate.py")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertRegex(run.stdout, r"\b6 passed, 0 failed")

    def fails(self, where, text, times=1):
        run = self.call("gate.py")
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertRegex(run.stderr, f"(?m)^{re.escape(where)}: .*{text}")
        self.assertEqual(len(run.stderr.splitlines()), times, run.stderr)
        self.assertNotRegex(run.stdout, r"\b0 failed")


class Regions(Tree):
    def test_good_tree(self):
        self.passes()

    def test_missing_region(self):
        self.change("chapters/00-thing/page.rst", "thing.c weighing", "thing.c wieghing")
        run = self.call("gate.py")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"page\.rst:6: kernel-module/thing\.c has no region or "
                                     r"function 'wieghing'; it has: .*weighing")

    def test_missing_function(self):
        self.change("chapters/00-thing/page.rst", "thing.c thing_drop", "thing.c thing_lift")
        self.fails("chapters/00-thing/page.rst:8", "no region or function 'thing_lift'")

    def test_missing_file(self):
        self.change("chapters/00-thing/page.rst", "thing.c thing_drop", "thong.c thing_drop")
        self.fails("chapters/00-thing/page.rst:8", "no file 'thong.c'")

    def test_doubled_region(self):
        self.change("kernel-module/thing.c", "\treturn thing->weight;",
                    "\t/* >>> weighing */\n\treturn thing->weight;\n\t/* <<< weighing */")
        run = self.call("gate.py")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"page\.rst:6: 'weighing' is not one place but 2: "
                                     r"kernel-module/thing\.c:\d+, kernel-module/thing\.c:\d+")

    def test_doubled_function(self):
        self.change("kernel-module/thing.c", "/* filler */",
                    "#ifdef FOO\nvoid thing_drop(struct thing *thing)\n{\n}\n#endif")
        run = self.call("gate.py")
        self.assertRegex(run.stderr, r"page\.rst:8: 'thing_drop' is not one place but 2")

    def test_region_shown_nowhere(self):
        self.change("kernel-module/thing.c", "\tthing->weight = 0;",
                    "\t/* >>> falling */\n\tthing->weight = 0;\n\t/* <<< falling */")
        self.fails(f"kernel-module/thing.c:{self.line('kernel-module/thing.c', '>>> falling')}",
                   "region 'falling' is shown by no page")

    def test_region_without_end(self):
        self.change("kernel-module/thing.c", "\t/* <<< weighing */\n", "")
        run = self.call("gate.py")
        self.assertRegex(run.stderr, r"thing\.c:20: region 'weighing' has no end")
        self.assertEqual(run.returncode, 1)

    def test_region_without_beginning(self):
        self.change("kernel-module/thing.c", "\t/* >>> weighing */\n", "")
        self.assertRegex(self.call("gate.py").stderr, "'weighing' ends here and begins nowhere")

    def test_other_style_of_region(self):
        self.change("kernel-module/thing.c", "/* >>> weighing */", "/* region: weighing */")
        run = self.call("gate.py")
        self.assertRegex(run.stderr, r"thing\.c:20: a region is written /\* >>> name \*/")
        self.assertEqual(run.returncode, 1)

    def test_too_many_markers(self):
        self.change("kernel-module/thing.c", "/* filler */\n" * 100, "")
        self.fails("kernel-module:1", "lines are region markers")


class Contracts(Tree):
    def test_no_contract(self):
        self.change("kernel-module/thing.c", "/**\n * thing_drop", "/*\n * thing_drop")
        self.fails(f"kernel-module/thing.c:{self.line('kernel-module/thing.c', 'void thing_drop')}",
                   r"thing_drop\(\) is public and has no contract")

    def test_declared_and_not_defined(self):
        self.change("kernel-module/thing.h", "void thing_drop(struct thing *thing);",
                    "void thing_drop(struct thing *thing);\nint thing_count(void);")
        self.fails("kernel-module/thing.h:16", r"thing_count\(\) is public and has no contract")

    def test_declared_twice(self):
        self.write("kernel-module/other.h", "void thing_drop(struct thing *thing);\n")
        self.fails("kernel-module/thing.h:15", r"thing_drop\(\) is declared twice; the first is "
                                               r"kernel-module/other\.h:1")

    def test_contract_in_the_header_suffices(self):
        self.change("kernel-module/thing.h", "void thing_drop(struct thing *thing);",
                    "void thing_drop(struct thing *thing);\n"
                    "/**\n * thing_count() - how many.\n *\n * Context: any.\n * Return: that.\n"
                    " */\nint thing_count(void);")
        self.passes()

    def test_missing_parameter(self):
        self.change("kernel-module/thing.c", " * @scale: which scale to use.\n", "")
        self.fails("kernel-module/thing.c:7", "no '@scale: ...'")

    def test_parameter_that_is_not_there(self):
        self.change("kernel-module/thing.c", "@scale:", "@scales:")
        self.fails("kernel-module/thing.c:7", "has no parameter 'scales'", times=2)

    def test_no_context(self):
        self.change("kernel-module/thing.c", " * Context: process, may sleep.\n", "")
        self.fails("kernel-module/thing.c:27", "no 'Context: ...'")

    def test_no_return(self):
        self.change("kernel-module/thing.c", " * Return: ", " * ")
        self.fails("kernel-module/thing.c:7", "no 'Return: ...'")

    def test_other_name(self):
        self.change("kernel-module/thing.c", "thing_drop() - let", "thing_dorp() - let")
        self.fails("kernel-module/thing.c:27", r"must begin 'thing_drop\(\) - what it does'")


class Text(Tree):
    def test_name_that_is_nowhere(self):
        self.change("docs/names.csv", "``thing_weigh``", "``thing_wiegh``")
        self.fails("docs/names.csv:2", "'thing_wiegh' is nowhere in kernel-module/")

    def test_name_in_a_comment_only(self):
        self.change("docs/names.csv", "``thing_weigh``", "``filler``")
        self.fails("docs/names.csv:2", "'filler' is nowhere in kernel-module/")

    def test_sample_that_no_run_prints(self):
        self.change("chapters/00-thing/sample.txt", "12 g", "12 kg")
        self.fails("chapters/00-thing/sample.txt:1", "not what 'expected' wants")

    def test_place_in_a_demo(self):
        self.write("chapters/00-thing/demo.c",
                   'int main(void)\n{\n\tcode("thing.c thing_drop(), thing_weigh()");\n'
                   '\tcode("thing.h: a thing -> thing.c thing_weigh()");\n}\n')
        self.passes()
        self.change("chapters/00-thing/demo.c", "thing_drop()", "thing_lift()")
        self.fails("chapters/00-thing/demo.c:3",
                   r"kernel-module/thing\.c has no function thing_lift\(\)", times=2)


class Book(Tree):
    """The whole build: Doxygen, breathe, Sphinx."""

    def test_build(self):
        run = self.call("build.py")
        self.assertEqual(run.returncode, 0, run.stderr)
        html = self.root / "build" / "docs" / "html"
        chapter = (html / "chapters/00-thing/page.html").read_text(encoding="utf-8")
        self.assertIn("thing.c:21", chapter)
        self.assertIn("source/thing.c.html#line-21", chapter)
        self.assertNotIn("&gt;&gt;&gt;", chapter)
        self.assertIn("and so on", chapter)
        api = (html / "api/thing.h.html").read_text(encoding="utf-8")
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", api))
        for piece in ("how heavy it is", "which scale to use", "Contextany; does not sleep.",
                      "or -EINVAL for a scale that is not there", "Sourcething(1), "
                      "&lt;linux/thing.h&gt;", "in grams, &lt;never&gt; negative: 100 % #sure"):
            self.assertIn(piece, text)

        # A broken reference fails, and fails again: a failure is never forgotten.
        self.change("chapters/00-thing/page.rst", "`thing_weigh`", "`thing_wiegh`")
        for _ in range(2):
            run = self.call("build.py")
            self.assertNotEqual(run.returncode, 0)
            self.assertRegex(run.stderr, r"page\.rst:4: WARNING: .*thing_wiegh")

        # So does what only Doxygen sees, and a page that shows what is not there.
        self.change("chapters/00-thing/page.rst", "`thing_wiegh`", "`thing_weigh`")
        self.change("kernel-module/thing.c", "@scale: which scale to use.",
                    "@scale: which scale to use.\n * @scale: which one.")
        for _ in range(2):
            run = self.call("build.py")
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("thing.c", run.stderr)

    def test_read(self):
        run = self.call("read.py", "0")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?s)Chapter 0: a thing\n=+\n\nkernel-module/thing\.c:21\n"
                                     r"   21  \tif \(scale > 3.*thing_drop\(\) - let it fall"
                                     r".*It prints\n-+\n$")
        self.assertNotIn(">>>", run.stdout)

    def test_read_no_such_chapter(self):
        for arguments in ((), ("7",), ("x",)):
            run = self.call("read.py", *arguments)
            self.assertEqual(run.returncode, 1)
            self.assertIn("make read N=0   thing", run.stderr)

    def test_filter_keeps_lines(self):
        run = self.call("kerneldoc.py", str(self.root / "kernel-module" / "thing.c"))
        self.assertEqual(len(run.stdout.splitlines()), len(SOURCE.splitlines()))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-2.0
"""Tests the runner of the mutants, on a small tree whose module is one file of C.

What it calls killed has to be killed by something: a mutant that breaks nothing must
survive, one that does not compile must be an error, and where the tests fail without a
mistake there is no verdict at all.
"""
import csv
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
import mutants                                                              # noqa: E402
from mutant import BadMutant, choose, read, read_all                        # noqa: E402
from steps import Steps                                                     # noqa: E402
from trees import Trees                                                     # noqa: E402
from verdict import ERROR, KILLED, SURVIVED, Verdict                        # noqa: E402
from verdict import judge_guest, judge_host, lines_of                       # noqa: E402

SOURCE = """\
#include <stdio.h>
#include <unistd.h>

static int add(int a, int b)
{
	return a + b;
}

static int check(const char *name, int ok)
{
	printf("[ RUN      ] %s\\n", name);
	printf(ok ? "[       OK ] %s\\n" : "[  FAILED  ] %s\\n", name);
	fflush(stdout);
	return !ok;
}

int main(void)
{
	return check("sum", add(2, 2) == 4) + check("order", add(3, 4) == add(4, 3));
}
"""

MAKEFILE = """\
build/host/5/mmu-test: build/host/5/module/sum.o
	gcc -o $@ $<
build/host/5/module/sum.o: kernel-module/sum.c
	mkdir -p $(@D) && gcc -c -Wall -Werror -o $@ $<
"""

HEADER = "SPDX-License-Identifier: GPL-2.0\nBreaks: a sum\nRun: host 5\n\n"
PATCH = """\
--- a/kernel-module/sum.c
+++ b/kernel-module/sum.c
@@ -3,5 +3,5 @@
 static int add(int a, int b)
 {
-	return a + b;
+	return %s;
 }

"""


class SmallTree(unittest.TestCase):
    """A tree of its own for each test."""

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="mutants."))
        self.addCleanup(shutil.rmtree, self.root)
        self.write("kernel-module/sum.c", SOURCE)
        self.write("Makefile", MAKEFILE)
        (self.root / "build/kernel").mkdir(parents=True)
        self.trees = Trees(self.root, "6.1")
        self.trees.alone()
        self.addCleanup(self.trees.lock.close)
        self.steps = Steps(self.trees, limit=20)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def patch(self, name, text, header=HEADER):
        return read(self.write(f"patches/{name}.patch", header + text))

    def verdict(self, text):
        mutant = self.patch("one", text)
        self.trees.take()
        return self.steps.run(mutant, [mutant])

    def refused(self, text, header=HEADER):
        with self.assertRaises(BadMutant) as caught:
            self.patch("one", text, header)
        return str(caught.exception)


class Verdicts(SmallTree):
    """What becomes of a mutant."""

    def test_killed_by_the_first_test_that_fails(self):
        verdict = self.verdict(PATCH % "a - b")
        self.assertEqual((verdict.state, verdict.by), (KILLED, "sum"))

    def test_what_breaks_nothing_survives(self):
        verdict = self.verdict(PATCH % "b + a")
        self.assertEqual((verdict.state, verdict.by), (SURVIVED, ""))

    def test_what_does_not_compile_is_an_error(self):
        verdict = self.verdict(PATCH % "a + c")
        self.assertEqual(verdict.state, ERROR)
        self.assertIn("does not compile", verdict.by)
        self.assertIn("undeclared", verdict.by)

    def test_what_never_ends_is_killed_by_the_time_limit(self):
        for text in ("pause() + a + b", "({ for (;;); a; })"):
            self.steps = Steps(self.trees, limit=1)
            self.steps.wait = 2
            verdict = self.verdict(PATCH % text)
            self.assertEqual((verdict.state, verdict.by), (KILLED, "time limit, in "))

    def test_without_a_good_run_there_is_no_verdict(self):
        self.write("kernel-module/sum.c", SOURCE.replace("== 4", "== 5"))
        verdict = self.verdict(PATCH % "a - b")
        self.assertEqual(verdict.state, ERROR)
        self.assertIn("fails without a mistake", verdict.by)

    def test_what_no_longer_applies_is_an_error(self):
        self.write("kernel-module/sum.c", SOURCE.replace("a + b", "b + a"))
        verdict = self.verdict(PATCH % "a - b")
        self.assertEqual(verdict.state, ERROR)
        self.assertIn("one.patch does not apply", verdict.by)

    def test_the_tree_is_as_it_was(self):
        self.verdict(PATCH % "a - b")
        self.assertEqual((self.root / "kernel-module/sum.c").read_text(), SOURCE)
        base = self.trees.base / "kernel-module/sum.c"
        self.assertEqual(base.read_text(), SOURCE)

    def test_a_second_run_sees_what_has_changed(self):
        self.assertEqual(self.verdict(PATCH % "a - b").state, KILLED)
        self.write("kernel-module/sum.c", SOURCE.replace("== 4", "> -9"))
        self.write("kernel-module/new.c", "")
        self.steps = Steps(self.trees, limit=20)
        self.assertEqual(self.verdict(PATCH % "a - b").by, "order")
        (self.root / "kernel-module/new.c").unlink()
        self.trees.take()
        self.assertFalse((self.trees.base / "kernel-module/new.c").exists())

    def test_the_kernels_source_has_one_mistake_at_a_time(self):
        one = self.patch("one", PATCH % "a - b")
        two = self.patch("two", PATCH % "a * b")
        self.trees.take()
        for mutant, text in ((one, "a - b"), (two, "a * b"), (None, "a + b")):
            source = (self.trees.source_with(mutant) / "sum.c").read_text()
            self.assertEqual(source, SOURCE.replace("a + b", text))

    def test_only_objects_are_copied(self):
        self.write("build/mutants/base/build/kernel-like/large", "x" * 1000)
        self.trees.take()
        mutant = self.patch("one", PATCH % "a - b")
        self.assertEqual(list((self.trees.tree_with(mutant) / "build").iterdir()), [])
        self.write("build/mutants/base/build/host/5/module/x.o", "x")
        tree = self.trees.tree_with(mutant, "build/host/5")
        self.assertEqual([path.name for path in (tree / "build").rglob("*")],
                         ["host", "5", "module", "x.o"])

    def test_check_compiles(self):
        self.trees.take()
        self.assertIsNone(self.steps.compiles(self.patch("one", PATCH % "a - b")))
        self.assertIn("error", self.steps.compiles(self.patch("two", PATCH % "a - c")))


class Files(SmallTree):
    """What a patch file may say."""

    def test_a_patch_is_read(self):
        mutant = self.patch("one", PATCH % "a - b",
                            "SPDX-License-Identifier: GPL-2.0\nBreaks: a sum,\n  and more\n"
                            "History: long ago\nRun: guest 8 io run.x protocol=seqlock\n\n")
        self.assertEqual((mutant.name, mutant.breaks, mutant.history, mutant.file),
                         ("one", "a sum, and more", "long ago", "sum.c"))
        self.assertEqual((mutant.step.kind, mutant.step.chapter, mutant.step.tests,
                          mutant.step.parameters),
                         ("guest", 8, ("io", "run.x"), ("protocol=seqlock",)))
        self.assertEqual(str(mutant.step), "guest 8 io run.x protocol=seqlock")

    def test_one_place_of_one_file(self):
        self.assertIn("one hunk", self.refused(PATCH % "1" + PATCH % "2"))
        self.assertIn("one hunk", self.refused(PATCH % "1" + "@@ -1 +1 @@\n-a\n+b\n"))
        self.assertIn("one file", self.refused((PATCH % "1").replace("kernel-module", "code")))
        self.assertIn("one file", self.refused(""))
        self.assertIn("changes nothing", self.refused(PATCH % "a + b"))

    def test_the_header(self):
        self.assertIn("no 'Run:'", self.refused(PATCH % "1", "Breaks: it\n\n"))
        self.assertIn("no 'Breaks:'", self.refused(PATCH % "1", "Run: host 5\n\n"))
        self.assertIn("'Colour:'", self.refused(PATCH % "1", HEADER + "Colour: red\n"))
        self.assertIn("'Run:' is there twice", self.refused(PATCH % "1", HEADER + "Run: host 4\n"))
        for step in ("host", "host five", "guest 8", "host 5 io", "chapter 5", "guest 8 a=b"):
            self.assertIn("'Run: ", self.refused(PATCH % "1", f"Breaks: it\nRun: {step}\n\n"))

    def test_the_old_lines_are_there_once(self):
        mutant = self.patch("one", PATCH % "a - b")
        self.assertIn("a - b", mutant.apply(SOURCE))
        with self.assertRaisesRegex(BadMutant, "no longer: make it again"):
            mutant.apply(SOURCE.replace("a + b", "b + a"))
        with self.assertRaisesRegex(BadMutant, "2 times"):
            mutant.apply(SOURCE + SOURCE)

    def test_mutants_are_chosen_by_name(self):
        all_of_them = [self.patch("one", PATCH % "1"), self.patch("two", PATCH % "2")]
        self.assertEqual(choose(all_of_them, []), all_of_them)
        self.assertEqual(choose(all_of_them, ["two"]), all_of_them[1:])
        with self.assertRaisesRegex(BadMutant, "no mutant three"):
            choose(all_of_them, ["three"])
        self.assertEqual(read_all(self.root / "patches"), all_of_them)
        with self.assertRaisesRegex(BadMutant, "no mutant in"):
            read_all(self.root / "build")


class Judges(unittest.TestCase):
    """What programs print, and what that means."""

    def host(self, *lines):
        return judge_host(["[ RUN      ] first", "[       OK ] first", "[ RUN      ] second",
                           *lines])

    def test_host(self):
        self.assertEqual(self.host("[       OK ] second", 0), (SURVIVED, ""))
        self.assertEqual(self.host("[  FAILED  ] second", 0), (KILLED, "second"))
        self.assertEqual(self.host("[  ERROR   ] second", 1), (KILLED, "second"))
        self.assertEqual(self.host("==1==ERROR: AddressSanitizer: heap-use-after-free on address "
                                   "0x60 at pc 0x55", -6),
                         (KILLED, "sanitizer: heap-use-after-free, in second"))
        self.assertEqual(self.host("==1==ERROR: AddressSanitizer: SEGV on unknown address", -6),
                         (KILLED, "sanitizer: SEGV, in second"))
        self.assertEqual(self.host("==1==ERROR: LeakSanitizer: detected memory leaks", 23),
                         (KILLED, "sanitizer: memory leaks, in second"))
        self.assertEqual(self.host("a.c:1:2: runtime error: shift exponent 99 is too large", -6),
                         (KILLED, "sanitizer: shift exponent 99 is too large, in second"))
        self.assertEqual(self.host(-11), (KILLED, "status -11, in second"))
        self.assertEqual(self.host(None), (KILLED, "time limit, in second"))
        self.assertEqual(judge_host([0])[0], ERROR)
        self.assertEqual(judge_host([])[0], ERROR)

    END = "guest-test: /dev/kvmswap: 2 of 2 tests are good, 0 left out"

    def test_guest_good(self):
        self.assertEqual(judge_guest(["ok io.a 0.1 s", "ok io.b 0.1 s", self.END, 0]),
                         (SURVIVED, ""))

    def test_guest_killed(self):
        end = self.END.replace("2 of", "1 of")
        for after, by in (
                (["Error: 1 != 2"], "io.a"),
                (["kernel: kvmswap: audit: rmap: spte"], "audit, after io.a"),
                (["kernel: kvmswap: pause point x"], "the kernel's log, after io.a"),
                (["not done after 45 seconds", "/proc/1"], "time limit, in io.a"),
                (["a VM was left behind: vm-1-2"], "a VM left behind, after io.a")):
            lines = ["NOT OK io.a 0.1 s", *after, "ok io.b 0.1 s"]
            self.assertEqual(judge_guest([*lines, end, 1]), (KILLED, by))
            self.assertEqual(judge_guest(lines), (KILLED, by))
            self.assertEqual(judge_guest([*lines[:-1], 125]), (KILLED, by))
        self.assertEqual(judge_guest(["mutants: the module cannot be loaded", 1]),
                         (KILLED, "the module cannot be loaded"))
        self.assertEqual(judge_guest(["ok io.a 0.1 s", self.END,
                                      "mutants: the module cannot be unloaded", 0]),
                         (KILLED, "the module cannot be unloaded"))
        self.assertEqual(
            judge_guest(["boot: FAILED: the kernel printed: [    2.1] WARNING: CPU: 1 at x.c"]),
            (KILLED, "kernel: WARNING: CPU: 1 at x.c"))
        self.assertEqual(judge_guest(["boot: FAILED: the VM hung: it printed nothing for 90 s"])[0],
                         KILLED)

    def test_guest_no_verdict(self):
        for lines in (["boot: FAILED: QEMU failed with status 1: no memory", 125],
                      ["boot.py: qemu is missing", 125], [self.END, 125], [0], [1], [None], [],
                      ["ok io.a 0.1 s", 0], [self.END.replace("2 of", "1 of"), 1]):
            self.assertEqual(judge_guest(lines)[0], ERROR, lines)

    def test_a_program_is_ended(self):
        start = time.monotonic()
        lines = lines_of(["sh", "-c", "echo one; sleep 50 & sleep 50; echo two"], 30)
        self.assertEqual(next(lines), "one")
        lines.close()
        self.assertEqual(list(lines_of(["sh", "-c", "printf 'a\\nb'; exit 3"], 30)), ["a", "b", 3])
        self.assertEqual(list(lines_of(["sleep", "50"], 0.2)), [None])
        self.assertLess(time.monotonic() - start, 25)


class Table(SmallTree):
    """The book's table."""

    def setUp(self):
        super().setUp()
        self.mutants = [self.patch("one", PATCH % "1"), self.patch("two", PATCH % "2")]
        self.path = self.root / "mutants.csv"
        mutants.write_table(self.path, [(m, Verdict(KILLED, "sum")) for m in self.mutants],
                            self.mutants)

    def faults(self):
        return mutants.table_faults(self.path, self.mutants)

    def test_it_is_about_these_mutants(self):
        self.assertEqual(self.faults(), [])
        with open(self.path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[1], ["one", "``sum.c``: a sum", "host 5", "sum"])

    def test_a_mutant_more_or_less(self):
        one = self.mutants.pop()
        self.assertIn("there is no such mutant", self.faults()[0])
        self.mutants += [one, self.patch("three", PATCH % "3")]
        self.assertEqual(len(self.faults()), 1)
        self.assertIn("no row three", self.faults()[0])

    def test_another_text(self):
        self.mutants[0] = self.patch("one", PATCH % "1", HEADER.replace("a sum", "all"))
        self.assertIn("the row one says something else", self.faults()[0])
        self.path.unlink()
        self.assertIn("is missing: make sample-mutants", self.faults()[0])

    def test_rows_of_those_that_were_run(self):
        mutants.write_table(self.path, [(self.mutants[1], Verdict(KILLED, "order"))],
                            self.mutants)
        with open(self.path, encoding="utf-8", newline="") as file:
            self.assertEqual([line[3] for line in csv.reader(file)], ["killed by", "sum", "order"])
        changed = [self.patch("one", PATCH % "1", HEADER.replace("a sum", "all"))]
        mutants.write_table(self.path, [], changed)     # what it says is of another mutant
        self.assertEqual(len(self.path.read_text().splitlines()), 1)

    def test_a_survivor_is_a_failure_and_has_no_row(self):
        self.mutants = [self.patch("one", PATCH % "a - b"), self.patch("two", PATCH % "b + a")]
        self.path.unlink()
        with mock.patch.object(mutants, "ROOT", self.root), \
                mock.patch.object(mutants, "TABLE", "mutants.csv"), mock.patch("builtins.print"):
            self.assertEqual(mutants.test(self.trees, self.mutants, self.mutants), (1, 1))
        self.assertIn("no row two", " ".join(self.faults()))
        self.assertEqual(len(self.faults()), 1)


if __name__ == "__main__":
    unittest.main()

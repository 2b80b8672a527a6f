# SPDX-License-Identifier: GPL-2.0
"""Tests of the tools around the VM: set-up, doctor, kernel, module, chapters, totals."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "code/boot"
KERNEL = os.environ.get("KERNEL", "6.1")
KERNELS = ROOT / "build/kernel"
sys.path[:0] = [str(TOOLS), str(ROOT / "tests")]

import chapter  # noqa: E402
import chapterdiff  # noqa: E402
import console  # noqa: E402
import run as runner  # noqa: E402


class Scratch(unittest.TestCase):
    """A temporary folder, and a PATH that holds only what a test puts there."""

    def setUp(self):
        self.place = Path(tempfile.mkdtemp(dir=ROOT / "build"))
        self.addCleanup(shutil.rmtree, self.place)
        self.bin = self.place / "bin"
        self.bin.mkdir()

    def program(self, name, text):
        """Puts a program made of shell into the PATH of the test."""
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def tool(self, name, *arguments):
        """Runs one of our tools with that PATH alone."""
        return subprocess.run(["/usr/bin/python3", "-B", TOOLS / name, *arguments],
                              env={"PATH": str(self.bin)}, capture_output=True, text=True,
                              check=False)


class Setup(Scratch):
    """setup.py and kernel.py where apt is not, or does not do."""

    def test_no_apt(self):
        """Says what to install by hand, and how to go on."""
        run = self.tool("setup.py", "vm")
        self.assertEqual(run.returncode, 125)
        self.assertIn("dpkg-query is not on this machine", run.stderr)
        self.assertIn("qemu-system-x86 seabios busybox-static", run.stderr)
        self.assertIn("NO_SETUP=1", run.stderr)

    def test_installs_only_what_is_missing(self):
        """Names it first, asks apt for it once, and without a question."""
        self.program("dpkg-query", f"""
            [ -e {self.place}/done ] && echo busybox-static install ok installed
            echo seabios install ok installed; echo qemu-system-x86 install ok installed""")
        self.program("apt-get", f"""echo "$@" >>{self.place}/calls
            [ "$1" = update ] || : >{self.place}/done""")
        self.program("env", 'shift; exec "$@"')
        self.program("sudo", 'exec "$@"')
        run = self.tool("setup.py", "vm")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("installing with apt: busybox-static\n", run.stderr)
        calls = (self.place / "calls").read_text().splitlines()
        self.assertEqual(len(calls), 2)
        self.assertIn("install -y", calls[1])
        self.assertTrue(calls[1].endswith(" busybox-static"))

    def test_unknown_group(self):
        """A group that there is not."""
        self.assertIn("wants groups out of: build vm", self.tool("setup.py", "x").stderr)

    def test_no_kernel(self):
        """Without apt the two variables are named, that go around it."""
        run = self.tool("kernel.py", "selftest")
        self.assertEqual(run.returncode, 125)
        self.assertIn("KERNEL_IMAGE=", run.stderr)
        self.assertIn("KERNEL_BUILD=", run.stderr)
        self.assertFalse((ROOT / "build/kernel/selftest").exists())

    def test_kernel_of_ones_own(self):
        """The user's kernel is taken, unless the two parts do not belong together."""
        image = (KERNELS / KERNEL / "vmlinuz").resolve()
        headers = (KERNELS / KERNEL / "headers").resolve()
        self.addCleanup(shutil.rmtree, ROOT / "build/kernel/selftest", True)
        for given, words in (
                (("--image", image), "go together"),
                (("--image", "/none", "--build", headers), "/none: no such file"),
                (("--image", "/bin/sh", "--build", headers), "not a bzImage"),
                (("--image", image, "--build", "/tmp"), "not a folder prepared")):
            run = self.tool("kernel.py", "selftest", *given)
            self.assertEqual(run.returncode, 125)
            self.assertIn(words, run.stderr)
        run = self.tool("kernel.py", "selftest", "--image", image, "--build", headers)
        self.assertEqual(run.returncode, 0, run.stderr)
        taken = ROOT / "build/kernel/selftest"
        self.assertEqual((taken / "vmlinuz").resolve(), image)
        self.assertEqual((taken / "headers").resolve(), headers)


class Doctor(Scratch):
    """doctor.py with a PATH made for it."""

    def test_missing_and_old(self):
        """A tool that is not there, one that is too old, one that is right."""
        self.program("make", "echo GNU Make 3.81")
        self.program("gcc", "echo 12.2.0")
        run = self.tool("doctor.py")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout, r"FIX +make .*3\.81 is too old, 4\.0 is needed: apt "
                                     r"install make")
        self.assertRegex(run.stdout, r"ok +gcc .*12\.2\.0")
        self.assertRegex(run.stdout, r"FIX +qemu-system-x86_64 .*missing: apt install "
                                     r"qemu-system-x86\n")
        self.assertRegex(run.stdout, r"SVM in QEMU .*no QEMU")
        self.assertRegex(run.stdout, r"\d+ good, \d+ to fix \(`make setup`")

    def test_qemu_without_svm(self):
        """A QEMU that cannot do SVM is no good here."""
        self.program("qemu-system-x86_64", "echo version 8.0.0")
        self.assertRegex(self.tool("doctor.py").stdout, "FIX .*this QEMU has no SVM")


class Module(Scratch):
    """module.py: what builds, what does not, and what is built again."""

    CHAPTER = "99"

    def build(self, body, kbuild="obj-m := kvmswap.o\nkvmswap-y := hello.o other.o\n"):
        """Builds a module of two files."""
        source = self.place / "source"
        source.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, ROOT / "build" / KERNEL / "chapter99", True)
        (source / "Kbuild").write_text(kbuild)
        if not (source / "other.c").exists():
            (source / "other.c").write_text("extern int kvmswap_other;\nint kvmswap_other;\n")
        (source / "hello.c").write_text(
            "#include <linux/module.h>\nextern int kvmswap_other;\n"
            f"static int __init hello(void)\n{{\n{body}\n}}\n"
            'module_init(hello);\nMODULE_LICENSE("GPL");\n')
        return subprocess.run([TOOLS / "module.py", KERNEL, self.CHAPTER, "--source", source],
                              capture_output=True, text=True, check=False)

    def test_incremental(self):
        """The second build compiles the file that changed, and no other."""
        self.assertEqual(self.build("return kvmswap_other;").returncode, 0)
        built = ROOT / "build" / KERNEL / "chapter99"
        self.assertTrue((built / "kvmswap.ko").exists())
        self.assertTrue((built / "hello.c").is_symlink())
        run = self.build("return kvmswap_other + 1;")
        self.assertIn("hello.o", run.stderr)
        self.assertNotIn("other.o", run.stderr)

    def test_warnings_fail(self):
        """The compiler's and modpost's, the latter on a second try too."""
        run = self.build("int unused;\nreturn 0;")
        self.assertEqual(run.returncode, 125)
        self.assertIn("unused variable", run.stderr)
        for _ in range(2):
            run = self.build("extern int nowhere(void);\nreturn nowhere();")
            self.assertEqual(run.returncode, 125)
            self.assertIn("nowhere", run.stderr)

    def test_sparse(self):
        """sparse sees what the compiler does not, also in a module that is built."""
        body = "static int here;\nint __user *there = &here;\nreturn there == NULL;"
        for body, status in (("return 0;", 0), (body, 125)):
            self.assertEqual(self.build(body).returncode, 0)
            run = subprocess.run([TOOLS / "module.py", KERNEL, self.CHAPTER, "--sparse",
                                  "--source", self.place / "source"],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, status, run.stderr)
        self.assertIn("different address spaces", run.stderr)

    def test_no_source(self):
        """A folder without a Kbuild is no module."""
        run = subprocess.run([TOOLS / "module.py", KERNEL, "99", "--source", self.bin],
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 125)
        self.assertIn("Kbuild: no such file", run.stderr)


class Chapter(Scratch):
    """chapter.py with a module, a demo and an expected file of this test."""

    def demo(self, text, expected, options=""):
        """Runs a chapter of our own."""
        (self.place / "demo").write_text("#!/bin/sh\n" + text)
        (self.place / "demo").chmod(0o755)
        (self.place / "expected").write_text(expected)
        (self.place / "boot.args").write_text(options)
        return subprocess.run([TOOLS / "chapter.py", "98", self.place],
                              capture_output=True, text=True, check=False)

    def test_demo(self):
        """As expected, not as expected, with a bad status, with a module that fails."""
        source = self.place / "source"
        source.mkdir()
        self.addCleanup(shutil.rmtree, ROOT / "build" / KERNEL / "chapter98", True)
        (source / "Kbuild").write_text("obj-m := kvmswap.o\n")
        (source / "kvmswap.c").write_text(
            "#include <linux/module.h>\nstatic int __init hello(void)\n{\nreturn 0;\n}\n"
            "static void __exit bye(void)\n{\n}\n"
            'module_init(hello);\nmodule_exit(bye);\nMODULE_LICENSE("GPL");\n')
        self.assertEqual(subprocess.run([TOOLS / "module.py", KERNEL, "98", "--source",
                                         source], capture_output=True,
                                        check=False).returncode, 0)
        shows = "lsmod | cut -d ' ' -f 1 | grep kvmswap; free -m | awk 'NR == 3 { print $2 }'"
        run = self.demo(shows, "kvmswap\n\\d+\n", "--swap 100  # more is not needed\n")
        self.assertEqual((run.returncode, run.stdout.splitlines()),
                         (0, ["kvmswap", "100", f"chapter 98 on {KERNEL}: 2 passed, 0 failed"]),
                         run.stderr)
        run = self.demo("echo one; echo two", "one\nthree\n")
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"chapter 98 on {KERNEL}: 1 passed, 1 failed", run.stdout)
        self.assertIn("    one\n  - three\n  + two\n", run.stderr)
        (self.place / "demo.icount").write_text("#!/bin/sh\necho four\n")
        (self.place / "demo.icount").chmod(0o755)
        (self.place / "expected.icount").write_text("five\n")
        run = self.demo("echo one", "one\n")
        self.assertIn("    one\n  - five\n  + four\n", run.stderr)
        (self.place / "demo.icount").unlink()
        (self.place / "expected.icount").unlink()
        run = self.demo("exit 9", "")
        self.assertIn("the demo ended with status 9", run.stderr)
        self.assertIn(f"chapter 98 on {KERNEL}: 0 passed, 1 failed", run.stdout)
        (source / "kvmswap.c").write_text(
            (source / "kvmswap.c").read_text().replace("return 0;", "return -5;"))
        subprocess.run([TOOLS / "module.py", KERNEL, "98", "--source", source],
                       capture_output=True, check=True)
        run = self.demo("exit 0", "")
        self.assertEqual(run.returncode, 125)
        self.assertIn("the module could not be loaded", run.stderr)


class Judgement(unittest.TestCase):
    """The pure parts: what counts as a splat, as expected, as passed."""

    def test_splats(self):
        """Real lines of broken kernels are found, others are not."""
        def splats(text):
            with open(os.devnull, "wb") as log:
                judge = console.Console(log)
                for at in range(0, len(text), 7):  # lines come in pieces
                    judge.feed(text[at:at + 7])
                judge.close()
                return len(judge.splats)

        for line in (
                b"BUG: kernel NULL pointer dereference, address: 0000000000000008",
                b"[    9.1] WARNING: CPU: 1 PID: 2 at mm/rmap.c:3 f+0x1/0x2 [kvmswap]",
                b"Oops: 0002 [#1] PREEMPT SMP NOPTI", b" Call Trace:",
                b"BUG: KASAN: use-after-free in f+0x1/0x2",
                b"WARNING: possible circular locking dependency detected",
                b"INFO: task vmm:123 blocked for more than 120 seconds.",
                b"rcu: INFO: rcu_preempt self-detected stall on CPU",
                b"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks: { 1 }",
                b"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [vmm:99]",
                b"BUG: scheduling while atomic: vmm/99/0x2", b"BUG: Bad page state in process",
                b"refcount_t: underflow; use-after-free.",
                b"Kernel panic - not syncing: Fatal exception"):
            with self.subTest(line):
                self.assertGreaterEqual(splats(b"before\r\n" + line + b"\r\nafter\r\n"), 1)
                self.assertGreaterEqual(splats(line), 1)
        self.assertEqual(splats(
            b"rcu: RCU restricting CPUs\r\nNMI watchdog: Perf NMI watchdog disabled\r\n"
            b"kvmswap: loading out-of-tree module taints kernel.\r\ndebug: 0\r\n"), 0)

    def test_compare(self):
        """Expected lines against printed ones."""
        for expected, lines, agree in (
                (["a", r"b \d+"], ["a", "b 12"], True),
                (["a"], ["a", "b"], False), (["a", "b"], ["a"], False),
                (["a"], ["ab"], False), (["a", "b"], ["b", "a"], False),
                (["a", "...", "z"], ["a", "b", "c", "z"], True),
                (["...", "a", "...", "a"], ["x", "a", "a"], True),
                (["..."], [], True), ([], ["a"], False), ([], [], True)):
            with self.subTest(expected=expected, lines=lines):
                self.assertEqual(chapter.compare(expected, lines)[0], agree)
        self.assertEqual(chapter.compare(["a", "x", "c"], ["a", "b", "c"])[1],
                         [(" ", "a"), ("-", "x"), ("+", "b"), (" ", "c")])

    def test_counts(self):
        """What the runner of all tests makes of a step's output."""
        for text, counts in (
                ("x: 3 passed, 1 failed\n7 passed, 0 failed\n", (10, 1)),
                ("[  PASSED  ] 5 test(s).\n[  FAILED  ] 2 test(s), listed below:\n", (5, 2)),
                ("Ran 9 tests in 1s\n\nFAILED (failures=2, errors=1)\n", (6, 3)),
                ("Ran 9 tests in 1s\n\nOK (skipped=1)\n", (8, 1)),
                ("Ran 2 tests in 1s\nOK\nRan 3 tests in 1s\nFAILED (errors=1)\n", (4, 1)),
                ("nothing\n", (0, 0))):
            with self.subTest(text):
                self.assertEqual(runner.count(text), counts)

    def test_failures(self):
        """What the runner of all tests shows once more."""
        many = "".join(f"vm: ok {n}\n" for n in range(50))
        for line in ("vm: NOT OK race.held 1.2 s", "FAILED: not as on stock KVM:",
                     "FAIL: test_x (a.b)", "[  FAILED  ] test_x", "swap-munmap 1 2  FAILED"):
            with self.subTest(line):
                text = f"{many}{line}\nwhy\n{many}"
                self.assertEqual(runner.failures(text)[:2], [line, "why"])
                self.assertEqual(len(runner.failures(text)), runner.TELL)
        self.assertEqual(runner.failures(many), [f"vm: ok {n}" for n in range(38, 50)])
        self.assertEqual(runner.failures("FAILED: a\n"), ["FAILED: a"])

    def test_order(self):
        """Which step the runner of all tests starts next."""
        alone = runner.ALONE[0]
        first, second, other = (runner.Job(step, kernel) for step, kernel in
                                ((alone, "1"), (alone, "2"), ("test-swap", "1")))
        self.assertIs(runner.startable([first, second, other], []), first)
        self.assertIs(runner.startable([second, other], [first]), other)
        self.assertIs(runner.startable([second], [other]), second)
        self.assertIsNone(runner.startable([second], [first]))
        self.assertIsNone(runner.startable([], []))

    def test_chapter_files(self):
        """Which files a chapter has, by Kbuild."""
        kbuild = (ROOT / "kernel-module/Kbuild").read_text()
        names = [[path.stem for path in chapterdiff.sources(kbuild, number)]
                 for number in range(6)]
        self.assertIn("main", names[0])
        self.assertNotIn("memslot", names[0])
        self.assertIn("memslot", names[1])
        self.assertNotIn("notifier", names[3])
        self.assertIn("notifier", names[4])


if __name__ == "__main__":
    unittest.main()

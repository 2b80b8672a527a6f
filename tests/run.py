#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs every test, and ends with a table and a line of totals.

    run.py [STEP ...]       all steps, or those named

A step is a target of make.  A step that is about a kernel runs once for each of KERNELS
("6.1 6.12"), with KERNEL set to it; the others run once.  As many run at a time as there
are processors, but no more than JOBS (2): a VM takes one processor, so two steps do not
slow each other.  They start in the order of the list, but for a step of ALONE, which waits
until it has ended on the other kernel.

A step's counts are what it says of itself: the lines "N passed, M failed" (the words
may stand anywhere in a line), those of cmocka ("[  PASSED  ] N test(s)."), and of
Python's unittest ("Ran N tests", "failures=M").  A step that fails without counting a
failure, or that counts nothing, is one failure: no step can vanish.  What it printed
comes when it is done, and is kept in build/log/test-STEP[-KERNEL].log.  What failed is
shown once more before the table, since all together is long.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "log"

# In the order in which they find mistakes fastest; True: once for each kernel.
STEPS = {
    "spelling": False, "checkpatch": False, "sparse": True, "test-host": True,
    "test-docs": False, "docs": False, "test-boot": False, "test-mutants": False,
    "explore": False, "model": False,
    "chapter0": True, "chapter1": True, "chapter2": True, "chapter3": True,
    "chapter4": True, "chapter5": True, "chapter6": True, "chapter7": True,
    "chapter8": True, "test-gdb": True, "test-timeline": False,
    "test-guest": True, "test-reasons": True,
    "test-transcripts": True, "test-swap": True, "test-fuzz": True,
}

# What writes to the same files whatever the kernel.
ALONE = ("test-gdb",)

COUNTS = (
    (re.compile(r"\b(\d+) passed, (\d+) failed\b"), (1, 2)),
    (re.compile(r"^\[  PASSED  \] (\d+) test\(s\)"), (1, None)),
    (re.compile(r"^\[  FAILED  \] (\d+) test\(s\)"), (None, 1)),
)

# The line at which a test says that it failed, and how many lines then tell why.
FAILURE = re.compile(r"(\S+: )?(NOT OK |not ok |FAILED|FAIL\b|ERROR: |\[  FAILED  \] \D)|.*\bFAILED$")
TELL = 12


def count(text):
    """What a step's output says: (passed, failed)."""
    passed = failed = 0
    for line in text.splitlines():
        for pattern, (good, bad) in COUNTS:
            match = pattern.search(line)
            if match:
                passed += int(match.group(good)) if good else 0
                failed += int(match.group(bad)) if bad else 0
                break
    ran = re.findall(r"^Ran (\d+) tests?", text, re.M)
    if ran:
        bad = sum(map(int, re.findall(r"(?:failures|errors)=(\d+)", text)))
        skipped = sum(map(int, re.findall(r"skipped=(\d+)", text)))
        passed += max(sum(map(int, ran)) - bad - skipped, 0)
        failed += bad + skipped  # a test that did not run has not passed
    return passed, failed


def failures(text):
    """The lines of a failed step's output that tell what failed, or its last ones."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if FAILURE.match(line)]
    if not starts:
        return lines[-TELL:]
    wanted = sorted({number for start in starts for number in range(start, start + TELL)})
    return [lines[number] for number in wanted if number < len(lines)]


class Job:
    """A step on a kernel, or a step that is not about one (kernel is None)."""

    def __init__(self, step, kernel):
        self.step, self.kernel = step, kernel
        self.name = f"{step}-{kernel}" if kernel else step
        self.title = f"{step} on {kernel}" if kernel else step
        self.log = LOGS / f"test-{self.name}.log"
        self.process = self.start_time = self.seconds = None
        self.passed = self.failed = 0

    def start(self):
        """Starts make; its output goes to the log."""
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STEPS", "KERNELS")}
        environment["VMS"] = "1"  # each step has one VM at a time
        if self.kernel:
            environment["KERNEL"] = self.kernel
        self.start_time = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", self.step], cwd=ROOT, env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def done(self):
        """Has it ended? Then it is counted, and what it printed is shown."""
        if self.process.poll() is None:
            return False
        self.seconds = time.monotonic() - self.start_time
        text = self.log.read_text(errors="replace")
        self.passed, self.failed = count(text)
        print(f"\n=== {self.title}, {self.seconds:.0f} s")
        print(text, end="" if text.endswith("\n") else "\n")
        if self.process.returncode and not self.failed:
            print(f"{self.title}: failed, with status {self.process.returncode}")
            self.failed = 1
        elif not self.passed and not self.failed:
            print(f"{self.title}: counted no test, which is a failure")
            self.failed = 1
        sys.stdout.flush()
        return True


def startable(waiting, running):
    """The first job that may start, or None."""
    steps = {job.step for job in running} & set(ALONE)
    return next((job for job in waiting if job.step not in steps), None)


def run(jobs, at_once):
    """Runs all jobs, in this order, some at a time."""
    waiting, running = list(jobs), []
    try:
        while waiting or running:
            while len(running) < at_once and (job := startable(waiting, running)):
                waiting.remove(job)
                running.append(job)
                job.start()
            time.sleep(0.1)
            running = [job for job in running if not job.done()]
    finally:
        for job in running:
            job.process.terminate()  # make ends its children, boot.py its VM
        for job in running:
            job.process.wait()


def table(jobs, seconds):
    """Prints what failed, a row for each job, and the totals; returns the failures."""
    for job in jobs:
        if job.failed:
            print(f"\n=== {job.title}: what failed (all of it: {job.log.relative_to(ROOT)})")
            print("\n".join(failures(job.log.read_text(errors="replace"))))
    width = max(len(job.title) for job in jobs)
    print(f"\n{'step':{width}} {'passed':>7} {'failed':>7} {'seconds':>8}")
    for job in jobs:
        print(f"{job.title:{width}} {job.passed:7} {job.failed:7} {job.seconds:8.0f}")
    passed, failed = sum(job.passed for job in jobs), sum(job.failed for job in jobs)
    print(f"all in {seconds / 60:.1f} minutes")
    print(f"{passed} passed, {failed} failed")
    return failed or not passed


def main():
    """The command line."""
    kernels = os.environ.get("KERNELS", os.environ.get("KERNEL", "6.1 6.12")).split()
    at_once = min(int(os.environ.get("JOBS", "2")), os.cpu_count() or 1)
    jobs = [Job(step, kernel) for step in sys.argv[1:] or STEPS
            for kernel in (kernels if STEPS.get(step, True) else [None])]
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    run(jobs, at_once)
    return 1 if table(jobs, time.monotonic() - start) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

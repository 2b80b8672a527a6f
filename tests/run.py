#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs every test, and ends with a line of totals.

    run.py [STEP ...]       all steps, or those named

A step is a target of make.  Its counts are what it says of itself: the lines
"N passed, M failed" (the words may stand anywhere in a line), those of cmocka
("[  PASSED  ] N test(s)."), and of Python's unittest ("Ran N tests", "failures=M").
A step that fails without counting a failure, or that counts nothing, is one failure:
no step can vanish.  Its output goes by as it is printed, and is kept in
build/log/test-STEP.log.
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

# In the order in which they find mistakes fastest.
STEPS = ("test-boot", "spelling", "checkpatch", "sparse", "test-host", "test-docs",
         "docs", "chapter0", "chapter1", "chapter2", "chapter3", "chapter4", "chapter5",
         "test-guest", "test-transcripts", "test-swap")

COUNTS = (
    (re.compile(r"\b(\d+) passed, (\d+) failed\b"), (1, 2)),
    (re.compile(r"^\[  PASSED  \] (\d+) test\(s\)"), (1, None)),
    (re.compile(r"^\[  FAILED  \] (\d+) test\(s\)"), (None, 1)),
)


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


def run(step):
    """Runs a step; returns (passed, failed)."""
    print(f"\n=== {step}", flush=True)
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with open(LOGS / f"test-{step}.log", "wb") as log, subprocess.Popen(
            ["make", "--no-print-directory", step], cwd=ROOT, stdin=subprocess.DEVNULL,
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text = bytearray()
        while data := os.read(process.stdout.fileno(), 65536):
            text += data
            log.write(data)
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
    passed, failed = count(text.decode(errors="replace"))
    if process.returncode and not failed:
        print(f"{step}: failed, with status {process.returncode}")
        failed = 1
    elif not passed and not failed:
        print(f"{step}: counted no test, which is a failure")
        failed = 1
    return passed, failed


def main():
    """The command line."""
    steps = sys.argv[1:] or STEPS
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = []
    for step in steps:
        start = time.monotonic()
        rows.append((step, *run(step), time.monotonic() - start))
    print(f"\n{'step':12} {'passed':>7} {'failed':>7} {'seconds':>8}")
    for step, passed, failed, seconds in rows:
        print(f"{step:12} {passed:7} {failed:7} {seconds:8.0f}")
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

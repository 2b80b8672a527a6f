#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Boots a chapter, runs its demo, and checks what it printed.

    chapter.py N [FOLDER]         FOLDER is chapters/NN-* by default

The module of chapter N is loaded, unloaded, loaded again; then /kvmswap/chapter/demo
runs (the chapter's folder is there) with the module loaded, and the module is unloaded
again.  The output is compared with the chapter's file `expected`: each line of it is a
Python regular expression that has to match a whole line of the output, in this order;
a line of three dots stands for any number of lines.  Empty lines count.

The chapter's file `boot.args`, if there is one, holds more arguments for boot.py; $KERNEL
in it is the kernel's name.  A file `demo.icount` is a second demo, in a boot of its own
where instructions are counted in the place of time (boot.py --icount); what it prints is
the end of the output, and `expected.icount` the end of what is expected.  It is left out
on a kernel that finds mistakes: there it would count what the finding costs.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from common import BUILD, FAILED, ROOT, Problem, main, say, slowness

KERNEL = os.environ.get("KERNEL", "6.1")
ANYTHING = "..."

SCRIPT = """
for turn in first second; do
	insmod /kvmswap/kvmswap.ko && [ -d /sys/module/kvmswap ] || exit 121
	[ $turn = second ] && break
	rmmod kvmswap && [ ! -d /sys/module/kvmswap ] || exit 122
done
cd /kvmswap/chapter || exit
./{demo}
status=$?
if [ -d /sys/module/kvmswap ]; then
	rmmod kvmswap || exit 122
fi
exit $status
"""

MEANING = {121: "the module could not be loaded", 122: "the module could not be unloaded"}


def find(number, given=None):
    """The chapter's folder, with all that it must hold."""
    found = [Path(given)] if given else sorted((ROOT / "chapters").glob(f"{number:02d}-*"))
    if len(found) != 1:
        raise Problem(f"chapters/{number:02d}-*: {len(found)} folders of that name, "
                      "wanted is one")
    for name in ("demo", "expected"):
        if not (found[0] / name).is_file():
            raise Problem(f"{found[0]}/{name} is missing")
    return found[0]


def compare(expected, lines):
    """Compares output lines with expected patterns.

    Returns (agree, rows); rows are the shortest edit of the one into the other, each
    with " " (as expected), "-" (expected, not printed) or "+" (printed, not expected).
    """
    def fits(i, j):
        return re.fullmatch(expected[i], lines[j]) is not None

    # cost[i][j]: the least number of edits for expected[i:] and lines[j:]
    rows, columns = len(expected), len(lines)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            if i == rows:
                cost[i][j] = columns - j
            elif expected[i] == ANYTHING:
                cost[i][j] = min(cost[i + 1][j],
                                 cost[i][j + 1] if j < columns else rows + columns)
            else:
                cost[i][j] = cost[i + 1][j] + 1
                if j < columns:
                    cost[i][j] = min(cost[i][j], cost[i][j + 1] + 1,
                                     cost[i + 1][j + 1] if fits(i, j) else rows + columns)
    out, i, j = [], 0, 0
    while i < rows or j < columns:
        skip = i < rows and expected[i] == ANYTHING
        if skip and cost[i][j] == cost[i + 1][j]:
            i += 1
        elif skip:
            out.append((" ", lines[j]))
            j += 1
        elif i < rows and j < columns and cost[i][j] == cost[i + 1][j + 1] and fits(i, j):
            out.append((" ", lines[j]))
            i, j = i + 1, j + 1
        elif i < rows and cost[i][j] == cost[i + 1][j] + 1:
            out.append(("-", expected[i]))
            i += 1
        else:
            out.append(("+", lines[j]))
            j += 1
    return cost[0][0] == 0, out


def expectation(chapter, icount=True):
    """The lines that a chapter's demos have to print, with those of demo.icount or without."""
    names = ["expected"]
    if icount and (chapter / "expected.icount").exists():
        names.append("expected.icount")
    return [line.rstrip() for name in names
            for line in (chapter / name).read_text(encoding="utf-8").splitlines()]


def boot(number, chapter, name, demo, arguments):
    """Boots the chapter and runs one of its demos; returns boot.py's status."""
    return subprocess.run(
        [ROOT / "code/boot/boot.py", "--name", name, "--chapter", str(number),
         "--file", f"{chapter.resolve()}:/kvmswap/chapter", "--swap", "256", "--timeout", "240",
         *arguments, "--", SCRIPT.replace("{demo}", demo)], cwd=ROOT, check=False).returncode


def run(number, chapter, icount):
    """Boots the chapter, twice if its demo.icount is wanted; returns boot.py's status and
    the output's lines."""
    name = f"chapter{number}-{KERNEL}"
    extra = chapter / "boot.args"
    arguments = shlex.split(extra.read_text().replace("$KERNEL", KERNEL), comments=True) \
        if extra.exists() else []
    out = BUILD / "log" / f"{name}.out"
    status = boot(number, chapter, name, "demo", arguments)
    if not status and icount:
        second = f"{name}-icount"
        status = boot(number, chapter, second, "demo.icount", ["--icount", *arguments])
        with open(out, "ab") as file:
            file.write((BUILD / "log" / f"{second}.out").read_bytes())
    text = out.read_text(errors="replace")
    return status, [line.rstrip() for line in text.splitlines()]


def command():
    """The command line."""
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        raise Problem("wants the number of a chapter")
    number = int(sys.argv[1])
    chapter = find(number, *sys.argv[2:])
    icount = (chapter / "demo.icount").exists()
    if icount and slowness(KERNEL) > 1:
        say(f"chapter {number} on {KERNEL}: demo.icount is left out: the kernel's own checks are "
            "most of the instructions that it would count")
        icount = False
    status, lines = run(number, chapter, icount)
    if status:
        meaning = MEANING.get(status, f"the demo ended with status {status}")
        say(f"chapter {number} on {KERNEL}: {meaning}")
        print(f"chapter {number} on {KERNEL}: 0 passed, 1 failed")
        return FAILED
    agree, rows = compare(expectation(chapter, icount), lines)
    if not agree:
        say(f"chapter {number} on {KERNEL} did not print what {chapter.name}/expected "
            "says (- expected, + printed):")
        for sign, text in rows:
            say(f"  {sign} {text}")
    # Two checks: the module came and went twice, and the demo printed what it must.
    print(f"chapter {number} on {KERNEL}: {1 + agree} passed, {1 - agree} failed")
    return 0 if agree else 1


if __name__ == "__main__":
    main(command)

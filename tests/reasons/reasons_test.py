#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Every reason for which the host takes a page, on each protocol, in one boot.

    reasons_test.py [--chapter N] [--protocols "NAME ..."] [--sample] [ROW ...]

The module is loaded once for each protocol, and build/tests/reasons runs all rows, or
those named; then a few run on stock KVM, the oracle ("stock" as a protocol runs all
rows there).  A row that fails in the way it must is printed as "expected failure" and
counts as passed.  KERNEL in the environment names the kernel.

A run of all is laid beside the book's table, docs/reasons-KERNEL.csv, if KERNEL is one
that the book is about: the rows and how each ended must be the same.  --sample writes that
table instead.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", "6.1")
PROTOCOLS = ("seqlock", "range", "interval")
BOOK = ("6.1", "6.12")
TABLE = ROOT / f"docs/reasons-{KERNEL}.csv"

# What the oracle is asked even in a run of all protocols.
STOCK_ROWS = ("hwpoison", "uffd-missing", "uffd-protect", "exec")

PREPARE = """
modprobe brd rd_nr=1 rd_size=32768 && mke2fs /dev/ram0 >/dev/null && mkdir /disk &&
	modprobe ext4 && mount -t ext4 /dev/ram0 /disk || { echo "no disk for files"; exit 1; }
bad=0
"""

KVMSWAP = """
insmod /t/kvmswap.ko {parameter} || exit 1
/t/reasons {protocol} /dev/kvmswap {rows} || bad=1
rmmod kvmswap || exit 1
"""

STOCK = """
modprobe kvm-amd npt=0 || exit 1
/t/reasons stock /dev/kvm {rows} || bad=1
rmmod kvm_amd kvm || exit 1
"""

BEGIN = re.compile(r"protocol (\w+), kernel ")
ROW = re.compile(r"([a-z][a-z-]+)((?: +(?:-|\d+)){8})  (ok|FAILED|expected failure)")
TOLD = re.compile(r"    (?!FAILED)(.+)")
END = re.compile(r"reasons: (\w+): \d+ of \d+ rows are good")


class Results:
    """What the program printed: protocol -> row -> (numbers, verdict, text)."""

    def __init__(self):
        self.rows, self.ended = {}, []
        self.protocol = self.row = None

    def feed(self, line):
        """Takes a line."""
        if match := BEGIN.match(line):
            self.protocol = self.rows.setdefault(match.group(1), {})
        elif match := END.match(line):
            self.ended.append(match.group(1))
        elif match := ROW.match(line):
            self.row = [match.group(2).split(), match.group(3), ""]
            self.protocol[match.group(1)] = self.row
        elif self.row and not self.row[2] and (match := TOLD.match(line)):
            self.row[2] = match.group(1).rstrip()

    def count(self):
        """(passed, failed)"""
        verdicts = [row[1] for rows in self.rows.values() for row in rows.values()]
        failed = verdicts.count("FAILED")
        return len(verdicts) - failed, failed

    def table(self):
        """The book's table: a row for each reason, a column for each protocol."""
        out = [["reason", "what the host did: what was seen", "words", "wrong", "stale",
                *(f"{name}: unmapped / calls / flushes" for name in PROTOCOLS)]]
        for name in self.rows["range"]:
            rows = [self.rows[protocol][name] for protocol in PROTOCOLS]
            good = [row for row in rows if row[1] == "ok"]
            out.append([name, good[0][2] if good else rows[0][2],
                        sum(int(row[0][0]) for row in good),
                        sum(int(row[0][1]) for row in good),
                        sum(int(row[0][2]) for row in good),
                        *(cell(row) for row in rows)])
        return out


def cell(row):
    """A protocol's cell of the book's table."""
    _, _, _, unmapped, _, calls, _, flushes = row[0]
    figures = f"{unmapped} / {calls} / {flushes}"
    return figures if row[1] == "ok" else f"{row[1]}: {row[2].partition(': ')[2]}"


def verdicts(table):
    """What of a table is the same on each run: the rows, and who failed as expected."""
    return [[row[0], *("expected failure" in text for text in row[5:])] for row in table]


def compare(table):
    """Is the book's table still what a run shows? Returns the number of faults."""
    place = TABLE.relative_to(ROOT)
    if not TABLE.is_file():
        print(f"FAILED: {place} is missing: make sample-reasons KERNEL={KERNEL}")
        return 1
    with open(TABLE, encoding="utf-8", newline="") as file:
        book = list(csv.reader(file))
    if verdicts(book) != verdicts(table):
        print(f"FAILED: {place} has other rows than the run, or others that fail as expected: "
              f"make sample-reasons KERNEL={KERNEL}")
        return 1
    return 0


def strip(module):
    """The module without what only debuggers read."""
    out = ROOT / f"build/tests/reasons-{KERNEL}.ko"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-debug", "-o", out, module], check=True)
    return out


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapter", type=int, default=8, metavar="N")
    parser.add_argument("--protocols", default="", metavar="NAMES")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    given = parser.parse_args()
    given.protocols = given.protocols.split()
    known = PROTOCOLS + ("stock",)
    for name in given.protocols:
        if name not in known:
            parser.error(f"there is no protocol {name}: say " + ", ".join(known))
    given.whole = not given.protocols and not given.rows
    if given.sample and not given.whole:
        parser.error("--sample is of a run of all rows on all protocols")
    return given


def script(given):
    """What the VM does, and the runs that it must bring to an end."""
    out, runs = PREPARE, []
    rows = " ".join(given.rows)
    for name in given.protocols or PROTOCOLS:
        if name in PROTOCOLS:
            out += KVMSWAP.format(parameter=f"protocol={name}", protocol=name, rows=rows)
            runs.append(name)
    if not given.protocols:
        rows = " ".join(row for row in STOCK_ROWS if row in given.rows or not given.rows)
    if "stock" in given.protocols or (not given.protocols and rows):
        out += STOCK.format(rows=rows)
        runs.append("stock")
    return out + "exit $bad", runs


def main():
    """Boots the VM, prints what it prints, counts the rows."""
    given = arguments()
    module = ROOT / f"build/{KERNEL}/chapter{given.chapter}/kvmswap.ko"
    if not module.is_file():
        sys.exit(f"reasons: {module} is missing: run `make module{given.chapter}`")
    text, runs = script(given)
    command = [ROOT / "code/boot/boot.py", "--kernel", KERNEL, "--name", f"reasons-{KERNEL}",
               "--numa", "--swap", "256", "--silence", "90", "--timeout", "900",
               "--file", f"{strip(module)}:/t/kvmswap.ko",
               "--file", f"{ROOT}/build/tests/reasons:/t/reasons", "--", text]
    results = Results()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            results.feed(line)
    passed, failed = results.count()
    for name in runs:
        if name not in results.ended:
            print(f"FAILED: the run on {name} did not come to its end")
            failed += 1
    if process.returncode and not failed:
        print(f"FAILED: the boot ended with status {process.returncode}")
        failed += 1
    if given.whole and not failed and KERNEL in BOOK:
        if given.sample:
            with open(TABLE, "w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(results.table())
        elif compare(results.table()):
            failed += 1
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

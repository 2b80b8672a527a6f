#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Makes mistakes in the module, one at a time, and looks whether a test notices.

    mutants.py [NAME ...]       builds and tests all mutants, or those named
    mutants.py --sample [NAME ...]  the same, and writes their rows of docs/mutants.csv
    mutants.py --check          only: does each apply and compile, is docs/mutants.csv
                                about these mutants

A mutant is a file NAME.patch here; mutant.py says what is in it.  Nothing is ever changed
in the tree itself: trees.py makes copies.  Each mutant is killed or survives; a killed one
counts as passed, a survivor and one that does not apply or compile as failed.  Killed is
what fails a test's own check, an audit, a sanitizer, what the kernel complains about and
what is not done in time, and only if the same tests pass without the mistake.

From the environment: KERNEL, JOBS (2) steps at a time, of which VMS (1) have a VM.
"""

import argparse
import csv
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutant import FOLDER, MODULE, BadMutant, choose, read_all
from steps import Steps, last_lines
from trees import Trees
from verdict import KILLED

ROOT = Path(__file__).resolve().parents[2]
TABLE = "docs/mutants.csv"
TITLE = ["mutant", "what it breaks", "tests", "killed by"]


def row(mutant, by):
    """A mutant's row of the book's table."""
    breaks = mutant.breaks + (f" *{mutant.history}*" if mutant.history else "")
    return [mutant.name, f"``{mutant.file}``: {breaks}", str(mutant.step), by]


def table_faults(path, mutants):
    """Is the book's table still about these mutants? A line for each that it is not."""
    again = "make sample-mutants"
    if not path.is_file():
        return [f"{path.name} is missing: {again}"]
    with open(path, encoding="utf-8", newline="") as file:
        rows = {line[0]: line for line in csv.reader(file)}
    if rows.pop(TITLE[0], None) != TITLE:
        return [f"{path.name} has other columns: {again}"]
    out = [f"{path.name} has a row {name}, and there is no such mutant: {again}"
           for name in sorted(set(rows) - {mutant.name for mutant in mutants})]
    for mutant in mutants:
        if mutant.name not in rows:
            out.append(f"{path.name} has no row {mutant.name}: {again}")
        elif rows[mutant.name][:3] != row(mutant, "")[:3]:
            out.append(f"{path.name}: the row {mutant.name} says something else: {again}")
    return out


def write_table(path, results, mutants):
    """Writes the book's table: a row for each mutant that was killed in this run, and those of
    the others as they were, if they still are about the same."""
    rows = {}
    if path.is_file():
        with open(path, encoding="utf-8", newline="") as file:
            rows = {line[0]: line for line in csv.reader(file)}
    for mutant, verdict in results:
        rows.pop(mutant.name, None)
        if verdict.state == KILLED:
            rows[mutant.name] = row(mutant, verdict.by)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([TITLE, *(
            rows[mutant.name] for mutant in mutants
            if rows.get(mutant.name, [])[:3] == row(mutant, "")[:3])])


class Run:
    """All mutants, some at a time: those for the VM one after the other beside the rest."""

    def __init__(self, steps, mutants, jobs, vms):
        self.steps, self.mutants = steps, mutants
        self.slots = threading.Semaphore(jobs)
        self.pools = {"guest": ThreadPoolExecutor(vms), "host": ThreadPoolExecutor(jobs)}
        self.stopped = False

    def one(self, mutant):
        """A Verdict, which is printed as well."""
        with self.slots:
            if self.stopped:
                return None
            verdict = self.steps.run(mutant, self.mutants)
        print(f"{verdict.state:8} {mutant.name:32} {verdict.seconds:4.0f} s  {verdict.by}",
              flush=True)
        return verdict

    def all(self):
        """[(mutant, verdict)], in the order of the mutants."""
        waiting = [(mutant, self.pools[mutant.step.kind].submit(self.one, mutant))
                   for mutant in self.mutants]
        try:
            return [(mutant, future.result()) for mutant, future in waiting]
        except KeyboardInterrupt:
            return [(mutant, future.result()) for mutant, future in waiting if future.done()]
        finally:
            self.stopped = True
            for pool in self.pools.values():
                pool.shutdown(cancel_futures=True)


def test(trees, mutants, sample=None):
    """Tests mutants; returns (passed, failed).  @sample: all mutants, if the book's table is
    to be written."""
    jobs = max(int(os.environ.get("JOBS", "2")), 1)
    vms = min(max(int(os.environ.get("VMS", "1")), 1), jobs)
    start = time.monotonic()
    trees.take()
    results = Run(Steps(trees), mutants, jobs, vms).all()
    width = max(len(mutant.name) for mutant in mutants)
    print(f"\n{'mutant':{width}}  {'':8} {'s':>4}  {'tests':32}  by")
    for mutant, verdict in results:
        print(f"{mutant.name:{width}}  {verdict.state:8} {verdict.seconds:4.0f}  "
              f"{str(mutant.step):32}  {verdict.by}")
    killed = sum(verdict.state == KILLED for _, verdict in results)
    print(f"all in {(time.monotonic() - start) / 60:.1f} minutes")
    if sample:
        write_table(ROOT / TABLE, results, sample)
        print(f"{TABLE} is written")
    return killed, len(mutants) - killed


def check(trees, mutants):
    """Applies and compiles mutants, compares the book's table; returns (passed, failed)."""
    trees.take()
    steps = Steps(trees)

    def fault(mutant):
        try:
            if mutant.step.kind == "guest":
                mutant.apply(trees.module_text(mutant.file))
                return None
            said = steps.compiles(mutant)
            return said and f"{mutant.name} does not compile: {last_lines(said)}"
        except (BadMutant, OSError) as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        faults = list(filter(None, pool.map(fault, mutants)))
    bad = len(faults)
    faults += table_faults(ROOT / TABLE, mutants)
    for text in faults:
        print(f"FAILED: {text}")
    return len(mutants) - bad + (bad == len(faults)), len(faults)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    try:
        everyone = read_all(FOLDER)
        mutants = choose(everyone, given.names)
        for mutant in mutants:
            if not (ROOT / MODULE / mutant.file).is_file():
                raise BadMutant(f"{mutant.name}.patch: there is no {MODULE}/{mutant.file}")
    except BadMutant as error:
        print(f"FAILED: {error}\n0 passed, 1 failed")
        return 1
    trees = Trees(ROOT, os.environ.get("KERNEL", "6.1"))
    passed, failed = check(trees, mutants) if given.check else \
        test(trees, mutants, everyone if given.sample else None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Each place of the module that allocates fails once, on a kernel with fault injection.

    alloc_test.py [--sample]        KERNEL=6.1-debug; --sample writes the book's table

sites.py finds the places in the compiled module, and alloc.c, in the VM, makes the
allocations of one after the other fail: those of insmod with nothing else loaded, the others
in a VM's life of their own (life.c), while another guest is being swapped.  The call that
allocates must fail with ENOMEM, unless CARRIES_ON names the place; the same call must then
do, and the VM go on to its end.  A place where nothing failed is a failure of the test,
unless QUIET names it, and a place of QUIET where something did is one too.  In the end the
kernel is asked for leaks: kmemleak for objects (boot.py), page_owner for pages.
"""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "code/boot"), str(ROOT / "tests/debug")]

import sites  # noqa: E402
from common import BUILD, Problem, kernel_dir, main, say  # noqa: E402
from module import link_sources, make_command  # noqa: E402

KERNEL = os.environ.get("KERNEL", "6.1-debug")
LAST = os.environ.get("LAST", "8")
SOURCE = ROOT / "kernel-module"

# The book's table is for a series; a kernel of one's own has one too.
RELEASE = kernel_dir(KERNEL) / "release"
SERIES = ".".join(RELEASE.read_text().split(".")[:2]) if RELEASE.exists() else ""
TABLE = ROOT / f"docs/allocations-{SERIES}.csv"

ENOMEM = 12

# What goes on without the memory, by place or function, and why.
CARRIES_ON = {
    "vm_debugfs_init": "the VM has no files in debugfs then",
    "kvmswap_debugfs_init": "no debugfs, the module does without",
    "pause_debugfs_init": "no pause points in debugfs, the module does without",
}

# What never allocates when it is called as we call it, and why.
QUIET = {
    "get_user_pages_unlocked": "asked only about memory that is not there",
    "mmu_interval_notifier_insert": "the mm's list is there: the VM's notifier made it",
    "__cpuhp_setup_state": "allocates in our callback, which is listed, on a thread of each CPU",
}
# For a series: what allocates nothing that fault injection can make fail.
OUT_OF_REACH = {
    ("6.1", "__init_srcu_struct"): "per-CPU memory, for which there is no injection",
}

SCRIPT = """
/t/alloc-fail /t/kvmswap.ko /t/sites || exit 1
insmod /t/kvmswap.ko || exit 1
( while [ ! -e /tmp/done ]; do
	kvmswap-run --plain --memory 14 --limit 6 --passes 1 --words 4 --min-in 100 >/tmp/load ||
		{ cat /tmp/load; exit 1; }
	echo "under load: $(grep -c . /tmp/load) lines"
done ) & load=$!
sleep 5
/t/alloc-fail /t/kvmswap.ko /t/sites
status=$?
touch /tmp/done
wait $load || { echo "the guest beside it went wrong"; exit 1; }
rmmod kvmswap || exit 1
[ ! -e /sys/kernel/debug/page_owner ] || /t/page-leaks || exit 1
exit $status
"""

NEVER = "never failed"
RESULT = re.compile(r"^site (\d+) (\d+) (\d+) (.*?): (.*)$", re.M)


def build():
    """The module, with debug information, and each call a call."""
    target = BUILD / KERNEL / "alloc"
    target.parent.mkdir(parents=True, exist_ok=True)
    link_sources(SOURCE, target)
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS")) and name not in ("CHAPTER", "KERNEL")}
    subprocess.run(make_command(kernel_dir(KERNEL), target, [
        "-s", f"CHAPTER={LAST}", "KCFLAGS=-Werror -g -fno-optimize-sibling-calls", "modules"]),
        env=environment, stdout=subprocess.DEVNULL, check=True)
    return target / "kvmswap.ko"


def find(module):
    """The sites; each call in the source must have led to one."""
    found = sites.find(module, SOURCE)
    there = {(site.file, site.line) for site in found}
    files = sorted(path.name for path in SOURCE.glob("*.c"))
    lost = [call for call in sites.in_source(SOURCE, files) if call[:2] not in there]
    if lost:
        raise Problem("calls in the source that have no code: " + ", ".join(
            f"{file}:{line} {name}()" for file, line, name in lost))
    return found


def boot(module, found):
    """Runs them all in the VM: number -> (allocations failed, errno, step, broken)."""
    wanted = BUILD / KERNEL / "alloc.sites"
    wanted.write_text("".join(
        f"{number} {'load' if site.at_load else 'use'} {site.section} {site.offset:#x}\n"
        for number, site in enumerate(found)))
    stripped = module.with_suffix(".stripped")
    subprocess.run(["strip", "--strip-debug", "-o", stripped, module], check=True)
    result = subprocess.run(
        [ROOT / "code/boot/boot.py", "--kernel", KERNEL, "--name", f"alloc-{KERNEL}", "--swap", "256",
         "--silence", "120", "--timeout", "900", "--append", "page_owner=on",
         # a kernel whose vmalloc() fails shows the stack; mistakes have other lines as well
         "--harmless", r"Call Trace:",
         "--file", f"{stripped}:/t/kvmswap.ko", "--file", f"{wanted}:/t/sites",
         "--file", "build/tests/alloc-fail:/t/alloc-fail",
         "--file", "tests/debug/page-leaks:/t/page-leaks",
         "--file", "build/bin/kvmswap-run:/kvmswap/bin/kvmswap-run",
         "--file", "build/guests:/kvmswap/guests", "--", SCRIPT],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    print(result.stdout, end="")
    if result.returncode:
        raise Problem(f"the VM ended with status {result.returncode}")
    return {int(number): (int(count), int(error), step, broken)
            for number, count, error, step, broken in RESULT.findall(result.stdout)}


def judge(site, result):
    """What to call it, why, and what is wrong with it (None: nothing)."""
    reason = OUT_OF_REACH.get((SERIES, site.callee))
    if reason and result and result[2:] == ("-", "-"):
        return "cannot be injected", reason, None
    reason = QUIET.get(site.callee) or CARRIES_ON.get(site.function) or ""
    verdict, problem = judge_failure(site, result)
    return verdict, reason, problem


def judge_failure(site, result):
    """What to call it, and what is wrong with it (None: nothing)."""
    quiet = site.callee in QUIET
    if not result:
        return "not tried", "it did not get its turn"
    count, error, step, broken = result
    if broken != "-":
        return "broken", broken
    if not count:
        return ("does not allocate", None) if quiet else (NEVER, "nothing failed there")
    if quiet:
        return "failed", "it is said never to allocate, and did"
    carries_on = site.function in CARRIES_ON
    if step == "-":
        return "goes on without", None if carries_on else "the failure went unnoticed"
    if error != ENOMEM or carries_on:
        return f"errno {error}", f"{step} failed with {error}: {os.strerror(error)}"
    return "ENOMEM", None


def rows(found, results):
    """The table's rows, one for each place, and a list of what is wrong."""
    table, wrong = {}, []
    judged = [(site, results.get(number), *judge(site, results.get(number)))
              for number, site in enumerate(found)]
    failed = {(site.place, site.line) for site, _, verdict, _, _ in judged if verdict == "ENOMEM"}
    for site, result, verdict, reason, problem in judged:
        # The compiler may make two of one call; then one of them has to come.
        if verdict == NEVER and (site.place, site.line) in failed:
            print(f"ok     {site.file}:{site.line:<4} {site.function:24} {site.callee:30} "
                  "another copy has failed")
            continue
        if problem:
            wrong.append(f"{site.file}:{site.line} {site.callee}() in {site.function}(): {problem}")
        step = result[2] if result and result[2] != "-" else ""
        print(f"{'FAILED' if problem else 'ok':6} {site.file}:{site.line:<4} {site.function:24} "
              f"{site.callee:30} {verdict:18} {step}")
        callee = site.callee.removesuffix("_noprof")
        row = (site.file, site.function, callee, verdict, step, reason)
        table[row] = table.get(row, 0) + 1
    return [(*row[:3], str(count), *row[3:]) for row, count in table.items()], wrong


HEAD = ("file", "function", "asks", "calls", "its failure", "fails then", "why not")


def compare(table):
    """Is the book's table this one?  What is not, as a list of lines."""
    have = {tuple(row) for row in csv.reader(TABLE.read_text().splitlines()[1:])} \
        if TABLE.exists() else set()
    return [f"not in {TABLE.name}: {','.join(row)}" for row in table if row not in have] + \
        [f"only in {TABLE.name}: {','.join(row)}" for row in sorted(have - set(table))]


def command():
    """The command line."""
    if not SERIES or not KERNEL.endswith("-debug"):
        raise Problem("wants a kernel with fault injection, KERNEL=6.1-debug or 6.12-debug")
    module = build()
    found = find(module)
    table, wrong = rows(found, boot(module, found))
    if "--sample" in sys.argv[1:] and not wrong:
        with open(TABLE, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *table])
        say(f"{TABLE.relative_to(ROOT)} is written")
    different = compare(table)
    for line in wrong + different:
        print(f"FAILED: {line}")
    print(f"allocations on {KERNEL}: {len(found) - len(wrong)} passed, "
          f"{len(wrong) + bool(different)} failed")
    return 1 if wrong or different else 0


if __name__ == "__main__":
    main(command)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""The timeline: traced runs as one page to look at, and as files for trace-cmd.

    timeline.py                     boots, traces, and writes the page
    timeline.py --keep              makes the page again from the traces that are there
    timeline.py --trace FILE        a page of one trace, made in the machine with
                                      trace-cmd record -C mono -e kvmswap PROGRAM
                                    (or of the text of a trace)

All goes to build/timeline, or --out FOLDER; the page is timeline.html, or with --trace has the
trace's name.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import capture
from doors import doors_of
from events import TraceError, parse
from page import D3, html, race_data, run_data
from pages import pages_of
from race import race_of, words

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "code" / "boot"))

from common import BUILD, Problem, main  # noqa: E402

MEMORY, LIMIT, PASSES = 16, 5, 2    # MiB of the guest, MiB that it may keep, passes over it


def trace_of(path):
    """Reads a trace; what is wrong with it is the user's to mend."""
    try:
        return parse(capture.read(path))
    except TraceError as error:
        raise Problem(f"{path}: {error}") from None


def races(folder):
    """The two pictures of the race."""
    out = []
    for chapter in capture.RACES:
        path = folder / f"chapter{chapter}.dat"
        try:
            race = race_of(trace_of(path))
        except TraceError as error:
            raise Problem(f"{path}: {error}") from None
        out.append(race_data(race, chapter, *words(race)))
    return out


def run_of(path, title, what):
    """The picture of the run; `what` says in words what ran."""
    trace = trace_of(path)
    pages, doors = pages_of(trace), doors_of(trace)
    faults = [fault for vcpu in doors.vcpus.values() for fault in vcpu.faults]
    used = [page for page in pages.values() if page.stretches]
    about = (f"{what}. The trace has {len(trace.events)} events: {len(faults)} faults, "
             f"{sum(fault.result == 'retried' for fault in faults)} of them retried; "
             f"{len(doors.invalidations)} invalidations; {len(used)} pages used, which the host "
             f"took {sum(page.taken for page in used)} times.")
    return run_data(trace, pages, doors, title, about)


def what_ran(path):
    """In words, from what the capture has left."""
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        return ("The program of make run, with a guest of {memory} MiB and two vCPUs which may "
                "keep {limit} MiB in memory, on the module of chapter {chapter} and Linux "
                "{kernel}".format(**made))
    except (OSError, ValueError, KeyError):
        raise Problem(f"{path} is missing or broken: make the traces again, without "
                      "--keep") from None


def library():
    """D3, as Debian has it."""
    try:
        return D3.read_text(encoding="utf-8")
    except OSError:
        raise Problem(f"{D3} is missing: apt install node-d3") from None


def command():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default=os.environ.get("KERNEL", "6.1"))
    parser.add_argument("--chapter", default=os.environ.get("LAST", "8"),
                        help="whose module the swapped guest has (%(default)s)")
    parser.add_argument("--out", type=Path, default=BUILD / "timeline", metavar="FOLDER")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--trace", metavar="FILE")
    options = parser.parse_args()
    source = library()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.trace:
        shown = [], run_of(options.trace, "The run", f"From {Path(options.trace).name}")
    else:
        if not options.keep:
            capture.capture(options.kernel, options.chapter, options.out, MEMORY, LIMIT, PASSES)
        shown = races(options.out), run_of(options.out / "run.dat", "A guest that is swapped",
                                           what_ran(options.out / capture.MADE))
    page = options.out / f"{Path(options.trace).stem if options.trace else 'timeline'}.html"
    page.write_text(html(*shown, source), encoding="utf-8")
    print(f"the page, for any browser:    {page}")
    if not options.trace:
        for name in [*(f"chapter{n}" for n in capture.RACES), "run"]:
            print(f"a trace for trace-cmd report: {options.out / name}.dat")
    return 0


if __name__ == "__main__":
    main(command)

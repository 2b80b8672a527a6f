#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs the tests on the kernels that find mistakes, as tests/run.py does on Debian's.

    debug_test.py [STEP ...]     all steps, or those named; KERNELS="6.1-debug 6.1-kcsan"

boot.py fails a step for any report of KASAN, lockdep, UBSAN, kmemleak, page_table_check and
the rest, and for a data race in which the module has a part.  What is not run there is in
LEFT_OUT, with the reason.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

STEPS = ("chapter0", "chapter1", "chapter2", "chapter3", "chapter4", "chapter5", "chapter6",
         "chapter7", "chapter8", "test-guest", "test-swap", "test-alloc")

# (step, kind of kernel) -> why it is not run there.
LEFT_OUT = {
    ("test-alloc", "kcsan"): "that kernel has no fault injection; 6.1-debug makes each "
                             "allocation fail",
}


def main():
    """The command line."""
    status = 0
    for kernel in os.environ["KERNELS"].split():
        kind = kernel.partition("-")[2]
        steps = []
        for step in sys.argv[1:] or STEPS:
            reason = LEFT_OUT.get((step, kind))
            if reason:
                print(f"left out on {kernel}: {step}: {reason}", flush=True)
            else:
                steps.append(step)
        if steps:
            status |= subprocess.run([ROOT / "tests/run.py", *steps], check=False,
                                     env=dict(os.environ, KERNELS=kernel)).returncode
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

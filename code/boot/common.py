# SPDX-License-Identifier: GPL-2.0
"""What every tool in this folder shares: where things are, and how to fail.

A problem that the user can solve is a Problem: its text says what is wrong and what
to do, and main() prints it without a traceback.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

FAILED = 125  # a tool's own failure, as opposed to the status of what it ran


class Problem(Exception):
    """Something the user can mend; the message says how."""


def say(text):
    """One line of news, on stderr, so that stdout stays the command's own."""
    print(text, file=sys.stderr, flush=True)


def kernel_dir(kernel):
    """The folder that kernel.py fills for one kernel series."""
    return BUILD / "kernel" / kernel


# How many times as long as on Debian's kernel the same work may take, by the kind of kernel: a
# property of the machine that limits of time are multiplied with.
SLOWNESS = {"debug": 8, "kcsan": 6}


def slowness(kernel):
    """What limits of time are multiplied with on a kernel, by its name under build/kernel."""
    return SLOWNESS.get(kernel.partition("-")[2], 1)


def main(function):
    """Runs a tool: its return value, or a Problem, becomes the exit status."""
    try:
        status = function()
    except Problem as problem:
        say(f"{os.path.basename(sys.argv[0])}: {problem}")
        status = FAILED
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)

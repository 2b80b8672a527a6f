# SPDX-License-Identifier: GPL-2.0
"""Reads the kernel's console: keeps it, and finds the lines that mean a broken kernel.

machine.py feeds it the bytes of the VM's serial port.
"""

import re

# What a kernel prints when something in it is wrong.  One such line fails a run.
SPLATS = re.compile("|".join((
    r"\bBUG: ", r"\bkernel BUG at ", r"\bWARNING: ", r"\bOops\b", r"\bCall Trace:",
    r"Kernel panic", r"general protection fault", r"double fault", r"\bUBSAN: ",
    r"\bKASAN: ", r"\bKCSAN: ", r"kmemleak: [1-9]\d* new", r"invalid opcode: ",
    r"INFO: task .* blocked for more than", r"rcu.*detected.*stalls?\b",
    r"rcu.*self-detected stall", r"INFO: trying to register non-static key",
    r"INFO: possible .* detected", r"Bad page (state|map)", r"bad: scheduling from",
    r"scheduling while atomic", r"list_(add|del) corruption", r"refcount_t: ",
    r"nobody cared", r"DEBUG_LOCKS_WARN_ON", r"stack-protector:", r"\bmm/pgtable-generic.c",
    r"VFS: Busy inodes", r"Objects remaining in", r"kernel tried to execute",
)))

# Lines that match the above and are known to be harmless.  Keep it tiny: each entry
# names the line and says why it may be overlooked.
HARMLESS = (
)

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r")


class Console:
    """The text of a VM's kernel console."""

    def __init__(self, log):
        """log: a binary file object that receives all of it."""
        self.log = log
        self.lines = []
        self.splats = []
        self.rest = b""

    def feed(self, data):
        """Takes what the serial port just sent."""
        self.log.write(data)
        self.log.flush()
        *whole, self.rest = (self.rest + data).split(b"\n")
        for line in whole:
            self._line(line)

    def _line(self, line):
        text = ESCAPES.sub(b"", line).decode(errors="replace").rstrip()
        self.lines.append(text)
        if SPLATS.search(text) and not any(re.search(h, text) for h in HARMLESS):
            self.splats.append(len(self.lines) - 1)

    def close(self):
        """Takes an unfinished last line too."""
        if self.rest:
            self._line(self.rest)
            self.rest = b""

    def around_splat(self, before=3, after=40):
        """The lines around the first splat."""
        first = self.splats[0]
        return self.lines[max(0, first - before):first + after]

    def tail(self, count=30):
        """The last lines."""
        return self.lines[-count:]

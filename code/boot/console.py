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
    r"VM_(BUG|WARN)_ON", r"kmemleak: .*(disabled|stopped)", r"turning off the locking correctness validator",
)))

# Lines that match the above and are known to be harmless.  Keep it tiny: each entry
# names the line and says why it may be overlooked.
HARMLESS = (
)

# A report of KCSAN: its first line, its last, the start of each of its two stacks, a line
# of a stack.  Mainline has data races of its own, which are not ours to judge: a report
# counts if one of the two accesses is the module's, that is, if the first function of its
# stack is, but for those below, which do their caller's work on their caller's data.
RACE = re.compile(r"BUG: KCSAN: ")
RACE_END = re.compile(r"={60}$")
ACCESS = re.compile(r"\b(write|read|marked|assert|race at unknown origin)\b.* (to|at) 0x|"
                    r"race at unknown origin")
FRAME = re.compile(r"^(?:\[ *\d+\.\d+\])?\s*([\w.]+)\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[(\w+)\])?$")
HELPER = re.compile(r"_*(list_|hlist_|rb_|interval_tree_|find_.*bit|bitmap_|set_bit|clear_bit|"
                    r"test_bit|mem(cpy|set|move|cmp)|asan_|kasan_|kcsan_|tsan_|kref_|refcount_|"
                    r"atomic|raw_spin|mutex_|sort|bsearch|copy_(to|from)_user|instrument)")
OURS = "kvmswap"

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r")


def race_is_ours(lines):
    """Is one of the two accesses of a report of KCSAN the module's?  No stack: it may be."""
    stacks, wanted = [], False
    for line in lines:
        frame = FRAME.match(line)
        if ACCESS.search(line):
            wanted = True
        elif frame and wanted and not (frame.group(2) is None and HELPER.match(frame.group(1))):
            stacks.append(frame.group(2))
            wanted = False
    return not stacks or OURS in stacks


class Console:
    """The text of a VM's kernel console."""

    def __init__(self, log, harmless=()):
        """log: a binary file object that receives all of it; harmless: more of HARMLESS."""
        self.log = log
        self.harmless = (*HARMLESS, *harmless)
        self.lines = []
        self.splats = []
        self.race = None  # number of the first line of a race's report that is not over
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
        number = len(self.lines) - 1
        if self.race is not None and RACE_END.search(text):
            self._end_of_race()
        elif RACE.search(text):
            self._end_of_race()
            self.race = number
        elif SPLATS.search(text) and not any(re.search(h, text) for h in self.harmless):
            self.splats.append(number)

    def _end_of_race(self):
        """Judges the report that is over; one without a stack counts."""
        if self.race is not None and race_is_ours(self.lines[self.race + 1:]):
            self.splats.append(self.race)
        self.race = None

    def close(self):
        """Takes an unfinished last line too."""
        if self.rest:
            self._line(self.rest)
            self.rest = b""
        self._end_of_race()

    def around_splat(self, before=3, after=40):
        """The lines around the first splat."""
        first = self.splats[0]
        return self.lines[max(0, first - before):first + after]

    def tail(self, count=30):
        """The last lines."""
        return self.lines[-count:]

# SPDX-License-Identifier: GPL-2.0
"""A trace as text -> its events: the first step from a run to a picture.

The text is what `trace-cmd report -t` prints of a trace.dat, or what the file `trace` of
tracefs holds.  Nothing here knows what an event means: pages.py, vcpus.py and race.py do.
"""

import re
from dataclasses import dataclass, field

LINE = re.compile(
    r"\s*(?P<task>\S.*?)-(?P<pid>\d+)\s+"
    r"(?:\(\s*[-\d]+\)\s+)?"                # the thread group, where it is asked for
    r"\[(?P<cpu>\d+)\]\s+"
    r"(?:[\w.#]{4,6}\s+)?"                  # interrupts off, preemption ...: tracefs only
    r"(?P<seconds>\d+)\.(?P<part>\d{1,9}):\s+"
    r"(?:\w+:\s*)?(?P<name>\w+):\s(?P<text>.*)$")
LOST = re.compile(r"\s*CPU:(?P<cpu>\d+) \[(?:LOST )?(?P<count>\d+ )?EVENTS(?: DROPPED)?\]")
# What stands between the events: comments, the number of CPUs, versions.
ASIDE = re.compile(r"\s*$|\s*#|cpus=\d+$|version = |CPU \d+ is empty$|trace\.dat$")
FIELD = re.compile(r"(\w+)=(\[[^)]*\)|\S+)")
HVA_RANGE = re.compile(r"\[(0x[0-9a-f]+|0),(0x[0-9a-f]+|0)\)$")

# The fields without which an event says nothing.
WANTED = {
    "kvmswap_entry": ("vcpu", "rip"),
    "kvmswap_exit": ("vcpu", "rip", "code", "info1", "info2"),
    "kvmswap_page_fault": ("vcpu", "gva", "error"),
    "kvmswap_guest_fault": ("vcpu", "gva", "error"),
    "kvmswap_walk": ("vcpu", "gva", "gfn"),
    "kvmswap_gup": ("vcpu", "gfn", "hva", "pfn"),
    "kvmswap_retry": ("vcpu", "gfn", "why"),
    "kvmswap_set_spte": ("vm", "gfn", "sptep", "spte"),
    "kvmswap_drop_spte": ("vm", "gfn", "sptep", "spte"),
    "kvmswap_unmap_rmapp": ("vm", "gfn"),
    "kvmswap_invalidate": ("vm", "start", "end", "sptes"),
    "kvmswap_invalidate_end": ("vm", "start", "end"),
    "kvmswap_age": ("vm", "gfn", "young", "cleared"),
    "kvmswap_flush": ("vm", "kicked"),
    "mm_vmscan_write_folio": ("pfn",),
}
POINTERS = ("vm", "sptep", "page")  # names, not numbers: tracefs prints them hashed


class TraceError(Exception):
    """The text is no trace that a picture can be made of; the message says why."""


@dataclass
class Event:
    """One line: who did what, when (in nanoseconds of the trace's clock)."""
    time: int
    cpu: int
    task: str
    pid: int
    name: str
    text: str
    fields: dict


@dataclass
class Loss:
    """A stretch of time in which a CPU's buffer was full; count is 0 if not known."""
    cpu: int
    count: int
    start: int
    end: int


@dataclass
class Trace:
    """All events in the order of time, and what is missing."""
    events: list = field(default_factory=list)
    losses: list = field(default_factory=list)
    malformed: list = field(default_factory=list)   # (line number, text)

    @property
    def start(self):
        """The first event's time."""
        return self.events[0].time

    @property
    def end(self):
        """The last event's time."""
        return self.events[-1].time


def fields_of(name, text):
    """An event's fields; None if one that is wanted is not there, or is no number."""
    out = {}
    try:
        for key, value in FIELD.findall(text):
            if key == "hva" and value.startswith("["):
                match = HVA_RANGE.match(value)
                out["start"], out["end"] = int(match[1], 16), int(match[2], 16)
            elif key in POINTERS:
                out[key] = value
            elif key not in ("flags", "rip") or name.startswith("kvmswap"):
                out[key] = int(value, 0)
    except (ValueError, TypeError):
        return None
    if name == "kvmswap_age":
        match = re.search(r" (young|old)(, now old)?$", text)
        if match:
            out["young"], out["cleared"] = match[1] == "young", bool(match[2])
    if name == "kvmswap_retry":
        match = re.search(r" because (.+)$", text)
        if match:
            out["why"] = match[1]
    return out if all(key in out for key in WANTED[name]) else None


def parse(text):
    """Reads the text of a trace.

    Lines of other events are left out; a line that is none, or that is cut off, goes to
    the list of the malformed.  Raises TraceError if there is no event of kvmswap at all.
    """
    trace = Trace()
    last = {}       # cpu -> time of its last event
    lost = {}       # cpu -> a loss whose end is not known yet
    for number, line in enumerate(text.splitlines(), 1):
        match = LOST.match(line)
        if match:
            cpu = int(match["cpu"])
            lost[cpu] = lost.get(cpu, 0) + int(match["count"] or 0)
            continue
        match = LINE.match(line)
        if not match:
            if not ASIDE.match(line):
                trace.malformed.append((number, line))
            continue
        cpu = int(match["cpu"])
        time = int(match["seconds"]) * 10**9 + int(match["part"].ljust(9, "0"))
        if cpu in lost:
            trace.losses.append(Loss(cpu, lost.pop(cpu), last.get(cpu), time))
        last[cpu] = time
        name = match["name"]
        if name not in WANTED:
            if name.startswith("kvmswap"):
                trace.malformed.append((number, line))
            continue
        fields = fields_of(name, match["text"])
        if fields is None:
            trace.malformed.append((number, line))
            continue
        trace.events.append(Event(time, cpu, match["task"], int(match["pid"]), name,
                                  match["text"].strip(), fields))
    trace.events.sort(key=lambda event: event.time)
    if not any(event.name.startswith("kvmswap") for event in trace.events):
        raise TraceError(nothing(text, trace))
    for cpu, count in lost.items():
        trace.losses.append(Loss(cpu, count, last.get(cpu), trace.end))
    for loss in trace.losses:
        loss.start = trace.start if loss.start is None else loss.start
    check_one_vm(trace)
    return trace


def nothing(text, trace):
    """Why there is no event."""
    if not text.strip():
        return "the trace is empty: was tracing on, and did a guest run?"
    if trace.malformed:
        number, line = trace.malformed[0]
        return (f"no event of kvmswap in it, and line {number} is not one of a trace: "
                f"{line[:80]!r}; wanted is what `trace-cmd report -t` prints")
    return "no event of kvmswap in it: was it made with `trace-cmd record -e kvmswap`?"


def check_one_vm(trace):
    """A fault's events name the vCPU alone, so two VMs in one trace cannot be told apart."""
    vms = {event.fields["vm"] for event in trace.events if "vm" in event.fields}
    if len(vms) > 1:
        raise TraceError(f"{len(vms)} VMs in one trace ({', '.join(sorted(vms))}): "
                         "trace a program that has one")

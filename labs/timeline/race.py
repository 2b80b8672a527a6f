# SPDX-License-Identifier: GPL-2.0
"""Events -> the race of the two doors, step by step, as the two pictures show it.

The race is found by what it is: a fault has its answer from the host (gup), another task
invalidates that page, and then the fault comes to its end, by an spte or by a retry.
"""

from dataclasses import dataclass, field

from doors import doors_of, exit_name
from events import TraceError

PAGE_SIZE = 4096


@dataclass
class Step:
    """One column of the picture: at a door, something is done."""
    time: int
    door: str       # "guest" or "host"
    name: str       # the tracepoint's, without its prefix
    text: str       # the event's own words
    cpu: int
    task: str
    fields: dict
    times: int = 1  # so many of the same, one after the other
    last: int = None


@dataclass
class Race:
    """A race that happened.  Columns are indices of steps."""
    gfn: int
    gva: int
    hva: int
    pfn: int                # P, as the fault got it
    steps: list = field(default_factory=list)
    opened: int = None      # the column of gup: the window opens
    closed: int = None      # the column at which it closes: set_spte or retry
    invalidated: int = None
    result: str = None      # "stale" or "retried"
    mapped: int = None      # the column at which the last spte of the page is set
    new_pfn: int = None     # what the retried fault got
    dropped: int = None     # when that spte went: in ns, or None if not in the trace
    reads: list = field(default_factory=list)   # columns of exits after that: the guest went on


def covers(call, hva):
    """Is this page among those that the host has named?"""
    return call.hva[0] < hva + PAGE_SIZE and hva < call.hva[1]


def find(doors):
    """The first fault with an invalidation of its page in its window."""
    for vcpu in doors.vcpus.values():
        for fault in vcpu.faults:
            if fault.gup is None or fault.done is None:
                continue
            calls = [call for call in doors.invalidations
                     if fault.gup < call.start < fault.done and call.pid != fault.pid
                     and covers(call, fault.hva)]
            if calls:
                return fault, calls
    raise TraceError("no race in this trace: no invalidation of a page came while a fault was "
                     "between GUP and mmu_lock with it")


def steps_of(trace, fault, calls):
    """The events of the picture, from the fault's exit to the guest's halt."""
    out = []
    starts = {call.start for call in calls}
    halted = False
    for event in trace.events:
        if event.time < fault.start or halted:
            continue
        mine = event.pid == fault.pid
        name = event.name.replace("kvmswap_", "")
        if mine and name in ("entry", "exit", "page_fault", "walk", "gup", "retry", "set_spte"):
            door = "guest"
            halted = name == "exit" and exit_name(event.fields["code"]) == "HLT"
        elif not mine and name == "invalidate" and event.time in starts:
            door = "host"
        else:
            continue
        last = out[-1] if out else None
        if last and last.door == door == "host" and last.text == event.text:
            last.times += 1
            last.last = event.time
            continue
        out.append(Step(event.time, door, name, event.text, event.cpu, event.task,
                        event.fields))
    return out


def race_of(trace):
    """The race of a trace; TraceError if there is none."""
    fault, calls = find(doors_of(trace))
    race = Race(fault.gfn, fault.gva, fault.hva, fault.pfn, steps_of(trace, fault, calls))
    for column, step in enumerate(race.steps):
        if step.time == fault.gup and step.name == "gup":
            race.opened = column
        elif step.name == "invalidate" and race.invalidated is None:
            race.invalidated = column
        elif step.time == fault.done and step.name in ("set_spte", "retry"):
            race.closed = column
        if step.name == "set_spte":
            race.mapped = column
        if step.name == "exit" and race.mapped is not None:
            race.reads.append(column)
    race.result = "retried" if fault.result == "retried" else "stale"
    if race.mapped is None:
        raise TraceError("the trace ends before the race: no spte was set after it")
    mapped = race.steps[race.mapped]
    for event in trace.events:
        if event.name == "kvmswap_gup" and event.fields["gfn"] == race.gfn \
                and race.steps[race.closed].time < event.time < mapped.time:
            race.new_pfn = event.fields["pfn"]
        if event.name == "kvmswap_drop_spte" and event.fields["gfn"] == race.gfn \
                and event.time > mapped.time:
            race.dropped = event.time
            break
    return race


def words(race):
    """What the picture shows, as (title, caption)."""
    def span(start, end):
        return f"{(end - start) / 10**6:.1f} ms"

    opened, closed = race.steps[race.opened].time, race.steps[race.closed].time
    first = (f"The window is open for {span(opened, closed)}; the invalidation comes "
             f"{span(opened, race.steps[race.invalidated].time)} after it opened, and finds no "
             "spte to drop. ")
    if race.result == "stale":
        until = "to the end of the trace" if race.dropped is None else \
            f"for {span(closed, race.dropped)}, until the VM goes"
        return ("nobody asks again, and the spte is stale",
                f"{first}The fault goes on with P. From then on the guest has memory that is not "
                f"its own any more: {until}.")
    return ("the fault asks again under mmu_lock, and retries",
            f"{first}The fault sees that the host has invalidated, and forgets P. The guest "
            f"executes its instruction again, and {span(closed, race.steps[race.mapped].time)} "
            "later maps the right page.")

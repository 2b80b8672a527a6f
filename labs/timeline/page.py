# SPDX-License-Identifier: GPL-2.0
"""The lanes -> one HTML page that holds all it needs: data, style, scripts, and D3."""

import json
import re
from pathlib import Path

from doors import PAGE_SHIFT, exit_name
from pages import STATES, shares

HERE = Path(__file__).resolve().parent
D3 = Path("/usr/share/nodejs/d3/dist/d3.min.js")  # Debian's node-d3
SCRIPTS = ("common.js", "race.js", "lanes.js", "run.js")
RESULTS = ("mapped", "retried", "injected", "mmio", "cut off")
COLUMNS = 4000      # moments at which all pages are counted


def clock(start):
    """From the trace's nanoseconds to the page's microseconds."""
    return lambda time: None if time is None else round((time - start) / 1000, 2)


def race_data(race, chapter, title, caption):
    """One of the two pictures."""
    when = clock(race.steps[0].time)
    steps = []
    for step in race.steps:
        out = {"t": when(step.time), "door": step.door, "name": step.name, "text": step.text,
               "cpu": step.cpu, "task": step.task, "times": step.times}
        if step.name == "exit":
            out["code"] = exit_name(step.fields["code"])
        if step.name in ("gup", "set_spte"):
            spte = step.fields.get("spte", 0)
            out["pfn"] = step.fields.get("pfn", spte >> PAGE_SHIFT & (1 << 40) - 1)
        if step.name == "invalidate":
            out["sptes"] = step.fields["sptes"]
        steps.append(out)
    return {"chapter": chapter, "title": title, "caption": caption, "result": race.result,
            "gfn": race.gfn, "gva": race.gva, "pfn": race.pfn, "newPfn": race.new_pfn,
            "opened": race.opened, "closed": race.closed, "invalidated": race.invalidated,
            "mapped": race.mapped, "dropped": when(race.dropped), "steps": steps}


def vcpu_data(vcpu, kinds, when):
    """A vCPU's lane."""
    stretches = []
    for start, end, what in vcpu.stretches:
        if what not in kinds:
            kinds.append(what)
        stretches.append([when(start), when(end), kinds.index(what)])
    faults = [[when(fault.start), when(fault.walk), when(fault.gup), when(fault.done),
               when(fault.end), fault.gfn, fault.gva, fault.error, fault.pfn,
               RESULTS.index(fault.result), *([fault.why] if fault.why else [])]
              for fault in vcpu.faults]
    return {"number": vcpu.number, "stretches": stretches, "faults": faults}


def loss_warning(trace):
    """What to say of events that are missing; None if none are."""
    if not trace.losses:
        return None
    count = sum(loss.count for loss in trace.losses)
    return (f"{count or 'Some'} events are missing: the trace's buffer was full "
            f"{len(trace.losses)} time(s), at the striped places. After each, a page is blank "
            "until its next event.")


def malformed_warning(trace):
    """What to say of lines that are no events; None if none are."""
    if not trace.malformed:
        return None
    number, line = trace.malformed[0]
    return (f"{len(trace.malformed)} line(s) of the trace are not understood and left out; the "
            f"first is line {number}: {line.strip()[:100]}")


def run_data(trace, pages, doors, title, about):
    """The picture of the run."""
    when = clock(trace.start)
    kinds, tasks = ["guest"], []
    calls = []
    for call in doors.invalidations:
        if call.task not in tasks:
            tasks.append(call.task)
        calls.append([when(call.start), when(call.end), call.hva[0], call.hva[1] - call.hva[0],
                      call.gfns, call.sptes, tasks.index(call.task), call.cpu])
    return {
        "title": title, "about": about,
        "warnings": [text for text in (loss_warning(trace), malformed_warning(trace)) if text],
        "span": when(trace.end) or 1,
        "events": len(trace.events),
        "vcpus": [vcpu_data(vcpu, kinds, when) for _, vcpu in sorted(doors.vcpus.items())],
        "kinds": kinds, "results": RESULTS, "tasks": tasks,
        "invalidations": calls,
        "asks": [[when(time), gfn, int(young), int(cleared)]
                 for time, gfn, young, cleared in doors.asks],
        "pages": [{"gfn": page.gfn, "taken": page.taken,
                   "stretches": [[when(start), when(end), STATES.index(state), when(written)]
                                 for start, end, state, written in page.stretches]}
                  for page in sorted(pages.values(), key=lambda page: (-page.taken, page.gfn))
                  if page.stretches],
        "shares": shares(pages, trace.start, trace.end, COLUMNS),
        "losses": [[when(loss.start), when(loss.end), loss.count] for loss in trace.losses],
    }


def html(races, run, library):
    """The page, with everything in it."""
    # Neither a script nor the data may end the element that it stands in.
    data = json.dumps({"races": races, "run": run}, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"STYLE": (HERE / "style.css").read_text(encoding="utf-8"), "DATA": data,
             "D3": library.replace("</script", "<\\/script"),
             "SCRIPTS": "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)}
    frame = (HERE / "page.html").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z0-9]+)@", lambda match: parts[match[1]], frame)

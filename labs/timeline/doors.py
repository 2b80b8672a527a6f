# SPDX-License-Identifier: GPL-2.0
"""Events -> the two doors: each vCPU's time and faults, and the host's invalidations."""

from dataclasses import dataclass, field

PAGE_SHIFT = 12
EXITS = {0x4e: "#PF", 0x60: "interrupt", 0x61: "NMI", 0x64: "interrupt window", 0x72: "CPUID",
         0x78: "HLT", 0x79: "INVLPG", 0x7b: "port I/O", 0x7c: "MSR", 0x7f: "shutdown",
         0x81: "VMMCALL"}


def exit_name(code):
    """The AMD manual's name of an exit, where it is one that the guests here have."""
    if code < 0x20:
        return f"{'write' if code & 0x10 else 'read'} CR{code & 0xf}"
    return EXITS.get(code, f"exit {code:#x}")


@dataclass
class Fault:
    """A #PF exit, from the guest and back; times in ns, None where it did not get so far."""
    vcpu: int
    pid: int
    cpu: int
    start: int              # the exit
    gva: int
    error: int
    walk: int = None        # gva -> gfn is known
    gup: int = None         # hva -> pfn is known: the window opens
    done: int = None        # the spte is set, or the retry decided: it is closed
    end: int = None         # back in the guest
    gfn: int = None
    hva: int = None
    pfn: int = None
    spte: int = None
    result: str = "cut off"     # mapped, retried, injected, mmio
    why: str = None


@dataclass
class Vcpu:
    """A lane: stretches outside faults are [start, end, what]; what is "guest" or an exit."""
    number: int
    stretches: list = field(default_factory=list)
    faults: list = field(default_factory=list)


@dataclass
class Invalidation:
    """The host's call, or its two; end is None where there is no second."""
    start: int
    end: int
    hva: tuple
    task: str
    pid: int
    cpu: int
    sptes: int
    gfns: list


class Doors:
    """Both doors, as the events come."""

    def __init__(self):
        self.vcpus = {}
        self.open = {}      # vcpu -> (time, "guest" or an exit's name, the event)
        self.faults = {}    # vcpu -> the fault under way
        self.invalidations = []
        self.asks = []      # (time, gfn, young, cleared)
        self.dropped = {}   # pid -> gfns of the sptes that it has just dropped
        self.hva = {}       # gfn -> hva, as faults have told it

    def vcpu(self, number):
        """The lane of a vCPU."""
        return self.vcpus.setdefault(number, Vcpu(number))

    def close(self, number, time):
        """What the vCPU did until now is over; returns what it was."""
        since, what, event = self.open.pop(number, (None, None, None))
        fault = self.faults.pop(number, None)
        if fault:
            fault.end = time
            if fault.result == "cut off" and fault.walk and not fault.gup:
                fault.result = "mmio"
            self.vcpu(number).faults.append(fault)
        elif what:
            self.vcpu(number).stretches.append([since, time, what])
        return event

    def entry(self, event):
        """Into the guest."""
        number = event.fields["vcpu"]
        self.close(number, event.time)
        self.open[number] = event.time, "guest", event

    def exit(self, event):
        """Out of it."""
        number = event.fields["vcpu"]
        self.close(number, event.time)
        self.open[number] = event.time, exit_name(event.fields["code"]), event

    def page_fault(self, event):
        """The exit was a page fault."""
        number = event.fields["vcpu"]
        since = self.open.get(number, (event.time,))[0]
        self.faults[number] = Fault(number, event.pid, event.cpu, since, event.fields["gva"],
                                    event.fields["error"])

    def step(self, event):
        """A fault gets on."""
        fault = self.faults.get(event.fields["vcpu"])
        if not fault:
            return
        fields = event.fields
        if event.name == "kvmswap_walk":
            fault.walk, fault.gfn = event.time, fields["gfn"]
        elif event.name == "kvmswap_gup":
            fault.gup, fault.hva, fault.pfn = event.time, fields["hva"], fields["pfn"]
            self.hva[fields["gfn"]] = fields["hva"]
        elif event.name == "kvmswap_retry":
            fault.done, fault.result, fault.why = event.time, "retried", fields["why"]
        else:
            fault.done, fault.result = event.time, "injected"

    def set_spte(self, event):
        """The fault of the same task has come to its end."""
        for fault in self.faults.values():
            if fault.pid == event.pid and fault.gup:
                fault.done, fault.result = event.time, "mapped"
                fault.spte = event.fields["spte"]

    def drop_spte(self, event):
        """For whom, the next event of the task says."""
        self.dropped.setdefault(event.pid, []).append(event.fields["gfn"])

    def invalidate(self, event):
        """The host's call."""
        fields = event.fields
        self.invalidations.append(Invalidation(
            event.time, None, (fields["start"], fields["end"]), event.task, event.pid, event.cpu,
            fields["sptes"], sorted(set(self.dropped.pop(event.pid, ())))))

    def invalidate_end(self, event):
        """The host's second call: of the last first call of the same range that has none."""
        wanted = event.fields["start"], event.fields["end"]
        for call in reversed(self.invalidations):
            if call.pid == event.pid and call.hva == wanted and call.end is None:
                call.end = event.time
                return

    def age(self, event):
        """The host's question."""
        fields = event.fields
        self.asks.append((event.time, fields["gfn"], fields["young"], fields["cleared"]))

    def forget(self):
        """Events are missing: what is under way is not known any more."""
        for number, fault in self.faults.items():
            self.vcpu(number).faults.append(fault)
        self.faults.clear()
        self.open.clear()
        self.dropped.clear()


def doors_of(trace):
    """Both doors of a trace."""
    model = Doors()
    steps = {"kvmswap_entry": model.entry, "kvmswap_exit": model.exit,
             "kvmswap_page_fault": model.page_fault, "kvmswap_walk": model.step,
             "kvmswap_gup": model.step, "kvmswap_retry": model.step,
             "kvmswap_guest_fault": model.step, "kvmswap_set_spte": model.set_spte,
             "kvmswap_drop_spte": model.drop_spte, "kvmswap_invalidate": model.invalidate,
             "kvmswap_invalidate_end": model.invalidate_end, "kvmswap_age": model.age}
    losses = sorted(time for loss in trace.losses for time in (loss.start + 1, loss.end))
    for event in trace.events:
        while losses and losses[0] <= event.time:
            losses.pop(0)
            model.forget()
        if event.name in ("kvmswap_set_spte", "kvmswap_page_fault"):
            model.dropped.pop(event.pid, None)
        steps.get(event.name, lambda _: None)(event)
    model.forget()
    for vcpu in model.vcpus.values():
        vcpu.faults.sort(key=lambda fault: fault.start)
    return model

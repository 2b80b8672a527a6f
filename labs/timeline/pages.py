# SPDX-License-Identifier: GPL-2.0
"""Events -> what became of each page of the guest's memory: its lane in the picture.

A page is mapped from its first spte to its last.  While it is mapped it is young or old
by what is known afterwards: each time that the host asks, and when the spte goes, its
accessed bit says whether the guest has used the page since the last answer.  So a
stretch gets its colour from the answer at its end.

After that it is taken, if the host's invalidation has dropped its sptes, or unmapped, if
we did it ourselves (a slot went, a shadow page was dropped).
"""

from dataclasses import dataclass, field

SPTE_ACCESSED = 1 << 5
PAGE_SHIFT = 12

# Drawn in this order; the page's own script (run.js) knows them by their names.
STATES = ("young", "old", "mapped", "taken", "unmapped")

# What a task does between the drop of an spte and the word who wanted it.
STILL = ("kvmswap_drop_spte", "kvmswap_unmap_rmapp", "kvmswap_flush", "kvmswap_age")


@dataclass
class Page:
    """One guest frame; stretches are [start, end, state, written], times in ns."""
    gfn: int
    stretches: list = field(default_factory=list)
    state: str = None           # of the stretch that is open: mapped, gone or None
    since: int = 0
    sptes: set = field(default_factory=set)
    used: bool = False          # by the accessed bits of sptes that went
    pfn: int = None
    taken: int = 0              # how often the host took it
    written: int = None         # when the host wrote it to the disk, this time

    def close(self, time, state):
        """Ends the stretch that is open, with what is known of it now."""
        if self.state and time > self.since:
            last = self.stretches[-1] if self.stretches else None
            if last and last[1] == self.since and last[2] == state and self.state == "mapped":
                last[1] = time
            else:
                self.stretches.append([self.since, time, state, self.written])
        self.since, self.written = time, None


class Pages:
    """All pages, as the events come."""

    def __init__(self):
        self.pages = {}
        self.gone = {}      # pid -> pages whose sptes this task has just dropped
        self.by_pfn = {}

    def page(self, gfn):
        """The page of a guest frame number."""
        if gfn not in self.pages:
            self.pages[gfn] = Page(gfn)
        return self.pages[gfn]

    def set_spte(self, event):
        """A page is mapped, or mapped once more."""
        page = self.page(event.fields["gfn"])
        if page.state != "mapped":
            page.close(event.time, page.state)
            page.state, page.used = "mapped", False
        page.sptes.add(event.fields["sptep"])

    def drop_spte(self, event):
        """One spte goes; who wanted it, the task's next event says."""
        page = self.page(event.fields["gfn"])
        page.sptes.discard(event.fields["sptep"])
        page.used |= bool(event.fields["spte"] & SPTE_ACCESSED)
        if page.sptes:
            return
        page.close(event.time, "young" if page.used else "old")
        page.state = "unmapped"
        self.gone.setdefault(event.pid, []).append(page)

    def gone_by(self, pid, host):
        """Who wanted what this task has dropped: the host, or we."""
        for page in self.gone.pop(pid, ()):
            if host and page.state == "unmapped":
                page.state = "taken"
                page.taken += 1

    def age(self, event):
        """The host has asked: what was until now is known."""
        page = self.page(event.fields["gfn"])
        young = event.fields["young"]
        if page.state is None and young:
            page.state, page.since = "mapped", event.time   # it was, before the trace
        elif page.state == "mapped":
            page.close(event.time, "young" if young or page.used else "old")
            page.used = False

    def gup(self, event):
        """The host says which of its pages this is."""
        page = self.page(event.fields["gfn"])
        page.pfn = event.fields["pfn"]
        self.by_pfn[page.pfn] = page

    def written(self, event):
        """The host writes a page of its own to the disk."""
        page = self.by_pfn.get(event.fields["pfn"])
        if page and page.state == "taken" and page.pfn == event.fields["pfn"]:
            page.written = event.time

    def forget(self, time):
        """Events are missing: nothing is known of any page until its next event."""
        for page in self.pages.values():
            if page.state:
                page.close(time, page.state)
            page.state = None
            page.sptes.clear()
        self.gone.clear()

    def end(self, time):
        """The end of the trace: what is open stays as it is."""
        for pid in list(self.gone):
            self.gone_by(pid, False)
        for page in self.pages.values():
            page.close(time, page.state)


def pages_of(trace):
    """The pages of a trace, by their gfn."""
    model = Pages()
    steps = {"kvmswap_set_spte": model.set_spte, "kvmswap_drop_spte": model.drop_spte,
             "kvmswap_age": model.age, "kvmswap_gup": model.gup,
             "mm_vmscan_write_folio": model.written}
    # After the last event that is there, and before the next one.
    losses = sorted(time for loss in trace.losses for time in (loss.start + 1, loss.end))
    for event in trace.events:
        while losses and losses[0] <= event.time:
            model.forget(losses.pop(0))
        if event.name == "kvmswap_invalidate":
            model.gone_by(event.pid, True)
        elif event.name not in STILL:
            model.gone_by(event.pid, False)
        if event.name in steps:
            steps[event.name](event)
    for time in losses:
        model.forget(time)
    model.end(trace.end)
    return model.pages


def shares(pages, start, end, columns):
    """How many pages are in each state, at `columns` moments from start to end."""
    out = {state: [0] * (columns + 1) for state in STATES}
    span = max(end - start, 1)
    for page in pages.values():
        for begin, stop, state, _ in page.stretches:
            # The moments that are in [begin, stop)
            first = -(-(begin - start) * columns // span)
            last = -(-(stop - start) * columns // span)
            if stop == end:
                last = columns + 1
            out[state][first] += 1
            if last <= columns:
                out[state][last] -= 1
    for counts in out.values():
        for i in range(1, columns + 1):
            counts[i] += counts[i - 1]
    return out

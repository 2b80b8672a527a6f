# SPDX-License-Identifier: GPL-2.0
# The timeline: traced runs as one page. TRACE=FILE: of a trace of your own.
TRACE ?=
TIMELINE_MODULES := $(sort module4 module5 module$(LAST))

timeline: $(if $(TRACE),,$(TIMELINE_MODULES) programs $(STAMP)/vm) $(STAMP)/timeline ## trace the races and a swapped guest, and draw them: build/timeline (TRACE=: a trace of yours)
	@labs/timeline/timeline.py $(if $(TRACE),--trace '$(TRACE)')

test-timeline: $(TIMELINE_MODULES) programs $(STAMP)/vm $(STAMP)/timeline $(STAMP)/browser ## the timeline, from known traces and from real runs, in a browser
	@/usr/bin/python3 -B -m unittest discover -b -s tests/timeline -t tests/timeline -p '*_test.py'

# For the book and the README, from what the last `make timeline` has drawn.
timeline-pictures: $(STAMP)/browser ## keep pictures of the timeline: docs/race.svg, docs/swapped.svg
	@labs/timeline/picture.py $(BUILD)/timeline/timeline.html docs

.PHONY: timeline test-timeline timeline-pictures

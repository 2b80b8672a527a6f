# SPDX-License-Identifier: GPL-2.0
# The labs: GDB with commands that know the module. A machine that listens for it is
# started in one terminal, `make gdb` in another.
PORT    ?= 1234
VMLINUX ?=
# WAIT=1: the machine stands still until GDB comes. A chapter's demo is short, so it waits.
WAIT    ?=
GDB_PROGRAM := $(BUILD)/tests/gdb-state
GDB_LATER = --gdb $(PORT) $(if $(filter-out 0,$(WAIT)),,--gdb-later)

gdb: $(STAMP)/gdb ## attach GDB to the machine of shell-gdb, run-gdb or chapterN-gdb (PORT=, VMLINUX=)
	@labs/gdb/launch.py --port $(PORT) --vmlinux '$(VMLINUX)'

shell-gdb: module$(CHAPTER) programs $(STAMP)/vm ## make shell, and GDB may come at any time (WAIT=1: wait for it)
	@$(BOOT) --name shell-gdb --chapter $(CHAPTER) --swap 256 --tty $(GDB_LATER) \
		--file code/boot/profile:/etc/profile -- 'sh -l; true'

run-gdb: module$(LAST) programs $(STAMP)/vm ## make run, and GDB may come at any time (WAIT=1: wait for it)
	@tty=; if [ -t 0 ] && [ -t 1 ]; then tty=--tty; fi; \
	$(BOOT) --name run-gdb --chapter $(LAST) --swap 512 $(GDB_LATER) $$tty \
		-- 'insmod /kvmswap/kvmswap.ko && $(RUN)'

$(CHAPTERS:%=chapter%-gdb): WAIT = 1
$(CHAPTERS:%=chapter%-gdb): chapter%-gdb: module% programs $(STAMP)/vm
	@$(BOOT) --name chapter$*-gdb --chapter $* --swap 256 $(GDB_LATER) \
		--file $(wildcard chapters/0$*-*):/kvmswap/chapter $$(sed 's/#.*//' \
		$(wildcard chapters/0$*-*)/boot.args /dev/null 2>/dev/null) -- \
		'insmod /kvmswap/kvmswap.ko; cd /kvmswap/chapter && ./demo; status=$$?; \
		rmmod kvmswap; exit $$status'

chapterN-gdb: ## N = 0 to 8: the chapter's demo, which waits for GDB
	@echo "put a number in the place of N, for example: make chapter4-gdb"; false

PROGRAMS += $(BUILD)/bin/gdb-race
$(BUILD)/bin/gdb-race: labs/race/race.c chapters/demo.h $(DEMO_SHARED) $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(VMM_CFLAGS)) -o $@ $< $(DEMO_SHARED) $(LIBVMM) $(VMM_LDLIBS)

RACES ?= 4 5 $(LAST)

race-gdb: $(RACES:%=module%) programs $(STAMP)/vm $(STAMP)/gdb ## step through the race in GDB (RACES='4 5 8': on which chapters)
	@labs/gdb/race_lab.py $(RACES)

race-reverse: module4 programs $(STAMP)/vm $(STAMP)/gdb ## go through the race backwards in GDB, from the stale spte to its cause
	@labs/gdb/reverse_lab.py

$(GDB_PROGRAM): tests/gdb/state.c chapters/demo.h $(DEMO_SHARED) $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(VMM_CFLAGS)) -o $@ $< $(DEMO_SHARED) $(LIBVMM) $(VMM_LDLIBS)

test-gdb: $(CHAPTERS:%=module%) programs $(STAMP)/vm $(STAMP)/gdb ## the GDB commands, on VMs in a known state
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(GDB_PROGRAM)
	@tests/gdb/decoder_test.py
	@tests/gdb/race_test.py
	@tests/gdb/reverse_test.py
	@tests/gdb/gdb_test.py $(GDB_TESTS)

# What GDB showed in a real run, for the book.
gdb-samples: test-gdb ## test the GDB commands, and keep what they print, for the book
	@for n in 2 3 4 5; do sed 's/[[:space:]]*$$//' $(BUILD)/gdb/chapter$$n.txt \
		>$$(echo chapters/0$$n-*)/gdb.txt; done
	@sed 's/[[:space:]]*$$//' $(BUILD)/gdb/reverse.txt >$$(echo chapters/04-*)/reverse.txt

.PHONY: gdb gdb-samples race-gdb race-reverse shell-gdb run-gdb chapterN-gdb $(CHAPTERS:%=chapter%-gdb) test-gdb

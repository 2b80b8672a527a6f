# SPDX-License-Identifier: GPL-2.0
# The explorer: the MMU files on the machine of code/host once more, this time with steps
# between which others come in, and without sanitizers, which would cost most of the time.
# One program a chapter; `make explore` runs those of EXPLORED, `make explore BOUND=2` with
# more schedules. EXPLORED=5 takes one chapter, SCENARIOS="mremap" one scenario.
EXPLORED  ?= 4 5 8
BOUND     ?= 1
SCENARIOS ?=
EX_OUT    := $(BUILD)/explore$(if $(filter 6.12,$(KERNEL)),-6.12)
EX_PARTS  := $(basename $(notdir $(wildcard tests/explore/*.[cS])))
EX_CFLAGS := $(filter-out -O1 -fsanitize% -fno-sanitize%,$(HOST_CFLAGS)) -O2 -no-pie \
	-fno-stack-protector -DHOST_STEPS -DHOST_PAGES=64 -DHOST_USER_PAGES=32 -DTLB_ENTRIES=4 \
	-Itests/explore
EX_LDFLAGS := -no-pie -Wl,-z,now -Wl,--wrap=malloc,--wrap=calloc,--wrap=free

# $(call EXPLORE,CHAPTER)
define EXPLORE
EX_OBJECTS_$(1) := $(patsubst %,$(EX_OUT)/$(1)/machine/%.o,$(filter-out wait,$(HOST_MACHINE))) \
	$(patsubst %,$(EX_OUT)/$(1)/module/%.o,$(host_files)) \
	$(patsubst %,$(EX_OUT)/$(1)/explore/%.o,$(EX_PARTS))

$(EX_OUT)/$(1)/machine/%.o: code/host/%.c tests/explore/build.mk code/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(EX_CFLAGS) $(host_defines) -c -o $$@ $$<

$(EX_OUT)/$(1)/module/%.o: kernel-module/%.c tests/explore/build.mk code/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(EX_CFLAGS) $(host_defines) -c -o $$@ $$<

$(EX_OUT)/$(1)/explore/%.o: tests/explore/%.c tests/explore/build.mk code/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(EX_CFLAGS) $(host_defines) -c -o $$@ $$<

$(EX_OUT)/$(1)/explore/%.o: tests/explore/%.S tests/explore/build.mk
	@mkdir -p $$(@D)
	$$(CC) -c -o $$@ $$<

$(EX_OUT)/$(1)/explore/explore: $$(EX_OBJECTS_$(1))
	$$(CC) $$(EX_LDFLAGS) -o $$@ $$^
endef
$(foreach chapter,$(filter-out 0 1 2 3,$(CHAPTERS)),$(eval $(call EXPLORE,$(chapter))))

-include $(wildcard $(EX_OUT)/*/*/*.d)

$(CHAPTERS:%=explore%): explore%: | $(STAMP)/build
	@$(MAKE) --no-print-directory -s $(EX_OUT)/$*/explore/explore
	@mkdir -p $(EX_OUT)/schedules
	@$(EX_OUT)/$*/explore/explore --bound $(BOUND) $(EX_CSV) \
		--schedules $(EX_OUT)/schedules $(SCENARIOS)

# 6.12 calls elsewhere: there chapter 5 holds for mremap() too.
explore-612:
	@$(MAKE) --no-print-directory KERNEL=6.12 SCENARIOS="$(or $(SCENARIOS),swap mremap)" \
		explore5

explore: $(EXPLORED:%=explore%) $(if $(filter 6.1,$(KERNEL)),explore-612) ## every interleaving of faults and invalidations (BOUND=2: more of them)

# What a run found, for the book.
sample-explore: | $(STAMP)/build
	@echo 'chapter,Linux,protocol,scenario,states,steps,schedules,longest,outcome' \
		>docs/interleavings.csv
	@$(MAKE) --no-print-directory -j1 explore EX_CSV='--csv docs/interleavings.csv' SCENARIOS=
	@cp $(EX_OUT)/schedules/chapter4-swap.txt docs/interleavings-swap.txt
	@cp $(EX_OUT)/schedules/chapter5-mremap.txt docs/interleavings-mremap.txt

.PHONY: explore explore-612 sample-explore $(CHAPTERS:%=explore%)

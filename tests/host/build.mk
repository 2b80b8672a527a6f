# SPDX-License-Identifier: GPL-2.0
# The host tests: one program a chapter, each with all test files; code/host/build.mk
# builds what they test. `make test-host` runs them all, `make test-host5` one.
HOST_TESTS := main harness memory hardware model history test_machine test_memslot \
	test_slot_lookup test_slot_change test_legacy test_walk test_walk_model test_shadow test_tables test_rmap \
	test_age test_tlb test_notifier test_window test_host test_range test_range_wait test_interval test_audit \
	test_failures test_random
HOST_CHAPTERS := $(filter-out 0 1,$(CHAPTERS))

define HOST_TEST
$(eval $(call HOST_CHAPTER,$(1)))

$(HOST_OUT)/$(1)/test/%.o: tests/host/%.c tests/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(HOST_CFLAGS) $(host_defines) -c -o $$@ $$<

$(HOST_OUT)/$(1)/mmu-test: $(patsubst %,$(HOST_OUT)/$(1)/test/%.o,$(HOST_TESTS)) $$(HOST_OBJECTS_$(1))
	$$(CC) $$(HOST_CFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach chapter,$(HOST_CHAPTERS),$(eval $(call HOST_TEST,$(chapter))))

# The decoder stands alone, and is the same in every chapter.
$(HOST_OUT)/decode-test: tests/host/test_decode.c kernel-module/decode.c code/host/build.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -MF $@.d -o $@ tests/host/test_decode.c kernel-module/decode.c -lcmocka

test-host-decode: | $(STAMP)/build $(STAMP)/test
	@$(MAKE) --no-print-directory -s $(HOST_OUT)/decode-test
	@$(HOST_OUT)/decode-test

HOST_RUNS := test-host-decode $(HOST_CHAPTERS:%=test-host%)

$(HOST_CHAPTERS:%=test-host%): test-host%: | $(STAMP)/build $(STAMP)/test
	@$(MAKE) --no-print-directory -s $(HOST_OUT)/$*/mmu-test
	@ASAN_OPTIONS=detect_leaks=1 $(HOST_OUT)/$*/mmu-test

test-host: $(HOST_RUNS) ## the MMU files in user space, with sanitizers, as each chapter has them

.PHONY: test-host $(HOST_RUNS)

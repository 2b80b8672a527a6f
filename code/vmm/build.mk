# SPDX-License-Identifier: GPL-2.0
# The monitor library and the programs on it. Static, so that the VM needs no library.
VMM_DIR := code/vmm
VMM_OUT := $(BUILD)/obj/vmm
VMM_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -MMD -MP
VMM_LDLIBS := -static -pthread
LIBVMM := $(BUILD)/obj/libvmm.a
LIBVMM_PARTS := error vm vcpu cpuid mode tables proc cgroup debugfs act

$(VMM_OUT)/%.o: $(VMM_DIR)/%.c $(VMM_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(LIBVMM): $(LIBVMM_PARTS:%=$(VMM_OUT)/%.o)
	@mkdir -p $(@D) && rm -f $@
	$(AR) rcs $@ $^

PROGRAMS += $(BUILD)/bin/guest-run $(BUILD)/bin/kvmswap-run

$(BUILD)/bin/guest-run: $(VMM_OUT)/guest-run.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

$(BUILD)/bin/kvmswap-run: $(patsubst %,$(VMM_OUT)/%.o,run job watch sample summary map torture) $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

-include $(wildcard $(VMM_OUT)/*.d)

RUN := kvmswap-run

# Tests of what runs in the VM on this library; tests/run.py counts their results.
test-transcripts: module$(LAST) programs $(STAMP)/vm ## guest programs: the same on stock KVM and on kvmswap
	@tests/guest/transcript_test.py

test-swap: module$(LAST) programs $(STAMP)/vm ## guests that the host swaps, in every mode, and torture
	@tests/guest/swap_test.py

soak: module$(LAST) programs $(STAMP)/vm ## everything at once, MINUTES=30 of each sound protocol (PROTOCOLS=, THREAD=multi)
	@MINUTES='$(MINUTES)' PROTOCOLS='$(PROTOCOLS)' tests/guest/soak.py

.PHONY: test-transcripts test-swap soak

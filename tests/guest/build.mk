# SPDX-License-Identifier: GPL-2.0
# The guest tests: programs that run in the VM, on stock KVM and on kvmswap. They are
# not among PROGRAMS: only they need cmocka.
GT_DIR := tests/guest
GT_OUT := $(BUILD)/obj/guest-test
GT_PARTS := $(patsubst $(GT_DIR)/%.c,%,$(wildcard $(GT_DIR)/*.c))
GT_PROGRAM := $(BUILD)/tests/guest-test

$(GT_OUT)/%.o: $(GT_DIR)/%.c $(GT_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Wno-missing-field-initializers \
		-Werror -MMD -MP -c -o $@ $<

$(GT_PROGRAM): $(GT_PARTS:%=$(GT_OUT)/%.o) $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lcmocka -pthread

-include $(wildcard $(GT_OUT)/*.d)

test-guest: module4 module$(LAST) programs $(STAMP)/vm $(STAMP)/test ## the KVM API on stock KVM and on kvmswap: GUEST_TESTS=, if not all
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(GT_PROGRAM)
	@tests/guest/guest_test.py $(GUEST_TESTS)

.PHONY: test-guest

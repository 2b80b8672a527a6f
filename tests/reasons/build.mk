# SPDX-License-Identifier: GPL-2.0
# Every reason for which the host takes a page: a program that runs in the VM, once
# for each protocol. It is not among PROGRAMS: only `make test-reasons` needs it.
RS_DIR := tests/reasons
RS_OUT := $(BUILD)/obj/reasons
RS_PARTS := $(patsubst $(RS_DIR)/%,%,$(basename $(wildcard $(RS_DIR)/*.[cS])))
RS_PROGRAM := $(BUILD)/tests/reasons

$(RS_OUT)/%.o: $(RS_DIR)/%.c $(RS_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -Wno-missing-field-initializers -c -o $@ $<

$(RS_OUT)/%.o: $(RS_DIR)/%.S $(RS_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -Wno-missing-field-initializers -c -o $@ $<

$(RS_PROGRAM): $(RS_PARTS:%=$(RS_OUT)/%.o) $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

-include $(wildcard $(RS_OUT)/*.d)

test-reasons: module$(LAST) programs $(STAMP)/vm ## every reason the host calls: REASONS=, PROTOCOLS= if not all
	@$(MAKE) --no-print-directory -s $(RS_PROGRAM)
	@tests/reasons/reasons_test.py --chapter $(LAST) --protocols "$(PROTOCOLS)" $(REASONS)

# The book's table, from a real run.
sample-reasons: module$(LAST) programs $(STAMP)/vm
	@$(MAKE) --no-print-directory -s $(RS_PROGRAM)
	@tests/reasons/reasons_test.py --chapter $(LAST) --sample

.PHONY: test-reasons sample-reasons

# SPDX-License-Identifier: GPL-2.0
# The kernels that find mistakes, and the tests on them. They are kernels by name, as 6.1
# is: KERNEL=6.1-debug. KERNEL=6.1 means both of that series here, and no KERNEL all four.
DEBUG_KERNELS := $(foreach kernel,$(KERNELS),$(if $(findstring -,$(kernel)),$(kernel),\
	$(kernel)-debug $(kernel)-kcsan))

# They need packages that nothing else needs.
$(filter %-debug %-kcsan,$(ALL_READY)): | $(STAMP)/debug

debug-kernel: $(STAMP)/build $(STAMP)/debug ## build the kernels that find mistakes: KASAN, lockdep ...; KCSAN
	@code/boot/debug_kernel.py $(DEBUG_KERNELS)

test-debug: debug-kernel $(STAMP)/vm $(STAMP)/test ## every chapter, guest test and the swap workload on those kernels
	@KERNELS='$(DEBUG_KERNELS)' tests/debug/debug_test.py $(STEPS)

# A program that runs in the VM: a VM's life, in which each allocation fails once.
DB_DIR := tests/debug
DB_OUT := $(BUILD)/obj/debug
DB_PROGRAM := $(BUILD)/tests/alloc-fail

$(DB_OUT)/%.o: $(DB_DIR)/%.c $(DB_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -Wno-missing-field-initializers -c -o $@ $<

$(DB_PROGRAM): $(DB_OUT)/alloc.o $(DB_OUT)/life.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

-include $(wildcard $(DB_OUT)/*.d)

test-alloc: module$(LAST) programs $(STAMP)/vm $(STAMP)/debug ## each place that allocates fails once (KERNEL=6.1-debug)
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(DB_PROGRAM)
	@tests/debug/alloc_test.py

# The book's table, from a real run.
sample-alloc: module$(LAST) programs $(STAMP)/vm $(STAMP)/debug
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(DB_PROGRAM)
	@tests/debug/alloc_test.py --sample

.PHONY: debug-kernel test-debug test-alloc sample-alloc

# SPDX-License-Identifier: GPL-2.0
# The fuzzer: a program that runs in the VM. It is not among PROGRAMS: only `make fuzz`
# and `make test-fuzz` need it.
FZ_DIR := tests/fuzz
FZ_OUT := $(BUILD)/obj/fuzz
FZ_PARTS := calls clear code guests image memory modes round source tally watch usage
FZ_PROGRAM := $(BUILD)/tests/fuzz

$(FZ_OUT)/%.o: $(FZ_DIR)/%.c $(FZ_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(FZ_OUT)/usage.o: tests/guest/usage.c $(FZ_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(FZ_PROGRAM): $(FZ_PARTS:%=$(FZ_OUT)/%.o) $(FZ_OUT)/main.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

-include $(wildcard $(FZ_OUT)/*.d)

test-fuzz: module$(LAST) programs $(STAMP)/vm ## hostile callers and guests: the same few seconds each time
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_PROGRAM)
	@tests/fuzz/fuzz.py short

fuzz: module$(LAST) programs $(STAMP)/vm ## for long: IOCTLS=1000000 GUESTS=10000 MINUTES=; SEED=N (ROUNDS=): round N again
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_PROGRAM)
	@MINUTES='$(MINUTES)' IOCTLS='$(IOCTLS)' GUESTS='$(GUESTS)' SEED='$(SEED)' ROUNDS='$(ROUNDS)' \
		PROTOCOLS='$(PROTOCOLS)' THREAD='$(THREAD)' tests/fuzz/fuzz.py long

.PHONY: test-fuzz fuzz

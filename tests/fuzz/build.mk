# SPDX-License-Identifier: GPL-2.0
# The fuzzer: a program that runs in the VM. It is not among PROGRAMS: only `make fuzz`
# and `make test-fuzz` need it.
FZ_DIR := tests/fuzz
FZ_OUT := $(BUILD)/obj/fuzz
FZ_PARTS := acts calls clear code guests image memory modes round source tally watch usage
FZ_PROGRAM := $(BUILD)/tests/fuzz
FZ_COMPARE := $(BUILD)/tests/fuzz-compare
FZ_ENGINE := $(BUILD)/tests/fuzz-engine

$(FZ_OUT)/%.o: $(FZ_DIR)/%.c $(FZ_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(FZ_OUT)/usage.o: tests/guest/usage.c $(FZ_DIR)/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(FZ_PROGRAM): $(FZ_PARTS:%=$(FZ_OUT)/%.o) $(FZ_OUT)/main.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

$(FZ_COMPARE): $(filter-out %/round.o %/usage.o,$(FZ_PARTS:%=$(FZ_OUT)/%.o)) $(FZ_OUT)/compare.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(VMM_LDLIBS)

# libFuzzer brings main(). Clang knows where it is; with -fsanitize=fuzzer it would link
# interceptors as well, which a static program cannot have.
$(FZ_ENGINE): $(FZ_PARTS:%=$(FZ_OUT)/%.o) $(FZ_OUT)/engine.o $(LIBVMM)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-x86_64.a \
		-lstdc++ -lm $(VMM_LDLIBS)

-include $(wildcard $(FZ_OUT)/*.d)

test-fuzz: module$(LAST) programs $(STAMP)/vm ## hostile callers and guests: the same few seconds each time
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_PROGRAM)
	@tests/fuzz/fuzz.py short

FZ_ENV = MINUTES='$(MINUTES)' IOCTLS='$(IOCTLS)' HOSTILE='$(HOSTILE)' SEED='$(SEED)' \
	ROUNDS='$(ROUNDS)' COUNT='$(COUNT)' PROTOCOLS='$(PROTOCOLS)' THREAD='$(THREAD)'

fuzz: module$(LAST) programs $(STAMP)/vm ## for long: IOCTLS=1000000 HOSTILE=10000 guests, MINUTES=; SEED=N (ROUNDS=): round N again
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_PROGRAM)
	@$(FZ_ENV) tests/fuzz/fuzz.py long

fuzz-guided: module$(LAST) programs $(STAMP)/vm $(STAMP)/fuzz ## libFuzzer, guided by what the module runs: KERNEL=6.1-debug MINUTES=10; INPUT=hex: again
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_ENGINE)
	@$(FZ_ENV) tests/fuzz/fuzz.py $(if $(INPUT),input $(INPUT),guided)

fuzz-stock: module$(LAST) programs $(STAMP)/vm ## hostile guests end on stock KVM and on kvmswap in the same state: COUNT=200 SEED=1
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s $(FZ_COMPARE)
	@$(FZ_ENV) tests/fuzz/fuzz.py stock

.PHONY: test-fuzz fuzz fuzz-guided fuzz-stock

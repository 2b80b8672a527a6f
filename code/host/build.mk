# SPDX-License-Identifier: GPL-2.0
# The module's MMU files in user space, with sanitizers: one set of objects a chapter,
# with the symbols that kernel-module/Kbuild defines for it. tests/host/build.mk links
# them. Usage: $(eval $(call HOST_CHAPTER,N))
HOST_OUT     := $(BUILD)/host
HOST_CFLAGS  := -std=gnu11 -O1 -g -Wall -Wextra -Werror -MMD -MP -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-Icode/host/include -include code/host/include/linux/kconfig.h -Icode/host -Ikernel-module
# What the kernel's own build does not warn about either.
HOST_CFLAGS  += -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-Wno-type-limits
HOST_MACHINE := lock alloc page machine mm user cpu
HOST_MODULE  := memslot walk shadow spte fault tlb audit

# Pieces by the first chapter that has them, as in Kbuild.
HOST_PIECES  := 1:MEMSLOT 2:SHADOW 3:RMAP 4:NOTIFIER 5:SEQLOCK
host_pieces = $(strip $(foreach piece,$(HOST_PIECES),$(if $(shell \
	[ $(firstword $(subst :, ,$(piece))) -le $(1) ] && echo y),$(lastword $(subst :, ,$(piece))))))
host_files = $(HOST_MODULE) $(if $(filter RMAP,$(host_pieces)),rmap) \
	$(if $(filter NOTIFIER,$(host_pieces)),notifier)
host_defines = -DKVMSWAP_CHAPTER=$(1) $(patsubst %,-DCONFIG_KVMSWAP_%,$(host_pieces))

define HOST_CHAPTER
HOST_OBJECTS_$(1) := $(patsubst %,$(HOST_OUT)/$(1)/machine/%.o,$(HOST_MACHINE)) \
	$(patsubst %,$(HOST_OUT)/$(1)/module/%.o,$(host_files))

$(HOST_OUT)/$(1)/machine/%.o: code/host/%.c code/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(HOST_CFLAGS) $(host_defines) -c -o $$@ $$<

$(HOST_OUT)/$(1)/module/%.o: kernel-module/%.c code/host/build.mk
	@mkdir -p $$(@D)
	$$(CC) $$(HOST_CFLAGS) $(host_defines) -c -o $$@ $$<
endef

-include $(wildcard $(HOST_OUT)/*/*/*.d $(HOST_OUT)/*.d)

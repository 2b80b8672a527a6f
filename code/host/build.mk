# SPDX-License-Identifier: GPL-2.0
# The module's MMU files in user space, with sanitizers: one set of objects a chapter,
# with the symbols that kernel-module/Kbuild defines for it. tests/host/build.mk links
# them. Usage: $(eval $(call HOST_CHAPTER,N))
HOST_OUT     := $(BUILD)/host$(if $(filter 6.12,$(KERNEL)),-6.12)
HOST_CFLAGS  := -std=gnu11 -O1 -g -Wall -Wextra -Werror -MMD -MP -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-Icode/host/include -include code/host/include/linux/kconfig.h -Icode/host -Ikernel-module
# What the kernel's own build does not warn about either.
HOST_CFLAGS  += -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-Wno-type-limits
HOST_MACHINE := lock wait srcu alloc page machine mm notify user cpu vm
HOST_MODULE  := memslot walk gpte root shadow spte fault tlb audit
# The kernel that the machine behaves like, and that compat.h is compiled for.
HOST_CFLAGS  += $(if $(filter 6.12,$(KERNEL)),-DLINUX_VERSION_CODE='KERNEL_VERSION(6, 12, 0)')

# The pieces of a chapter, by the list in Kbuild: "1:MEMSLOT 2:SHADOW ...".
HOST_PIECES  := $(shell sed -n 's/^KVMSWAP_CHAPTER_OF_\([A-Z_]*\)[^0-9]*\([0-9]*\)$$/\2:\1/p' \
	kernel-module/Kbuild)
host_up_to = $(wordlist 1,$(words 0 $(wordlist 1,$(1),$(wordlist 2,99,$(CHAPTERS)))),$(CHAPTERS))
host_pieces = $(foreach n,$(host_up_to),$(patsubst $(n):%,%,$(filter $(n):%,$(HOST_PIECES))))
host_if = $(if $(filter $(2),$(call host_pieces,$(1))),$(3),$(4))
# What Kbuild links for these pieces, as far as the machine can run it.
host_files = $(HOST_MODULE) $(call host_if,$(1),RMAP,rmap) $(call host_if,$(1),NOTIFIER,notifier) \
	$(call host_if,$(1),AGE,age) $(call host_if,$(1),SLOT_TREE,slot_tree slot_legacy,slot_linear) \
	$(call host_if,$(1),RANGE,protocol range interval)
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

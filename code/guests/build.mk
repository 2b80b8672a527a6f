# SPDX-License-Identifier: GPL-2.0
# Guest programs: flat binaries for the three widths of code. A program NAME is
# built from NAME.c (or NAME.S) and what they all share.
GUEST_DIR := code/guests
GUEST_OUT := $(BUILD)/guests
GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-strict-aliasing -mno-red-zone -mgeneral-regs-only -MMD -MP
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments \
	-Wl,-T,$(GUEST_DIR)/guest.lds

# guest(NAME, BITS, SOURCES, FLAGS): build/guests/NAME.bin
define guest
GUESTS += $(GUEST_OUT)/$(1).bin
$(BUILD)/obj/guests/$(1)/%.o: $(GUEST_DIR)/%.c $(GUEST_DIR)/build.mk
	@mkdir -p $$(@D)
	$$(CC) -m$(2) $(4) -DGUEST_BITS=$(2) $(GUEST_CFLAGS) -c -o $$@ $$<
$(BUILD)/obj/guests/$(1)/%.o: $(GUEST_DIR)/%.S $(GUEST_DIR)/build.mk
	@mkdir -p $$(@D)
	$$(CC) -m$(2) $(4) -DGUEST_BITS=$(2) $(GUEST_CFLAGS) -c -o $$@ $$<
$(BUILD)/obj/guests/$(1)/$(1).elf: $(addprefix $(BUILD)/obj/guests/$(1)/,$(addsuffix .o,$(3))) \
		$(GUEST_DIR)/guest.lds
	@mkdir -p $$(@D)
	$$(CC) -m$(2) $(GUEST_LDFLAGS) -o $$@ $$(filter %.o,$$^)
$(GUEST_OUT)/$(1).bin: $(BUILD)/obj/guests/$(1)/$(1).elf
	@mkdir -p $$(@D)
	objcopy -O binary $$< $$@
-include $(wildcard $(BUILD)/obj/guests/$(1)/*.d)
endef

$(eval $(call guest,words32,32,start words text,))
$(eval $(call guest,words64,64,start words text,))
$(eval $(call guest,churn64,64,start churn text,))

PAGING := start trap cpu text tables paging paging-access paging-change paging-shape
$(eval $(call guest,paging32,32,$(PAGING),-DLEVELS=2))
$(eval $(call guest,pagingpae,32,$(PAGING),-DLEVELS=3))
$(eval $(call guest,paging64,64,$(PAGING),-DLEVELS=4))

$(eval $(call guest,real16,16,start real text,))
$(eval $(call guest,climb,32,climb,))
$(eval $(call guest,mmio32,32,start trap cpu text mmio,))
$(eval $(call guest,mmiopae,32,start trap cpu text tables mmio,-DLEVELS=3))
$(eval $(call guest,mmio64,64,start trap cpu text tables mmio,-DLEVELS=4))

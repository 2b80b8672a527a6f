# SPDX-License-Identifier: GPL-2.0
# What a user types.  `make help` lists it; the text after ## is the help.
#
# The work is done by the tools in code/boot (set-up, kernel, module, VM); each part of
# the tree adds its own rules and programs in its build.mk, included below.  A build.mk
# may
#   - add programs for the VM:   PROGRAMS += $(BUILD)/bin/NAME     with their rules
#   - add guest programs:        GUESTS   += $(BUILD)/guests/NAME.bin
#   - define its own targets:    test-host, test-guest, docs
# and may use $(BUILD), $(KERNEL), $(CHAPTER), $(LAST), $(BOOT), $(STAMP).

KERNEL_IMAGE ?=
KERNEL_BUILD ?=
ifneq ($(KERNEL_IMAGE)$(KERNEL_BUILD),)
KERNEL ?= own
endif
# `make test` is for both kernels, unless one is named.
KERNELS  := $(if $(KERNEL),$(KERNEL),6.1 6.12)
KERNEL   ?= 6.1
BUILD    := build
CHAPTERS := 0 1 2 3 4 5 6 7 8
LAST     := $(lastword $(CHAPTERS))
CHAPTER  ?= $(LAST)
STAMP    := $(BUILD)/setup
BOOT     := code/boot/boot.py --kernel $(KERNEL)
PROGRAMS :=
GUESTS   :=

SHELL       := /bin/sh
MAKEFLAGS   += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
export KERNEL KERNEL_IMAGE KERNEL_BUILD NO_SETUP LAST

.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z][a-zA-Z0-9_.-]*\):.*## */\1	/p' $(MAKEFILE_LIST) | \
		while IFS='	' read -r name text; do printf '  make %-22s %s\n' "$$name" "$$text"; done
	@echo 'with KERNEL=6.1 (default), 6.12, or one that finds mistakes: 6.1-debug, 6.1-kcsan ...;'
	@echo 'or KERNEL_IMAGE=vmlinuz KERNEL_BUILD=headers'

# --- set-up: packages by the group, each group once -------------------------------

$(STAMP)/%: code/boot/tools.py
ifneq ($(NO_SETUP),)
	@mkdir -p $(@D) && touch $@
else
	@code/boot/python.sh && code/boot/setup.py $*
endif

setup: $(STAMP)/build $(STAMP)/vm $(STAMP)/test $(STAMP)/docs $(STAMP)/gdb $(STAMP)/timeline $(STAMP)/browser $(STAMP)/model $(STAMP)/fuzz $(STAMP)/debug ## install every package that any goal needs

doctor: ## check each tool and version, and name the fix
	@if [ -x /usr/bin/python3 ]; then code/boot/doctor.py; else \
		echo 'FIX  python3: missing: apt install python3'; false; fi

KERNEL_READY := $(BUILD)/kernel/$(KERNEL)/release
ALL_READY    := $(KERNELS:%=$(BUILD)/kernel/%/release)

kernel: $(KERNEL_READY) ## fetch the VM's kernel and its headers (nothing is installed)

ifneq ($(KERNEL_IMAGE)$(KERNEL_BUILD),)
.PHONY: $(ALL_READY)
endif
$(ALL_READY): $(BUILD)/kernel/%/release: | $(STAMP)/build
	@code/boot/kernel.py $* $(if $(KERNEL_IMAGE),--image '$(KERNEL_IMAGE)') \
		$(if $(KERNEL_BUILD),--build '$(KERNEL_BUILD)')

# --- the module, a chapter at a time ----------------------------------------------

$(CHAPTERS:%=module%): module%: $(KERNEL_READY)
	@code/boot/module.py $(KERNEL) $*

module: module$(CHAPTER) ## build the module as chapter CHAPTER=N has it (default: the last)

# --- everything else comes from the parts -----------------------------------------

PARTS := code/vmm code/guests code/host tests/host tests/explore tests/guest tests/reasons tests/fuzz tests/mutants docs chapters labs labs/model labs/timeline tests/debug
-include $(PARTS:%=%/build.mk)

# A part that is not there fails, rather than having nothing to do.
$(foreach target,$(if $(wildcard code/host/build.mk tests/host/build.mk),,test-host) \
	$(if $(wildcard tests/guest/build.mk),,test-guest) \
	$(if $(wildcard docs/build.mk),,docs),$(eval $(target): ; @echo "$(target): no build.mk defines it"; false))

# In a make of its own, so that nothing is compiled before there is a compiler; with a
# lock, since `make test` runs a step on both kernels at a time.
programs: $(STAMP)/build ## build the VMM, the tools and the guest programs
	@mkdir -p $(BUILD)/bin $(BUILD)/guests
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s binaries

binaries: $(PROGRAMS) $(GUESTS)

# code/vmm/build.mk may say RUN := the command that `make run` starts in the VM.
RUN ?= kvmswap-run

run: module$(LAST) programs $(STAMP)/vm ## boot, swap a guest under memory pressure, show it, check it
	@tty=; if [ -t 0 ] && [ -t 1 ]; then tty=--tty; fi; \
	$(BOOT) --name run-$(KERNEL) --chapter $(LAST) --swap 512 --silence 60 --timeout 300 $$tty \
		-- 'insmod /kvmswap/kvmswap.ko && $(RUN)'

$(CHAPTERS:%=chapter%): chapter%: module% programs $(STAMP)/vm
	@code/boot/chapter.py $*

chapter7: module6	# which it is compared with

$(filter-out diff0,$(CHAPTERS:%=diff%)): diff%: $(STAMP)/test
	@code/boot/chapterdiff.py $*

# For the help; the rules above do the work.
chapterN: ## N = 0 to 8: build, boot and check that chapter
diffN: ## N = 1 to 8: what chapter N adds to the module
chapterN diffN:
	@echo "put a number in the place of N, for example: make $(subst N,3,$@)"; false

shell: module$(CHAPTER) programs $(STAMP)/vm ## a prompt in the VM, with the module and all programs (GDB=1: wait for GDB)
	@$(BOOT) --name shell-$(KERNEL) --chapter $(CHAPTER) --swap 256 --tty $(if $(GDB),--gdb) \
		--file code/boot/profile:/etc/profile -- 'sh -l; true'

# --- checks ------------------------------------------------------------------------

test: $(STAMP)/build $(STAMP)/vm $(STAMP)/test $(STAMP)/docs $(STAMP)/gdb $(STAMP)/timeline $(STAMP)/browser $(STAMP)/model $(ALL_READY) ## every test, on both kernels unless KERNEL= is given; the last line has the totals
	@KERNELS='$(KERNELS)' tests/run.py $(STEPS)

test-boot: $(KERNEL_READY) $(STAMP)/vm ## test the tools in code/boot
	@/usr/bin/python3 -B -m unittest discover -b -s tests/boot -t tests/boot -p '*_test.py'

sparse: $(KERNEL_READY) $(STAMP)/test ## check the module with sparse
	@code/boot/module.py $(KERNEL) $(LAST) --sparse && echo 'sparse: 1 passed, 0 failed'

checkpatch: $(KERNEL_READY) $(STAMP)/test ## check all C files with the kernel's checkpatch
	@code/boot/checkpatch.py

spelling: $(STAMP)/test ## check the spelling of sources and texts
	@git ls-files | grep -v -e '^LICENSE$$' -e '^docs/swapped.svg$$' | xargs codespell -I code/boot/spelling.txt
	@echo 'spelling: 1 passed, 0 failed'

compile_commands.json: module$(LAST) programs ## for clangd: how each file is compiled
	@code/boot/compile_commands.py $(KERNEL) $(LAST) >$@

clean: ## remove what was built; what was downloaded stays
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name kernel ! -name setup ! -name checkpatch \
		-exec rm -rf {} + 2>/dev/null || true
	@rm -f compile_commands.json

distclean: ## remove everything that is not in the repository
	@rm -rf $(BUILD) compile_commands.json

.PHONY: help setup doctor kernel module $(CHAPTERS:%=module%) programs binaries run chapterN diffN \
	shell test test-boot test-host test-guest docs sparse checkpatch spelling clean \
	distclean compile_commands.json $(CHAPTERS:%=chapter%) $(CHAPTERS:%=diff%)

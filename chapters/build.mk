# SPDX-License-Identifier: GPL-2.0
# The demos: build/bin/NAME from the chapter's own source and what all demos share.
# `make chapterN` runs chapters/NN-*/demo, which starts them.
DEMO_OUT := $(BUILD)/obj/chapters
DEMO_SHARED := $(patsubst %,$(DEMO_OUT)/%.o,demo guest guest-text reclaim slots)

$(DEMO_OUT)/%.o: chapters/%.c chapters/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

$(DEMO_OUT)/%.o: chapters/%.S chapters/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CFLAGS) -c -o $@ $<

# demo(NAME, SOURCES)
define demo
PROGRAMS += $(BUILD)/bin/$(1)
$(BUILD)/bin/$(1): $(patsubst %,$(DEMO_OUT)/%.o,$(2)) $(DEMO_SHARED) $(LIBVMM)
	@mkdir -p $$(@D)
	$$(CC) -o $$@ $$^ $$(VMM_LDLIBS)
endef

$(eval $(call demo,chapter0-demo,00-machine/demo))
$(eval $(call demo,chapter1-demo,01-memslots/demo))
$(eval $(call demo,chapter2-demo,02-shadow/demo 02-shadow/real))
$(eval $(call demo,chapter3-demo,03-rmap/demo))
$(eval $(call demo,chapter4-demo,04-notifier/demo))
$(eval $(call demo,race-demo,04-notifier/race))
$(eval $(call demo,chapter6-demo,06-ageing/demo))
$(eval $(call demo,chapter8-demo,$(addprefix 08-ranges/,demo ask ask-text between moved munmap)))
$(eval $(call demo,chapter7-demo,07-slots/demo 07-slots/churn))
$(eval $(call demo,cost-demo,07-slots/cost))

-include $(wildcard $(DEMO_OUT)/*.d $(DEMO_OUT)/*/*.d)

# What each demo printed in a real run, for the book.
samples: $(CHAPTERS:%=sample%) ## run all chapters and keep what they print, for the book

$(CHAPTERS:%=sample%): sample%: chapter%
	@sed 's/[[:space:]]*$$//' $(BUILD)/log/chapter$*-$(KERNEL).out >$(wildcard chapters/0$*-*)/sample.txt

.PHONY: samples $(CHAPTERS:%=sample%)

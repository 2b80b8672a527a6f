# SPDX-License-Identifier: GPL-2.0
# The book. build.py rebuilds only what changed; every warning is an error.

.PHONY: docs docs-gate test-docs picture read
docs: $(STAMP)/docs ## build the book: build/docs/html/index.html
	@/usr/bin/python3 -B docs/build.py

docs-gate: ## check only that text and code agree (seconds, needs Python alone)
	@/usr/bin/python3 -B docs/gate.py

test-docs: ## test the gate: each fault that it must find is planted
	@/usr/bin/python3 -B -m unittest discover -b -s tests/docs -t tests/docs -p '*_test.py'

picture: ## run once more, and keep a picture of it for the README: docs/run.svg
	@mkdir -p $(BUILD)/docs
	@TERM=xterm-256color script -qec 'stty rows 36 cols 100; $(MAKE) run' \
		-O $(BUILD)/docs/run.typescript
	@/usr/bin/python3 -B docs/picture.py $(BUILD)/docs/run.typescript 0.12 >$(BUILD)/docs/run.svg
	@mv $(BUILD)/docs/run.svg docs/run.svg

read: ## print a chapter's code in story order: make read N=3
	@/usr/bin/python3 -B docs/read.py $(N)

read%:
	@/usr/bin/python3 -B docs/read.py $*

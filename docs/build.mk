# SPDX-License-Identifier: GPL-2.0
# The book. build.py rebuilds only what changed; every warning is an error.

.PHONY: docs docs-gate test-docs read
docs: $(STAMP)/docs ## build the book: build/docs/html/index.html
	@/usr/bin/python3 -B docs/build.py

docs-gate: ## check only that text and code agree (seconds, needs Python alone)
	@/usr/bin/python3 -B docs/gate.py

test-docs: ## test the gate: each fault that it must find is planted
	@/usr/bin/python3 -B -m unittest discover -s tests/docs -t tests/docs -p '*_test.py'

read: ## print a chapter's code in story order: make read N=3
	@/usr/bin/python3 -B docs/read.py $(N)

read%:
	@/usr/bin/python3 -B docs/read.py $*

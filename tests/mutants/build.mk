# SPDX-License-Identifier: GPL-2.0
# Seeded mistakes: each is made in a copy of the tree, and some test has to notice.
mutants: $(KERNEL_READY) $(STAMP)/vm $(STAMP)/test ## plant mistakes in copies of the module: which test notices each? (MUTANTS=: some)
	@tests/mutants/mutants.py $(MUTANTS)

# The book's table, from a real run: of all, or only the rows of MUTANTS.
sample-mutants: $(KERNEL_READY) $(STAMP)/vm $(STAMP)/test
	@tests/mutants/mutants.py --sample $(MUTANTS)

test-mutants: $(STAMP)/build $(STAMP)/test ## the mutants still apply and compile; and their runner, on a tree that it cannot hurt
	@/usr/bin/python3 -B -m unittest discover -b -s tests/mutants -t tests/mutants -p '*_test.py'
	@tests/mutants/mutants.py --check

.PHONY: mutants sample-mutants test-mutants

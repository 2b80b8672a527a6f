// SPDX-License-Identifier: GPL-2.0
/*
 * churn.c - a guest whose memory comes and goes (chapter 7). It visits pages of all
 * windows in a scattered order. At each it reads which page that is, reads the word
 * that it wrote there the last time, writes another, and reads that. The monitor's table
 * says what must be there; if a change is going on meanwhile, either state may be met.
 */
#include "guest.h"
#include "churn.h"

#define PAGE 4096u

/* What this vCPU wrote last, while it was sure where. */
static uint32_t last[2][CHURN_RUNS][CHURN_PAGES];

static volatile struct churn_table *const table = (void *)ABI_FREE;

/* One plain move each: there may be no memory, and then the monitor answers. */
static uint32_t load(word gpa)
{
	uint32_t value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(gpa) : "memory");
	return value;
}

static void store(word gpa, uint32_t value)
{
	asm volatile("movl %0, (%1)" : : "r"(value), "r"(gpa) : "memory");
}

/* struct visit - what was seen at a page. */
struct visit {
	uint32_t tag, before, wrote, after;
};

static bool as_it_should(unsigned int vcpu, uint32_t run, uint32_t page, const struct visit *v)
{
	uint32_t *mine;

	if (run == CHURN_EMPTY)
		return v->tag == CHURN_EMPTY && v->before == CHURN_EMPTY && v->after == CHURN_EMPTY;
	if (v->after != v->wrote || v->before >= v->wrote)
		return false;
	if (run == CHURN_ZEROES)
		return !v->tag;
	/* it may have been written once more when we were not sure; never less */
	mine = &last[vcpu][run][page];
	if (v->tag != CHURN_TAG(run, page) || v->before < *mine)
		return false;
	*mine = v->wrote;
	return true;
}

/* What can be met in the middle of a change: any run's page, but the right one of it. */
static bool possible(uint32_t window, uint32_t page, const struct visit *v)
{
	if (v->tag == CHURN_EMPTY)
		return true;
	if (window == CHURN_LAST)
		return !v->tag;
	return (v->tag & 0xffff) == page && v->tag >> 16 >= 1 && v->tag >> 16 <= CHURN_RUNS;
}

static void visit(unsigned int vcpu, uint32_t window, uint32_t page, uint32_t number)
{
	word gpa = CHURN_BASE + (window * CHURN_PAGES + page) * PAGE;
	struct visit v = { .wrote = number };
	uint32_t generation = table->generation, run = table->in_window[window];
	bool good;

	v.tag = load(gpa);
	v.before = load(gpa + CHURN_OWN(vcpu));
	store(gpa + CHURN_OWN(vcpu), number);
	v.after = load(gpa + CHURN_OWN(vcpu));
	if (!(generation & 1) && table->generation == generation) {
		table->vcpu[vcpu].sure++;
		table->vcpu[vcpu].empty += run == CHURN_EMPTY;
		good = as_it_should(vcpu, run, page, &v);
	} else {
		table->vcpu[vcpu].unsure++;
		good = possible(window, page, &v);
	}
	if (good)
		return;
	if (table->vcpu[vcpu].wrong++ < 10)
		print("WRONG: window %u page %u run %x: tag %x, before %x, wrote %x, after %x\n",
		      window, page, run, v.tag, v.before, v.wrote, v.after);
}

unsigned int guest_main(unsigned int vcpu, const struct guest_params *params)
{
	uint32_t number, random = 12345 + vcpu * 67891;

	(void)params;
	for (number = 1; !table->stop; number++) {
		random = random * 1664525 + 1013904223;
		visit(vcpu, (random >> 16) % (CHURN_WINDOWS + 1), (random >> 8) % CHURN_PAGES,
		      number);
	}
	return table->vcpu[vcpu].wrong != 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * words.c - the workload: passes over all of the work area in a scattered order.
 * Each pass checks in each page the words of the pass before and writes new ones;
 * a last round checks what the last pass wrote. The vCPUs take turns in pages of
 * their own, and all of them write in the last sixteenth, the shared part, each in
 * words of its own. Built for 32 and 64 bits; runs in every mode of those.
 */
#include "guest.h"

#define PAGE 4096u
#define TWINS	8	/* under torture one page in so many has twins, for KSM to merge */
#define READ_FIRST 4	/* one page in so many is first read, then written */
#define ZERO_CHECK 16	/* one page in so many is read before its first write: must be 0 */
#define MAX_WRONG 20	/* words that are named; all are counted */

/* What one vCPU is doing. */
struct worker {
	unsigned int vcpu, vcpus;
	uint32_t words;		/* in each page */
	uint32_t checked, wrong;
	uint32_t scratch;	/* next byte of scratch memory to use */
	bool twins;		/* are there pages with the same words? */
};

static volatile uint32_t current_pass[8];	/* of each vCPU; 0 before the first */

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A step that visits each of @n pages once and never a neighbour. */
static uint32_t scattered_step(uint32_t n, uint32_t seed)
{
	uint32_t step = n / 8 * 5 + seed % (n / 16 + 1);

	if (n <= 2)
		return 1;
	for (step |= 1; gcd(step, n) != 1; step++)
		;
	return step % n;
}

static volatile uint32_t *word_at(uint32_t gpa)
{
	return (volatile uint32_t *)(word)gpa;
}

/* What the words of @gpa are made from: all twins of a vCPU are alike. */
static uint32_t key(const struct worker *w, uint32_t gpa)
{
	return w->twins && gpa / PAGE / w->vcpus % TWINS == 0 ? gpa % PAGE : gpa;
}

static void wrong(struct worker *w, uint32_t gpa, uint32_t want, uint32_t found)
{
	if (w->wrong++ < MAX_WRONG)
		wrong_word(w->vcpu, gpa, want, found);
	report(ABI_REPORT_WRONG, w->wrong);
}

/* A word that only this vCPU writes. @pass: what it was last written in. */
static void check_own(struct worker *w, uint32_t gpa, uint32_t pass, uint32_t found)
{
	uint32_t want = expected(key(w, gpa), w->vcpu, pass);

	w->checked++;
	if (found != want)
		wrong(w, gpa, want, found);
}

/* Check what was written in the pass before and write what belongs to this one. */
static void renew_own(struct worker *w, uint32_t gpa, uint32_t pass)
{
	if (pass > 1 || gpa / PAGE % ZERO_CHECK == 0)
		check_own(w, gpa, pass - 1, *word_at(gpa));
	*word_at(gpa) = expected(key(w, gpa), w->vcpu, pass);
}

/*
 * Two marks in a page of one's own, for even and odd passes: that of this pass is
 * written before anything in the page is read, then that of the pass before is
 * checked. So most pages are first met by a write, and some by a read.
 */
static void renew_marks(struct worker *w, uint32_t page, uint32_t pass, bool write)
{
	uint32_t now = page + 4 + pass % 2 * 4, before = page + 4 + (pass - 1) % 2 * 4;

	if (PAGE / w->words < 12 || page / PAGE / w->vcpus % READ_FIRST == 0)
		return;
	if (write)
		*word_at(now) = expected(key(w, now), w->vcpu, pass);
	if (pass > 1)
		check_own(w, before, pass - 1, *word_at(before));
}

/*
 * A word that another vCPU writes meanwhile: it is of the pass before the one that
 * vCPU was in before we looked, or of any pass up to the one it is in afterwards.
 */
static void check_other(struct worker *w, uint32_t gpa, unsigned int other)
{
	uint32_t first = current_pass[other];
	uint32_t found = *word_at(gpa);
	uint32_t last, pass;

	asm volatile("" : : : "memory");	/* x86 keeps loads in order, so must the compiler */
	last = current_pass[other];
	first -= first ? 1 : 0;
	w->checked++;
	for (pass = first; pass <= last; pass++)
		if (found == expected(key(w, gpa), other, pass))
			return;
	wrong(w, gpa, expected(key(w, gpa), other, last), found);
}

/* @write: false in the last round, which only checks. */
static void visit(struct worker *w, uint32_t page, bool shared, uint32_t pass, bool write)
{
	uint32_t stride = PAGE / w->words & ~3u;	/* aligned: read and written whole */
	uint32_t k;

	if (!shared)
		renew_marks(w, page, pass, write);
	for (k = 0; k < w->words; k++) {
		uint32_t gpa = page + k * stride;
		unsigned int owner = shared ? k % w->vcpus : w->vcpu;

		if (owner != w->vcpu) {
			check_other(w, gpa, owner);
			continue;
		}
		if (write)
			renew_own(w, gpa, pass);
		else
			check_own(w, gpa, pass - 1, *word_at(gpa));
	}
}

/* Memory that the host may throw away at any time: used, not checked. */
static void use_scratch(struct worker *w, const struct guest_params *params)
{
	uint32_t size = params->scratch_size;

	if (!size)
		return;
	w->scratch = (w->scratch + 41 * PAGE + 8) % size & ~7u;
	*word_at(params->scratch_base + w->scratch) += 1;
}

static void one_pass(struct worker *w, const struct guest_params *params, uint32_t pass, bool write)
{
	uint32_t pages = (uint32_t)params->work_size / PAGE;
	uint32_t base = params->work_base;
	uint32_t step = scattered_step(pages, params->seed + pass);
	uint32_t page = (params->seed + w->vcpu * (pages / w->vcpus)) % pages;
	uint32_t i;

	for (i = 0; i < pages; i++) {
		bool shared = page >= pages - pages / 16;

		if (shared || page % w->vcpus == w->vcpu) {
			visit(w, base + page * PAGE, shared, pass, write);
			use_scratch(w, params);
		}
		page += step;
		if (page >= pages)
			page -= pages;
	}
}

unsigned int guest_main(unsigned int vcpu, const struct guest_params *params)
{
	struct worker w = {
		.vcpu = vcpu,
		.vcpus = params->vcpus,
		.words = params->words,
		.twins = params->scratch_size,
	};
	uint32_t pass;

	if (params->magic != ABI_PARAMS_MAGIC || !w.words || PAGE / w.words < 4) {
		print("words: bad parameter block\n");
		return 1;
	}
	for (pass = 1; pass <= params->passes + 1; pass++) {
		bool write = pass <= params->passes;

		if (write)
			current_pass[vcpu] = pass;
		one_pass(&w, params, pass, write);
		report(ABI_REPORT_CHECKED, w.checked / 1000);
		report(ABI_REPORT_PASS, pass);
	}
	print("%u passes, %u words checked, %u wrong\n", params->passes, w.checked, w.wrong);
	return w.wrong != 0;
}

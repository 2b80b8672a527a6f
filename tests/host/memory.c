// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - random guest memory, and the model's view of it.
 */
#include "harness.h"
#include "memory.h"

/** random_entry() - one that may be anything, but more often something that works. */
u64 random_entry(const struct test_mode *mode)
{
	u64 entry = (u64)test_below(MEMORY_PAGES + 2) << PAGE_SHIFT;

	entry |= test_below(16) ? 1 : 0;		/* P */
	entry |= test_below(6) ? 2 : 0;			/* W */
	entry |= test_below(6) ? 4 : 0;			/* U */
	entry |= (u64)test_below(16) << 3 & 0x78;	/* PWT, PCD, A, D */
	entry |= test_below(12) ? 0 : 0x80;		/* PS */
	entry |= (u64)test_below(8) << 9;		/* AVL */
	if (mode->pae && mode->nx && !test_below(8))
		entry |= 1ULL << 63;
	if (!test_below(64))
		entry |= 1ULL << test_below(mode->pae ? 64 : 32);
	/* A large page begins where large pages begin, or there is a reserved bit. */
	if ((entry & 0x80) && test_below(4))
		entry &= ~(mode->pae ? 0x1fe000ULL : 0x3ff000ULL);
	return entry;
}

void memory_fill_random(const struct test_mode *mode)
{
	u64 gpa;

	for (gpa = 0; gpa < MEMORY_PAGES << PAGE_SHIFT; gpa += 8) {
		u64 word = random_entry(mode);

		if (!mode->pae)
			word = (u32)word | random_entry(mode) << 32;
		gpa_poke(gpa, word);
	}
}

gva_t random_gva(const struct test_mode *mode)
{
	u64 gva = test_random();

	if (!mode->paging)
		return gva % ((MEMORY_PAGES + 2) << PAGE_SHIFT);
	if (!mode->long_mode)
		return (u32)gva;
	return (s64)(gva << 16) >> 16;
}

u32 random_access(void)
{
	u32 access = (test_below(2) ? PFERR_USER : 0);

	switch (test_below(4)) {
	case 0:
	case 1:
		return access | PFERR_WRITE;
	case 2:
		return access | PFERR_FETCH;
	default:
		return access;
	}
}

void memory_take(struct memory_picture *picture)
{
	int page;

	for (page = 0; page < MEMORY_PAGES; page++)
		memcpy(picture->word[page], host_contents(host_hva(page)), PAGE_SIZE);
}

bool memory_differs(const struct memory_picture *picture, u64 *gpa)
{
	int page, i;

	for (page = 0; page < MEMORY_PAGES; page++) {
		const u64 *now = host_contents(host_hva(page));

		if (!memcmp(now, picture->word[page], PAGE_SIZE))
			continue;
		for (i = 0; now[i] == picture->word[page][i]; i++)
			;
		*gpa = (u64)page << PAGE_SHIFT | i << 3;
		return true;
	}
	return false;
}

struct walk_data {
	struct memory_picture *picture;
	struct model_result result;
	int results;
};

static int read_picture(void *data, u64 gpa, int size, u64 *values)
{
	struct walk_data *d = data;

	if (gpa >> PAGE_SHIFT >= MEMORY_PAGES)
		return 0;
	memcpy(values, (u8 *)d->picture + (gpa & ~7ULL), 8);
	if (size == 4) {
		u32 half;

		memcpy(&half, (u8 *)d->picture + gpa, 4);
		values[0] = half;
	}
	return 1;
}

static void keep_result(void *data, const struct model_result *result)
{
	struct walk_data *d = data;

	d->result = *result;
	d->results++;
}

struct model_result memory_walk(struct memory_picture *picture, const struct vcpu *vcpu,
				gva_t gva, u32 access)
{
	struct walk_data d = { .picture = picture };
	const struct model_result *r = &d.result;
	int i;

	model_walk(vcpu, gva, access, read_picture, keep_result, &d);
	assert_int_equal(d.results, 1);
	for (i = 0; i < r->n && !r->fault; i++) {
		u8 *entry = (u8 *)picture + r->entry[i].gpa;

		*entry |= 0x20;
		if (i == r->n - 1 && (access & PFERR_WRITE))
			*entry |= 0x40;
	}
	return d.result;
}

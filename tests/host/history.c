// SPDX-License-Identifier: GPL-2.0
/*
 * history.c - memory with its past, for test_random.c: a list of values for each
 * word, newest first.
 */
#include "harness.h"
#include "history.h"
#include "memory.h"

#define MAX_CHANGES 65536

struct change {
	u64 value;
	unsigned int when;
	unsigned int older;	/* index into changes[]; 0 is the end */
};

unsigned int history_now;

static struct memory_picture picture;
static unsigned int newest[MEMORY_PAGES * 512];
static struct change changes[MAX_CHANGES];
static unsigned int nr_changes;

static void note(unsigned int word, u64 value)
{
	host_check(nr_changes + 1 < MAX_CHANGES, "the history is full");
	changes[++nr_changes] = (struct change){ value, history_now, newest[word] };
	newest[word] = nr_changes;
}

/** history_start() - memory as it is now has no past. */
void history_start(void)
{
	unsigned int word;

	nr_changes = 0;
	history_now = 1;
	memset(newest, 0, sizeof(newest));
	memory_take(&picture);
	for (word = 0; word < MEMORY_PAGES * 512; word++)
		note(word, picture.word[word / 512][word % 512]);
}

/** history_update() - note what has changed; called after each step. */
void history_update(void)
{
	unsigned int page, i;

	for (page = 0; page < MEMORY_PAGES; page++) {
		const u64 *now = host_contents(host_hva(page));

		if (!memcmp(now, picture.word[page], PAGE_SIZE))
			continue;
		for (i = 0; i < 512; i++)
			if (now[i] != picture.word[page][i])
				note(page * 512 + i, now[i]);
		memcpy(picture.word[page], now, PAGE_SIZE);
	}
}

/**
 * history_values() - what an entry has been from one moment to another, and at both.
 * @offset: of the entry, in bytes of the process' memory.
 * @size: 4 or 8 bytes.
 * @since: the first moment.
 * @until: the last one.
 * @values: room for MODEL_VALUES.
 *
 * Return: how many, each once.
 */
int history_values(u64 offset, int size, unsigned int since, unsigned int until, u64 *values)
{
	unsigned int at = newest[offset / 8];
	int n = 0;

	for (; at; at = changes[at].older) {
		u64 value = changes[at].value;
		int i;

		if (changes[at].when > until)
			continue;
		if (size == 4)
			value = (u32)(value >> 8 * (offset & 4));
		for (i = 0; i < n && values[i] != value; i++)
			;
		if (i == n) {
			host_check(n < MODEL_VALUES, "too many values of one entry");
			values[n++] = value;
		}
		if (changes[at].when <= since)
			break;
	}
	return n;
}

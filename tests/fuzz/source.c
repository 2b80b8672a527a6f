// SPDX-License-Identifier: GPL-2.0
/*
 * source.c - choices: all that the fuzzer decides is decided here, from a seed or from
 * the bytes of an engine, and so can be done again. The contracts are in fuzz.h.
 */
#include <string.h>

#include "fuzz.h"

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void source_seed(struct source *s, uint64_t seed, unsigned int part)
{
	*s = (struct source) { .state = mix(mix(seed) + part) };
}

void source_bytes(struct source *s, const uint8_t *bytes, size_t len)
{
	*s = (struct source) { .bytes = bytes, .left = len };
}

bool source_ends(const struct source *s)
{
	return s->bytes && !s->left;
}

static uint8_t next_byte(struct source *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->bytes++;
}

uint64_t choose_word(struct source *s)
{
	uint64_t word = 0;
	int i;

	if (!s->bytes) {
		s->state++;
		return mix(s->state);
	}
	for (i = 0; i < 8; i++)
		word |= (uint64_t)next_byte(s) << 8 * i;
	return word;
}

uint32_t choose(struct source *s, uint32_t below)
{
	uint32_t number = 0, reach = 1;

	if (!s->bytes)
		return (uint32_t)choose_word(s) % below;
	/* as few of an engine's bytes as will do, so that each of them counts */
	for (; reach < below && reach; reach <<= 8)
		number = number << 8 | next_byte(s);
	return number % below;
}

bool choose_one_in(struct source *s, uint32_t n)
{
	return choose(s, n) == n - 1;
}

uint64_t choose_number(struct source *s)
{
	switch (choose(s, 8)) {
	case 0:
		return choose(s, 16);
	case 1:
		return 1ull << choose(s, 64);
	case 2:
		return (1ull << choose(s, 64)) - 1;
	case 3:
		return -(1ull << choose(s, 64));
	case 4:
		return choose(s, GUEST_SIZE / PAGE) * PAGE;
	case 5:
		return choose(s, GUEST_SIZE);
	case 6:
		return -(uint64_t)choose(s, 8192);
	default:
		return choose_word(s);
	}
}

void choose_fill(struct source *s, void *to, size_t len)
{
	struct source more;
	uint8_t *at = to;
	size_t i;

	for (i = 0; s->bytes && i < len && i < 64; i++)
		*at++ = next_byte(s);
	len -= i;
	source_seed(&more, choose_word(s), 0);
	for (i = 0; i + 8 <= len; i += 8) {
		uint64_t word = choose_word(&more);

		memcpy(at + i, &word, 8);
	}
	for (; i < len; i++)
		at[i] = choose(&more, 256);
}

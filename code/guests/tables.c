// SPDX-License-Identifier: GPL-2.0
/* tables.c - see tables.h. */
#include "tables.h"

static word next_frame = ABI_SCRATCH;

word new_frame(void)
{
	word frame = next_frame;
	uint32_t *words = (uint32_t *)frame;
	unsigned int i;

	if (frame >= ABI_SCRATCH_END) {
		print("no frame left\n");
		guest_exit(98);
	}
	next_frame += PAGE;
	for (i = 0; i < PAGE / 4; i++)
		words[i] = 0;
	return frame;
}

volatile pte_t *entry(word va, int level)
{
	word table = read_cr3() & ~(PAGE - 1);
	int at;

	if (vcpu_id()) {
		print("vcpu %u: the tables are vCPU 0's\n", vcpu_id());
		guest_exit(97);
	}
	for (at = LEVELS; ; at--) {
		unsigned int index = va / mapped_bytes(at) % (1u << INDEX_BITS);
		volatile pte_t *pte = (volatile pte_t *)table + index;

		if (at == level)
			return pte;
		if (!(*pte & P))
			*pte = new_frame() | (LEVELS == 3 && at == 3 ? P : ALL);
		table = *pte & FRAME;
	}
}

volatile pte_t *map(word va, word frame, pte_t flags)
{
	volatile pte_t *pte = entry(va, 1);

	*pte = frame | flags;
	return pte;
}

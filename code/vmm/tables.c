// SPDX-License-Identifier: GPL-2.0
/*
 * tables.c - page tables for the guest, written into its memory: an identity map
 * in each format of the architecture. (AMD manual, volume 2, "Page Translation and
 * Protection".) You come here from mode.c.
 */
#include <errno.h>
#include <string.h>

#include "libvmm.h"

#define PTE_P	(1ull << 0)
#define PTE_W	(1ull << 1)
#define PTE_U	(1ull << 2)
#define PTE_PS	(1ull << 7)

/* Room that tables are taken from, and how entries look. */
struct tables {
	struct vmm *vm;
	uint64_t next, end;	/* guest-physical */
	int entry_size;		/* bytes */
};

static uint64_t new_table(struct tables *t)
{
	uint64_t gpa = t->next;

	errno = 0;
	if (t->end - gpa < 4096)
		vmm_die("no room for page tables below %#llx", (unsigned long long)t->end);
	t->next += 4096;
	memset(vmm_hva(t->vm, gpa, 4096), 0, 4096);
	return gpa;
}

static uint64_t get_entry(struct tables *t, uint64_t table, unsigned int index)
{
	uint64_t value = 0;

	memcpy(&value, vmm_hva(t->vm, table + index * t->entry_size, t->entry_size),
	       t->entry_size);
	return value;
}

static void set_entry(struct tables *t, uint64_t table, unsigned int index, uint64_t value)
{
	memcpy(vmm_hva(t->vm, table + index * t->entry_size, t->entry_size), &value,
	       t->entry_size);
}

/* The shape of a format: levels, and at which level a page is mapped. */
struct format {
	int levels;
	int leaf;
	int entry_size;
};

static struct format format_of(enum vmm_mode mode)
{
	switch (mode) {
	case VMM_PAGING32:	return (struct format) { 2, 1, 4 };
	case VMM_PAGING32_4M:	return (struct format) { 2, 2, 4 };
	case VMM_PAE:		return (struct format) { 3, 1, 8 };
	case VMM_PAE_2M:	return (struct format) { 3, 2, 8 };
	case VMM_LONG:		return (struct format) { 4, 1, 8 };
	case VMM_LONG_2M:	return (struct format) { 4, 2, 8 };
	case VMM_LONG_1G:	return (struct format) { 4, 3, 8 };
	default:
		errno = 0;
		vmm_die("mode %s has no page tables", vmm_mode_name(mode));
	}
}

uint64_t vmm_build_tables(struct vmm *vm, enum vmm_mode mode, uint64_t size, uint64_t tables,
			  uint64_t end)
{
	struct format format = format_of(mode);
	struct tables t = { vm, tables, end, format.entry_size };
	int index_bits = format.entry_size == 4 ? 10 : 9;
	uint64_t step = 1ull << (12 + (format.leaf - 1) * index_bits);
	uint64_t root = new_table(&t);
	uint64_t gva;

	for (gva = 0; gva < size; gva += step) {
		uint64_t table = root;
		int level = format.levels;

		for (;; level--) {
			unsigned int index = gva >> (12 + (level - 1) * index_bits) &
					     ((1u << index_bits) - 1);
			/* the top entries of PAE have no W and U bits */
			uint64_t flags = format.levels == 3 && level == 3 ? PTE_P :
					 PTE_P | PTE_W | PTE_U;

			if (level == format.leaf) {
				set_entry(&t, table, index,
					  gva | flags | (level > 1 ? PTE_PS : 0));
				break;
			}
			if (!(get_entry(&t, table, index) & PTE_P))
				set_entry(&t, table, index, new_table(&t) | flags);
			table = get_entry(&t, table, index) & ~0xfffull;
		}
	}
	return root;
}

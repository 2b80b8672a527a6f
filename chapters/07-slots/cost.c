// SPDX-License-Identifier: GPL-2.0
/*
 * cost.c - chapter 7: what it costs to take a page back, by the number of slots.
 *
 *   cost-demo measure FILE      with one module loaded: write what was measured
 *   cost-demo compare OLD NEW   print both, and check what the chapter claims
 *
 * The clock is the processor's, in a VM that counts instructions (QEMU's -icount): there
 * it goes on by the same number of ticks with each, so a cost is a count of instructions,
 * the same whatever else the machine does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "../demo.h"

#define MEMORY		(4 * MEBI)
#define PAGES_GPA	(16 * MEBI)
#define SAMPLES		128		/* pages that are taken back, each of another slot */
#define FLAT		1.3		/* from the fewest slots to the most, at most */
#define DEEP		2		/* ... of our own part: a tree is 12 deep then */

static const int slot_counts[] = { 1, 32, 509, 4096 };

#define COUNTS	((int)(sizeof(slot_counts) / sizeof(slot_counts[0])))

/* struct costs - instructions for one page: the median of SAMPLES. */
struct costs {
	long alone;		/* no VM: what the host does by itself */
	long guest[COUNTS];	/* a page that the guest has mapped */
	long other[COUNTS];	/* a page of the process that is in no slot */
};

/* Ticks of the clock for an instruction; ends the demo if they are not the same twice. */
static long ticks_per_instruction(void)
{
	unsigned long before, ticks[2];
	long thousand, last = 0;
	int i;

	/* The first times QEMU translates the code; any time the host may interrupt it. */
	for (i = 0; i < 16; i++) {
		before = __rdtsc();
		asm volatile(".rept 1000\n nop\n .endr");
		ticks[0] = __rdtsc() - before;
		before = __rdtsc();
		asm volatile(".rept 2000\n nop\n .endr");
		ticks[1] = __rdtsc() - before;
		thousand = ticks[1] - ticks[0];
		if (thousand > 0 && thousand % 1000 == 0 && thousand == last)
			return thousand / 1000;
		last = thousand;
	}
	errno = 0;
	vmm_die("the clock counts no instructions: boot with code/boot/boot.py --icount");
}

static int by_size(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static long median(long *values, int n)
{
	qsort(values, n, sizeof(*values), by_size);
	return values[n / 2];
}

/* Give a page back. Return: the clock's ticks for that. */
static long take(char *page)
{
	unsigned long before = __rdtsc();
	int error = madvise(page, PAGE, MADV_DONTNEED);
	unsigned long ticks = __rdtsc() - before;

	if (error)
		vmm_die("MADV_DONTNEED of a page");
	return ticks;
}

/* Pages that only the process uses. */
static long cost_of_other(void)
{
	char *memory = guest_memory(SAMPLES * PAGE);
	long ticks[SAMPLES];
	int i;

	for (i = 0; i < SAMPLES; i++) {
		memory[i * PAGE] = 1;
		ticks[i] = take(memory + i * PAGE);
	}
	munmap(memory, SAMPLES * PAGE);
	return median(ticks, SAMPLES);
}

/* Pages that the guest has just written to, spread over all slots but that of its code. */
static long cost_of_guest(struct vmm *vm, uint64_t gpa, char *memory, int pages)
{
	long ticks[SAMPLES], dropped;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		unsigned long offset = i * 2017ul % pages * PAGE;	/* a prime: scattered */

		guest_write(vm, gpa + offset, 1, i + 1);
		dropped = stat_of(vm, "sptes_unmapped");
		ticks[i] = take(memory + offset);
		dropped = stat_of(vm, "sptes_unmapped") - dropped;
		if (dropped != 1)
			vmm_die("%ld sptes were dropped with a page, and not 1", dropped);
	}
	return median(ticks, SAMPLES);
}

/* A VM with @slots slots: one of 4 MiB, and behind it slots of a page each. */
static void measure_slots(int slots, long *guest, long *other)
{
	char *memory = guest_memory(MEMORY), *pages = guest_memory(slots * PAGE);
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, MEMORY);
	int i, error;

	for (i = 1; i < slots; i++) {
		error = vmm_set_slot(vm, i, 0, PAGES_GPA + i * PAGE, PAGE, pages + i * PAGE);
		errno = -error;
		if (error)
			vmm_die("slot %d of %d", i, slots);
	}
	if (slots == 1)
		*guest = cost_of_guest(vm, ABI_FREE, memory + ABI_FREE, SAMPLES);
	else
		*guest = cost_of_guest(vm, PAGES_GPA + PAGE, pages + PAGE, slots - 1);
	*other = cost_of_other();
	vmm_destroy(vm);
	munmap(memory, MEMORY);
	munmap(pages, slots * PAGE);
}

static void measure(const char *path)
{
	struct costs costs;
	long ticks = ticks_per_instruction();
	FILE *file = fopen(path, "w");
	int i;

	if (!file)
		vmm_die("write %s", path);
	costs.alone = cost_of_other();
	fprintf(file, "%ld\n", costs.alone / ticks);
	for (i = 0; i < COUNTS; i++) {
		measure_slots(slot_counts[i], &costs.guest[i], &costs.other[i]);
		fprintf(file, "%ld %ld\n", costs.guest[i] / ticks, costs.other[i] / ticks);
	}
	if (fclose(file))
		vmm_die("write %s", path);
}

static void read_costs(const char *path, struct costs *costs)
{
	FILE *file = fopen(path, "r");
	bool good;
	int i;

	if (!file)
		vmm_die("read %s", path);
	good = fscanf(file, "%ld", &costs->alone) == 1;
	for (i = 0; i < COUNTS; i++)
		good &= fscanf(file, "%ld %ld", &costs->guest[i], &costs->other[i]) == 2;
	if (!good)
		vmm_die("%s is not what `cost-demo measure` writes", path);
	fclose(file);
}

static void table(const char *title, const long *before, const long *after)
{
	int i;

	say("%s", title);
	say("  %5s  %10s          %10s", "slots", "before", "after");
	for (i = 0; i < COUNTS; i++)
		say("  %5d  %10ld %6.2fx  %10ld %6.2fx", slot_counts[i], before[i],
		    (double)before[i] / before[0], after[i], (double)after[i] / after[0]);
}

/* The most that an entry of the column is above its first. */
static double growth(const long *column, long less)
{
	double most = 1;
	int i;

	for (i = 1; i < COUNTS; i++)
		if ((double)(column[i] - less) / (column[0] - less) > most)
			most = (double)(column[i] - less) / (column[0] - less);
	return most;
}

static void compare(const char *old, const char *new)
{
	struct costs before, after;
	double all, ours;

	read_costs(old, &before);
	read_costs(new, &after);
	puts("");
	puts("4. What it costs the host to take a page back: instructions, the median of a page");
	value("with no VM at all", "%ld", before.alone);
	table("A page that the guest has mapped:", before.guest, after.guest);
	table("A page of the process that is in no slot:", before.other, after.other);
	all = growth(after.guest, 0);
	ours = growth(after.guest, after.alone);
	say("From 1 slot to %d, a page that the guest has mapped:", slot_counts[COUNTS - 1]);
	value("before", "%.2f times the cost", growth(before.guest, 0));
	value("after", "%.2f times; of our callbacks alone %.2f", all, ours);
	check(all <= FLAT && growth(after.other, 0) <= FLAT, "it is flat within %.1f times", FLAT);
	check(ours <= DEEP, "our own part grows as a tree does: within %d times", DEEP);
	check(growth(before.guest, 0) > 10, "before, it grew with the number of slots");
	code("notifier.c unmap_hva() -> slot_linear.c or slot_tree.c next_slot_in_hva()");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "measure")) {
		measure(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "compare")) {
		compare(argv[2], argv[3]);
	} else {
		fprintf(stderr, "usage: cost-demo measure FILE | compare OLD NEW\n");
		return VMM_BROKEN;
	}
	return demo_end();
}

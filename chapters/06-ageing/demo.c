// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 6: a guest uses a quarter of its memory all the time and the rest
 * now and then, and may keep half of it. Which half does the host leave it? Four runs in
 * one boot: the module answers when the host asks which pages are young, or it does
 * not; and the host's reclaim is the classic LRU, or MGLRU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "../demo.h"

#define HOT	512
#define COLD	(3 * HOT)
#define SHARE	((HOT + COLD) / 2)	/* pages that it may keep */
#define SLACK	128			/* come in and not yet taken back; counted late */
#define STEP	32			/* cold pages between two looks at all hot ones */

#define HOT_GVA		ABI_FREE
#define COLD_GVA	(HOT_GVA + HOT * PAGE)
#define MEMORY		(COLD_GVA + COLD * PAGE)
#define WORD		0x6000		/* of the first page: a page of zeroes is not written out */

#define AGEING	"/sys/module/kvmswap/parameters/ageing"
#define LRU_GEN	"/sys/kernel/mm/lru_gen/enabled"

/* What is counted in one run. */
struct counts {
	long long hot_in, cold_in;		/* read from the disk in the second sweep */
	long long clear_flush_young, clear_young;	/* the host's questions */
	long long young;			/* the module's answers */
	int kept;				/* pages in memory at the end */
	int wrong;
};

static void set(const char *path, const char *text)
{
	int error = proc_write(path, text);

	errno = -error;
	if (error)
		vmm_die("write \"%s\" to %s", text, path);
}

/* The guest reads pages. Return: how many of them came from the swap disk. */
static long long swapped_in(struct vmm *vm, uint64_t gva, int pages, struct counts *counts)
{
	long long before = proc_value("/proc/vmstat", "pswpin");

	counts->wrong += guest_wrong(vm, gva, pages, WORD + (gva - HOT_GVA) / PAGE);
	return proc_value("/proc/vmstat", "pswpin") - before;
}

static void sweep(struct vmm *vm, struct counts *counts)
{
	uint64_t gva;

	for (gva = COLD_GVA; gva < MEMORY; gva += STEP * PAGE) {
		counts->cold_in += swapped_in(vm, gva, STEP, counts);
		counts->hot_in += swapped_in(vm, HOT_GVA, HOT, counts);
		reclaim_down_to(SHARE);
	}
}

/* From all pages swapped out. In the first sweep the host finds out what is hot. */
static struct counts run(void)
{
	struct counts counts = { 0 };
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);

	guest_write(vm, HOT_GVA, HOT + COLD, WORD);
	reclaim(memory + HOT_GVA, HOT + COLD);
	sweep(vm, &counts);
	counts.hot_in = 0;
	counts.cold_in = 0;
	sweep(vm, &counts);
	counts.clear_flush_young = stat_of(vm, "asked_clear_flush_young");
	counts.clear_young = stat_of(vm, "asked_clear_young");
	counts.young = stat_of(vm, "pages_aged");
	counts.kept = resident(memory + HOT_GVA, HOT + COLD);
	vmm_destroy(vm);
	munmap(memory, MEMORY);
	return counts;
}

static struct counts show_run(const char *lru, bool answers)
{
	struct counts counts;

	step("%s; the module %s", lru, answers ? "answers" : "does not answer, as in chapter 5");
	set(AGEING, answers ? "Y" : "N");
	counts = run();
	value("the host asked clear_flush_young", "%lld times", counts.clear_flush_young);
	value("the host asked clear_young", "%lld times", counts.clear_young);
	value("the answer was \"young\"", "%lld times", counts.young);
	value("cold pages read from the disk", "%lld", counts.cold_in);
	value("hot pages read from the disk", "%lld", counts.hot_in);
	value("in memory at the end", "%d of %d pages", counts.kept, HOT + COLD);
	value("wrong words", "%d", counts.wrong);
	check(counts.clear_flush_young + counts.clear_young > 0, "the host asked");
	check(!counts.young == !answers, "the module found young pages if it was to look");
	check(counts.cold_in > COLD / 2, "the guest's memory was short");
	check(counts.kept <= SHARE + SLACK, "no more pages than allowed are in memory");
	check(!counts.wrong, "the guest reads what it wrote");
	return counts;
}

/* Were at least @times as many hot pages read back without ageing? */
static bool show_gain(const struct counts *without, const struct counts *with, int times)
{
	long long tenths = with->hot_in ? 10 * without->hot_in / with->hot_in : 0;

	if (with->hot_in)
		value("without ageing, hot pages", "%lld.%lld times as many", tenths / 10,
		      tenths % 10);
	else
		value("without ageing, hot pages", "%lld against none", without->hot_in);
	return without->hot_in && without->hot_in >= times * with->hot_in;
}

static void show_classic(void)
{
	struct counts without, with;

	set(LRU_GEN, "0");
	without = show_run("Classic LRU", false);
	with = show_run("Classic LRU", true);
	check(show_gain(&without, &with, 2), "ageing at least halves them");
	check(!without.clear_young && !with.clear_young, "the classic LRU asks one callback only");
	code("age.c notifier_clear_flush_young() -> age_hva() -> age_rmapp(), one flush");
}

static void show_mglru(void)
{
	struct counts without, with;

	set(LRU_GEN, "y");
	without = show_run("MGLRU", false);
	with = show_run("MGLRU", true);
	check(show_gain(&without, &with, 2), "ageing at least halves them here, too");
	check(!with.clear_flush_young || !with.clear_young, "MGLRU asks one callback only");
	if (with.clear_young)
		code("age.c notifier_clear_young(): as before, no flush");
	else
		code("age.c notifier_clear_flush_young(), as before");
}

int main(void)
{
	char lru_gen[16];
	long len = proc_read(LRU_GEN, lru_gen, sizeof(lru_gen));

	errno = len < 0 ? -len : 0;
	if (len <= 0)
		vmm_die("%s: this kernel has no MGLRU", LRU_GEN);
	lru_gen[strcspn(lru_gen, "\n")] = 0;
	reclaim_begin();
	step("A guest with a hot quarter and a cold rest");
	value("its pages", "%d: %d hot, %d cold", HOT + COLD, HOT, COLD);
	value("its share of the memory", "%d pages", SHARE);
	value("this kernel's own choice", "%s (%s)", strcmp(lru_gen, "0x0000") ? "MGLRU" :
	      "the classic LRU", lru_gen);
	say("It reads %d of its cold pages, and then all its hot ones; then the host takes back",
	    STEP);
	say("what is above its share (memory.reclaim of its cgroup); and so on.");
	show_classic();
	show_mglru();
	set(LRU_GEN, lru_gen);
	return demo_end();
}

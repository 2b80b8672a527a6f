// SPDX-License-Identifier: GPL-2.0
/*
 * race.c - the race, held open. A fault has got its answer from the host and waits
 * before mmu_lock; the host takes the page back meanwhile; the fault goes on. What
 * it maps then is chapter 4's problem and chapter 5's answer: both run this program.
 *
 * The page is one of a file, which keeps it in use whatever we do here. So a stale
 * spte harms nobody: the guest only reads, and reads that file. Without the file the
 * page would be free by then, and anybody's next.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../demo.h"

#define MEMORY		(4 * MEBI)
#define RACE_GVA	0x300000ul	/* the page in question */
#define OTHER_GVA	0x200000ul	/* maps the guest's code, so that only one fault is left */

#define WORD_OLD	0x01d01d01u
#define WORD_NEW	0x2e32e32eu
#define WORD_PRIVATE	0x5ec2e700u

static int file;
static volatile uint32_t *file_word;	/* the page as its file has it */
static char *hva;			/* the page as the guest's memory has it */

static uint32_t host_word(void)
{
	return *(volatile uint32_t *)hva;
}

static struct vmm *show_before(char *memory)
{
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);

	step("A page of the guest's memory is page P of a file");
	hva = memory + RACE_GVA;
	file = memfd_create("race", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, PAGE))
		vmm_die("a file in memory");
	file_word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file_word == MAP_FAILED ||
	    mmap(hva, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
		vmm_die("mmap of the file");
	*file_word = WORD_OLD;
	host_word();	/* so that the host, too, maps it there */
	value("gfn", "%#lx", RACE_GVA / PAGE);
	value("hva", "%p", (void *)hva);
	value("the host reads there", "%#x, in frame %#llx: P", host_word(),
	      (unsigned long long)frame_of(hva));
	check(host_word() == WORD_OLD && frame_of(hva) == frame_of((void *)file_word),
	      "the guest's memory and the file are one page");
	guest_read(vm, OTHER_GVA);
	return vm;
}

static void show_window(struct vmm *vm)
{
	step("The guest reads it for the first time, and the fault is held in the window");
	dbgfs_pause_arm("fault_window");
	guest_start_read(vm, RACE_GVA);
	errno = 0;
	if (dbgfs_pause_wait("fault_window", 8000))
		vmm_die("no fault came to the pause point fault_window in 8 seconds");
	say("Done so far: gva -> gfn, gfn -> hva, hva -> pfn. Not yet: mmu_lock, and the spte.");
	code("fault.c fault_walk(): pause_here(), between hva_to_pfn() and mmu_lock");
}

static void show_taken_back(struct vmm *vm, uint64_t frame_p)
{
	long long invalidations = stat_of(vm, "invalidations");
	long long unmapped = stat_of(vm, "sptes_unmapped");

	step("Meanwhile the host takes the page back, and puts a fresh one in its place");
	if (mmap(hva, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		vmm_die("mmap of a fresh page");
	*(volatile uint32_t *)hva = WORD_NEW;
	invalidations = stat_of(vm, "invalidations") - invalidations;
	unmapped = stat_of(vm, "sptes_unmapped") - unmapped;
	value("the host reads there", "%#x, in frame %#llx: not P", host_word(),
	      (unsigned long long)frame_of(hva));
	value("the callback came", "%s", invalidations ? "yes" : "no");
	value("it found and dropped", "%lld sptes", unmapped);
	check(host_word() == WORD_NEW && frame_of(hva) != frame_p, "another page is there");
	check(invalidations > 0, "the host has told us");
	check(!unmapped, "there was no spte yet to drop");
	if (is_protocol("range"))
		code("range.c invalidate_range_start() -> notifier.c unmap_hva()");
	else if (is_protocol("interval"))
		code("interval.c interval_invalidate() -> notifier.c unmap_slot_hva()");
	else
		code("notifier.c invalidate_range() -> unmap_hva()");
}

/* The frame of the first stale spte that the audit names. */
static uint64_t stale_frame(const struct dbgfs_audit *found, uint64_t gfn)
{
	unsigned long long stale_gfn, spte;

	if (sscanf(found->detail, "stale: gfn %llx spte %llx", &stale_gfn, &spte) != 2 ||
	    stale_gfn != gfn)
		return 0;
	return spte >> 12 & ((1ull << 40) - 1);
}

static void show_stale(struct vmm *vm, const struct dbgfs_audit *found, uint64_t frame_p)
{
	uint64_t frame = stale_frame(found, RACE_GVA / PAGE);
	uint32_t word;

	value("the spte maps frame", "%#llx: P", (unsigned long long)frame);
	value("the host maps frame", "%#llx", (unsigned long long)frame_of(hva));
	check(frame == frame_p, "the stale spte maps the page that was taken back");
	say("The spte is stale: no callback will come again for it, for the host has no entry");
	say("for P at this address any more. Now the file's owner writes to its page:");
	*file_word = WORD_PRIVATE;
	word = guest_read(vm, RACE_GVA);
	value("the guest reads", "%#x: memory that is not its own", word);
	check(word == WORD_PRIVATE, "the guest reads the file, not its memory");
	code("fault.c map_page(): set_spte() with what was true a moment ago");
}

static void show_fresh(struct vmm *vm, long long retried)
{
	uint32_t word;

	check(retried > 0, "the fault has noticed");
	say("The fault saw that the sequence had moved, forgot what it knew, and the guest");
	say("executed its instruction again. Now the file's owner writes to its page:");
	*file_word = WORD_PRIVATE;
	word = guest_read(vm, RACE_GVA);
	value("the guest reads", "%#x: its own memory", word);
	check(word == WORD_NEW, "the guest does not see the file any more");
	code("fault.c map_page() -> retry.h retry_needed(), under mmu_lock, before set_spte()");
}

static void show_after(struct vmm *vm, uint64_t frame_p)
{
	long long retried = stat_of(vm, "faults_retried"), fixed = stat_of(vm, "faults_fixed");
	struct dbgfs_audit found;
	uint32_t word;

	step("The fault is let go");
	dbgfs_pause_release("fault_window");
	word = guest_end_read(vm);
	retried = stat_of(vm, "faults_retried") - retried;
	fixed = stat_of(vm, "faults_fixed") - fixed;
	found = audit(vm);
	value("faults retried", "%lld", retried);
	value("sptes set", "%lld", fixed);
	value("the guest read", "%#x, the %s word", word,
	      word == WORD_OLD ? "old" : word == WORD_NEW ? "new" : "wrong");
	value("the host reads there", "%#x", host_word());
	value("stale sptes that the audit counts", "%lld", found.stale_sptes);
	check(fixed == 1, "one spte was set");
	check(found.stale_sptes == (word != host_word()),
	      "the guest reads what the host reads unless its spte is stale");
	check(!found.rmap_errors && !found.role_errors, "the chains and the tables are in order");
	if (found.stale_sptes)
		show_stale(vm, &found, frame_p);
	else
		show_fresh(vm, retried);
}

int main(void)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm;
	uint64_t frame_p;

	puts("The race of the two doors, held open\n");
	vm = show_before(memory);
	frame_p = frame_of((void *)file_word);
	show_window(vm);
	show_taken_back(vm, frame_p);
	show_after(vm, frame_p);
	vmm_destroy(vm);
	munmap(memory, MEMORY);
	return demo_end();
}

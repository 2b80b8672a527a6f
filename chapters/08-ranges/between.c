// SPDX-License-Identifier: GPL-2.0
/*
 * between.c - the host is in the middle of giving memory back, and is held there: what
 * is mapped, which faults wait, and may a slot be made? With the seqlock there is no
 * middle (and no late slot): the host calls once, after it has changed its entries.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "ranges.h"

#define PAGES		64		/* slot 1 */
#define GONE		16		/* ... of which so many are given back */
#define IN_RANGE	(WORK_GPA + 5 * PAGE)
#define OUTSIDE		(WORK_GPA + 40 * PAGE)
#define OTHER_SLOT	(3 * MEBI)	/* slot 0 */
#define WORD		0x1000u

static char *memory, *work;

static void give_back(void)
{
	if (madvise(work, GONE * PAGE, MADV_DONTNEED))
		vmm_die("MADV_DONTNEED of %d pages", GONE);
}

/* Where the host is held: before it changes its entries if the protocol has a say there. */
static struct act give_back_act(void)
{
	return (struct act) {
		.what = give_back,
		.point = changes_come_first() ? "invalidate_entry" : "between",
	};
}

static const char *when(bool told)
{
	return told ? "mapped meanwhile" : "waits";
}

/* vCPU 0 faults in the range, vCPU 1 in the same slot, vCPU 2 in another one. */
static void show_faults(struct vmm *vm, const struct act *act)
{
	long long retried = stat_of(vm, "faults_retried");
	bool in_range, outside, other, held;

	ask_start(vm, 0, IN_RANGE);
	in_range = changes_come_first() ? ask_told(vm, 0, 5000) : !ask_waits(vm, 0);
	ask_start(vm, 1, OUTSIDE);
	outside = is_protocol("interval") ? !ask_waits(vm, 1) : ask_told(vm, 1, 5000);
	ask_start(vm, 2, OTHER_SLOT);
	other = ask_told(vm, 2, 5000);
	retried = stat_of(vm, "faults_retried") - retried;
	held = act_held(act);
	value("a fault in the range", "%s", when(in_range));
	value("a fault elsewhere in the slot", "%s", when(outside));
	value("a fault in another slot", "%s", when(other));
	value("how they wait", "%s", retried ? "they are retried, again and again" :
	      in_range ? "they need not" : "they sleep");
	check(held, "the host was held all the time");
	check(in_range == changes_come_first(), "no page of the range is mapped meanwhile");
	check(outside == !is_protocol("interval"), "only the interval's slot waits as a whole");
	check(other, "another slot's fault is not held up");
	check((retried > 2) == is_protocol("range"), "the range's faults are retried");
}

void show_between(void)
{
	struct act act = give_back_act();
	struct vmm *vm;
	long long unmapped;
	uint32_t word;

	memory = guest_memory(SMALL);
	work = guest_memory(PAGES * PAGE);
	vm = ask_create(memory, 3);
	vmm_map_memory(vm, WORK_GPA, PAGES * PAGE, work, 0);

	act_prepare(&act);
	step("The host gives back %d pages of slot 1, and is held in the middle", GONE);
	guest_write(vm, WORK_GPA, GONE, WORD);
	unmapped = stat_of(vm, "sptes_unmapped");
	act_begin(&act);
	unmapped = stat_of(vm, "sptes_unmapped") - unmapped;
	if (changes_come_first())
		say("Its own entries are changed, its only call is about to begin.");
	else
		say("It has said that it begins; its own entries are as they were.");
	value("sptes dropped so far", "%lld", unmapped);
	check(unmapped == (changes_come_first() ? 0 : GONE), "it is where it should be");
	if (changes_come_first()) {
		word = guest_read(vm, WORK_GPA);
		value("host and guest read there", "%#x and %#x", *(uint32_t *)work, word);
		check(!*(uint32_t *)work && word == WORD, "the guest still has the old page");
	}
	show_faults(vm, &act);

	act_end(&act);
	say("The host is let go:");
	ask_end(vm, 1);
	ask_end(vm, 2);
	word = ask_end(vm, 0);
	value("the first fault read", "%#x", word);
	value("stale sptes", "%lld", audit(vm).stale_sptes);
	check(word == (changes_come_first() ? WORD + 5 : 0), "it read what was there");
	check(!guest_read(vm, IN_RANGE), "from now on the guest reads the fresh page");
	check(!audit(vm).stale_sptes, "no spte is stale");
	if (changes_come_first())
		code("notifier.c invalidate_range()");
	else if (is_protocol("range"))
		code("range.c invalidate_range_start(), range_retry_needed()");
	else
		code("interval.c interval_invalidate(), interval_retry_begin()");
	ask_destroy(vm);
	munmap(memory, SMALL);
	munmap(work, PAGES * PAGE);
}

/* ---- a slot that comes meanwhile ---- */

static struct vmm *late_vm;

static void make_slot(void)
{
	vmm_map_memory(late_vm, LATE_GPA, PAGES * PAGE, work, 0);
}

void show_late_slot(void)
{
	struct act act = give_back_act(), slot = { .what = make_slot };
	bool made, told;

	memory = guest_memory(SMALL);
	work = guest_memory(PAGES * PAGE);
	*(uint32_t *)work = WORD;
	late_vm = ask_create(memory, 1);
	vmm_map_memory(late_vm, WORK_GPA, PAGES * PAGE, work, 0);

	step("The same, and meanwhile that memory becomes another slot, too");
	act_prepare(&slot);
	act_prepare(&act);
	act_begin(&act);
	act_start(&slot);
	made = act_done(&slot, is_protocol("range") ? 500 : 5000);
	value("KVM_SET_USER_MEMORY_REGION", "%s", made ? "done meanwhile" : "waits");
	if (made) {
		ask_start(late_vm, 0, LATE_GPA);
		told = !ask_waits(late_vm, 0);
		value("a fault in the new slot", "%s", when(told));
		check(!told, "nothing is mapped that is about to go");
	}
	check(act_held(&act), "the host was held all the time");
	check(made == is_protocol("interval"), "only the range holds slots off");

	act_end(&act);
	act_end(&slot);
	if (!made)
		ask_start(late_vm, 0, LATE_GPA);
	say("The host is let go:");
	value("the guest reads", "%#x", ask_end(late_vm, 0));
	value("stale sptes", "%lld", audit(late_vm).stale_sptes);
	check(!guest_read(late_vm, LATE_GPA), "the page is a fresh one");
	check(!audit(late_vm).stale_sptes, "no spte is stale");
	if (is_protocol("range"))
		code("memslot.c replace_slot() -> range.c range_hold_off()");
	else
		code("memslot.c replace_slot() -> interval.c interval_slot_comes()");
	ask_destroy(late_vm);
	munmap(memory, SMALL);
	munmap(work, PAGES * PAGE);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * notify.c - who is told what the host does to the process' memory: a section has a
 * start, entries that change under the page-table lock, and an end. The VM's notifier is
 * called at each, as far as it asks to be; interval notifiers where they overlap it.
 *
 * Called by mm.c and user.c, which change the memory, and by tests, which pretend to.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/wait.h>

#include "compat.h"
#include "machine.h"
#include "mm.h"

#define MAX_DEFERRED 64
#define MAX_SECTIONS 16

int host_intervals;

/*
 * The interval notifiers of the process. While sections are under way that concern some
 * of them, the sequence is odd and the tree does not change: what comes or goes
 * meanwhile does so at the end.
 */
static struct {
	spinlock_t lock;			/* all that follows */
	struct rb_root_cached tree;
	unsigned long seq;
	long sections;				/* under way */
	bool ever;				/* there is or was one: nobody asks before */
	struct mmu_interval_notifier *deferred[MAX_DEFERRED];
	int nr_deferred;
	wait_queue_head_t over;
} intervals;

/* The sections under way. */
static struct {
	unsigned long start, end;	/* bytes; both 0: none */
} sections[MAX_SECTIONS];

/** host_notify_start() - nobody asks yet. */
void host_notify_start(void)
{
	memset(&intervals, 0, sizeof(intervals));
	memset(sections, 0, sizeof(sections));
	spin_lock_init(&intervals.lock);
	init_waitqueue_head(&intervals.over);
	intervals.seq = 2;
	host_intervals = 0;
}

/** host_notify_stop() - and nobody any more. */
void host_notify_stop(void)
{
	host_check(!host_mm.notifier, "a notifier was never unregistered");
	host_check(!host_intervals, "%d interval notifiers were never removed", host_intervals);
	host_check(!intervals.sections, "a section never ended");
}

/* ---- interval notifiers ---- */

static bool are_invalidating(void)
{
	return intervals.seq & 1;
}

static void intervals_start(const struct mmu_notifier_range *range)
{
	struct interval_tree_node *node = NULL;
	unsigned long seq;

	if (!intervals.ever) {
		intervals.sections++;
		return;
	}
	spin_lock(&intervals.lock);
	intervals.sections++;
	if (range->start < range->end)
		node = interval_tree_iter_first(&intervals.tree, range->start, range->end - 1);
	if (node)
		intervals.seq |= 1;
	seq = intervals.seq;
	spin_unlock(&intervals.lock);
	for (; node; node = interval_tree_iter_next(node, range->start, range->end - 1)) {
		struct mmu_interval_notifier *mni =
			container_of(node, struct mmu_interval_notifier, interval_tree);

		host_check(mni->ops->invalidate(mni, range, seq), "invalidate() says false");
		host_check(mni->invalidate_seq == seq, "mmu_interval_set_seq() was not called");
	}
}

static void intervals_end(void)
{
	bool over = false;
	int i;

	if (!intervals.ever) {
		intervals.sections--;
		return;
	}
	spin_lock(&intervals.lock);
	host_check(intervals.sections > 0, "a section ends that never began");
	if (!--intervals.sections && are_invalidating()) {
		intervals.seq++;
		for (i = 0; i < intervals.nr_deferred; i++) {
			struct mmu_interval_notifier *mni = intervals.deferred[i];

			if (mni->interval_tree.in)
				interval_tree_remove(&mni->interval_tree, &intervals.tree);
			else
				interval_tree_insert(&mni->interval_tree, &intervals.tree);
		}
		intervals.nr_deferred = 0;
		over = true;
	}
	spin_unlock(&intervals.lock);
	if (over)
		wake_up_all(&intervals.over);
}

static void defer(struct mmu_interval_notifier *mni)
{
	host_check(intervals.nr_deferred < MAX_DEFERRED, "too many interval notifiers");
	intervals.deferred[intervals.nr_deferred++] = mni;
}

int mmu_interval_notifier_insert(struct mmu_interval_notifier *mni, struct mm_struct *mm,
				 unsigned long start, unsigned long length,
				 const struct mmu_interval_notifier_ops *ops)
{
	host_check(length && start + length - 1 >= start, "an interval notifier for nothing");
	host_check(mm->users, "an interval notifier of a process that is gone");
	/* The first one of a process registers it. */
	down_write(&mm->mmap_lock);
	up_write(&mm->mmap_lock);
	if (host_allocation_fails())
		return -ENOMEM;
	*mni = (struct mmu_interval_notifier){
		.interval_tree = { .start = start, .last = start + length - 1 },
		.ops = ops,
		.mm = mm,
	};
	spin_lock(&intervals.lock);
	intervals.ever = true;
	if (are_invalidating()) {
		defer(mni);
		mni->invalidate_seq = intervals.seq;
	} else {
		/* A section that it did not see the start of concerns it, for all we know. */
		if (intervals.sections)
			intervals.seq |= 1;
		mni->invalidate_seq = intervals.seq - (intervals.sections ? 0 : 1);
		interval_tree_insert(&mni->interval_tree, &intervals.tree);
	}
	spin_unlock(&intervals.lock);
	host_intervals++;
	return 0;
}

void mmu_interval_notifier_remove(struct mmu_interval_notifier *mni)
{
	unsigned long seq = 0;
	int i;

	might_sleep();
	host_check(mni->mm, "an interval notifier is removed that was not inserted");
	spin_lock(&intervals.lock);
	if (!are_invalidating()) {
		interval_tree_remove(&mni->interval_tree, &intervals.tree);
	} else if (mni->interval_tree.in) {
		defer(mni);
		seq = intervals.seq;
	} else {
		for (i = 0; intervals.deferred[i] != mni; i++)
			;
		intervals.deferred[i] = intervals.deferred[--intervals.nr_deferred];
	}
	spin_unlock(&intervals.lock);
	if (seq)
		wait_event(intervals.over, intervals.seq != seq);
	mni->mm = NULL;
	host_intervals--;
}

unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *mni)
{
	unsigned long seq;
	bool wait;

	might_sleep();
	host_check(mni->mm, "an interval notifier is read that was not inserted");
	spin_lock(&intervals.lock);
	seq = mni->invalidate_seq;
	wait = seq == intervals.seq;
	spin_unlock(&intervals.lock);
	if (wait)
		wait_event(intervals.over, intervals.seq != seq);
	return seq;
}

/* ---- the VM's notifier ---- */

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm)
{
	const struct mmu_notifier_ops *ops = mn->ops;

	host_check(HOST_OLD_CALLS || !ops->invalidate_range_op ||
		   !(ops->invalidate_range_start || ops->invalidate_range_end),
		   "6.12 refuses a notifier that asks for both kinds of calls");
	down_write(&mm->mmap_lock);
	host_check(!mm->notifier && mm->users, "one notifier, of a process that is there");
	host_check(!intervals.sections, "a notifier is registered in the middle of a section");
	mn->released = false;
	mm->notifier = mn;
	up_write(&mm->mmap_lock);
	return 0;
}

static void release(struct mmu_notifier *mn)
{
	if (mn->released)
		return;
	mn->released = true;
	mn->ops->release(mn, &host_mm);
}

void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm)
{
	might_sleep();
	release(mn);
	if (mm->notifier == mn)
		mm->notifier = NULL;
}

/** host_notify_exit() - the process goes: the last calls. */
void host_notify_exit(void)
{
	struct mmu_notifier *mn = host_mm.notifier;
	struct mmu_notifier_range all = host_range(0, ~0UL);

	intervals_start(&all);
	intervals_end();
	if (mn)
		release(mn);
	host_mm.notifier = NULL;
}

/** host_notify() - the entries of these pages have changed. */
void host_notify(const struct mmu_notifier_range *range)
{
	struct mmu_notifier *mn = host_mm.notifier;

	lockdep_assert_held(&host_mm.page_table_lock);
	if (mn && mn->ops->invalidate_range_op)
		mn->ops->invalidate_range_op(mn, &host_mm, range->start, range->end);
}

/** host_range() - what a section concerns, in bytes; who is told of it may sleep. */
struct mmu_notifier_range host_range(unsigned long start, unsigned long end)
{
	return (struct mmu_notifier_range){
		.mm = &host_mm, .start = start, .end = end,
		.flags = MMU_NOTIFIER_RANGE_BLOCKABLE,
	};
}

static void note_section(unsigned long start, unsigned long end, unsigned long new_start,
			 unsigned long new_end)
{
	int i;

	for (i = 0; i < MAX_SECTIONS; i++) {
		if (sections[i].start != start || sections[i].end != end)
			continue;
		sections[i].start = new_start;
		sections[i].end = new_end;
		return;
	}
	host_fail(__FILE__, __LINE__, end ? "no such section is under way" : "too many sections");
}

/** host_in_section() - is the host about to change, or has it just changed, this page? */
bool host_in_section(unsigned long hva)
{
	int i;

	for (i = 0; i < MAX_SECTIONS; i++)
		if (hva >= sections[i].start && hva < sections[i].end)
			return true;
	return false;
}

/** host_section_start() - entries are about to change. */
void host_section_start(const struct mmu_notifier_range *range)
{
	bool blockable = mmu_notifier_range_blockable(range);
	struct mmu_notifier *mn = host_mm.notifier;

	if (blockable)
		might_sleep();
	else
		host_non_block(true);
	note_section(0, 0, range->start, range->end);
	intervals_start(range);
	if (mn && mn->ops->invalidate_range_start)
		host_check(!mn->ops->invalidate_range_start(mn, range),
			   "invalidate_range_start() returns an error");
	if (!blockable)
		host_non_block(false);
}

/** host_section_end() - they have changed; @only_end: .invalidate_range was called for all. */
void host_section_end(const struct mmu_notifier_range *range, bool only_end)
{
	bool blockable = mmu_notifier_range_blockable(range);
	struct mmu_notifier *mn = host_mm.notifier;

	if (!blockable)
		host_non_block(true);
	intervals_end();
	if (mn && HOST_OLD_CALLS && !only_end && mn->ops->invalidate_range_op)
		mn->ops->invalidate_range_op(mn, &host_mm, range->start, range->end);
	if (mn && mn->ops->invalidate_range_end)
		mn->ops->invalidate_range_end(mn, range);
	note_section(range->start, range->end, 0, 0);
	if (!blockable)
		host_non_block(false);
}

/** host_invalidate() - a whole section in which nothing changes. */
void host_invalidate(unsigned long start, unsigned long end)
{
	struct mmu_notifier_range range = host_range(start, end);

	host_section_start(&range);
	spin_lock(&host_mm.page_table_lock);
	host_notify(&range);
	spin_unlock(&host_mm.page_table_lock);
	host_section_end(&range, true);
}

/* ---- young? ---- */

/** host_clear_flush_young() - reclaim asks about one page. */
bool host_clear_flush_young(unsigned long hva)
{
	struct mmu_notifier *mn = host_mm.notifier;
	bool young = false;

	spin_lock(&host_mm.page_table_lock);
	if (mn && mn->ops->clear_flush_young)
		young = mn->ops->clear_flush_young(mn, &host_mm, hva, hva + PAGE_SIZE);
	spin_unlock(&host_mm.page_table_lock);
	return young;
}

/** host_clear_young() - MGLRU asks about many. */
bool host_clear_young(unsigned long start, unsigned long end)
{
	struct mmu_notifier *mn = host_mm.notifier;
	bool young = false;

	spin_lock(&host_mm.page_table_lock);
	if (mn && mn->ops->clear_young)
		young = mn->ops->clear_young(mn, &host_mm, start, end);
	spin_unlock(&host_mm.page_table_lock);
	return young;
}

/** host_test_young() - khugepaged asks, and changes nothing. */
bool host_test_young(unsigned long hva)
{
	struct mmu_notifier *mn = host_mm.notifier;
	bool young = false;

	spin_lock(&host_mm.page_table_lock);
	if (mn && mn->ops->test_young)
		young = mn->ops->test_young(mn, &host_mm, hva);
	spin_unlock(&host_mm.page_table_lock);
	return young;
}

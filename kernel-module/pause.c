// SPDX-License-Identifier: GPL-2.0
/*
 * pause.c - the pause points' switch and the wait itself; see pause.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "pause.h"

static u32 pause_seconds = 10;

/* off -> (root writes 1) -> armed -> (a thread arrives) -> held -> off */
enum { PAUSE_OFF, PAUSE_ARMED, PAUSE_HELD };

int pause_state[NR_PAUSE_POINTS];

static const struct {
	const char *name;
	bool may_sleep;		/* no spinlock is held there: let others have the CPU */
} pause_points[NR_PAUSE_POINTS] = {
	[PAUSE_FAULT_WINDOW]	= { "fault_window", true },
	[PAUSE_INVALIDATE]	= { "invalidate", false },
	[PAUSE_INVALIDATE_ENTRY] = { "invalidate_entry", false },
	[PAUSE_BETWEEN]		= { "between", true },
	[PAUSE_SLOT_MAPPING]	= { "slot_mapping", true },
};

/**
 * __pause_here() - the slow half of pause_here(): wait until released.
 * @point: which point this is.
 *
 * Context: any that allows spinning with interrupts on.
 */
void __pause_here(enum pause_point point)
{
	unsigned long limit;
	u32 seconds;

	if (cmpxchg(&pause_state[point], PAUSE_ARMED, PAUSE_HELD) != PAUSE_ARMED)
		return;

	seconds = READ_ONCE(pause_seconds);
	limit = jiffies + (unsigned long)seconds * HZ;
	while (READ_ONCE(pause_state[point]) == PAUSE_HELD) {
		if (time_after(jiffies, limit)) {
			pr_warn("pause point %s: not released in %u s, going on\n",
				pause_points[point].name, seconds);
			WRITE_ONCE(pause_state[point], PAUSE_OFF);
		}
		if (fatal_signal_pending(current))
			WRITE_ONCE(pause_state[point], PAUSE_OFF);
		cpu_relax();
		/* some are reached with a spinlock or without; not every kernel can tell */
		if (pause_points[point].may_sleep || preemptible())
			cond_resched();
	}
}

static ssize_t pause_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	int *state = file->private_data;
	static const char *const text[] = { "off\n", "armed\n", "held\n" };
	const char *now = text[READ_ONCE(*state)];

	return simple_read_from_buffer(buf, len, pos, now, strlen(now));
}

static ssize_t pause_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	int *state = file->private_data;
	bool arm;
	int err = kstrtobool_from_user(buf, len, &arm);

	if (err)
		return err;
	WRITE_ONCE(*state, arm ? PAUSE_ARMED : PAUSE_OFF);
	return len;
}

static const struct file_operations pause_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= pause_read,
	.write	= pause_write,
};

/**
 * pause_debugfs_init() - make a file for each point, and one for when they give up.
 * @parent: the module's debugfs folder.
 *
 * Context: process, may sleep.
 */
void pause_debugfs_init(struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir("pause", parent);
	int i;

	debugfs_create_u32("seconds", 0600, dir, &pause_seconds);
	for (i = 0; i < NR_PAUSE_POINTS; i++)
		debugfs_create_file(pause_points[i].name, 0600, dir, &pause_state[i], &pause_fops);
}

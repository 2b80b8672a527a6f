// SPDX-License-Identifier: GPL-2.0
/*
 * act.c - the host does something, on a thread of its own, and is held in the middle of
 * it. The contracts are in ranges.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "ranges.h"

#define LIMIT_MS 8000

static void *act_thread(void *arg)
{
	struct act *act = arg;

	sem_wait(&act->go);
	if (act->point)
		dbgfs_pause_arm(act->point);
	act->what();
	act->done = true;
	return NULL;
}

void act_prepare(struct act *act)
{
	act->done = false;
	sem_init(&act->go, 0, 0);
	errno = pthread_create(&act->thread, NULL, act_thread, act);
	if (errno)
		vmm_die("a thread for the host");
}

void act_start(struct act *act)
{
	sem_post(&act->go);
}

void act_begin(struct act *act)
{
	int ms;

	act_start(act);
	for (ms = 0; !act_held(act) && !act_done(act, 0); ms += 5) {
		if (ms > LIMIT_MS)
			vmm_die("the host did not come to the pause point %s", act->point);
		usleep(5000);
	}
}

bool act_held(const struct act *act)
{
	return act->point && !dbgfs_pause_wait(act->point, 0);
}

bool act_done(const struct act *act, int ms)
{
	for (; ms > 0 && !act->done; ms -= 5)
		usleep(5000);
	return act->done;
}

void act_end(struct act *act)
{
	if (act->point)
		dbgfs_pause_release(act->point);
	pthread_join(act->thread, NULL);
}

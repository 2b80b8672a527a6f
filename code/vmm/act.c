// SPDX-License-Identifier: GPL-2.0
/*
 * act.c - the host does something, on a thread of its own, and is held in the middle of it
 * at a pause point (debugfs.c). The contracts are in libvmm.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "libvmm.h"

#define STEP_MS		5
#define BEGIN_MS	5000

static void *act_thread(void *arg)
{
	struct act *act = arg;

	sem_wait(&act->go);
	if (act->point)
		dbgfs_pause_arm(act->point);
	act->what();
	__atomic_store_n(&act->done, true, __ATOMIC_RELEASE);
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

bool act_held(const struct act *act)
{
	return act->point && !dbgfs_pause_wait(act->point, 0);
}

bool act_done(const struct act *act, int ms)
{
	for (ms *= (int)vmm_slowness(); ; ms -= STEP_MS) {
		if (__atomic_load_n(&act->done, __ATOMIC_ACQUIRE))
			return true;
		if (ms <= 0)
			return false;
		usleep(STEP_MS * 1000);
	}
}

bool act_begin(struct act *act)
{
	int ms;

	act_start(act);
	for (ms = BEGIN_MS * (int)vmm_slowness(); ms > 0; ms -= STEP_MS) {
		if (act_held(act)) {
			if (!act->begun || act->begun())
				return true;
			dbgfs_pause_arm(act->point);	/* let that one go, and hold the next */
		}
		if (act_done(act, 0))
			return false;
		usleep(STEP_MS * 1000);
	}
	vmm_die("the host did not come to the pause point %s", act->point);
}

void act_end(struct act *act)
{
	if (act->point)
		dbgfs_pause_release(act->point);
	pthread_join(act->thread, NULL);
}

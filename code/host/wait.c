// SPDX-License-Identifier: GPL-2.0
/*
 * wait.c - other CPUs that may have to wait: a thread each, of which one alone runs at
 * a time. It runs until it is done or has to wait, and goes on when it is told. Who
 * must be woken and is not, waits for ever, and that fails the test.
 *
 * Its own locks nobody waits for: where the kernel would, the test fails.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include <linux/wait.h>

#include "machine.h"

#define MAX_OTHERS 8

struct other {
	pthread_t thread;
	sem_t go;
	sem_t *back;			/* who let it run, and waits for it */
	void (*run)(void *data);
	void *data;
	struct host_context held;
	bool done, failed;
	const unsigned int *wakes;	/* it goes on when this is no longer ... */
	unsigned int slept;		/* ... this */
	const char *what;
	char why[256];
};

static struct other *others[MAX_OTHERS];
static int nr_others;
static struct other *self;		/* NULL: the test itself */
struct host_hook host_waits;

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

/* The other's half of a switch. */
static void give_back(struct other *other)
{
	sem_post(other->back);
	wait_for(&other->go);
}

static void *other_main(void *data)
{
	struct other *other = data;

	wait_for(&other->go);
	other->run(other->data);
	other->done = true;
	sem_post(other->back);
	return NULL;
}

/* Let it run until it gives back. */
static void let_run(struct other *other)
{
	struct other *me = self;
	struct host_context mine;
	sem_t back;

	sem_init(&back, 0, 0);
	other->back = &back;
	host_other_context(&mine);
	host_own_context(&other->held);
	self = other;
	sem_post(&other->go);
	wait_for(&back);
	self = me;
	host_other_context(&other->held);
	host_own_context(&mine);
	sem_destroy(&back);
	if (other->failed) {
		other->failed = false;
		host_fail("on another CPU", 0, "%s", other->why);
	}
	if (other->done)
		host_check(!other->held.nr, "the other CPU still holds %s",
			   other->held.held[0]->name);
}

/* Those that are done go. */
static void reap(void)
{
	int i, left = 0;

	for (i = 0; i < nr_others; i++) {
		struct other *other = others[i];

		if (!other->done) {
			others[left++] = other;
			continue;
		}
		pthread_join(other->thread, NULL);
		sem_destroy(&other->go);
		free(other);
	}
	nr_others = left;
}

/** host_start_other() - another CPU runs @run, now, until it is done or has to wait. */
void host_start_other(void (*run)(void *data), void *data)
{
	struct other *other = calloc(1, sizeof(*other));

	host_check(other && nr_others < MAX_OTHERS, "too many other CPUs");
	other->run = run;
	other->data = data;
	sem_init(&other->go, 0, 0);
	host_check(!pthread_create(&other->thread, NULL, other_main, other), "no more threads");
	others[nr_others++] = other;
	let_run(other);
	if (!self)
		reap();
}

/**
 * host_others_go_on() - those that wait and have been woken go on.
 *
 * Return: how many of them are not done, and wait.
 */
int host_others_go_on(void)
{
	int i;

	host_check(!self, "only the test itself lets others go on");
	for (i = 0; i < nr_others; i++)
		while (!others[i]->done && *others[i]->wakes != others[i]->slept)
			let_run(others[i]);
	reap();
	return nr_others;
}

/** host_in_other() - is this not the test's own thread? */
bool host_in_other(void)
{
	return self;
}

/** host_other_fails() - the test is over, and says so where it was started. */
void host_other_fails(const char *why)
{
	snprintf(self->why, sizeof(self->why), "%s", why);
	self->failed = true;
	self->wakes = &self->slept;
	for (;;)
		give_back(self);
}

/** host_others_start() - there are none. Those of a failed test are forgotten. */
void host_others_start(void)
{
	nr_others = 0;
	self = NULL;
	host_waits.run = NULL;
}

/** host_others_stop() - all of them must be done. */
void host_others_stop(void)
{
	if (nr_others)
		host_fail(__FILE__, __LINE__, "another CPU still waits: %s", others[0]->what);
}

/** host_wait() - wait for @what, until @wakes has changed. */
void host_wait(const unsigned int *wakes, const char *what)
{
	struct other *me = self;
	unsigned int slept = *wakes;
	struct host_context mine;

	if (me) {
		me->wakes = wakes;
		me->slept = slept;
		me->what = what;
		give_back(me);
		return;
	}
	if (host_waits.run) {
		host_other_context(&mine);
		host_waits.run(host_waits.data);
		host_own_context(&mine);
	}
	host_check(*wakes != slept, "waits for ever: %s", what);
}

/** host_lock_ready() - come back when this lock can be taken. */
void host_lock_ready(struct host_lock *lock, bool write, const char *where)
{
	host_check(!lock->written && !(write && lock->readers), "%s is taken in %s: a deadlock",
		   lock->name, where);
}

/** host_spin() - come back when this has changed. */
void host_spin(const unsigned int *value, const char *what)
{
	(void)value;
	host_fail(__FILE__, __LINE__, "%s would spin for ever", what);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * watch.c - no call may hang: each thread says which it is in and since when. A
 * watcher ends KVM_RUN by a signal after run_ms, and the whole process, with the
 * stacks of all its threads, if any call does not come back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define KICK SIGUSR1

static struct caller {
	pid_t thread;
	unsigned long cmd;
	double since;		/* 0: in no call */
} callers[MAX_CALLERS];

int run_ms = 4;
void (*watch_on_enter)(int n);

static __thread struct caller *self;
static pthread_t watcher;
static bool stop;

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double since(const struct caller *caller)
{
	double value;

	__atomic_load(&caller->since, &value, __ATOMIC_ACQUIRE);
	return value;
}

static void set_since(double value)
{
	__atomic_store(&self->since, &value, __ATOMIC_RELEASE);
}

static void on_kick(int signal)
{
	(void)signal;	/* it only has to interrupt KVM_RUN */
}

void failed(const char *format, ...)
{
	va_list args;

	printf("FAILED: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(STATUS_FAILED);
}

static void show_stacks(void)
{
	fflush(stdout);
	if (system("for t in /proc/$PPID/task/*; do echo $t; cat $t/stack; done"))
		printf("no stacks to show\n");
}

static void *watch_main(void *unused)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		nanosleep(&ms, NULL);
		for (i = 0; i < MAX_CALLERS; i++) {
			struct caller *caller = &callers[i];
			double start = since(caller), time = start ? now() - start : 0;

			if (time > HANG_S) {
				printf("FAILED: ioctl %#lx has not come back after %d s\n",
				       caller->cmd, HANG_S);
				show_stacks();
				_exit(STATUS_HANG);
			}
			if (time > run_ms / 1e3 && caller->cmd == KVM_RUN) {
				tally(COUNT_KICKS);
				syscall(SYS_tgkill, getpid(), caller->thread, KICK);
			}
		}
	}
	return NULL;
}

void watch_start(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	sigaction(KICK, &action, NULL);
	stop = false;
	errno = pthread_create(&watcher, NULL, watch_main, NULL);
	if (errno)
		vmm_die("a thread that watches");
}

void watch_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(watcher, NULL);
}

void watch_enter(int n)
{
	self = &callers[n];
	self->thread = gettid();
	self->since = 0;
	if (watch_on_enter)
		watch_on_enter(n);
}

int call(int fd, unsigned long cmd, void *arg)
{
	int result, error;

	self->cmd = cmd;
	set_since(now());
	result = ioctl(fd, cmd, arg);
	error = errno;
	set_since(0);
	tally_ioctl(cmd, result, error);
	errno = error;
	return result;
}

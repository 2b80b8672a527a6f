// SPDX-License-Identifier: GPL-2.0
/*
 * poison.c - memory that is bad: about to be (soft offline: the page moves), or already
 * (hwpoison: what was in it is lost, and the vCPU that wants it gets a SIGBUS).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reasons.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define BAD 8		/* pages, from page FIRST_BAD on; the toucher has them too */
#define FIRST_BAD 100

static long long corrupted_kib(void)
{
	return proc_value("/proc/meminfo", "HardwareCorrupted");
}

static void soft_offline(void)
{
	struct guest *g = guest_create(anonymous());
	char *bad = g->hva + FIRST_BAD * PAGE;
	long long corrupted = corrupted_kib();
	uint64_t frames[BAD];
	int moved;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	take_frames(bad, BAD, frames);
	guest_begin(g);
	if (madvise(bad, BAD * PAGE, MADV_SOFT_OFFLINE))
		fail("MADV_SOFT_OFFLINE: %s", strerror(errno));
	moved = frames_moved(bad, BAD, frames);
	guest_end(g, BAD);
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	corrupted = corrupted_kib() - corrupted;
	effect(moved == BAD && corrupted >= BAD * 4, "%d of %d pages moved, %lld KiB out of use",
	       moved, BAD, corrupted);
	guest_destroy(g);
}

/* ---- hwpoison ---- */

static struct {
	char *page;
	volatile int own;	/* signals to the thread that asked for it, as of Linux 6.11 */
	volatile int count;	/* signals to others */
	volatile int code;
	void *volatile address;
} bus;

/* What a monitor does: a new page in the place of the bad one. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (syscall(SYS_gettid) == getpid()) {
		bus.own++;
		return;
	}
	bus.code = info->si_code;
	bus.address = info->si_addr;
	bus.count++;
	if (mmap(bus.page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != bus.page)
		_exit(9);
}

static void hwpoison(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	struct guest *g = guest_create(anonymous());
	long long corrupted = corrupted_kib();

	bus.page = g->hva + FIRST_BAD * PAGE;
	sigaction(SIGBUS, &action, NULL);
	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH_LOST);
	guest_begin(g);
	if (madvise(bus.page, PAGE, MADV_HWPOISON))
		fail("MADV_HWPOISON: %s", strerror(errno));
	guest_touched(g, 3);
	guest_end(g, 1);
	guest_check(g, 0, FIRST_BAD, 2);
	guest_check(g, FIRST_BAD, 1, ZEROS);
	guest_check(g, FIRST_BAD + 1, PAGES - FIRST_BAD - 1, 2);
	guest_untouch(g);
	corrupted = corrupted_kib() - corrupted;
	effect(bus.count == 1 && bus.code == BUS_MCEERR_AR && bus.address == bus.page &&
	       bus.own <= 1 && corrupted >= 4,
	       "%d SIGBUS%s to the vCPU's thread, at %s page, %lld KiB out of use", bus.count,
	       bus.code == BUS_MCEERR_AR ? " (action required)" : "",
	       bus.address == bus.page ? "that" : "another", corrupted);
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "soft-offline", "MADV_SOFT_OFFLINE", soft_offline },
	{ "hwpoison", "MADV_HWPOISON", hwpoison },
};

const struct family poison_family = { rows, COUNT(rows) };

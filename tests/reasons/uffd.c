// SPDX-License-Identifier: GPL-2.0
/*
 * uffd.c - userfaultfd: a thread of the monitor fills in the pages that the guest
 * touches, or keeps a copy of each page before the guest's first write to it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reasons.h"

static struct {
	int fd;
	char *hva;
	char *copy;		/* what comes into a page, or what was in it */
	bool protects;		/* write-protect, not missing */
	volatile int events;
	volatile bool stop;
	pthread_t thread;
} uffd;

static void answer(uint64_t address)
{
	uint64_t page = address & ~(PAGE - 1);
	char *copy = uffd.copy + (page - (uintptr_t)uffd.hva);
	struct uffdio_writeprotect free_it = { .range = { page, PAGE } };
	struct uffdio_copy fill = { .dst = page, .src = (uintptr_t)copy, .len = PAGE };

	uffd.events++;
	if (uffd.protects) {
		memcpy(copy, (void *)page, PAGE);
		if (ioctl(uffd.fd, UFFDIO_WRITEPROTECT, &free_it))
			fail("UFFDIO_WRITEPROTECT of a page: %s", strerror(errno));
	} else if (ioctl(uffd.fd, UFFDIO_COPY, &fill) && errno != EEXIST) {
		fail("UFFDIO_COPY: %s", strerror(errno));	/* EEXIST: two vCPUs wanted it */
	}
}

static void *answer_all(void *unused)
{
	struct pollfd ready = { .fd = uffd.fd, .events = POLLIN };
	struct uffd_msg message;

	(void)unused;
	while (!uffd.stop)
		if (poll(&ready, 1, 20) == 1 &&
		    read(uffd.fd, &message, sizeof(message)) == sizeof(message) &&
		    message.event == UFFD_EVENT_PAGEFAULT)
			answer(message.arg.pagefault.address);
	return NULL;
}

static void start(char *hva, bool protects)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = protects ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0,
	};
	struct uffdio_register area = {
		.range = { (uintptr_t)hva, SIZE },
		.mode = protects ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING,
	};

	uffd.hva = hva;
	uffd.protects = protects;
	uffd.copy = anonymous();
	uffd.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd.fd < 0 || ioctl(uffd.fd, UFFDIO_API, &api) ||
	    ioctl(uffd.fd, UFFDIO_REGISTER, &area))
		fail("userfaultfd: %s", strerror(errno));
	if (pthread_create(&uffd.thread, NULL, answer_all, NULL))
		fail("a thread for userfaultfd");
}

static void stop(void)
{
	uffd.stop = true;
	pthread_join(uffd.thread, NULL);
	close(uffd.fd);
}

static void missing(void)
{
	struct guest *g = guest_create(anonymous());

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH_LOST);
	start(g->hva, false);
	host_fill(uffd.copy, 0, PAGES, 3);
	guest_begin(g);
	if (madvise(g->hva, SIZE, MADV_DONTNEED))
		fail("MADV_DONTNEED: %s", strerror(errno));
	guest_check(g, 0, PAGES, 3);
	guest_end(g, PAGES);
	guest_untouch(g);
	stop();
	effect(uffd.events >= PAGES, "%d faults answered with a page", uffd.events);
	guest_destroy(g);
}

static void write_protect(void)
{
	struct guest *g = guest_create(anonymous());
	struct uffdio_writeprotect all = {
		.range = { (uintptr_t)g->hva, SIZE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	start(g->hva, true);
	guest_begin(g);
	if (ioctl(uffd.fd, UFFDIO_WRITEPROTECT, &all))
		fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
	guest_fill(g, QUARTER, PAGES - QUARTER, 3);
	guest_touched(g, 2);
	guest_end(g, PAGES);
	guest_check(g, 0, QUARTER, 2);
	guest_check(g, QUARTER, PAGES - QUARTER, 3);
	guest_untouch(g);
	stop();
	/* the snapshot: each page as it was when it was protected */
	result->wrong += host_wrong(uffd.copy, 0, PAGES, 2);
	result->checked += PAGES * 511;
	effect(uffd.events >= PAGES, "%d writes announced, the snapshot is whole", uffd.events);
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "uffd-missing", "userfaultfd, missing: other pages for what is thrown away", missing },
	{ "uffd-protect", "userfaultfd, write-protect: a snapshot as the guest writes",
	  write_protect },
};

const struct family uffd_family = { rows, COUNT(rows) };

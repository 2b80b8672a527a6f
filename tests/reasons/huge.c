// SPDX-License-Identifier: GPL-2.0
/*
 * huge.c - huge pages: made of small ones and taken apart again (THP), and those of
 * hugetlbfs, which the seqlock protocol has to refuse on Linux 6.12: the callback that it
 * has there names the first 4 KiB of such a page only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reasons.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define POOL "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages"
#define FREE "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

static long long huge_kib(struct guest *g)
{
	return smaps_kib(g->hva, "AnonHugePages");
}

static void advise(struct guest *g, int advice, const char *name)
{
	if (madvise(g->hva, SIZE, advice))
		fail("%s: %s", name, strerror(errno));
}

static void finish(struct guest *g)
{
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	guest_destroy(g);
}

static void collapse(void)
{
	struct guest *g = guest_create(anonymous());
	double limit = seconds() + 20;
	long long before;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	before = huge_kib(g);
	guest_begin(g);
	advise(g, MADV_HUGEPAGE, "MADV_HUGEPAGE");	/* from here on khugepaged may help */
	/* EAGAIN: somebody held one of the pages */
	while (madvise(g->hva, SIZE, MADV_COLLAPSE) && errno == EAGAIN && seconds() < limit)
		;
	guest_end(g, PAGES);
	effect(!before && huge_kib(g) == SIZE / 1024, "%lld KiB in huge pages, then %lld", before,
	       huge_kib(g));
	finish(g);
}

/* Memory in two huge pages. */
static struct guest *huge_guest(void)
{
	struct guest *g = guest_create(anonymous());

	advise(g, MADV_HUGEPAGE, "MADV_HUGEPAGE");
	guest_fill(g, 0, PAGES, 2);
	if (huge_kib(g) != SIZE / 1024)
		fail("the host gave only %lld KiB of huge pages", huge_kib(g));
	guest_touch(g, 0, QUARTER, TOUCH);
	return g;
}

static void split(void)
{
	struct guest *g = huge_guest();
	long long splits = vmstat("thp_split_page");
	double limit = seconds() + 10;
	char text[80];

	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), g->hva, g->hva + SIZE);
	guest_begin(g);
	do {
		set_file("/sys/kernel/debug/split_huge_pages", text);
	} while (huge_kib(g) && seconds() < limit);
	guest_end(g, PAGES);
	splits = vmstat("thp_split_page") - splits;
	effect(splits >= 2 && !huge_kib(g), "%lld pages split, %lld KiB in huge pages left", splits,
	       huge_kib(g));
	finish(g);
}

/* Only the host's entry for it is split: one page of it gets other rights. */
static void split_entry(void)
{
	struct guest *g = huge_guest();
	long long splits = vmstat("thp_split_pmd");

	guest_begin(g);
	if (mprotect(g->hva + 300 * PAGE, PAGE, PROT_READ) ||
	    mprotect(g->hva + 300 * PAGE, PAGE, PROT_READ | PROT_WRITE))
		fail("mprotect: %s", strerror(errno));
	guest_end(g, 1);
	splits = vmstat("thp_split_pmd") - splits;
	effect(splits >= 1 && huge_kib(g) < (long long)SIZE / 1024,
	       "%lld entries split, %lld KiB of %lu in huge ones left", splits, huge_kib(g),
	       SIZE / 1024);
	finish(g);
}

/* ---- hugetlb ---- */

/* Memory in two pages of hugetlbfs on node 0, or NULL if the protocol must refuse it. */
static struct guest *hugetlb_guest(int *fd)
{
	struct guest *g;
	char path[128];
	int node;

	for (node = 0; node < 2; node++) {
		snprintf(path, sizeof(path), POOL, node);
		set_file(path, "4");
	}
	prefer_node(0);
	*fd = memory_file(MFD_HUGETLB);
	g = guest_create(map_file(*fd, MAP_SHARED));
	memset(g->hva, 0, SIZE);
	prefer_node(-1);
	if (!strcmp(protocol, "seqlock") && kernel >= 612) {
		bool said;

		guest_begin(g);
		if (guest_try(g, 0, PAGES, 2) != EFAULT)
			fail("hugetlb under seqlock was not refused");
		guest_end(g, 0);
		said = log_has("protocol=range");
		effect(said, "refused: EFAULT, and the log %s of protocol=range",
		       said ? "speaks" : "does not speak");
		failed_as_expected();
		guest_destroy(g);
		return NULL;
	}
	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	return g;
}

static void hugetlb_punch(void)
{
	int fd;
	struct guest *g = hugetlb_guest(&fd);
	long long freed;

	if (!g)
		return;
	freed = number_in(FREE);
	guest_begin(g);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE, HUGE))
		fail("fallocate: %s", strerror(errno));
	freed = number_in(FREE) - freed;
	guest_end(g, 512);
	guest_check(g, 0, 512, 2);
	guest_check(g, 512, 512, ZEROS);
	guest_untouch(g);
	effect(freed == 1, "%lld huge page back in the pool", freed);
	guest_destroy(g);
}

static void hugetlb_move(void)
{
	int fd, before;
	struct guest *g = hugetlb_guest(&fd);

	if (!g)
		return;
	before = on_node(g->hva, PAGES, 0);
	guest_begin(g);
	move_to_node(g->hva, PAGES, 1);
	guest_end(g, PAGES);
	effect(before == PAGES && on_node(g->hva, PAGES, 1) == PAGES,
	       "%d pages on node 0, then %d on node 1", before, on_node(g->hva, PAGES, 1));
	finish(g);
}

static const struct row rows[] = {
	{ "thp-collapse", "MADV_COLLAPSE makes huge pages", collapse },
	{ "thp-split", "huge pages are split", split },
	{ "thp-split-entry", "mprotect of one page of a huge page", split_entry },
	{ "hugetlb-punch", "a hole in a file of hugetlbfs", hugetlb_punch },
	{ "hugetlb-move", "move_pages of pages of hugetlbfs", hugetlb_move },
};

const struct family huge_family = { rows, COUNT(rows) };

// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - what the host does to pages of its own accord, or a file's users to theirs,
 * while a vCPU looks at them or writes to them: merging, huge pages made and split,
 * holes in files, pages that move. The rest is in host.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>

#include "subject.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static long long number_in(const char *path)
{
	char text[64];

	return proc_read(path, text, sizeof(text)) > 0 ? atoll(text) : -1;
}

static bool pages_shared(void *arg)
{
	(void)arg;
	return number_in("/sys/kernel/mm/ksm/pages_sharing") > 100;
}

static void ksm(void **state)
{
	struct subject s;
	size_t i;
	int round;

	(void)state;
	start_reader(&s, aligned_memory());
	proc_write("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	proc_write("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	for (round = 1; round <= 2; round++) {
		for (i = 0; i < PAGES; i++)
			memset(s.hva + i * PAGE, round, PAGE);
		assert_sees(&s, round * 0x01010101);
		assert_int_equal(madvise(s.hva, SIZE, MADV_MERGEABLE), 0);
		assert_int_equal(proc_write("/sys/kernel/mm/ksm/run", "1"), 0);
		if (!wait_until(pages_shared, NULL, 60))
			fail_msg("nothing was merged: %lld pages shared",
				 number_in("/sys/kernel/mm/ksm/pages_sharing"));
		assert_sees(&s, round * 0x01010101);
		*s.word = 4711 + round;		/* its page is its own again */
		assert_sees(&s, 4711 + round);
		assert_int_equal(*(uint32_t *)(s.hva + PAGE), round * 0x01010101);
		assert_int_equal(madvise(s.hva, SIZE, MADV_UNMERGEABLE), 0);
		assert_sees(&s, 4711 + round);
		assert_int_equal(proc_write("/sys/kernel/mm/ksm/run", "2"), 0);
	}
	proc_write("/sys/kernel/mm/ksm/run", "0");
	stop_subject(&s);
}

static long long huge_kib(void)
{
	return proc_value("/proc/self/smaps_rollup", "AnonHugePages");
}

/* MADV_COLLAPSE answers EAGAIN while somebody holds one of the pages: ask again. */
static bool made_huge(void *hva)
{
	if (huge_kib() >= 2048)
		return true;
	if (madvise(hva, SIZE, MADV_COLLAPSE) && errno != EAGAIN)
		fail_msg("no huge page: %s", strerror(errno));
	return huge_kib() >= 2048;
}

static void thp(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	assert_int_equal(madvise(s.hva, SIZE, MADV_HUGEPAGE), 0);
	for (i = 1; i <= 3; i++) {
		memset(s.hva, i, SIZE);
		*s.word = i;
		assert_sees(&s, i);
		if (!wait_until(made_huge, s.hva, 60))
			fail_msg("no huge page in 60 s");
		assert_sees(&s, i);
		*s.word = 100 + i;
		assert_sees(&s, 100 + i);
		/* split: one page's rights, one page gone, all swapped */
		assert_int_equal(mprotect(s.hva + 5 * PAGE, PAGE, PROT_READ), 0);
		assert_sees(&s, 100 + i);
		assert_int_equal(mprotect(s.hva + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
		assert_int_equal(madvise(s.hva + 7 * PAGE, PAGE, MADV_DONTNEED), 0);
		assert_sees(&s, 100 + i);
		assert_int_equal(madvise(s.hva, SIZE, MADV_PAGEOUT), 0);
		assert_sees(&s, 100 + i);
		assert_int_equal(*(uint32_t *)(s.hva + 6 * PAGE), i * 0x01010101);
	}
	stop_subject(&s);
}

/* A shared file: what is written to it, punched out of it, cut off. */
static void shared_file(void **state)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int fd = memfd_create("memory", MFD_CLOEXEC), i;
	struct subject s;
	uint32_t value;
	void *hva;

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	hva = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(hva, MAP_FAILED);
	start_reader(&s, hva);
	for (i = 1; i <= 5; i++) {
		value = i;
		assert_int_equal(pwrite(fd, &value, 4, 0), 4);
		assert_sees(&s, i);
		assert_int_equal(fallocate(fd, hole, 0, PAGE), 0);
		assert_sees(&s, 0);
		*s.word = 50 + i;
		assert_sees(&s, 50 + i);
		assert_int_equal(madvise(s.hva, SIZE, MADV_PAGEOUT), 0);
		assert_sees(&s, 50 + i);
		assert_int_equal(ftruncate(fd, 0), 0);	/* now it is EFAULT */
		usleep(10000);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		assert_sees(&s, 0);
	}
	stop_subject(&s);
}

/* Whatever moves pages and keeps what is in them: every write of the guest is there. */
static void no_write_is_lost(void **state)
{
	uint32_t sum = 0, i;
	struct subject s;

	(void)state;
	start_writer(&s, aligned_memory());
	for (i = 0; i < 16; i++) {
		uint32_t before = s.seen[2];
		pid_t pid;

		while (s.seen[2] - before < 1000)
			usleep(500);
		switch (i % 8) {
		case 0:
			madvise(s.hva, SIZE, MADV_PAGEOUT);
			break;
		case 1:
			madvise(s.hva, SIZE, MADV_COLD);
			break;
		case 2:
			pid = fork();
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
			break;
		case 3:
			mprotect(s.hva, SIZE, PROT_READ);
			mprotect(s.hva, SIZE, PROT_READ | PROT_WRITE);
			break;
		case 4:
			madvise(s.hva, SIZE, MADV_COLLAPSE);
			break;
		case 5:
			proc_write("/proc/sys/vm/compact_memory", "1");
			break;
		case 6:
			proc_write("/proc/self/clear_refs", "1");
			break;
		case 7:
			mprotect(s.hva + 3 * PAGE, 2 * PAGE, PROT_NONE);
			mprotect(s.hva + 3 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
			break;
		}
	}
	vmm_kick(s.vcpu);
	assert_int_equal(vmm_join(s.vcpu), VMM_KICKED);
	for (i = 0; i < WRITTEN_PAGES; i++)
		sum += *(uint32_t *)(s.hva + i * PAGE);
	printf("%u writes, %u found\n", s.seen[2], sum);
	/* it may have been stopped between its two increments */
	assert_true(sum == s.seen[2] || sum == s.seen[2] + 1);
	end_vm(s.vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ksm),
	cmocka_unit_test(thp),
	cmocka_unit_test(shared_file),
	cmocka_unit_test(no_write_is_lost),
};

GROUP(pages, tests);

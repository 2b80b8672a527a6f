// SPDX-License-Identifier: GPL-2.0
/*
 * host.c - what a host does to a process' memory, one by one, while a vCPU looks at it.
 * After each the guest sees what the process sees, and nothing it wrote is lost. What
 * the host does of its own accord (merging, huge pages, moving) is in pages.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "subject.h"

/*
 * Pages out, all but what the guest at once takes back, and what waits in a queue of
 * another CPU. Small pages: a huge one that the guest reads is always young, and 6.1's
 * MADV_PAGEOUT leaves it.
 */
static bool mostly_out(void *hva)
{
	assert_int_equal(madvise(hva, SIZE, MADV_PAGEOUT), 0);
	return proc_value("/proc/self/status", "VmSwap") > (long)SIZE / 1024 / 2;
}

/* It may wait in a queue of the CPU that brought it back; compaction empties all queues. */
static bool own_page_is_out(void *subject)
{
	struct subject *s = subject;

	proc_write("/proc/sys/vm/compact_memory", "1");
	assert_int_equal(madvise(s->hva, PAGE, MADV_PAGEOUT), 0);
	return dbgfs_stat(s->vm, "sptes_unmapped") >= 1;
}

static void pageout(void **state)
{
	char *hva = aligned_memory();
	struct subject s;
	uint32_t i;

	(void)state;
	assert_int_equal(madvise(hva, SIZE, MADV_NOHUGEPAGE), 0);
	start_reader(&s, hva);
	for (i = 1; i <= 3; i++) {
		memset(s.hva, i, SIZE);
		*s.word = i;
		assert_sees(&s, i);
		if (!wait_until(mostly_out, s.hva, 60))
			fail_msg("the pages are not swapped out");
		assert_sees(&s, i);
		assert_int_equal(*(uint32_t *)(s.hva + 9 * PAGE), i * 0x01010101);
	}
	/* the guest's own page was always young, and goes when the guest stands still */
	vmm_kick(s.vcpu);
	assert_int_equal(vmm_join(s.vcpu), VMM_KICKED);
	if (!stock)
		assert_true(wait_until(own_page_is_out, &s, 60));
	*s.word = 6;
	vmm_start(s.vcpu);
	assert_sees(&s, 6);
	stop_subject(&s);
}

static char reclaim_file[160];

/* A little more is taken, until a page of the guest's is among it. */
static bool guest_lost_a_page(void *vm)
{
	proc_write(reclaim_file, "256K");	/* EAGAIN: it got less than that */
	return dbgfs_stat(vm, "sptes_unmapped") >= 1;
}

static void cgroup_reclaim(void **state)
{
	char path[128];
	struct subject s;
	uint32_t i;

	(void)state;
	cgroup_create("reclaim", 256ll << 20, path, sizeof(path));
	cgroup_enter(path);
	snprintf(reclaim_file, sizeof(reclaim_file), "%s/memory.reclaim", path);
	start_reader(&s, aligned_memory());
	for (i = 1; i <= 3; i++) {
		*s.word = i;
		memset(s.hva + PAGE, i, SIZE - PAGE);
		proc_write(reclaim_file, "1M");
		assert_sees(&s, i);
	}
	if (!stock)
		assert_true(wait_until(guest_lost_a_page, s.vm, 60));
	assert_sees(&s, 3);
	stop_subject(&s);
	cgroup_enter("/sys/fs/cgroup");
	cgroup_remove(path);
}

static void dontneed(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	for (i = 1; i <= 20; i++) {
		*s.word = i;
		assert_sees(&s, i);
		assert_int_equal(madvise(s.hva, i % 2 ? PAGE : SIZE, MADV_DONTNEED), 0);
		assert_sees(&s, 0);
	}
	stop_subject(&s);
}

/* MADV_FREE lets go of what is in the page, but not of what is written after it. */
static void free_and_write(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	for (i = 1; i <= 10; i++) {
		*s.word = i;
		assert_int_equal(madvise(s.hva, PAGE, MADV_FREE), 0);
		*s.word = 100 + i;
		assert_int_equal(madvise(s.hva, PAGE, MADV_PAGEOUT), 0);
		assert_sees(&s, 100 + i);
	}
	stop_subject(&s);
}

/* The same, but it is the guest that writes: its write has to count as one. */
CODE(64, write_word, "mov %edi, 0x400000; hlt");

static void free_and_guest_writes(void **state)
{
	struct vmm_vcpu *vcpu;
	struct kvm_regs regs;
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	vcpu = vmm_add_vcpu(s.vm);
	for (i = 1; i <= 20; i++) {
		struct kvm_sregs sregs;

		vmm_get_sregs(vcpu, &sregs);
		if (i == 1) {
			/* not vmm_set_mode(): the tables are in use */
			vmm_kick(s.vcpu);
			vmm_join(s.vcpu);
			vmm_get_sregs(s.vcpu, &sregs);
			vmm_set_sregs(vcpu, &sregs);
			vmm_start(s.vcpu);
		}
		*s.word = i;
		assert_int_equal(madvise(s.hva, PAGE, MADV_FREE), 0);
		regs = (struct kvm_regs) { .rip = 0x9000, .rflags = 2, .rdi = 200 + i };
		memcpy(vmm_hva(s.vm, 0x9000, 16), code_write_word, CODE_SIZE(write_word));
		vmm_set_regs(vcpu, &regs);
		assert_int_equal(vmm_run(vcpu), VMM_HLT);
		assert_int_equal(madvise(s.hva, PAGE, MADV_PAGEOUT), 0);
		if (*s.word != 200 + i)
			fail_msg("round %u: what the guest wrote is lost, there is %u", i, *s.word);
		assert_sees(&s, 200 + i);
	}
	stop_subject(&s);
}

/* Fresh memory where there was some before. */
static void map_again(char *hva)
{
	char *got = mmap(hva, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(got, hva);
}

static void unmap_and_map(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	for (i = 1; i <= 20; i++) {
		*s.word = i;
		assert_sees(&s, i);
		assert_int_equal(munmap(s.hva, SIZE), 0);
		map_again(s.hva);
		*s.word = 1000 + i;
		assert_sees(&s, 1000 + i);
	}
	stop_subject(&s);
}

static void move_away(void **state)
{
	char *elsewhere = aligned_memory(), *moved;
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	for (i = 1; i <= 10; i++) {
		*s.word = i;
		assert_sees(&s, i);
		moved = mremap(s.hva, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
		assert_ptr_equal(moved, elsewhere);
		map_again(s.hva);
		*s.word = 1000 + i;
		assert_sees(&s, 1000 + i);
		assert_int_equal(*(uint32_t *)elsewhere, i);
	}
	stop_subject(&s);
}

static uint32_t efaults_before;

static uint32_t efaults(const struct vmm_vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->efaults, __ATOMIC_RELAXED);
}

static bool has_efault(void *vcpu)
{
	return efaults(vcpu) > efaults_before;
}

static void protect(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	start_reader(&s, aligned_memory());
	*s.word = 77;
	for (i = 1; i <= 5; i++) {
		assert_int_equal(mprotect(s.hva, SIZE, PROT_READ), 0);
		assert_sees(&s, 77);
		efaults_before = efaults(s.vcpu);
		assert_int_equal(mprotect(s.hva, SIZE, PROT_NONE), 0);
		assert_true(wait_until(has_efault, s.vcpu, 60));
		assert_int_equal(mprotect(s.hva, SIZE, PROT_READ | PROT_WRITE), 0);
		assert_sees(&s, 77);
	}
	stop_subject(&s);
}

/* After a fork the two processes part at the first write; the guest is the parent's. */
static void fork_and_write(void **state)
{
	int to[2], from[2], i;
	struct subject s;
	uint32_t value;

	(void)state;
	start_reader(&s, aligned_memory());
	assert_int_equal(pipe(to) | pipe(from), 0);
	for (i = 1; i <= 10; i++) {
		pid_t pid;

		*s.word = i;
		assert_sees(&s, i);
		pid = fork();
		if (!pid) {
			/* the parent has written; we still have the old word; then we write */
			if (read(to[0], &value, 4) != 4 || *s.word != (uint32_t)i)
				_exit(1);
			*s.word = 9999;
			if (write(from[1], &value, 4) != 4 || read(to[0], &value, 4) != 4)
				_exit(1);
			_exit(*s.word != 9999);
		}
		*s.word = 500 + i;
		assert_sees(&s, 500 + i);
		assert_int_equal(write(to[1], &i, 4), 4);
		assert_int_equal(read(from[0], &value, 4), 4);
		assert_sees(&s, 500 + i);
		*s.word = 700 + i;
		assert_sees(&s, 700 + i);
		assert_int_equal(write(to[1], &i, 4), 4);
		waitpid(pid, (int *)&value, 0);
		assert_int_equal(value, 0);
	}
	stop_subject(&s);
}

/* The child's copy of the word does not change when it is the guest that writes. */
static void fork_and_guest_writes(void **state)
{
	struct subject s;
	int i;

	(void)state;
	start_writer(&s, aligned_memory());
	while (s.seen[2] < 100)
		usleep(1000);
	for (i = 0; i < 10; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			uint32_t before = *s.word;

			usleep(50000);
			_exit(*s.word != before);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
	stop_subject(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(pageout),
	cmocka_unit_test(cgroup_reclaim),
	cmocka_unit_test(dontneed),
	cmocka_unit_test(free_and_write),
	cmocka_unit_test(free_and_guest_writes),
	cmocka_unit_test(unmap_and_map),
	cmocka_unit_test(move_away),
	cmocka_unit_test(protect),
	cmocka_unit_test(fork_and_write),
	cmocka_unit_test(fork_and_guest_writes),
};

GROUP(host, tests);

// SPDX-License-Identifier: GPL-2.0
/*
 * host.c - everything that a host may do to a guest's memory, one by one, while a vCPU
 * looks at it without ever leaving guest mode by itself. After each the guest
 * sees what the process sees, no sooner wrong and no later; nothing it wrote is lost.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "test.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define GPA 0x400000ul
#define HUGE (2ul << 20)
#define SIZE HUGE
#define PAGES (SIZE / PAGE)

/* The reader: what it reads of the first page, and how often it has. */
CODE(64, reader, "1: mov 0x400000, %eax; mov %eax, 0x200000; lock incl 0x200004; jmp 1b");
/* The writer: counts in all pages, one after the other, and in its own memory. */
CODE(64, writer,
	"2: mov $0x400000, %edi; 1: incl (%rdi); incl 0x200008; add $0x1000, %edi\n"
	"cmp $0x440000, %edi; jb 1b; jmp 2b");
#define WRITTEN_PAGES 64

struct subject {
	struct vmm *vm;
	struct vmm_vcpu *reader;
	volatile uint32_t *seen;	/* [0] what, [1] how often; [2] writes */
	uint32_t *word;			/* of the first page, as the process sees it */
	char *hva;
};

static void *aligned_memory(void)
{
	char *hva = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(hva, MAP_FAILED);
	return (void *)(((uintptr_t)hva + HUGE - 1) & ~(HUGE - 1));
}

static void start(struct subject *s, void *hva, const char *code, size_t len)
{
	struct kvm_sregs sregs;

	s->vm = new_vm(4);
	s->reader = vmm_add_vcpu(s->vm);
	s->hva = hva;
	s->word = hva;
	s->seen = vmm_hva(s->vm, ABI_FREE, 16);
	assert_int_equal(vmm_set_slot(s->vm, 1, 0, GPA, SIZE, hva), 0);
	vmm_set_mode(s->reader, VMM_LONG, ABI_CODE);
	vmm_get_sregs(s->reader, &sregs);
	sregs.cr3 = vmm_build_tables(s->vm, VMM_LONG, GPA + SIZE, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(s->reader, &sregs);
	memcpy(vmm_hva(s->vm, ABI_CODE, len), code, len);
	s->reader->retry_efault = true;
	vmm_start(s->reader);
}

#define START(s, hva, code) start(s, hva, code_##code, CODE_SIZE(code))

static void stop(struct subject *s)
{
	vmm_kick(s->reader);
	assert_int_equal(vmm_join(s->reader), VMM_KICKED);
	end_vm(s->vm);
}

/* One load may have been under way; the next ones are from now. */
static void sees(struct subject *s, uint32_t want)
{
	uint32_t before = s->seen[1];
	double end = now() + 10;

	while (s->seen[1] - before < 3) {
		if (now() > end)
			fail_msg("the guest does not get on");
		usleep(200);
	}
	if (s->seen[0] != want)
		fail_msg("the guest sees %#x, the process has %#x", s->seen[0], want);
}

static void pageout(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 5; i++) {
		memset(s.hva, i, SIZE);
		*s.word = i;
		sees(&s, i);
		assert_int_equal(madvise(s.hva, SIZE, MADV_PAGEOUT), 0);
		/* all but what the guest has at once taken back */
		assert_true(proc_value("/proc/self/status", "VmSwap") > (long)SIZE / 1024 / 2);
		sees(&s, i);
		assert_int_equal(*(uint32_t *)(s.hva + 9 * PAGE), i * 0x01010101);
	}
	if (!stock)
		assert_true(dbgfs_stat(s.vm, "sptes_unmapped") >= 5);
	stop(&s);
}

static void cgroup_reclaim(void **state)
{
	char path[128], file[160];
	struct subject s;
	uint32_t i;

	(void)state;
	cgroup_create("reclaim", 256ll << 20, path, sizeof(path));
	cgroup_enter(path);
	snprintf(file, sizeof(file), "%s/memory.reclaim", path);
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 3; i++) {
		*s.word = i;
		memset(s.hva + PAGE, i, SIZE - PAGE);
		proc_write(file, "1M");	/* EAGAIN: it got less than that */
		sees(&s, i);
	}
	if (!stock)
		assert_true(dbgfs_stat(s.vm, "sptes_unmapped") >= 1);
	stop(&s);
	cgroup_enter("/sys/fs/cgroup");
	cgroup_remove(path);
}

static void dontneed(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 20; i++) {
		*s.word = i;
		sees(&s, i);
		assert_int_equal(madvise(s.hva, i % 2 ? PAGE : SIZE, MADV_DONTNEED), 0);
		sees(&s, 0);
	}
	stop(&s);
}

/* MADV_FREE lets go of what is in the page, but not of what is written after it. */
static void free_and_write(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 10; i++) {
		*s.word = i;
		assert_int_equal(madvise(s.hva, PAGE, MADV_FREE), 0);
		*s.word = 100 + i;
		assert_int_equal(madvise(s.hva, PAGE, MADV_PAGEOUT), 0);
		sees(&s, 100 + i);
	}
	stop(&s);
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
	START(&s, aligned_memory(), reader);
	vcpu = vmm_add_vcpu(s.vm);
	for (i = 1; i <= 20; i++) {
		struct kvm_sregs sregs;

		vmm_get_sregs(vcpu, &sregs);
		if (i == 1) {
			/* not vmm_set_mode(): the tables are in use */
			vmm_kick(s.reader);
			vmm_join(s.reader);
			vmm_get_sregs(s.reader, &sregs);
			vmm_set_sregs(vcpu, &sregs);
			vmm_start(s.reader);
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
		sees(&s, 200 + i);
	}
	stop(&s);
}

static void unmap_and_map(void **state)
{
	struct subject s;
	uint32_t i;

	(void)state;
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 20; i++) {
		*s.word = i;
		sees(&s, i);
		assert_int_equal(munmap(s.hva, SIZE), 0);
		assert_ptr_equal(mmap(s.hva, SIZE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), s.hva);
		*s.word = 1000 + i;
		sees(&s, 1000 + i);
	}
	stop(&s);
}

static void move_away(void **state)
{
	char *elsewhere = aligned_memory();
	struct subject s;
	uint32_t i;

	(void)state;
	START(&s, aligned_memory(), reader);
	for (i = 1; i <= 10; i++) {
		*s.word = i;
		sees(&s, i);
		assert_ptr_equal(mremap(s.hva, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere),
				 elsewhere);
		assert_ptr_equal(mmap(s.hva, SIZE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), s.hva);
		*s.word = 1000 + i;
		sees(&s, 1000 + i);
		assert_int_equal(*(uint32_t *)elsewhere, i);
	}
	stop(&s);
}

static void protect(void **state)
{
	struct subject s;
	uint32_t i, efaults;

	(void)state;
	START(&s, aligned_memory(), reader);
	*s.word = 77;
	for (i = 1; i <= 5; i++) {
		assert_int_equal(mprotect(s.hva, SIZE, PROT_READ), 0);
		sees(&s, 77);
		efaults = __atomic_load_n(&s.reader->efaults, __ATOMIC_RELAXED);
		assert_int_equal(mprotect(s.hva, SIZE, PROT_NONE), 0);
		usleep(20000);
		assert_true(__atomic_load_n(&s.reader->efaults, __ATOMIC_RELAXED) > efaults);
		assert_int_equal(mprotect(s.hva, SIZE, PROT_READ | PROT_WRITE), 0);
		sees(&s, 77);
	}
	stop(&s);
}

/* After a fork the two processes part at the first write; the guest is the parent's. */
static void fork_and_write(void **state)
{
	int to[2], from[2], i;
	struct subject s;
	uint32_t value;

	(void)state;
	START(&s, aligned_memory(), reader);
	assert_int_equal(pipe(to) | pipe(from), 0);
	for (i = 1; i <= 10; i++) {
		pid_t pid;

		*s.word = i;
		sees(&s, i);
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
		sees(&s, 500 + i);
		assert_int_equal(write(to[1], &i, 4), 4);
		assert_int_equal(read(from[0], &value, 4), 4);
		sees(&s, 500 + i);
		*s.word = 700 + i;
		sees(&s, 700 + i);
		assert_int_equal(write(to[1], &i, 4), 4);
		waitpid(pid, (int *)&value, 0);
		assert_int_equal(value, 0);
	}
	stop(&s);
}

/* The child's copy of the word does not change when it is the guest that writes. */
static void fork_and_guest_writes(void **state)
{
	struct subject s;
	int i;

	(void)state;
	START(&s, aligned_memory(), writer);
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
	stop(&s);
}

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
	START(&s, aligned_memory(), reader);
	proc_write("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	proc_write("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	for (round = 1; round <= 2; round++) {
		for (i = 0; i < PAGES; i++)
			memset(s.hva + i * PAGE, round, PAGE);
		sees(&s, round * 0x01010101);
		assert_int_equal(madvise(s.hva, SIZE, MADV_MERGEABLE), 0);
		assert_int_equal(proc_write("/sys/kernel/mm/ksm/run", "1"), 0);
		if (!wait_until(pages_shared, NULL, 20))
			fail_msg("nothing was merged: %lld pages shared",
				 number_in("/sys/kernel/mm/ksm/pages_sharing"));
		sees(&s, round * 0x01010101);
		*s.word = 4711 + round;		/* its page is its own again */
		sees(&s, 4711 + round);
		assert_int_equal(*(uint32_t *)(s.hva + PAGE), round * 0x01010101);
		assert_int_equal(madvise(s.hva, SIZE, MADV_UNMERGEABLE), 0);
		sees(&s, 4711 + round);
		assert_int_equal(proc_write("/sys/kernel/mm/ksm/run", "2"), 0);
	}
	proc_write("/sys/kernel/mm/ksm/run", "0");
	stop(&s);
}

static long long huge_kib(void)
{
	return proc_value("/proc/self/smaps_rollup", "AnonHugePages");
}

static void thp(void **state)
{
	struct subject s;
	uint32_t i;
	int error = 0;

	(void)state;
	START(&s, aligned_memory(), reader);
	assert_int_equal(madvise(s.hva, SIZE, MADV_HUGEPAGE), 0);
	for (i = 1; i <= 3; i++) {
		memset(s.hva, i, SIZE);
		*s.word = i;
		sees(&s, i);
		if (huge_kib() < 2048)
			error = madvise(s.hva, SIZE, MADV_COLLAPSE);
		if (error || huge_kib() < 2048)
			fail_msg("no huge page: %s", strerror(errno));
		sees(&s, i);
		*s.word = 100 + i;
		sees(&s, 100 + i);
		/* split: one page's rights, one page gone, all swapped */
		assert_int_equal(mprotect(s.hva + 5 * PAGE, PAGE, PROT_READ), 0);
		sees(&s, 100 + i);
		assert_int_equal(mprotect(s.hva + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
		assert_int_equal(madvise(s.hva + 7 * PAGE, PAGE, MADV_DONTNEED), 0);
		sees(&s, 100 + i);
		assert_int_equal(madvise(s.hva, SIZE, MADV_PAGEOUT), 0);
		sees(&s, 100 + i);
		assert_int_equal(*(uint32_t *)(s.hva + 6 * PAGE), i * 0x01010101);
	}
	stop(&s);
}

/* A shared file: what is written to it, punched out of it, cut off. */
static void shared_file(void **state)
{
	int fd = memfd_create("memory", MFD_CLOEXEC), i;
	struct subject s;
	uint32_t value;
	void *hva;

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	hva = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(hva, MAP_FAILED);
	START(&s, hva, reader);
	for (i = 1; i <= 5; i++) {
		value = i;
		assert_int_equal(pwrite(fd, &value, 4, 0), 4);
		sees(&s, i);
		assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
		sees(&s, 0);
		*s.word = 50 + i;
		sees(&s, 50 + i);
		assert_int_equal(madvise(s.hva, SIZE, MADV_PAGEOUT), 0);
		sees(&s, 50 + i);
		assert_int_equal(ftruncate(fd, 0), 0);	/* now it is EFAULT */
		usleep(10000);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		sees(&s, 0);
	}
	stop(&s);
}

/* Whatever moves pages and keeps what is in them: every write of the guest is there. */
static void no_write_is_lost(void **state)
{
	uint32_t sum = 0, i;
	struct subject s;

	(void)state;
	START(&s, aligned_memory(), writer);
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
	vmm_kick(s.reader);
	assert_int_equal(vmm_join(s.reader), VMM_KICKED);
	for (i = 0; i < WRITTEN_PAGES; i++)
		sum += *(uint32_t *)(s.hva + i * PAGE);
	printf("%u writes, %u found\n", s.seen[2], sum);
	/* it may have been stopped between its two increments */
	assert_true(sum == s.seen[2] || sum == s.seen[2] + 1);
	end_vm(s.vm);
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
	cmocka_unit_test(ksm),
	cmocka_unit_test(thp),
	cmocka_unit_test(shared_file),
	cmocka_unit_test(no_write_is_lost),
};

GROUP(host, tests);

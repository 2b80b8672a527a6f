// SPDX-License-Identifier: GPL-2.0
/*
 * race.c - the race of the book, held open: a fault has looked its page up and has not
 * come to mmu_lock yet; meanwhile the host takes the page away in one of many ways.
 * With the seqlock the fault is retried, the guest sees what the process sees, and the
 * audit finds nothing (group race). Without it, in chapter 4, the audit counts a
 * stale spte, or the test is good for nothing (group stale).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "test.h"

#define GPA 0x400000ul
#define OLD 0x11111111u
#define NEW 0x22222222u
#define FAULTS 0	/* KVM_RUN has to answer EFAULT */

struct way {
	const char *name;
	void (*take)(uint32_t *hva, int fd);
	uint32_t sees;		/* what the guest reads in the end, or FAULTS */
	bool zero;		/* ... which is 0 */
	bool shared;		/* over a file */
};

static void take_dontneed(uint32_t *hva, int fd)
{
	(void)fd;
	assert_int_equal(madvise(hva, PAGE, MADV_DONTNEED), 0);
}

static void take_dontneed_write(uint32_t *hva, int fd)
{
	take_dontneed(hva, fd);
	*hva = NEW;
}

static void take_pageout(uint32_t *hva, int fd)
{
	(void)fd;
	assert_int_equal(madvise(hva, PAGE, MADV_PAGEOUT), 0);
}

static void take_munmap(uint32_t *hva, int fd)
{
	(void)fd;
	assert_int_equal(munmap(hva, PAGE), 0);
}

static void take_remap(uint32_t *hva, int fd)
{
	take_munmap(hva, fd);
	assert_ptr_equal(mmap(hva, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), hva);
	*hva = NEW;
}

static void take_protect(uint32_t *hva, int fd)
{
	(void)fd;
	assert_int_equal(mprotect(hva, PAGE, PROT_NONE), 0);
}

/* After the fork the first to write, we, gets a new page. */
static void take_fork_write(uint32_t *hva, int fd)
{
	int pipes[2], status;
	char byte = 0;
	pid_t pid;

	(void)fd;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) != 1 || *hva != OLD);
	}
	*hva = NEW;
	assert_int_equal(write(pipes[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void take_punch(uint32_t *hva, int fd)
{
	(void)hva;
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
}

static void take_truncate(uint32_t *hva, int fd)
{
	(void)hva;
	assert_int_equal(ftruncate(fd, 0), 0);
}

static const struct way ways[] = {
	{ "MADV_DONTNEED", take_dontneed, .zero = true },
	{ "MADV_DONTNEED and a write", take_dontneed_write, NEW },
	{ "MADV_PAGEOUT", take_pageout, OLD },
	{ "munmap", take_munmap, FAULTS },
	{ "munmap, mmap and a write", take_remap, NEW },
	{ "mprotect", take_protect, FAULTS },
	{ "fork and a write", take_fork_write, NEW },
	{ "a punched hole", take_punch, .zero = true, .shared = true },
	{ "a file cut off", take_truncate, FAULTS, .shared = true },
};

CODE(64, load, "mov (%rdi), %eax; hlt");

/* A VM whose next new access is to the page, and everything else is mapped. */
static struct vmm_vcpu *prepare(const struct way *way, uint32_t **hva, int *fd)
{
	struct vmm *vm = new_vm(4);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	*fd = -1;
	if (way->shared) {
		*fd = memfd_create("memory", MFD_CLOEXEC);
		assert_int_equal(ftruncate(*fd, PAGE), 0);
	}
	*hva = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    way->shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, *fd, 0);
	assert_ptr_not_equal(*hva, MAP_FAILED);
	**hva = OLD;
	/* a new page may be in a queue of the CPU that it was made on, and cannot be taken
	 * away from there; compaction begins with emptying all queues, and may put the page
	 * into this CPU's again, which MADV_PAGEOUT empties
	 */
	proc_write("/proc/sys/vm/compact_memory", "1");
	assert_int_equal(vmm_set_slot(vm, 1, 0, GPA, PAGE, *hva), 0);
	vmm_set_mode(vcpu, VMM_LONG, ABI_CODE);
	vmm_get_sregs(vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(vm, VMM_LONG, GPA + PAGE, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);

	vmm_get_regs(vcpu, &regs);
	regs.rdi = ABI_FREE;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, load), VMM_HLT);
	regs.rip = ABI_CODE;
	regs.rdi = GPA;
	vmm_set_regs(vcpu, &regs);
	return vcpu;
}

/* The vCPU's thread, and whether its guest has stopped, and whether it may end. */
static pthread_t runner;
static atomic_bool ran, over;

/* A thread that ends gives its stack back, with a flush that may reach all of the VM. */
static void *run_and_stay(void *vcpu)
{
	vmm_run(vcpu);
	ran = true;
	while (!over)
		usleep(500);
	return NULL;
}

static void race_over(void)
{
	over = true;
	pthread_join(runner, NULL);
}

/* The fault's window is held, the page taken away, the fault let go. */
static struct vmm_vcpu *race(const struct way *way)
{
	struct vmm_vcpu *vcpu;
	uint32_t *hva;
	int fd;

	run_on(0);
	vcpu = prepare(way, &hva, &fd);
	ran = false;
	over = false;
	dbgfs_pause_arm("fault_window");
	assert_int_equal(pthread_create(&runner, NULL, run_and_stay, vcpu), 0);
	if (dbgfs_pause_wait("fault_window", 30000))
		fail_msg("%s: no fault came to its window", way->name);
	way->take(hva, fd);
	dbgfs_pause_release("fault_window");
	while (!ran)
		usleep(500);
	if (fd >= 0)
		close(fd);
	return vcpu;
}

static void the_fault_is_retried(void **state)
{
	struct dbgfs_audit audit;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ways); i++) {
		const struct way *way = &ways[i];
		struct vmm_vcpu *vcpu = race(way);
		struct kvm_regs regs;

		assert_true(dbgfs_audit(vcpu->vm, &audit));
		if (audit.stale_sptes)
			fail_msg("%s: %lld stale sptes\n%s", way->name, audit.stale_sptes,
				 audit.detail);
		if (dbgfs_stat(vcpu->vm, "faults_retried") < 1)
			fail_msg("%s: no fault was retried", way->name);
		vmm_get_regs(vcpu, &regs);
		if (!way->zero && way->sees == FAULTS) {
			assert_int_equal(vcpu->stop, VMM_ERRNO);
			assert_int_equal(vcpu->error, EFAULT);
		} else {
			assert_int_equal(vcpu->stop, VMM_HLT);
			assert_int_equal(regs.rax, way->sees);
		}
		race_over();
		end_vm(vcpu->vm);
	}
}

static void the_spte_is_stale(void **state)
{
	struct dbgfs_audit audit;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ways); i++) {
		struct vmm_vcpu *vcpu = race(&ways[i]);
		struct kvm_regs regs;

		assert_true(dbgfs_audit(vcpu->vm, &audit));
		printf("%s: %lld stale sptes\n", ways[i].name, audit.stale_sptes);
		assert_int_equal(audit.stale_sptes, 1);
		assert_int_equal(audit.rmap_errors, 0);
		assert_int_equal(vcpu->stop, VMM_HLT);
		vmm_get_regs(vcpu, &regs);
		printf("the guest read %#llx\n", regs.rax);
		race_over();
		vmm_destroy(vcpu->vm);
	}
}

/*
 * The other side held: the host has cleared its entry, and has not told the guest's
 * tables yet. The guest may go on with the old page until the callback has returned.
 */
CODE(64, look, "1: mov 0x400000, %eax; mov %eax, 0x200000; lock incl 0x200004; jmp 1b");

static atomic_bool go;

/*
 * It waits, since to make a thread may call the host's door too. And it has a CPU for itself:
 * where the point is inside a spinlock, nobody else comes to run there while it is held.
 */
static void *dontneed_thread(void *hva)
{
	run_on(1);
	while (!go)
		usleep(500);
	take_dontneed(hva, -1);
	return NULL;
}

static void the_invalidation_waits(void **state)
{
	struct vmm_vcpu *vcpu;
	volatile uint32_t *seen;
	pthread_t thread;
	uint32_t *hva, before;
	int fd, i;

	(void)state;
	run_on(0);
	vcpu = prepare(&ways[0], &hva, &fd);
	seen = vmm_hva(vcpu->vm, ABI_FREE, 8);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_look, CODE_SIZE(look));
	vmm_start(vcpu);
	for (i = 0; i < 5; i++) {
		*hva = OLD + i;
		for (before = seen[1]; seen[1] - before < 3;)
			usleep(500);
		assert_int_equal(seen[0], OLD + i);
		go = false;
		pthread_create(&thread, NULL, dontneed_thread, hva);
		dbgfs_pause_arm("invalidate");
		go = true;
		assert_int_equal(dbgfs_pause_wait("invalidate", 30000), 0);
		for (before = seen[1]; seen[1] - before < 3;)
			usleep(500);
		assert_int_equal(seen[0], OLD + i);
		dbgfs_pause_release("invalidate");
		pthread_join(thread, NULL);
		for (before = seen[1]; seen[1] - before < 3;)
			usleep(500);
		assert_int_equal(seen[0], 0);
	}
	vmm_kick(vcpu);
	vmm_join(vcpu);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest race_tests[] = {
	cmocka_unit_test(the_fault_is_retried),
	cmocka_unit_test(the_invalidation_waits),
};

static const struct CMUnitTest stale_tests[] = {
	cmocka_unit_test(the_spte_is_stale),
};

GROUP(race, race_tests, .kvmswap_only = true);
GROUP(stale, stale_tests, .by_name_only = true);

// SPDX-License-Identifier: GPL-2.0
/*
 * age.c - the host asks which pages are young, for each reason that can be brought about
 * from here: reclaim by the classic LRU, MADV_PAGEOUT, MGLRU's walk, khugepaged. What is
 * asked of stock KVM can not be seen, so this is about kvmswap alone.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/utsname.h>

#include "subject.h"

#define AGEING		"/sys/module/kvmswap/parameters/ageing"
#define LRU_GEN		"/sys/kernel/mm/lru_gen/enabled"
#define LRU_GEN_DEBUG	"/sys/kernel/debug/lru_gen"
#define THP		"/sys/kernel/mm/transparent_hugepage/"
#define GPA		0x400000ul
#define TOUCHED		64

CODE(64, touch,
	"mov $0x400000, %edi; 1: incl (%rdi); add $0x1000, %edi; cmp $0x440000, %edi; jb 1b; hlt");

static void set(const char *path, const char *text)
{
	int error = proc_write(path, text);

	if (error)
		fail_msg("write \"%s\" to %s: %s", text, path, strerror(-error));
}

static char cgroup[128], old_lru_gen[16];

static void begin(const char *lru_gen)
{
	without_audit_always();
	assert_true(proc_read(LRU_GEN, old_lru_gen, sizeof(old_lru_gen)) > 0);
	set(AGEING, "Y");	/* a test that failed may have left it off */
	set(LRU_GEN, lru_gen);
}

static void end(struct vmm *vm)
{
	set(LRU_GEN, old_lru_gen);
	end_vm(vm);
}

static void begin_in_cgroup(const char *lru_gen)
{
	begin(lru_gen);
	cgroup_create("age", 256ll << 20, cgroup, sizeof(cgroup));
	cgroup_enter(cgroup);
}

static void end_in_cgroup(struct vmm *vm)
{
	end(vm);
	cgroup_enter("/sys/fs/cgroup");
	cgroup_remove(cgroup);
}

/* The host takes a little, and the guest has time to use its pages again. */
static void reclaim_some(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.reclaim", cgroup);
	proc_write(path, "128K");	/* EAGAIN: it got less than that */
	usleep(10000);
}

/* How many pages of the slot have the letter @c in the map? */
static int in_map(struct vmm *vm, int slot, char c)
{
	char path[256], line[256];
	int id = -1, count = 0;
	FILE *file;

	dbgfs_path(vm, "map", path, sizeof(path));
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		const char *at;

		if (sscanf(line, "slot %d", &id) == 1)
			continue;
		for (at = line; id == slot && *at; at++)
			count += *at == c;
	}
	fclose(file);
	return count;
}

/* A vCPU that has touched the first pages of slot 1, and is not running now. */
static struct vmm_vcpu *touched(char **hva)
{
	struct vmm_vcpu *vcpu = vmm_add_vcpu(new_vm(4));
	struct kvm_sregs sregs;

	*hva = aligned_memory();
	assert_int_equal(madvise(*hva, SIZE, MADV_NOHUGEPAGE), 0);
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, GPA, SIZE, *hva), 0);
	vmm_set_mode(vcpu, VMM_LONG, ABI_CODE);
	vmm_get_sregs(vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(vcpu->vm, VMM_LONG, GPA + SIZE, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);
	assert_int_equal(RUN(vcpu, touch), VMM_HLT);
	assert_int_equal(in_map(vcpu->vm, 1, 'y'), TOUCHED);
	return vcpu;
}

/* It asks with each page that it is about to take, flushes for each that was young. */
static void classic_lru(void **state)
{
	long long aged, before, flushes, taken;
	struct subject s;
	int i;

	(void)state;
	begin_in_cgroup("n");
	start_reader(&s, aligned_memory());
	memset(s.hva, 1, SIZE);
	assert_sees(&s, 0x01010101);
	/* some may have aged by now, since the cgroup has its limit */
	flushes = dbgfs_stat(s.vm, "tlb_flushes");
	before = dbgfs_stat(s.vm, "pages_aged");
	for (i = 0; i < 200 && dbgfs_stat(s.vm, "pages_aged") == before; i++)
		reclaim_some();
	aged = dbgfs_stat(s.vm, "pages_aged") - before;
	assert_true(aged > 0);
	assert_true(dbgfs_stat(s.vm, "asked_clear_flush_young") >= aged);
	assert_true(dbgfs_stat(s.vm, "tlb_flushes") - flushes >= aged);
	assert_int_equal(dbgfs_stat(s.vm, "asked_clear_young"), 0);

	/* not answered: the pages in use are as old as any, and go */
	set(AGEING, "N");
	aged = dbgfs_stat(s.vm, "pages_aged");
	taken = dbgfs_stat(s.vm, "sptes_unmapped");
	for (i = 0; i < 200 && dbgfs_stat(s.vm, "sptes_unmapped") < taken + 3; i++)
		reclaim_some();
	assert_true(dbgfs_stat(s.vm, "sptes_unmapped") >= taken + 3);
	assert_int_equal(dbgfs_stat(s.vm, "pages_aged"), aged);
	set(AGEING, "Y");
	assert_sees(&s, 0x01010101);
	vmm_kick(s.vcpu);
	assert_int_equal(vmm_join(s.vcpu), VMM_KICKED);
	end_in_cgroup(s.vm);
}

/* On 6.1 it leaves what is young, once; on 6.12 it does not ask. */
static void madv_pageout(void **state)
{
	unsigned char states[TOUCHED];
	struct vmm_vcpu *vcpu;
	int i, swapped = 0;
	char *hva;

	(void)state;
	begin("n");
	/* on one CPU: a new page that another has yet to put on a list is passed over */
	run_on(0);
	vcpu = touched(&hva);
	assert_int_equal(madvise(hva, TOUCHED * PAGE, MADV_PAGEOUT), 0);
	if (!is_6_12()) {
		assert_true(dbgfs_stat(vcpu->vm, "asked_clear_flush_young") >= TOUCHED);
		assert_int_equal(dbgfs_stat(vcpu->vm, "pages_aged"), TOUCHED);
		/* the seqlock's call comes with a flush of the CPUs' TLBs: they may be gone */
		if (!protocol_is("seqlock"))
			assert_int_equal(in_map(vcpu->vm, 1, 'o'), TOUCHED);
		assert_int_equal(madvise(hva, TOUCHED * PAGE, MADV_PAGEOUT), 0);
	} else {
		assert_int_equal(dbgfs_stat(vcpu->vm, "asked_clear_flush_young"), 0);
	}
	assert_int_equal(in_map(vcpu->vm, 1, '.'), PAGES);
	assert_int_equal(proc_pages(getpid(), hva, TOUCHED, states), 0);
	for (i = 0; i < TOUCHED; i++)
		swapped += states[i] == PAGE_SWAPPED;
	assert_int_equal(swapped, TOUCHED);
	end(vcpu->vm);
}

/* Ask MGLRU to walk the page tables of this process' cgroup, all of them. */
static void mglru_walk(void)
{
	char line[256], path[64], order[64] = "";
	unsigned int id = 0, seq;
	bool ours = false;
	FILE *file = fopen(LRU_GEN_DEBUG, "re");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		/* one that was removed may still be listed, before ours */
		if (sscanf(line, "memcg %u %63s", &id, path) == 2)
			ours = !strcmp(path, "/age");
		else if (ours && sscanf(line, " %u", &seq) == 1)	/* the last is youngest */
			snprintf(order, sizeof(order), "+ %u 0 %u 1 1", id, seq);
	}
	fclose(file);
	set(LRU_GEN_DEBUG, order);
}

/* On 6.12 the walk asks about each page, and nothing is flushed; on 6.1 it asks nobody. */
static void mglru(void **state)
{
	struct vmm_vcpu *vcpu;
	long long flushes;
	char *hva;

	(void)state;
	begin_in_cgroup("y");
	vcpu = touched(&hva);
	flushes = dbgfs_stat(vcpu->vm, "tlb_flushes");
	mglru_walk();
	assert_int_equal(dbgfs_stat(vcpu->vm, "asked_clear_flush_young"), 0);
	assert_int_equal(dbgfs_stat(vcpu->vm, "tlb_flushes"), flushes);
	if (is_6_12()) {
		assert_true(dbgfs_stat(vcpu->vm, "asked_clear_young") >= TOUCHED);
		assert_true(dbgfs_stat(vcpu->vm, "pages_aged") >= TOUCHED);
		assert_int_equal(in_map(vcpu->vm, 1, 'o'), TOUCHED);
	} else {
		assert_int_equal(dbgfs_stat(vcpu->vm, "asked_clear_young"), 0);
	}
	assert_int_equal(RUN(vcpu, touch), VMM_HLT);
	assert_int_equal(in_map(vcpu->vm, 1, 'y'), TOUCHED);

	set(AGEING, "N");
	mglru_walk();
	assert_int_equal(in_map(vcpu->vm, 1, 'y'), TOUCHED);
	set(AGEING, "Y");
	end_in_cgroup(vcpu->vm);
}

static bool was_tested(void *vm)
{
	return dbgfs_stat(vm, "asked_test_young") >= TOUCHED;
}

/*
 * It wants to know whether a huge page is worth it. It makes none here, since it may not
 * fill a hole, and comes to a hole behind the pages that it has asked about.
 */
static void khugepaged(void **state)
{
	struct vmm_vcpu *vcpu;
	char *hva;

	(void)state;
	begin("n");
	vcpu = touched(&hva);
	set("/proc/self/clear_refs", "1");	/* the host's own */
	assert_int_equal(dbgfs_stat(vcpu->vm, "asked_test_young"), 0);
	set(THP "enabled", "madvise");
	set(THP "khugepaged/max_ptes_none", "0");
	set(THP "khugepaged/pages_to_scan", "4096");
	set(THP "khugepaged/scan_sleep_millisecs", "10");
	assert_int_equal(madvise(hva, SIZE, MADV_HUGEPAGE), 0);
	if (!wait_until(was_tested, vcpu->vm, 60))
		fail_msg("khugepaged asked %lld times", dbgfs_stat(vcpu->vm, "asked_test_young"));
	assert_int_equal(dbgfs_stat(vcpu->vm, "pages_aged"), 0);
	assert_int_equal(in_map(vcpu->vm, 1, 'y'), TOUCHED);
	/* not before it has been told that this memory is none for it: it may fill holes then */
	assert_int_equal(madvise(hva, SIZE, MADV_NOHUGEPAGE), 0);
	set(THP "khugepaged/scan_sleep_millisecs", "10000");
	set(THP "khugepaged/max_ptes_none", "511");
	set(THP "enabled", "always");
	end(vcpu->vm);
}

/* Pages are aged and taken under a guest that writes to them; each write is there. */
static void writes(void **state)
{
	struct subject s;
	uint32_t sum = 0;
	int i;

	(void)state;
	begin_in_cgroup("n");
	start_writer(&s, aligned_memory());
	for (i = 0; i < 60; i++) {
		if (i == 30)
			set(LRU_GEN, "y");
		reclaim_some();
	}
	assert_true(dbgfs_stat(s.vm, "pages_aged") > 0);
	vmm_kick(s.vcpu);
	assert_int_equal(vmm_join(s.vcpu), VMM_KICKED);
	for (i = 0; i < WRITTEN_PAGES; i++)
		sum += *(uint32_t *)(s.hva + i * PAGE);
	/* it may have been stopped between a page and the count of them all */
	assert_in_range(sum - s.seen[2], 0, 1);
	end_in_cgroup(s.vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(classic_lru),
	cmocka_unit_test(madv_pageout),
	cmocka_unit_test(mglru),
	cmocka_unit_test(khugepaged),
	cmocka_unit_test(writes),
};

GROUP(age, tests, .kvmswap_only = true);

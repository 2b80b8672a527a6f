// SPDX-License-Identifier: GPL-2.0
/*
 * change.c - slots that change while the doors are open: a fault that is held before
 * mmu_lock, or an invalidation, while a slot is made, moved, deleted or has its flags
 * changed. From chapter 7 on, for every protocol.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "changer.h"

#define OLD 0x11111111u
#define NEW 0x22222222u

/* struct region - a change of slot 1. */
struct region {
	struct vmm *vm;
	uint32_t flags;
	uint64_t gpa;
	size_t size;
	void *hva;
};

static int set_slot(void *arg)
{
	struct region *r = arg;

	return vmm_set_slot(r->vm, 1, r->flags, r->gpa, r->size, r->hva);
}

static uint32_t *new_memory;

/* Another slot in the place of this one. */
static int replace_slot(void *arg)
{
	struct region *r = arg;
	int error = vmm_set_slot(r->vm, 1, 0, SLOT_GPA, 0, NULL);

	return error ? error : vmm_set_slot(r->vm, 1, 0, SLOT_GPA, PAGE, new_memory);
}

struct gone {
	struct vmm *vm;
	unsigned long gfn;
};

static bool slot_is_elsewhere(void *arg)
{
	struct gone *gone = arg;
	struct slot_seen seen;

	return !see_slot(gone->vm, 1, &seen) || seen.gfn != gone->gfn;
}

/* ---- a fault is held ---- */

/*
 * A fault on slot 1 is in its window while @what happens to the slot. The change is
 * made, but does not return: the fault may still read the slot.
 */
static struct vmm_vcpu *fault_meets(int (*what)(void *arg), struct region *r, uint32_t *read)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	struct gone gone = { vcpu->vm, SLOT_GPA / PAGE };
	uint32_t *hva = memory_of(PAGE);
	struct changer changer;
	long long fixed;

	*hva = OLD;
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	r->vm = vcpu->vm;
	r->hva = hva;
	changer_prepare(&changer, what, r);
	load_word(vcpu, ABI_FREE);	/* its code is mapped: the next fault is the one */
	fixed = dbgfs_stat(vcpu->vm, "faults_fixed");
	dbgfs_pause_arm("fault_window");
	start_load(vcpu, SLOT_GPA);
	hold("fault_window");
	changer_go(&changer);
	assert_true(wait_until(slot_is_elsewhere, &gone, 8));
	assert_false(changer_is_done(&changer, 50));
	dbgfs_pause_release("fault_window");
	*read = end_load(vcpu);
	assert_int_equal(changer_end(&changer), 0);
	assert_int_equal(dbgfs_stat(vcpu->vm, "faults_slot_moved"), 1);
	assert_int_equal(dbgfs_stat(vcpu->vm, "faults_retried"), 0);
	assert_true(dbgfs_stat(vcpu->vm, "faults_fixed") == fixed + (*read != GONE));
	assert_clean(vcpu->vm);
	return vcpu;
}

static void fault_and_delete(void **state)
{
	struct region r = { .gpa = SLOT_GPA };
	struct vmm_vcpu *vcpu;
	uint32_t read;

	(void)state;
	vcpu = fault_meets(set_slot, &r, &read);
	assert_int_equal(read, GONE);
	assert_int_equal(load_word(vcpu, SLOT_GPA), GONE);
	end_vm(vcpu->vm);
}

static void fault_and_move(void **state)
{
	struct region r = { .gpa = OTHER_GPA, .size = PAGE };
	struct vmm_vcpu *vcpu;
	uint32_t read;

	(void)state;
	vcpu = fault_meets(set_slot, &r, &read);
	assert_int_equal(read, GONE);
	assert_int_equal(load_word(vcpu, SLOT_GPA), GONE);
	assert_int_equal(load_word(vcpu, OTHER_GPA), OLD);
	end_vm(vcpu->vm);
}

/* The guest sees no slot for a moment, or the new one at once; the old one never. */
static void fault_and_replace(void **state)
{
	struct region r = { };
	struct vmm_vcpu *vcpu;
	uint32_t read;

	(void)state;
	new_memory = memory_of(PAGE);
	*new_memory = NEW;
	vcpu = fault_meets(replace_slot, &r, &read);
	assert_true(read == GONE || read == NEW);
	assert_int_equal(load_word(vcpu, SLOT_GPA), NEW);
	*(uint32_t *)r.hva = OLD + 1;
	assert_int_equal(load_word(vcpu, SLOT_GPA), NEW);
	end_vm(vcpu->vm);
}

/* A write that began before its page was logged ends after: it is in the log. */
static void fault_and_log(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	uint32_t *hva = memory_of(PAGE);
	struct region r = { vcpu->vm, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGE, hva };
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bitmap };
	struct changer changer;

	(void)state;
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	changer_prepare(&changer, set_slot, &r);
	load_word(vcpu, ABI_FREE);
	dbgfs_pause_arm("fault_window");
	start_store(vcpu, SLOT_GPA, NEW);
	hold("fault_window");
	changer_go(&changer);
	assert_false(changer_is_done(&changer, 100));	/* the old bitmap might be in use */
	dbgfs_pause_release("fault_window");
	end_load(vcpu);
	assert_int_equal(changer_end(&changer), 0);
	assert_int_equal(*hva, NEW);
	assert_int_equal(ioctl(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), 0);
	assert_int_equal(bitmap, 1);
	assert_int_equal(ioctl(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), 0);
	assert_int_equal(bitmap, 0);
	end_vm(vcpu->vm);
}

/* ---- an invalidation is held ---- */

static int dontneed(void *hva)
{
	return madvise(hva, PAGE, MADV_DONTNEED) ? -errno : 0;
}

/*
 * Who is held may keep a spinlock, so that nothing else runs on that processor: it has
 * one for itself.
 */
static int dontneed_apart(void *hva)
{
	run_on(1);
	return dontneed(hva);
}

/* struct held - a vCPU, memory of slot 1, and an invalidation of it that is held. */
struct held {
	struct vmm_vcpu *vcpu;
	uint32_t *hva;
	const char *point;
	struct changer invalidation, change;
	struct region region;
};

/* @there: the slot is there, and the guest has the page mapped. */
static void hold_invalidation(struct held *held, const char *point, bool there)
{
	run_on(0);
	held->vcpu = vcpu_with_ones();
	held->point = point;
	held->hva = memory_of(PAGE);
	*held->hva = OLD;
	if (there) {
		assert_int_equal(vmm_set_slot(held->vcpu->vm, 1, 0, SLOT_GPA, PAGE, held->hva), 0);
		assert_int_equal(load_word(held->vcpu, SLOT_GPA), OLD);
	}
	changer_prepare(&held->invalidation, dontneed_apart, held->hva);
	held->region.vm = held->vcpu->vm;
	held->region.hva = held->hva;
	changer_prepare(&held->change, set_slot, &held->region);
	dbgfs_pause_arm(point);
	changer_go(&held->invalidation);
	hold(point);
	while (calls_name_all() && *held->hva) {	/* somebody else's: hold the next */
		dbgfs_pause_arm(point);
		hold(point);
	}
}

/* Change the slot meanwhile; must that wait until the invalidation is over? */
static void change_meanwhile(struct held *held, uint64_t gpa, size_t size, bool waits)
{
	held->region.gpa = gpa;
	held->region.size = size;
	changer_go(&held->change);
	assert_int_equal(changer_is_done(&held->change, waits ? 200 : 5000), !waits);
}

static void let_go(struct held *held)
{
	dbgfs_pause_release(held->point);
	assert_int_equal(changer_end(&held->invalidation), 0);
	assert_int_equal(changer_end(&held->change), 0);
	assert_clean(held->vcpu->vm);
}

/* The host is about to come for the sptes; the change takes them first. */
static void invalidate_and_delete(void **state)
{
	struct held held = { };
	long long cleared;

	(void)state;
	hold_invalidation(&held, "invalidate", true);
	cleared = dbgfs_stat(held.vcpu->vm, "sptes_cleared");
	/* the kernel's own interval notifier stays until nobody is in its callback */
	change_meanwhile(&held, SLOT_GPA, 0, protocol_is("interval"));
	if (!calls_name_all())
		assert_int_equal(dbgfs_stat(held.vcpu->vm, "sptes_cleared"), cleared + 1);
	let_go(&held);
	if (!calls_name_all())
		assert_int_equal(dbgfs_stat(held.vcpu->vm, "sptes_unmapped"), 0);
	assert_int_equal(load_word(held.vcpu, SLOT_GPA), GONE);
	end_vm(held.vcpu->vm);
}

static void invalidate_and_move(void **state)
{
	struct held held = { };

	(void)state;
	hold_invalidation(&held, "invalidate", true);
	change_meanwhile(&held, OTHER_GPA, PAGE, protocol_is("interval"));
	let_go(&held);
	assert_int_equal(load_word(held.vcpu, SLOT_GPA), GONE);
	assert_int_equal(load_word(held.vcpu, OTHER_GPA), 0);
	end_vm(held.vcpu->vm);
}

/* The slot was not there when the host called, and is when it comes to mmu_lock. */
static void invalidate_and_make(void **state)
{
	bool guest_can_fault = protocol_is("range");
	long long unmapped;
	struct held held = { };

	(void)state;
	if (protocol_is("interval"))
		return;		/* without a slot there is nobody to call */
	hold_invalidation(&held, "invalidate", false);
	change_meanwhile(&held, SLOT_GPA, PAGE, false);
	/* a sequence lock is held by now, and a fault would spin on it */
	if (guest_can_fault)
		assert_int_equal(load_word(held.vcpu, SLOT_GPA), OLD);
	unmapped = dbgfs_stat(held.vcpu->vm, "sptes_unmapped");
	let_go(&held);
	assert_true(dbgfs_stat(held.vcpu->vm, "sptes_unmapped") == unmapped + guest_can_fault);
	assert_int_equal(load_word(held.vcpu, SLOT_GPA), 0);
	end_vm(held.vcpu->vm);
}

/*
 * The host has cleared its entry. With ranges it is not done yet, and the guest frames
 * that it may concern were worked out without the new slot: that one has to wait.
 */
static void cleared_and_make(void **state)
{
	struct held held = { };

	(void)state;
	if (protocol_is("interval"))
		return;
	hold_invalidation(&held, "invalidate_entry", false);
	change_meanwhile(&held, SLOT_GPA, PAGE, protocol_is("range"));
	assert_int_equal(load_word(held.vcpu, SLOT_GPA), protocol_is("range") ? GONE : 0);
	let_go(&held);
	assert_int_equal(load_word(held.vcpu, SLOT_GPA), 0);
	end_vm(held.vcpu->vm);
}

/* ---- many ---- */

#define MANY 4096

/*
 * As many slots as there can be, in an order of their own by gfn and by hva: each door
 * finds each. Then every other one goes, and they are found no more.
 */
static void as_many_as_there_can_be(void **state)
{
	const int first_gfn = 0x1000, step = 1531;	/* coprime to 4095 */
	struct vmm *vm = new_vm(4);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	char *hva = (char *)memory_of(MANY * PAGE);
	long long unmapped;
	int i, place;

	(void)state;
	without_audit_always();
	assert_int_equal(ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS), MANY);
	vmm_set_mode(vcpu, VMM_LONG_1G, ABI_CODE);
	vcpu->on_mmio = NULL;
	for (i = 1; i < MANY; i++) {
		place = (long)i * step % (MANY - 1);
		assert_int_equal(vmm_set_slot(vm, i, 0, (first_gfn + place) * PAGE, PAGE,
					      hva + (MANY - i) * PAGE), 0);
	}
	assert_int_equal(vmm_set_slot(vm, MANY, 0, 0x8000000, PAGE, hva), -EINVAL);
	for (i = 1; i < MANY; i += 13) {
		place = (long)i * step % (MANY - 1);
		*(uint32_t *)(hva + (MANY - i) * PAGE) = 1000 + i;
		assert_int_equal(load_word(vcpu, (first_gfn + place) * PAGE), 1000 + i);
		unmapped = dbgfs_stat(vm, "sptes_unmapped");
		dontneed(hva + (MANY - i) * PAGE);
		unmapped = dbgfs_stat(vm, "sptes_unmapped") - unmapped;
		assert_true(unmapped == 1 || (unmapped && calls_name_all()));
		assert_int_equal(load_word(vcpu, (first_gfn + place) * PAGE), 0);
	}
	assert_clean(vm);
	for (i = 1; i < MANY; i += 2)
		assert_int_equal(vmm_set_slot(vm, i, 0, 0, 0, NULL), 0);
	for (i = 1; i < MANY; i += 13) {
		place = (long)i * step % (MANY - 1);
		unmapped = dbgfs_stat(vm, "sptes_unmapped");
		dontneed(hva + (MANY - i) * PAGE);
		unmapped = dbgfs_stat(vm, "sptes_unmapped") - unmapped;
		assert_true(unmapped == !(i % 2) || (unmapped && calls_name_all()));
	}
	end_vm(vm);
}

/* ---- without a pause ---- */

static bool stop_paging;

static int page_out(void *arg)
{
	char *hva = arg;

	while (!__atomic_load_n(&stop_paging, __ATOMIC_ACQUIRE)) {
		madvise(hva, 2 * PAGE, MADV_PAGEOUT);
		usleep(300);
	}
	return 0;
}

/* What it read last, and how often it has; the slot is now here, now there. */
CODE(64, look, "1: mov 0x300000, %eax; mov %eax, 0x200000; mov 0x380000, %eax\n"
	"mov %eax, 0x200008; lock incl 0x200004; jmp 1b");

static void storm(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	volatile uint32_t *seen = vmm_hva(vcpu->vm, ABI_FREE, 12), before;
	uint32_t *hva = memory_of(2 * PAGE), here, there;
	struct changer pager;
	int i;

	(void)state;
	hva[0] = OLD;
	hva[PAGE / 4] = NEW;
	changer_prepare(&pager, page_out, hva);
	changer_go(&pager);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_look, CODE_SIZE(look));
	vmm_start(vcpu);
	for (i = 0; i < 90; i++) {
		int error;

		switch (i % 6) {	/* made, moved, logged, moved back, deleted, other memory */
		case 0:
			error = vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva);
			here = OLD;
			there = GONE;
			break;
		case 1:
			error = vmm_set_slot(vcpu->vm, 1, 0, OTHER_GPA, PAGE, hva);
			here = GONE;
			there = OLD;
			break;
		case 2:
			error = vmm_set_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, OTHER_GPA, PAGE,
					     hva);
			break;
		case 3:
			error = vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva);
			here = OLD;
			there = GONE;
			break;
		case 4:
			error = vmm_set_slot(vcpu->vm, 1, 0, 0, 0, NULL);
			error |= vmm_set_slot(vcpu->vm, 2, 0, SLOT_GPA, PAGE, hva + PAGE / 4);
			here = NEW;
			there = GONE;
			break;
		default:
			error = vmm_set_slot(vcpu->vm, 2, 0, 0, 0, NULL);
			here = GONE;
			there = GONE;
		}
		assert_int_equal(error, 0);
		/* a round may be under way; the one after the next is from now */
		for (before = seen[1]; seen[1] - before < 2;)
			usleep(200);
		assert_int_equal(seen[0], here);
		assert_int_equal(seen[2], there);
	}
	__atomic_store_n(&stop_paging, true, __ATOMIC_RELEASE);
	changer_end(&pager);
	vmm_kick(vcpu);
	assert_int_equal(vmm_join(vcpu), VMM_KICKED);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fault_and_delete),
	cmocka_unit_test(fault_and_move),
	cmocka_unit_test(fault_and_replace),
	cmocka_unit_test(fault_and_log),
	cmocka_unit_test(invalidate_and_delete),
	cmocka_unit_test(invalidate_and_move),
	cmocka_unit_test(invalidate_and_make),
	cmocka_unit_test(cleared_and_make),
	cmocka_unit_test(as_many_as_there_can_be),
	cmocka_unit_test(storm),
};

GROUP(change, tests, .kvmswap_only = true);

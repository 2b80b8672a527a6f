// SPDX-License-Identifier: GPL-2.0
/*
 * test_slot_lookup.c - how slots are found by both doors, against a list that is looked
 * through from end to end; and what a failed change leaves behind: nothing.
 */
#include "groups.h"
#include "harness.h"

#define MODEL_SLOTS	24
#define GFNS		160		/* guest frames that slots are in */
#define HVAS		64		/* pages of the process */
#define FLAGS (IS_ENABLED(CONFIG_KVMSWAP_RMAP) ? KVM_MEM_LOG_DIRTY_PAGES : 0)

/* What was asked for and not refused. */
static struct {
	unsigned int id;
	gfn_t gfn;
	u64 npages;		/* 0: there is none */
	unsigned int hva;	/* page of the process */
} model[MODEL_SLOTS];

static bool overlaps(int self, gfn_t gfn, u64 npages)
{
	int i;

	for (i = 0; i < MODEL_SLOTS; i++)
		if (i != self && model[i].npages && gfn < model[i].gfn + model[i].npages &&
		    model[i].gfn < gfn + npages)
			return true;
	return false;
}

static void change_one(void)
{
	int i = test_below(MODEL_SLOTS), err;
	u64 npages = 1 + test_below(test_below(2) ? 3 : 30);
	gfn_t gfn = test_below(GFNS - npages);
	unsigned int hva = test_below(HVAS - npages);

	if (model[i].npages && test_below(2)) {
		assert_int_equal(test_slot(model[i].id, 0, 0, 0, 0), 0);
		model[i].npages = 0;
		return;
	}
	if (model[i].npages) {		/* a move */
		npages = model[i].npages;
		hva = model[i].hva;
		gfn = test_below(GFNS - npages);
	}
	err = test_slot(model[i].id, gfn, npages, host_hva(hva), test_below(2) ? FLAGS : 0);
	assert_int_equal(err, overlaps(i, gfn, npages) ? -EEXIST : 0);
	if (!err) {
		model[i].gfn = gfn;
		model[i].npages = npages;
		model[i].hva = hva;
	}
}

static int model_of_gfn(gfn_t gfn)
{
	int i;

	for (i = 0; i < MODEL_SLOTS; i++)
		if (model[i].npages && gfn >= model[i].gfn &&
		    gfn < model[i].gfn + model[i].npages)
			return i;
	return -1;
}

/* Every frame, so the first and last of each slot, and its neighbours, are among them. */
static void compare_gfns(void)
{
	int slots = slots_read_lock(test_vm), m;
	struct memslot *slot;
	gfn_t gfn;
	hva_t hva;

	for (gfn = 0; gfn < GFNS + 2; gfn++) {
		slot = gfn_to_memslot(test_vm, gfn);
		m = model_of_gfn(gfn);
		host_check(!slot == (m < 0) && (!slot || slot->id == (int)model[m].id),
			   "gfn %#llx is in slot %d, model %d", gfn, slot ? slot->id : -1,
			   m < 0 ? -1 : (int)model[m].id);
		if (!slot)
			continue;
		assert_int_equal(gfn_to_hva(test_vm, gfn, &hva), 0);
		assert_int_equal(hva, host_hva(model[m].hva) + (gfn - model[m].gfn) * PAGE_SIZE);
	}
	assert_null(gfn_to_memslot(test_vm, ~0ULL));
	slots_read_unlock(test_vm, slots);
}

/* The slots with memory in a range: each of them once, and no other. */
static void compare_range(hva_t start, hva_t end)
{
	bool seen[MODEL_SLOTS] = { };
	struct memslot *slot;
	int i;

	spin_lock(&test_vm->mmu_lock);
	for_each_slot_in_hva(slot, test_vm, start, end) {
		for (i = 0; i < MODEL_SLOTS && (int)model[i].id != slot->id; i++)
			;
		host_check(i < MODEL_SLOTS && !seen[i], "slot %d is found, or found twice",
			   slot->id);
		seen[i] = true;
	}
	spin_unlock(&test_vm->mmu_lock);
	for (i = 0; i < MODEL_SLOTS; i++) {
		hva_t from = host_hva(model[i].hva), to = from + model[i].npages * PAGE_SIZE;

		host_check(seen[i] == (model[i].npages && start < end && from < end && to > start),
			   "slot %u at %#lx to %#lx, asked for %#lx to %#lx: found %d",
			   model[i].id, from, to, start, end, seen[i]);
	}
}

static void compare_hvas(void)
{
	int i, n;

	for (i = 0; i < MODEL_SLOTS; i++) {
		hva_t from = host_hva(model[i].hva), to = from + model[i].npages * PAGE_SIZE;

		if (!model[i].npages)
			continue;
		/* Its first and its last byte, and the bytes before and behind. */
		compare_range(from, from + 1);
		compare_range(from - 1, from);
		compare_range(to - 1, to);
		compare_range(to, to + 1);
		compare_range(from, to);
	}
	compare_range(0, ~0UL);
	for (n = 0; n < 8; n++) {
		hva_t start = host_hva(0) + test_below(HVAS << PAGE_SHIFT);

		compare_range(start, start + test_below(8 << PAGE_SHIFT));
	}
}

static void both_doors_find_what_a_list_has(void **state)
{
	int i;

	(void)state;
	test_seed(7);
	memset(model, 0, sizeof(model));
	for (i = 0; i < MODEL_SLOTS; i++)
		model[i].id = i ? i * 173 + test_below(8) : 0;
	compare_gfns();
	compare_range(0, ~0UL);
	for (i = 0; i < 400; i++) {
		change_one();
		compare_gfns();
		compare_hvas();
	}
}

/* As many as there may be: each has one frame in two, and one page of the process in turn. */
static void a_vm_has_all_the_slots_it_is_promised(void **state)
{
	int i, n, slots;

	(void)state;
	/* The middle first, then down and up, so that the order of the frames is not given. */
	for (i = 0; i < KVMSWAP_MAX_SLOTS; i++) {
		n = i & 1 ? KVMSWAP_MAX_SLOTS / 2 - 1 - i / 2 : KVMSWAP_MAX_SLOTS / 2 + i / 2;
		assert_int_equal(test_slot(n, n * 2, 1, host_hva(n % HVAS), 0), 0);
	}
	assert_int_equal(test_slot(KVMSWAP_MAX_SLOTS, 1, 1, host_hva(0), 0), -EINVAL);
	slots = slots_read_lock(test_vm);
	for (i = 0; i < KVMSWAP_MAX_SLOTS; i++) {
		struct memslot *slot = gfn_to_memslot(test_vm, i * 2);

		assert_non_null(slot);
		assert_int_equal(slot->id, i);
		assert_null(gfn_to_memslot(test_vm, i * 2 + 1));
	}
	slots_read_unlock(test_vm, slots);
}

/* ---- a change that fails ---- */

struct picture {
	struct memslot slot[4];
	struct memslot *by_gfn[GFNS];
	struct memslot *by_hva[8];
	long objects, intervals, sptes;
};

static void take_picture(struct picture *picture)
{
	struct memslot *slot;
	int i, slots;

	memset(picture, 0, sizeof(*picture));
	slots = slots_read_lock(test_vm);
	for (i = 0; i < 4; i++)
		if (test_vm->memslots.slot[i])
			picture->slot[i] = *test_vm->memslots.slot[i];
	for (i = 0; i < GFNS; i++)
		picture->by_gfn[i] = gfn_to_memslot(test_vm, i);
	slots_read_unlock(test_vm, slots);
	i = 0;
	spin_lock(&test_vm->mmu_lock);
	for_each_slot_in_hva(slot, test_vm, 0, ~0UL)
		picture->by_hva[i++] = slot;
	spin_unlock(&test_vm->mmu_lock);
	picture->objects = host_objects;
	picture->intervals = host_intervals;
	picture->sptes = stat(test_vm, sptes_set) - stat(test_vm, sptes_cleared);
}

static int create(void)
{
	return test_slot(3, 64, 16, host_hva(20), 0);
}

static int create_logged(void)
{
	return test_slot(3, 64, 16, host_hva(20), FLAGS);
}

static int move(void)
{
	return test_slot(0, 100, 16, host_hva(0), 0);
}

static int move_logged(void)
{
	return test_slot(0, 100, 16, host_hva(0), FLAGS);
}

static int move_old_log(void)
{
	return test_slot(1, 100, 16, host_hva(16), FLAGS);
}

static int start_logging(void)
{
	return test_slot(0, 0, 16, host_hva(0), FLAGS);
}

static int stop_logging(void)
{
	return test_slot(1, 16, 16, host_hva(16), 0);
}

static int delete(void)
{
	return test_slot(0, 0, 0, 0, 0);
}

#ifdef CONFIG_KVMSWAP_SLOT_TREE
static int create_legacy(void)
{
	return test_legacy_slot(3, 64, 16, FLAGS);
}
#endif

#ifdef CONFIG_KVMSWAP_RMAP
static int ask_log(void)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = (void *)host_hva(100) };

	return get_dirty_log(test_vm, &log);
}
#endif

static void a_change_that_fails_changes_nothing(void **state)
{
	static const struct {
		const char *what;
		int (*run)(void);
	} changes[] = {
		{ "create", create }, { "create, logged", create_logged }, { "move", move },
		{ "move, and log", move_logged }, { "move a log", move_old_log },
		{ "start logging", start_logging }, { "stop logging", stop_logging },
		{ "delete", delete },
#ifdef CONFIG_KVMSWAP_SLOT_TREE
		{ "create, legacy", create_legacy },
#endif
#ifdef CONFIG_KVMSWAP_RMAP
		{ "ask for the log", ask_log },
#endif
	};
	static struct picture before, after;
	unsigned int i, nth, sites = 0;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		for (nth = 1; ; nth++) {
			int err;

			test_memory(32);
			host_mmap(host_hva(100), 1, true);
			host_poke(host_hva(100), 0);	/* there, so that it costs nothing */
			delete();
			assert_int_equal(test_slot(0, 0, 16, host_hva(0), 0), 0);
			assert_int_equal(test_slot(1, 16, 16, host_hva(16), FLAGS), 0);
			expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
			expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 19);
			take_picture(&before);
			host_fail_allocation = nth;
			err = changes[i].run();
			if (!host_fail_allocation) {
				host_check(err == -ENOMEM, "%s, allocation %u: %d",
					   changes[i].what, nth, err);
				take_picture(&after);
				/* What is mapped may go, the slot being about to: nothing else. */
				if (changes[i].run == delete || changes[i].run == move ||
				    changes[i].run == move_logged)
					after.sptes = before.sptes;
				host_check(!memcmp(&before, &after, sizeof(before)),
					   "%s, allocation %u: something has changed",
					   changes[i].what, nth);
				expect_clean_audit(test_vm);
				err = changes[i].run();
				sites++;
			} else {
				host_fail_allocation = 0;
				nth = 0;
			}
			host_check(!err, "%s: %d", changes[i].what, err);
			expect_clean_audit(test_vm);
			test_teardown(state);
			test_setup(state);
			if (!nth)
				break;
		}
	}
	print_message("%u allocations failed, and nothing changed\n", sites);
	assert_true(sites >= (IS_ENABLED(CONFIG_KVMSWAP_SLOT_TREE) ? 20 : 4));
}

int slot_lookup_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(both_doors_find_what_a_list_has),
		mmu_test(a_vm_has_all_the_slots_it_is_promised),
		mmu_test(a_change_that_fails_changes_nothing),
	};

	return cmocka_run_group_tests_name("slot lookup", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * test_machine.c - a checker that never complains checks nothing: each rule of the
 * machine, broken once on purpose.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static struct mutex mutex;
static spinlock_t outer, inner;
static struct rw_semaphore sem;

static int machine_setup(void **state)
{
	(void)state;
	test_unfinished++;
	machine_start();
	mutex_init(&mutex);
	spin_lock_init(&outer);
	spin_lock_init(&inner);
	init_rwsem(&sem);
	return 0;
}

static int machine_teardown(void **state)
{
	(void)state;
	host_locks_reset();
	machine_stop();
	test_unfinished--;
	return 0;
}

static void sleeping_under_a_spinlock_is_noticed(void **state)
{
	struct page *page;
	u64 word;

	(void)state;
	host_mmap(host_hva(0), 1, true);
	spin_lock(&outer);
	expect_failure(might_sleep(), "might sleep, and holds &outer");
	expect_failure(mutex_lock(&mutex), "might sleep");
	expect_failure(down_read(&sem), "might sleep");
	expect_failure(kvcalloc(1, 1, GFP_KERNEL), "might sleep");
	expect_failure(get_zeroed_page(GFP_KERNEL), "might sleep");
	expect_failure(get_user_pages_fast(host_hva(0), 1, 0, &page), "might sleep");
	expect_failure(copy_from_user(&word, (void *)host_hva(0), 8), "might sleep");
	pagefault_disable();
	assert_int_equal(copy_from_user(&word, (void *)host_hva(0), 8), 8);
	pagefault_enable();
	spin_unlock(&outer);
	assert_int_equal(copy_from_user(&word, (void *)host_hva(0), 8), 0);
}

static void locks_in_the_wrong_order_are_noticed(void **state)
{
	(void)state;
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock(&outer);
	spin_lock(&inner);
	expect_failure(spin_lock(&outer), "&outer is taken inside of &inner");
	spin_unlock(&inner);
}

static void a_deadlock_is_noticed(void **state)
{
	(void)state;
	spin_lock(&outer);
	expect_failure(spin_lock(&outer), "a deadlock");
	spin_unlock(&outer);
	down_read(&sem);
	expect_failure(down_write(&sem), "a deadlock");
	up_read(&sem);
	expect_failure(spin_unlock(&outer), "was not held");
	expect_failure(lockdep_assert_held(&outer), "is not held");
	down_read(&sem);
	expect_failure(lockdep_assert_held_write(&sem), "is not held to write");
	up_read(&sem);
}

static void a_reader_that_waits_for_its_writer_is_noticed(void **state)
{
	static seqlock_t lock;

	(void)state;
	seqlock_init(&lock);
	write_seqlock(&lock);
	spin_lock(&inner);
	spin_unlock(&inner);
	expect_failure(read_seqbegin(&lock), "is taken inside of");
	write_sequnlock(&lock);
	/* The writer waits for inner: a reader that holds it waits for ever. */
	spin_lock(&inner);
	expect_failure(read_seqbegin(&lock), "was taken outside of it before");
	spin_unlock(&inner);
}

static void a_page_is_freed_once_and_not_used_afterwards(void **state)
{
	unsigned long va = get_zeroed_page(GFP_KERNEL);
	struct page *page = virt_to_page((void *)va);

	(void)state;
	expect_failure(free_page(va + 8), "get_zeroed_page() did not give");
	free_page(va);
	expect_failure(put_page(page), "of a free page");
	expect_failure(get_page(page), "of a free page");
	expect_failure(page_private(page), "of a free page");
	expect_failure(set_page_dirty(page), "of a free page");
	expect_failure(__va(0x1000), "there is no memory");
	expect_failure(__pa(&page), "not in physical memory");
}

static void what_is_left_behind_is_noticed(void **state)
{
	unsigned long va = get_zeroed_page(GFP_KERNEL);
	void *object = kvcalloc(1, 8, GFP_KERNEL);

	(void)state;
	expect_failure(machine_stop(), "1 objects were never freed");
	kvfree(object);
	expect_failure(machine_stop(), "1 pages were never freed");
	free_page(va);
	spin_lock(&outer);
	expect_failure(machine_stop(), "a lock is still held");
	spin_unlock(&outer);
}

static void a_page_goes_to_swap_and_comes_back(void **state)
{
	struct page *page;

	(void)state;
	host_mmap(host_hva(0), 2, true);
	host_poke(host_hva(0) + 8, 42);
	assert_true(host_present(host_hva(0)));
	assert_true(host_swap_out(host_hva(0)));
	assert_false(host_present(host_hva(0)));
	assert_int_equal(host_peek(host_hva(0) + 8), 42);
	assert_int_equal(get_user_pages_fast(host_hva(0), 1, FOLL_WRITE, &page), 1);
	/* Held: it leaves the page table and stays in memory. */
	assert_false(host_swap_out(host_hva(0)));
	assert_false(host_reclaim_cache(host_hva(0)));
	assert_int_equal(host_peek(host_hva(0) + 8), 42);
	put_page(page);
	assert_true(host_reclaim_cache(host_hva(0)));
	host_poke(host_hva(0) + 16, 1);
	assert_int_equal(host_peek(host_hva(0) + 8), 42);
	/* A child shares it: a write makes a copy. */
	assert_true(host_write_protect(host_hva(0)));
	assert_int_equal(get_user_pages_fast(host_hva(0), 1, 0, &page), 1);
	host_poke(host_hva(0) + 8, 43);
	assert_int_not_equal(page_to_pfn(page), host_user_pfn(host_hva(0)));
	assert_int_equal(((u64 *)__va(page_to_pfn(page) << PAGE_SHIFT))[1], 42);
	put_page(page);
	assert_int_equal(get_user_pages_fast(host_hva(5), 1, 0, &page), -EFAULT);
	host_mprotect(host_hva(1), 1, false);
	assert_int_equal(get_user_pages_fast(host_hva(1), 1, FOLL_WRITE, &page), -EFAULT);
	assert_int_equal(get_user_pages_fast(host_hva(1), 1, 0, &page), 1);
	put_page(page);
}

int machine_tests(void)
{
#define machine_test(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
	const struct test_item tests[] = {
		machine_test(sleeping_under_a_spinlock_is_noticed),
		machine_test(locks_in_the_wrong_order_are_noticed),
		machine_test(a_deadlock_is_noticed),
		machine_test(a_reader_that_waits_for_its_writer_is_noticed),
		machine_test(a_page_is_freed_once_and_not_used_afterwards),
		machine_test(what_is_left_behind_is_noticed),
		machine_test(a_page_goes_to_swap_and_comes_back),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}

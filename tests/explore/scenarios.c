// SPDX-License-Identifier: GPL-2.0
/*
 * scenarios.c - who does what: two vCPUs that fault on one page, and two of the host's
 * threads that take it, or ask about it, or a monitor that takes the slot away.
 */
#include <linux/mm.h>

#include "memslot.h"
#include "seqlock.h"
#include "world.h"

#define PAGE	host_hva(THE_PAGE)
#define GVA	(THE_PAGE << PAGE_SHIFT)
#define GPTE	0x67	/* present, writable, user, accessed, dirty */

/* ---- the guest ---- */

static void vcpu0_writes(void)
{
	guest_uses(0, GVA, true);
}

static void vcpu1_writes(void)
{
	guest_uses(1, GVA, true);
}

static void vcpu1_reads(void)
{
	guest_uses(1, GVA, false);
}

static void vcpu0_writes_8(void)
{
	guest_uses(0, 0x8000, true);
}

static void vcpu1_writes_9(void)
{
	guest_uses(1, 0x9000, true);
}

/* ---- the host ---- */

static void reclaim(void)
{
	host_swap_out(PAGE);
}

/* By the page: whichever of its addresses has it. */
static void reclaim_moved(void)
{
	if (!host_swap_out(PAGE))
		host_swap_out(host_hva(ELSEWHERE));
}

static void dontneed(void)
{
	host_dontneed(PAGE, 1);
}

static void unmap(void)
{
	host_munmap(PAGE, 1);
}

static void move(void)
{
	host_mremap(PAGE, host_hva(ELSEWHERE), 1);
	world.moved = true;
}

static void share(void)
{
	host_write_protect(PAGE);
}

static void migrate(void)
{
	host_replace(PAGE);
}

static void ask(void)
{
	host_clear_flush_young(PAGE);
	world.used = false;	/* from now on each use of the page must be seen */
}

static void delete_slot(void)
{
	struct kvm_userspace_memory_region mem = { };

	host_check(!set_memory_region(world.vm, &mem, false), "the slot is not deleted");
}

/* ---- before it begins ---- */

/* Two guest addresses, one guest frame: two sptes, one chain. */
static void two_addresses(void)
{
	int i;

	host_poke(host_hva(5), 6 << PAGE_SHIFT | GPTE);
	host_poke(host_hva(6) + 8 * 4, (u64)(THE_PAGE << PAGE_SHIFT | GPTE) << 32 |
		  (THE_PAGE << PAGE_SHIFT | GPTE));
	world.paging = true;
	for (i = 0; i < VCPUS; i++) {
		world.vcpu[i]->cr0 |= X86_CR0_PG | X86_CR0_WP;
		world.vcpu[i]->cr3 = 5 << PAGE_SHIFT;
	}
}

/* Two guest frames, one page of the process: two chains. */
static void two_slots(void)
{
	struct kvm_userspace_memory_region mem = {
		.slot = 1,
		.guest_phys_addr = 0x10000,
		.memory_size = PAGE_SIZE,
		.userspace_addr = PAGE,
	};

	host_check(!set_memory_region(world.vm, &mem, false), "there is no second slot");
}

static void vcpu1_writes_slot_1(void)
{
	guest_uses(1, 0x10000, true);
}

static void swapped_out(void)
{
	host_check(host_swap_out(PAGE), "the page is not swapped out");
}

const struct scenario scenarios[] = {
	{
		"swap", "two reclaims take the page, write it to swap and free it",
		NULL, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_writes },
		  { "kswapd", reclaim }, { "reclaim", reclaim } },
	}, {
		"swap-in", "the same, and the page is in swap when all begins",
		swapped_out, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_reads },
		  { "kswapd", reclaim }, { "reclaim", reclaim } },
	}, {
		"dontneed", "MADV_DONTNEED of the page, and a reclaim",
		NULL, LOSES_DATA,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_reads },
		  { "madvise", dontneed }, { "kswapd", reclaim } },
	}, {
		"munmap", "munmap() of the page, and a reclaim",
		NULL, LOSES_DATA | LOSES_MEMORY,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_writes },
		  { "munmap", unmap }, { "kswapd", reclaim } },
	}, {
		"fork", "fork() shares the page, the guest's next write copies it; and a reclaim",
		NULL, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_reads },
		  { "fork", share }, { "kswapd", reclaim } },
	}, {
		"migrate", "the page is replaced by another one, and a reclaim",
		NULL, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_reads },
		  { "migrate", migrate }, { "kswapd", reclaim } },
	}, {
		"mremap", "mremap() of the page, and a reclaim, by either address",
		NULL, LOSES_MEMORY,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_writes },
		  { "mremap", move }, { "kswapd", reclaim_moved } },
	}, {
		"age", "the host asks whether the page is young, and a reclaim",
		NULL, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_reads },
		  { "ask", ask }, { "kswapd", reclaim } },
	}, {
		"slot", "the slot is deleted, and a reclaim",
		NULL, LOSES_SLOT,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_writes },
		  { "ioctl", delete_slot }, { "kswapd", reclaim } },
	}, {
		"chain", "two guest addresses of the page, two sptes on one chain; two reclaims",
		two_addresses, 0,
		{ { "vCPU 0", vcpu0_writes_8 }, { "vCPU 1", vcpu1_writes_9 },
		  { "kswapd", reclaim }, { "reclaim", reclaim } },
	}, {
		"slots", "two slots have the page, one spte on each chain; two reclaims",
		two_slots, 0,
		{ { "vCPU 0", vcpu0_writes }, { "vCPU 1", vcpu1_writes_slot_1 },
		  { "kswapd", reclaim }, { "reclaim", reclaim } },
	},
};

const int nr_scenarios = ARRAY_SIZE(scenarios);

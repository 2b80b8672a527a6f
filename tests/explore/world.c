// SPDX-License-Identifier: GPL-2.0
/*
 * world.c - the VM is made as vm.c makes it; its vCPUs are CPUs of the machine, which walk
 * the module's sptes and keep in their TLBs all that they ever saw.
 */
#include <linux/mm.h>

#include "fault.h"
#include "fiber.h"
#include "heap.h"
#include "vcpu.h"
#include "world.h"

struct world world;

const char *world_cpu_name(int cpu)
{
	return engine->scenario->cpu[cpu].name;
}

/* What is only counted. */
const void *world_stats(void)
{
	return &world.vm->stats;
}

size_t world_stats_size(void)
{
	return sizeof(world.vm->stats);
}

/* The guest's tables, where it has any: all its addresses at 0x8000 and up lead to one page. */
gfn_t world_gfn(gva_t gva)
{
	return world.paging && gva >= 0x8000 ? THE_PAGE : gva >> PAGE_SHIFT;
}

void inject_page_fault(struct vcpu *vcpu, const struct guest_fault *fault)
{
	host_fail(__FILE__, __LINE__, "vCPU %d gets a page fault at %#lx", vcpu->id,
		  fault->address);
}

static void make_memory(void)
{
	struct kvm_userspace_memory_region mem = {
		.memory_size = GUEST_PAGES << PAGE_SHIFT,
		.userspace_addr = HOST_USER_BASE,
	};

	host_mmap(HOST_USER_BASE, GUEST_PAGES, true);
	host_check(!set_memory_region(world.vm, &mem, false), "there is no slot");
	host_poke(host_hva(THE_PAGE) + VCPUS * 8, OLD_WORD);
}

/** world_begin() - a machine with a VM, whose vCPUs are in the guest and have mapped nothing. */
void world_begin(const struct scenario *scenario, unsigned int cpus)
{
	int i;

	heap_reset();
	machine_start();
	world.vm = host_new_vm();
	make_memory();
	for (i = 0; i < VCPUS; i++)
		world.vcpu[i] = host_new_vcpu(world.vm, i);
	if (scenario->prepare)
		scenario->prepare();
	for (i = 0; i < VCPUS; i++)
		host_check(!mmu_topup(world.vcpu[i]) && !cpu_enter(world.vcpu[i]),
			   "a vCPU does not enter the guest");
	for (i = 0; i < MAX_CPUS; i++)
		fiber_make(i, cpus & 1 << i ? scenario->cpu[i].run : NULL);
}

/* The guest's instruction: it succeeds at once, or there is a #PF exit. */
static u32 instruction(struct vcpu *vcpu, gva_t gva, bool write)
{
	u64 pfn, *page;
	u32 error;

	error = cpu_translate(vcpu, gva, write ? PFERR_WRITE : 0, &pfn);
	if (error)
		return error;
	page = __va(pfn << PAGE_SHIFT);
	if (write) {
		page[vcpu->id] = vcpu->id + 1;
		world.wrote[vcpu->id] = true;
	} else {
		host_check(page[VCPUS] == OLD_WORD ||
			   (engine->scenario->may & LOSES_DATA && !page[VCPUS]),
			   "vCPU %d reads %#llx", vcpu->id, page[VCPUS]);
	}
	world.used = true;
	host_note("the guest %s frame %#llx", write ? "writes" : "reads", pfn);
	return 0;
}

/* The fault was not fixed, or not yet. False: the monitor gives up, as it may. */
static bool goes_on(int ret)
{
	if (ret == FAULT_RESUME)
		return true;
	host_check((ret == -EFAULT && engine->scenario->may & LOSES_MEMORY) ||
		   (ret == FAULT_MMIO && engine->scenario->may & LOSES_SLOT),
		   "page_fault() returns %d", ret);
	return false;
}

/**
 * guest_uses() - vCPU @id does one instruction at @gva, with as many exits as it takes, and
 * stays in the guest.
 */
void guest_uses(int id, gva_t gva, bool write)
{
	struct vcpu *vcpu = world.vcpu[id];
	gpa_t gpa;
	u32 error;

	for (;;) {
		host_step("guest", write ? "writes" : "reads", "its page", NULL, true);
		host_touches(&vcpu->mode, false);
		if (vcpu->mode != IN_GUEST_MODE) {	/* an interrupt took it out */
			host_check(!cpu_enter(vcpu), "vCPU %d does not enter the guest", id);
			continue;
		}
		error = instruction(vcpu, gva, write);
		if (!error)
			return;
		cpu_exit(vcpu);
		if (!goes_on(page_fault(vcpu, gva, error & ~BIT(31), &gpa)))
			return;
		host_check(!cpu_enter(vcpu), "vCPU %d does not enter the guest", id);
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 1: the process lends the guest memory. Where a guest address is
 * in the process, which slots are refused, and what may happen to a slot later.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../demo.h"

#define LOW_SIZE	(4 * MEBI)
#define HIGH_GPA	0xfffe0000ull	/* the guest's first instruction is in its last page */
#define HIGH_SIZE	(32 * PAGE)

static char *low, *high;

/* The slots as the module has them, compared with what we asked for. */
static void show_slots(struct vmm *vm)
{
	char path[256], text[4096], *line;
	unsigned int id;
	int found = 0;

	dbgfs_path(vm, "slots", path, sizeof(path));
	errno = 0;
	if (proc_read(path, text, sizeof(text)) < 0)
		vmm_die("read %s", path);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long long gfn, npages, hva;
		struct vmm_slot *slot;

		errno = 0;
		if (sscanf(line, "slot %u %llx %llu %llx", &id, &gfn, &npages, &hva) != 4)
			vmm_die("%s: what is \"%s\"?", path, line);
		printf("     slot %-2u gfn %#-8llx %5llu pages, hva %#llx\n", id, gfn, npages, hva);
		slot = &vm->slots[id];
		check(id < VMM_MAX_SLOTS && slot->used && slot->gpa == gfn * PAGE &&
		      slot->size == npages * PAGE && slot->hva == (char *)hva,
		      "slot %u is as we asked for", id);
		found++;
	}
	for (id = 0; id < VMM_MAX_SLOTS; id++)
		found -= vm->slots[id].used;
	check(!found, "all slots that we made are there, and no other");
}

static void show_lend(struct vmm *vm)
{
	step("The process lends memory of its own: two slots");
	low = guest_memory(LOW_SIZE);
	high = guest_memory(HIGH_SIZE);
	vmm_map_memory(vm, 0, LOW_SIZE, low, 0);
	vmm_map_memory(vm, HIGH_GPA, HIGH_SIZE, high, 0);
	value("mmap() gave us", "%p, %lu pages", (void *)low, LOW_SIZE / PAGE);
	value("mmap() gave us", "%p, %lu pages", (void *)high, HIGH_SIZE / PAGE);
	say("In the module (debugfs, \"slots\"):");
	show_slots(vm);
	code("memslot.c set_memory_region() -> create_slot() -> replace_slot()");
}

/* Run the guest at @cs_base + @rip. @hva: where that must be, or NULL. */
static void show_resolved(struct vmm *vm, uint64_t cs_base, uint64_t rip, const char *hva)
{
	struct vmm_vcpu *vcpu = vm->vcpus[0];
	struct kvm_run *run = vcpu->run;
	uint64_t *data = (uint64_t *)run->internal.data;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int error;

	vmm_get_sregs(vcpu, &sregs);
	sregs.cs.base = cs_base;
	sregs.cs.selector = cs_base >> 4;
	vmm_set_sregs(vcpu, &sregs);
	vmm_get_regs(vcpu, &regs);
	regs.rip = rip;
	vmm_set_regs(vcpu, &regs);
	error = vmm_enter(vcpu);
	errno = -error;
	if (error)
		vmm_die("KVM_RUN");
	errno = 0;
	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR || run->internal.ndata < 3)
		vmm_die("KVM_RUN came back with exit reason %u", run->exit_reason);

	if (run->internal.ndata < 5)
		printf("     gva %#-10llx -> no slot is there\n", (unsigned long long)data[1]);
	else
		printf("     gva %#-10llx -> gpa %#-10llx -> hva %#llx\n",
		       (unsigned long long)data[1], (unsigned long long)data[3],
		       (unsigned long long)data[4]);
	check(data[1] == cs_base + rip, "the guest faulted where it began");
	check((run->internal.ndata >= 5) == !!hva, "there is a slot if we made one");
	if (run->internal.ndata < 5 || !hva)
		return;
	check(data[3] == data[1], "without paging a virtual address is a physical one");
	check((char *)data[4] == hva, "it is the byte at %p", (const void *)hva);
}

static void show_lookup(struct vmm *vm)
{
	step("The guest runs, and faults as in chapter 0: but now we know what is there");
	vmm_add_vcpu(vm);
	show_resolved(vm, 0xffff0000, 0xfff0, high + 0xfffffff0 - HIGH_GPA);
	show_resolved(vm, 0, 0x8000, low + 0x8000);
	show_resolved(vm, 0x10000, 0x1234, low + 0x11234);
	show_resolved(vm, 0x500000, 0, NULL);
	say("Each hva is the slot's mmap() address plus the offset in the slot.");
	say("Nothing is mapped yet: knowing where a page is does not give it to the guest.");
	code("exit.c exit_unmapped() -> memslot.c gfn_to_hva() -> gfn_to_memslot()");
	value("pages of the slots in memory", "%d", resident(low, LOW_SIZE / PAGE) +
	      resident(high, HIGH_SIZE / PAGE));
}

/* Ask for a slot and say what came back; 0 or an errno is wanted. */
static void try_slot(struct vmm *vm, const char *what, int want, unsigned int id, uint64_t gpa,
		     size_t size, void *hva, uint32_t flags)
{
	int error = -vmm_set_slot(vm, id, flags, gpa, size, hva);

	value(what, "%s", error ? strerrorname_np(error) : "done");
	check(error == want, "%s answers %s", what, want ? strerrorname_np(want) : "success");
}

static void show_refused(struct vmm *vm)
{
	step("What is refused");
	try_slot(vm, "overlaps slot 0", EEXIST, 2, LOW_SIZE - PAGE, 2 * PAGE, low, 0);
	try_slot(vm, "inside slot 0", EEXIST, 2, PAGE, PAGE, low, 0);
	try_slot(vm, "address not of a page", EINVAL, 2, LOW_SIZE + 1, PAGE, low, 0);
	try_slot(vm, "size not of pages", EINVAL, 2, LOW_SIZE, PAGE + 1, low, 0);
	try_slot(vm, "hva not of a page", EINVAL, 2, LOW_SIZE, PAGE, low + 1, 0);
	try_slot(vm, "wraps around", EINVAL, 2, -PAGE, 2 * PAGE, low, 0);
	try_slot(vm, "huge: 2^31 pages", EINVAL, 2, LOW_SIZE, PAGE << 31, low, 0);
	try_slot(vm, "empty, and not there to delete", EINVAL, 2, LOW_SIZE, 0, low, 0);
	try_slot(vm, "the kernel's memory", EINVAL, 2, LOW_SIZE, PAGE, (void *)~0xffful, 0);
	try_slot(vm, "slot number 4096", EINVAL, 4096, LOW_SIZE, PAGE, low, 0);
	try_slot(vm, "slot 0 with another size", EINVAL, 0, 0, LOW_SIZE - PAGE, low, 0);
	try_slot(vm, "slot 0 with another hva", EINVAL, 0, 0, LOW_SIZE, high, 0);
	try_slot(vm, "logging of writes (chapter 3)", EINVAL, 0, 0, LOW_SIZE, low,
		 KVM_MEM_LOG_DIRTY_PAGES);
	say("The slots are as before:");
	show_slots(vm);
	code("memslot.c region_is_sane(), slot_overlaps()");
}

static void show_changes(struct vmm *vm)
{
	step("What may change: a slot is added beside, moved, and deleted");
	try_slot(vm, "slot 2 right behind slot 0", 0, 2, LOW_SIZE, PAGE, high, 0);
	show_resolved(vm, LOW_SIZE, 0x10, high + 0x10);
	try_slot(vm, "slot 2 moved to gpa 0x800000", 0, 2, 0x800000, PAGE, high, 0);
	show_resolved(vm, LOW_SIZE, 0x10, NULL);
	show_resolved(vm, 0x800000, 0x10, high + 0x10);
	try_slot(vm, "slot 2 deleted (size 0)", 0, 2, 0x800000, 0, high, 0);
	show_resolved(vm, 0x800000, 0x10, NULL);
	code("memslot.c change_slot(), delete_slot()");
}

int main(void)
{
	struct vmm *vm = vmm_create(NULL);

	show_lend(vm);
	show_lookup(vm);
	show_refused(vm);
	show_changes(vm);
	vmm_destroy(vm);
	return demo_end();
}

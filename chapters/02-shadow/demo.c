// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 2: guests run, in every mode of the architecture; their pages are
 * pinned, so the host frees none of them; and whoever wants to unmap a slot must
 * drop all there is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../demo.h"

#define MEMORY		(4 * MEBI)
#define WORK_PAGES	((MEMORY - ABI_FREE) / PAGE)

#define REAL_SEGMENT	0x1000		/* of the first page that the real mode guest works on */
#define REAL_PAGES	112

/* real.S; it is copied to ABI_CODE */
extern const char real_text[], real_text_end[];

static char said[256];	/* the guest's last line */

static void keep_line(struct vmm_vcpu *vcpu, const char *line)
{
	(void)vcpu;
	snprintf(said, sizeof(said), "%s", line);
}

static void show_figures(struct vmm *vm, const char *mode, const char *text, int pages)
{
	long long fixed = stat_of(vm, "faults_fixed"), set = stat_of(vm, "sptes_set");
	long long shadow_pages = stat_of(vm, "shadow_pages");
	struct dbgfs_audit found = audit(vm);

	printf("     %-12s %7lld %9lld %7lld %7lld   %s\n", mode, stat_of(vm, "faults"), set,
	       shadow_pages, leaf_sptes(vm), text);
	check(fixed == set, "%s: each fault that was fixed has set one spte", mode);
	check(leaf_sptes(vm) >= pages, "%s: each page that was written is mapped", mode);
	check(set >= leaf_sptes(vm), "%s: each leaf spte was set by a fault", mode);
	check(shadow_pages > 0, "%s: there are shadow pages", mode);
	check(stat_of(vm, "pages_pinned") == leaf_sptes(vm), "%s: each spte pins its page", mode);
	check(!found.rmap_errors && !found.role_errors, "%s: the audit finds nothing", mode);
}

static void run_real(void)
{
	char *memory = guest_memory(MEBI);
	struct vmm *vm = vmm_create(NULL);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_regs regs;
	int i, wrong = 0;
	char text[80];

	vmm_map_memory(vm, 0, MEBI, memory, 0);
	vmm_set_mode(vcpu, VMM_REAL, ABI_CODE);
	vmm_get_regs(vcpu, &regs);
	regs.rbx = REAL_SEGMENT;
	regs.rcx = REAL_PAGES;
	vmm_set_regs(vcpu, &regs);
	vmm_run_bytes(vcpu, ABI_CODE, real_text, real_text_end - real_text);
	vmm_get_regs(vcpu, &regs);
	for (i = 0; i < REAL_PAGES; i++)
		wrong += *(uint16_t *)(memory + REAL_SEGMENT * 16 + i * PAGE) !=
			 REAL_SEGMENT + i * 0x100;
	snprintf(text, sizeof(text), "%d words written and checked, %d wrong", REAL_PAGES,
		 (int)(uint16_t)regs.rax);
	check(vcpu->stop == VMM_HLT && !(uint16_t)regs.rax, "the guest read what it wrote");
	check(!wrong, "so did we, in the same memory");
	show_figures(vm, vmm_mode_name(VMM_REAL), text, REAL_PAGES);
	vmm_destroy(vm);
	munmap(memory, MEBI);
}

static void run_words(enum vmm_mode mode)
{
	const char *program = vmm_mode_bits(mode) == 64 ? "/kvmswap/guests/words64.bin" :
			      "/kvmswap/guests/words32.bin";
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = vmm_create(NULL);
	struct guest_params *params;
	struct vmm_vcpu *vcpu;
	char how[160];

	vmm_map_memory(vm, 0, MEMORY, memory, 0);
	vmm_load(vm, program, ABI_CODE);
	params = vmm_params(vm, mode, 1);
	params->passes = 1;
	params->words = 4;
	params->seed = 1;
	params->work_base = ABI_FREE;
	params->work_size = WORK_PAGES * PAGE;
	vcpu = vmm_add_vcpu(vm);
	vcpu->on_text = keep_line;
	vmm_set_mode(vcpu, mode, ABI_CODE);
	said[0] = 0;
	vmm_run(vcpu);
	vmm_describe_stop(vcpu, how, sizeof(how));
	check(vcpu->stop == VMM_EXIT && !vcpu->status, "%s: the guest is content (it said: %s)",
	      vmm_mode_name(mode), how);
	show_figures(vm, vmm_mode_name(mode), said, WORK_PAGES);
	vmm_destroy(vm);
	munmap(memory, MEMORY);
}

static void show_modes(void)
{
	enum vmm_mode mode;

	step("Guests run in every mode of the architecture, over %lu pages each (real: %d)",
	     WORK_PAGES, REAL_PAGES);
	printf("     %-12s %7s %9s %7s %7s\n", "", "", "", "shadow", "leaf");
	printf("     %-12s %7s %9s %7s %7s   %s\n", "mode", "faults", "sptes set", "pages",
	       "sptes", "the guest says");
	run_real();
	for (mode = VMM_PROT32; mode < VMM_NR_MODES; mode++)
		run_words(mode);
	say("There are more faults than leaf sptes, since a page that is read first and written");
	say("later faults twice: the read maps it read-only, so that the first write comes to us,");
	say("and we can set the guest's dirty bit.");
	code("fault.c page_fault() -> walk.c walk_guest()");
	code("fault.c map_page() -> root.c shadow_walk(), spte.c set_spte()");
}

/* The same memory before, while and after its pages are pinned. */
static void show_pinned(void)
{
	int pages = WORK_PAGES, half = pages / 2;
	char *memory = guest_memory(MEMORY), *work = memory + ABI_FREE;
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);
	long long written;
	int wrong, i;

	step("The host wants the guest's pages back");
	reclaim_begin();
	for (i = 0; i < pages; i++)
		*(uint32_t *)(work + i * PAGE) = 0x5000 + i;
	wrong = guest_wrong(vm, ABI_FREE, half, 0x5000);
	value("pages that we wrote", "%d, in memory: %d", pages, resident(work, pages));
	value("pages that the guest has read", "%d, wrong words: %d", half, wrong);
	value("pages pinned by sptes", "%lld (with the guest's code)", stat_of(vm, "pages_pinned"));
	check(!wrong, "the guest reads what we wrote");
	check(stat_of(vm, "pages_pinned") >= half, "each page that the guest has read is pinned");

	say("MADV_PAGEOUT on all %d:", pages);
	written = reclaim(work, pages);
	value("written to the swap disk", "%lld pages", written);
	value("still in memory", "%d of the %d that the guest has mapped", resident(work, half),
	      half);
	value("", "%d of the %d that it has not", resident(work + half * PAGE, pages - half),
	      pages - half);
	check(resident(work, half) == half, "the host frees none of the pages that sptes hold");
	check(!resident(work + half * PAGE, pages - half), "the host frees the others");
	say("The host has taken away its own entries (VmSwap is %lld KiB), but a page with a",
	    swapped_kib());
	say("reference on it cannot be freed, nor written to the disk.");
	code("fault.c map_page(): the spte keeps the reference; notifier.h sptes_pin_pages()");

	say("The VM is closed, and MADV_PAGEOUT again:");
	vmm_destroy(vm);
	written = reclaim(work, pages);
	value("written to the swap disk", "%lld pages", written);
	value("still in memory", "%d of %d", resident(work, pages), pages);
	check(!resident(work, pages), "nothing holds them any more");
	code("vm.c vm_free() -> shadow.c mmu_destroy_vm() -> spte.c drop_spte()");
	for (wrong = i = 0; i < pages; i++)
		wrong += *(uint32_t *)(work + i * PAGE) != (uint32_t)(0x5000 + i);
	value("we read them back", "%d pages, %d wrong", pages, wrong);
	check(!wrong, "swap has kept them");
	munmap(memory, MEMORY);
}

int main(void)
{
	show_modes();
	show_slot_delete();
	say("There is no way to find the sptes of one slot: chapter 3 makes one.");
	code("memslot.c replace_slot() -> rmap.h unmap_slot() -> shadow.c zap_all_shadow_pages()");
	show_pinned();
	return demo_end();
}

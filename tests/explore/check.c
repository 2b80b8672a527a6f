// SPDX-License-Identifier: GPL-2.0
/*
 * check.c - what must hold, by the numbers of docs/invariants.rst: in each state (1) no
 * spte, and no translation that a CPU may still use (5), for a frame that is free, or for
 * another one than the host has there, unless a section is under way that will take it
 * away; (2) sptes and rmap chains agree whenever mmu_lock is free. At the end all of it
 * without exception, no word lost that the guest wrote, and nothing left behind. The
 * machine itself checks more on the way (cpu.c, lock.c, page.c).
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "memslot.h"
#include "mm.h"
#include "notifier.h"
#include "rmap.h"
#include "slot_lookup.h"
#include "spte.h"
#include "vcpu.h"
#include "world.h"

#ifndef CONFIG_KVMSWAP_NOTIFIER
#error "before chapter 4 there is no host's door to explore"
#endif

static bool at_the_end;

static struct memslot *slot_of(gfn_t gfn)
{
	struct memslot *slot;
	int i;

	for_each_slot(i, slot, world.vm)
		if (gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages)
			return slot;
	return NULL;
}

/* Who has this frame for this gfn: may they? */
static void check_translation(const char *who, gfn_t gfn, u64 pfn, bool write)
{
	struct memslot *slot = slot_of(gfn);
	unsigned long hva;
	pte_t pte;

	host_check(!host_page_is_free(pfn), "%s maps gfn %#llx to frame %#llx, which is free", who,
		   gfn, pfn);
	host_check(slot, "%s maps gfn %#llx, which is in no slot", who, gfn);
	hva = memslot_hva(slot, gfn);
	pte = host_mm.pte[host_index(hva)];
	if (pte_present(pte) && pte_pfn(pte) == pfn && (!write || pte_write(pte)))
		return;
	host_check(!at_the_end && host_in_section(hva),
		   "%s is stale: gfn %#llx is frame %#llx%s, and the host has %#llx%s there", who,
		   gfn, pfn, write ? " to write" : "", pte_present(pte) ? pte_pfn(pte) : 0,
		   pte_write(pte) ? " to write" : "");
}

static int on_chain(gfn_t gfn, const u64 *sptep)
{
	const struct rmap_head *rmapp = gfn_to_rmap(slot_of(gfn), gfn);
	const u64 *other;
	int n = 0;

	for (other = rmap_next(rmapp, NULL); other; other = rmap_next(rmapp, other))
		n += other == sptep;
	return n;
}

/* Each leaf spte is on its chain, and there is nothing else on any. */
static void check_sptes(void)
{
	bool quiet = !world.vm->mmu_lock.dep.written;
	struct memslot *slot;
	struct shadow_page *sp;
	int i, sptes = 0, chained = 0;
	const u64 *sptep;
	gfn_t gfn;

	list_for_each_entry(sp, &world.vm->shadow.pages, link) {
		for (i = 0; sp->role.level == 1 && i < SPTES_PER_PAGE; i++) {
			u64 spte = sp->spt[i];

			if (!(spte & SPTE_PRESENT))
				continue;
			sptes++;
			check_translation("an spte", sp->gfns[i], spte_pfn(spte),
					  spte & SPTE_WRITABLE);
			if (!quiet)
				continue;
			host_check(pfn_to_page(spte_pfn(spte))->dirty || !(spte & SPTE_WRITABLE),
				   "a writable spte's page is not dirty");
			host_check(on_chain(sp->gfns[i], &sp->spt[i]) == 1,
				   "an spte of gfn %#llx is not once on its chain", sp->gfns[i]);
		}
	}
	if (!quiet)
		return;
	for_each_slot(i, slot, world.vm)
		for (gfn = slot->base_gfn; gfn < slot->base_gfn + slot->npages; gfn++)
			for (sptep = rmap_next(gfn_to_rmap(slot, gfn), NULL); sptep;
			     sptep = rmap_next(gfn_to_rmap(slot, gfn), sptep))
				chained++;
	host_check(sptes == chained, "%d sptes, and %d on chains", sptes, chained);
}

static void check_cached(struct vcpu *vcpu, gva_t gva, u64 pfn, bool write)
{
	(void)vcpu;
	check_translation("a TLB", world_gfn(gva), pfn, write);
}

/** world_check() - what holds in each state. */
void world_check(void)
{
	check_sptes();
	cpus_visit_cached(check_cached);
}

/* ---- when all is over ---- */

static void check_words(void)
{
	unsigned long hva = host_hva(world.moved ? ELSEWHERE : THE_PAGE);
	const u64 *words;
	int i;

	if (!host_mm.user[host_index(hva)].mapped)
		return;
	words = host_contents(hva);
	for (i = 0; i < VCPUS; i++)
		host_check(words[i] == (world.wrote[i] ? i + 1 : 0) ||
			   (engine->scenario->may & LOSES_DATA && !words[i]),
			   "vCPU %d wrote %d, and the process reads %llu", i,
			   world.wrote[i] ? i + 1 : 0, words[i]);
}

static bool page_is_mapped(void)
{
	struct memslot *slot;
	gfn_t gfn;
	int i;

	for_each_slot(i, slot, world.vm)
		for (gfn = slot->base_gfn; gfn < slot->base_gfn + slot->npages; gfn++)
			if (memslot_hva(slot, gfn) == host_hva(THE_PAGE) &&
			    rmap_next(gfn_to_rmap(slot, gfn), NULL))
				return true;
	return false;
}

/* The VM goes, as vm_free() does it. */
static void free_world(void)
{
	struct vm *vm = world.vm;
	int i;

	for (i = 0; i < VCPUS; i++)
		cpu_exit(world.vcpu[i]);
	notifier_unregister(vm);
	for (i = 0; i < VCPUS; i++)
		mmu_destroy(world.vcpu[i]);
	mmu_destroy_vm(vm);
	host_check(atomic64_read(&vm->stats.sptes_set) == atomic64_read(&vm->stats.sptes_cleared),
		   "sptes are left");
	for (i = 0; i < VCPUS; i++) {
		cpu_detach(world.vcpu[i]);
		free_page((unsigned long)world.vcpu[i]->mmu.pae_root);
		kfree(world.vcpu[i]);
	}
	free_memslots(vm);
	slots_destroy(vm);
	kvfree(vm);
	machine_stop();
}

/** world_check_end() - what holds when every CPU is done. Nothing is left of the world. */
void world_check_end(void)
{
	at_the_end = true;
	world_check();
	check_words();
	if (world.used && page_is_mapped() && IS_ENABLED(CONFIG_KVMSWAP_AGE))
		host_check(host_test_young(host_hva(THE_PAGE)),
			   "the guest used a page, and the host is not told");
	free_world();
}

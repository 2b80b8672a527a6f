// SPDX-License-Identifier: GPL-2.0
/*
 * cpu.c - CPUs in guest mode. They walk the shadow tables as hardware does, and
 * keep all they have ever seen, translations and tables on the way, until they are
 * told to flush: the worst that a real TLB may do. A page that is freed while one
 * of them could still use it fails the test, and that is invariant 5.
 *
 * A vCPU enters and leaves guest mode as in the module's run loop.
 */
#include <linux/mm.h>
#include <linux/smp.h>

#include "machine.h"
#include "spte.h"

#ifndef TLB_ENTRIES
#define TLB_ENTRIES 128
#endif

/* What is seen of one entry, and of all above it together. */
struct cached {
	bool valid;
	u64 number;		/* gva without the bits below the entry's reach */
	u64 pfn;
	u64 bits;		/* SPTE_WRITABLE, SPTE_USER, SPTE_NX; inverted NX is not needed */
};

static struct cpu {
	struct vcpu *vcpu;
	bool inside;		/* in the guest, with all requests done */
	hpa_t root;
	struct cached page[TLB_ENTRIES];	/* 4 KiB translations */
	struct cached table[TLB_ENTRIES];	/* the last table on the way, by 2 MiB */
	unsigned int next_page, next_table;
	unsigned long seen[HOST_PAGES / BITS_PER_LONG];
} cpus[KVMSWAP_MAX_VCPUS];

static u64 first_pfn;
int host_ipis host_noted;
bool host_lose_ipis;

void cpus_reset(void)
{
	memset(cpus, 0, sizeof(cpus));
}

/** cpu_attach() - a vCPU runs on the CPU of its own number. */
void cpu_attach(struct vcpu *vcpu)
{
	cpus[vcpu->id].vcpu = vcpu;
}

static void flush(struct cpu *cpu)
{
	struct vcpu *vcpu = cpu->vcpu;
	hpa_t root = cpu->root;
	bool inside = cpu->inside;

	memset(cpu, 0, sizeof(*cpu));
	cpu->vcpu = vcpu;
	cpu->inside = inside;
	cpu->root = root;
}

/** cpu_detach() - the vCPU goes. */
void cpu_detach(struct vcpu *vcpu)
{
	flush(&cpus[vcpu->id]);
	cpus[vcpu->id].vcpu = NULL;
}

/* The requests, as the run loop does them: false if it must look again. */
static bool do_requests(struct vcpu *vcpu)
{
	struct cpu *cpu = &cpus[vcpu->id];

	if (test_and_clear_bit(REQ_TLB_FLUSH, &vcpu->requests) ||
	    cpu->root != vcpu->mmu.root_hpa) {
		flush(cpu);
		cpu->root = vcpu->mmu.root_hpa;
	}
	host_touches(host_bit(REQ_MMU_SYNC, &vcpu->requests), false);
	return !READ_ONCE(vcpu->requests);
}

/**
 * cpu_enter() - enter the guest.
 *
 * Return: 0 in guest mode; else what mmu_load() says.
 */
int cpu_enter(struct vcpu *vcpu)
{
	int ret;

	do {
		if (vcpu->mode != OUTSIDE_GUEST_MODE)
			cpu_exit(vcpu);
		if (test_and_clear_bit(REQ_MMU_SYNC, &vcpu->requests))
			mmu_unload(vcpu);
		ret = mmu_load(vcpu);
		if (ret)
			return ret;
		vcpu->cpu = vcpu->id;
		WRITE_ONCE(vcpu->mode, IN_GUEST_MODE);
	} while (!do_requests(vcpu));
	cpus[vcpu->id].inside = true;
	return 0;
}

/** cpu_exit() - leave the guest; what was seen stays seen. */
void cpu_exit(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->mode, OUTSIDE_GUEST_MODE);
	cpus[vcpu->id].inside = false;
}

/* Where others come in between, it may have left by itself since the sender looked. */
static bool has_left(const struct vcpu *vcpu)
{
#ifdef HOST_STEPS
	return vcpu->mode != IN_GUEST_MODE;
#else
	host_check(vcpu && vcpu->mode == IN_GUEST_MODE, "the CPU is not in a guest");
	return false;
#endif
}

/* Nobody else comes in between: who sends requests holds mmu_lock, as the sender does. */
static void interrupted(struct vcpu *vcpu)
{
	struct cpu *cpu = &cpus[vcpu->id];

	host_touches(&vcpu->mode, true);
	host_touches(host_bit(REQ_TLB_FLUSH, &vcpu->requests), true);
	host_touches(host_bit(REQ_MMU_SYNC, &vcpu->requests), false);
	if (test_bit(REQ_MMU_SYNC, &vcpu->requests)) {
		vcpu->mode = OUTSIDE_GUEST_MODE;
		cpu->inside = false;
	} else if (host_test_and_clear_bit(REQ_TLB_FLUSH, &vcpu->requests)) {
		flush(cpu);
	}
}

/*
 * The interrupt: out of the guest, and back at once if the run loop has all it
 * needs for that, before the sender goes on.
 */
void smp_call_function_many(const struct cpumask *mask, void (*function)(void *info), void *info,
			    bool wait)
{
	int i;

	host_check(wait, "the sender does not wait for the CPUs to leave the guest");
	for (i = 0; i < KVMSWAP_MAX_VCPUS; i++) {
		struct vcpu *vcpu = cpus[i].vcpu;

		if (!test_bit(i, mask->bits))
			continue;
		host_step(__func__, "interrupts", "a CPU", NULL, true);
		host_ipis++;
		if (has_left(vcpu))
			continue;
		if (!host_lose_ipis) {
			function(info);
			interrupted(vcpu);
		}
	}
}

static unsigned long *seen_word(struct cpu *cpu, u64 pfn, unsigned long *bit)
{
	if (!first_pfn)
		for (first_pfn = 1; !host_pfn_valid(first_pfn); first_pfn++)
			;
	*bit = BIT((pfn - first_pfn) % BITS_PER_LONG);
	return &cpu->seen[(pfn - first_pfn) / BITS_PER_LONG];
}

static void see(struct cpu *cpu, u64 pfn)
{
	unsigned long bit, *word;

	host_check(host_pfn_valid(pfn), "an spte names frame %#llx", pfn);
	host_check(!host_page_is_free(pfn), "the CPU uses a free page, frame %#llx", pfn);
	word = seen_word(cpu, pfn, &bit);
	*word |= bit;
}

/** cpus_check_freed() - a page is being freed: can any CPU still use it? */
void cpus_check_freed(u64 pfn)
{
	unsigned long bit, *word;
	int i;

	for (i = 0; i < KVMSWAP_MAX_VCPUS; i++) {
		struct vcpu *vcpu = cpus[i].vcpu;

		word = seen_word(&cpus[i], pfn, &bit);
		if (!vcpu || !(*word & bit))
			continue;
		/* Outside, with a flush to do before it enters again: it cannot. */
		host_check(!cpus[i].inside && test_bit(REQ_TLB_FLUSH, &vcpu->requests),
			   "frame %#llx is freed, and CPU %d can still use it", pfn, i);
	}
}

static struct cached *lookup(struct cached *cache, u64 number)
{
	int i;

	for (i = 0; i < TLB_ENTRIES; i++)
		if (cache[i].valid && cache[i].number == number)
			return &cache[i];
	return NULL;
}

static void remember(struct cached *cache, unsigned int *next, u64 number, u64 pfn, u64 bits)
{
	struct cached *entry = lookup(cache, number);

	if (!entry)
		entry = &cache[(*next)++ % TLB_ENTRIES];
	*entry = (struct cached){ true, number, pfn, bits };
}

/* Of two levels: W and U only if both allow it, NX if one forbids. */
static u64 both(u64 upper, u64 lower)
{
	return (upper & lower & (SPTE_WRITABLE | SPTE_USER)) | ((upper | lower) & SPTE_NX);
}

/* What is wrong with the access, as a #PF error code; 0 for nothing. */
static u32 refused(u64 bits, u32 access)
{
	if (((access & PFERR_WRITE) && !(bits & SPTE_WRITABLE)) ||
	    ((access & PFERR_USER) && !(bits & SPTE_USER)) ||
	    ((access & PFERR_FETCH) && (bits & SPTE_NX)))
		return access | PFERR_PRESENT;
	return 0;
}

/* Read one entry of a table as the CPU does; 0 if it is not present. */
static u64 read_entry(struct cpu *cpu, u64 table_pfn, gva_t gva, int level, u32 access)
{
	u64 *table = __va(table_pfn << PAGE_SHIFT);
	u64 *entry = &table[(gva >> (PAGE_SHIFT + 9 * (level - 1))) & 511];

	host_touches(entry, false);
	see(cpu, table_pfn);
	if (!(*entry & SPTE_PRESENT))
		return 0;
	/* Of a table A is always set: nobody asks for it, and to set it would be a write. */
	host_check(level == 1 || (*entry & SPTE_ACCESSED), "an entry without A: %#llx", *entry);
	host_check(!(*entry & ~(SPTE_FRAME | SPTE_PRESENT | SPTE_WRITABLE | SPTE_USER |
				SPTE_ACCESSED | SPTE_DIRTY | SPTE_NX)),
		   "an entry with a strange bit: %#llx", *entry);
	return *entry;
}

/* The access succeeds: A, and D if it is a write, as the CPU walks; a hit sets neither. */
static void set_bits(struct cpu *cpu, u64 table_pfn, gva_t gva, u32 access)
{
	u64 *table = __va(table_pfn << PAGE_SHIFT);

	host_touches(&table[(gva >> PAGE_SHIFT) & 511], true);
	table[(gva >> PAGE_SHIFT) & 511] |= SPTE_ACCESSED |
					    (access & PFERR_WRITE ? SPTE_DIRTY : 0);
}

/* From the last table on the way to the page. */
static u32 walk_last(struct cpu *cpu, gva_t gva, u32 access, const struct cached *table, u64 *pfn)
{
	u64 entry = read_entry(cpu, table->pfn, gva, 1, access);
	u64 bits = both(table->bits, entry);
	u32 error = refused(bits, access);

	if (!entry)
		return access | BIT(31);	/* not present: P is 0, but there is a #PF */
	if (error)
		return error;
	set_bits(cpu, table->pfn, gva, access);
	*pfn = spte_pfn(entry);
	see(cpu, *pfn);
	remember(cpu->page, &cpu->next_page, gva >> PAGE_SHIFT, *pfn, bits);
	return 0;
}

static u32 walk_all(struct cpu *cpu, gva_t gva, u32 access, u64 *pfn)
{
	struct vcpu *vcpu = cpu->vcpu;
	struct cached at = { .bits = SPTE_WRITABLE | SPTE_USER };
	int level = 4;

	at.pfn = spte_pfn(cpu->root);
	if (!is_long_mode(vcpu)) {
		u64 *pdpt = __va(cpu->root);
		u64 pdpte = pdpt[(gva >> 30) & 3];

		host_check(gva <= 0xffffffff, "a 32-bit guest at %#lx", gva);
		if (!(pdpte & SPTE_PRESENT))
			return access | BIT(31);
		host_check(!(pdpte & ~(SPTE_FRAME | SPTE_PRESENT)), "a strange PDPTE: %#llx",
			   pdpte);
		at.pfn = spte_pfn(pdpte);
		level = 2;
	}
	for (; level > 1; level--) {
		u64 entry = read_entry(cpu, at.pfn, gva, level, access);

		if (!entry)
			return access | BIT(31);
		at.bits = both(at.bits, entry);
		at.pfn = spte_pfn(entry);
	}
	remember(cpu->table, &cpu->next_table, gva >> 21, at.pfn, at.bits);
	return walk_last(cpu, gva, access, &at, pfn);
}

/**
 * cpu_translate() - the guest touches an address; its vCPU is in guest mode.
 * @vcpu: the vCPU.
 * @gva: the address.
 * @access: PFERR_WRITE, PFERR_USER, PFERR_FETCH.
 * @pfn: set to the frame that it gets to.
 *
 * Return: 0, or what comes with the #PF exit: an error code, never 0, with bit 31
 * set where the code itself might be.
 */
u32 cpu_translate(struct vcpu *vcpu, gva_t gva, u32 access, u64 *pfn)
{
	struct cpu *cpu = &cpus[vcpu->id];
	struct cached *hit;
	u32 error;

	host_check(vcpu->mode == IN_GUEST_MODE, "vCPU %d is not in guest mode", vcpu->id);
	hit = lookup(cpu->page, gva >> PAGE_SHIFT);
	if (hit && !refused(hit->bits, access)) {
		host_check(!host_page_is_free(hit->pfn), "a free page in the TLB: frame %#llx",
			   hit->pfn);
		*pfn = hit->pfn;
		return 0;
	}
	hit = lookup(cpu->table, gva >> 21);
	if (hit && !walk_last(cpu, gva, access, hit, pfn))
		return 0;
	error = walk_all(cpu, gva, access, pfn);
	/* A #PF makes the CPU forget what it knew of the address. */
	hit = lookup(cpu->page, gva >> PAGE_SHIFT);
	if (error && hit)
		hit->valid = false;
	return error;
}

/** cpu_caches() - is there a translation of this address in the CPU's TLB? */
bool cpu_caches(const struct vcpu *vcpu, gva_t gva)
{
	return lookup(cpus[vcpu->id].page, gva >> PAGE_SHIFT);
}

/**
 * cpus_visit_cached() - visit all translations that a CPU has and may still use: it is in
 * the guest, or need not flush before it enters again.
 */
void cpus_visit_cached(void (*visit)(struct vcpu *vcpu, gva_t gva, u64 pfn, bool write))
{
	int i, j;

	for (i = 0; i < KVMSWAP_MAX_VCPUS; i++) {
		struct vcpu *vcpu = cpus[i].vcpu;

		if (!vcpu || (!cpus[i].inside && test_bit(REQ_TLB_FLUSH, &vcpu->requests)))
			continue;
		for (j = 0; j < TLB_ENTRIES; j++)
			if (cpus[i].page[j].valid)
				visit(vcpu, cpus[i].page[j].number << PAGE_SHIFT,
				      cpus[i].page[j].pfn, cpus[i].page[j].bits & SPTE_WRITABLE);
	}
}

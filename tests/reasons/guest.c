// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c - the guest of a row: one vCPU that fills and checks, one that goes on
 * touching while the host acts, and the audit around both. The contracts are in
 * reasons.h, the guest's instructions in guest-text.S.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reasons.h"

#define OWN_MEMORY (4ul << 20)	/* tables, code and the toucher's figures, at address 0 */
#define TOUCH_LIMIT 20		/* seconds for a round */

extern const char guest_text[], guest_text_fill[], guest_text_check[], guest_text_touch[],
		  guest_text_look[], guest_text_store[], guest_text_end[];

static const char *const figure_names[NR_FIGURES] = {
	[UNMAPPED] = "sptes_unmapped", [SET] = "sptes_set", [CALLS] = "invalidations",
	[RETRIED] = "faults_retried", [FLUSHES] = "tlb_flushes",
};

static uint64_t mask_of(uint64_t key)
{
	return key == ZEROS ? 0 : key == SAME ? PAGE - 1 : ~0ull;
}

static uint64_t word_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ull;	/* zero for ZEROS */
}

uint64_t pattern(uint64_t key, uint64_t offset)
{
	return word_of(key) + ((SLOT_GPA + offset) & mask_of(key));
}

void host_fill(char *hva, int first, int pages, uint64_t key)
{
	uint64_t at;

	for (at = first * PAGE; at < (first + pages) * PAGE; at += 8)
		if (at % PAGE != PAGE - 8)
			*(uint64_t *)(hva + at) = pattern(key, at);
}

long long host_wrong(const char *hva, int first, int pages, uint64_t key)
{
	long long wrong = 0;
	uint64_t at;

	for (at = first * PAGE; at < (first + pages) * PAGE; at += 8)
		if (at % PAGE != PAGE - 8)
			wrong += *(const volatile uint64_t *)(hva + at) != pattern(key, at);
	return wrong;
}

struct guest *guest_create(void *hva)
{
	struct guest *g = calloc(1, sizeof(*g));
	size_t len = guest_text_end - guest_text;

	g->hva = hva;
	g->vm = vmm_create(device);
	vmm_add_memory(g->vm, 0, OWN_MEMORY);
	vmm_map_memory(g->vm, SLOT_GPA, SIZE, hva, 0);
	memcpy(vmm_hva(g->vm, ABI_CODE, len), guest_text, len);
	g->toucher = vmm_hva(g->vm, ABI_FREE, sizeof(*g->toucher));
	g->worker = vmm_add_vcpu(g->vm);
	g->other = vmm_add_vcpu(g->vm);
	vmm_set_mode(g->worker, VMM_LONG_1G, ABI_CODE);
	vmm_set_mode(g->other, VMM_LONG_1G, ABI_CODE);
	g->other->retry_efault = true;
	return g;
}

static void prepare(struct vmm_vcpu *vcpu, const char *text, int first, int pages, uint64_t key)
{
	struct kvm_regs regs = {
		.rip = ABI_CODE + (text - guest_text),
		.rflags = 2,
		.rdi = SLOT_GPA + first * PAGE,
		.rsi = pages,
		.rdx = word_of(key),
		.rcx = mask_of(key),
		.r12 = ABI_FREE,
	};

	vmm_set_regs(vcpu, &regs);
}

static long long work(struct guest *g, const char *text, int first, int pages, uint64_t key)
{
	struct kvm_regs regs;
	char how[160];

	prepare(g->worker, text, first, pages, key);
	if (vmm_run(g->worker) != VMM_HLT) {
		vmm_describe_stop(g->worker, how, sizeof(how));
		vmm_get_regs(g->worker, &regs);
		fail("the guest stopped with \"%s\", at page %lld of the slot", how,
		     ((long long)regs.rdi - (long long)SLOT_GPA) / (long long)PAGE);
	}
	vmm_get_regs(g->worker, &regs);
	return regs.rbx;
}

void guest_fill(struct guest *g, int first, int pages, uint64_t key)
{
	work(g, guest_text_fill, first, pages, key);
}

void guest_check(struct guest *g, int first, int pages, uint64_t key)
{
	result->wrong += work(g, guest_text_check, first, pages, key);
	result->checked += pages * 511ll;
}

int guest_try(struct guest *g, int first, int pages, uint64_t key)
{
	prepare(g->worker, guest_text_check, first, pages, key);
	return vmm_run(g->worker) == VMM_ERRNO ? g->worker->error : 0;
}

/* ---- the toucher ---- */

void guest_touch(struct guest *g, int first, int pages, enum touch how)
{
	static const char *const texts[] = {
		[TOUCH] = guest_text_touch, [TOUCH_LOST] = guest_text_touch,
		[LOOK] = guest_text_look, [STORE] = guest_text_store,
	};

	g->toucher->loses = how == TOUCH_LOST;
	prepare(g->other, texts[how], first, pages, how == LOOK ? SAME : ZEROS);
	vmm_start(g->other);
	guest_touched(g, 1);
}

void guest_touched(struct guest *g, int rounds)
{
	uint64_t until = g->toucher->rounds + rounds;
	double limit = seconds() + TOUCH_LIMIT;

	while (g->toucher->rounds < until) {
		if (seconds() > limit)
			fail("the second vCPU does not get on: %llu rounds, %llu EFAULTs",
			     (unsigned long long)g->toucher->rounds,
			     (unsigned long long)g->other->efaults);
		usleep(500);
	}
}

long long guest_untouch(struct guest *g)
{
	char how[160];

	vmm_kick(g->other);
	if (vmm_join(g->other) != VMM_KICKED) {
		vmm_describe_stop(g->other, how, sizeof(how));
		fail("the second vCPU stopped with \"%s\"", how);
	}
	result->wrong += g->toucher->wrong;
	g->toucher->wrong = 0;
	return g->other->efaults;
}

/* ---- figures and the audit ---- */

static void take_figures(struct guest *g, long long *figures)
{
	int i;

	for (i = 0; i < NR_FIGURES; i++)
		figures[i] = is_stock() ? -1 : dbgfs_stat(g->vm, figure_names[i]);
	if (!is_stock() && figures[0] < 0)
		fail("no figures of the VM in debugfs");
}

void guest_begin(struct guest *g)
{
	take_figures(g, g->before);
}

void guest_end(struct guest *g, long long unmapped)
{
	int i;

	guest_audit(g);
	take_figures(g, result->figures);
	if (is_stock())
		return;
	for (i = 0; i < NR_FIGURES; i++)
		result->figures[i] -= g->before[i];
	if (result->figures[UNMAPPED] < unmapped)
		fail("%lld sptes were unmapped, at least %lld are expected",
		     result->figures[UNMAPPED], unmapped);
}

void guest_audit(struct guest *g)
{
	struct dbgfs_audit audit;

	if (is_stock())
		return;
	if (!dbgfs_audit(g->vm, &audit))
		fail("no audit of the VM in debugfs");
	if (audit.stale_sptes > result->stale)
		result->stale = audit.stale_sptes;
	if (audit.rmap_errors || audit.role_errors || audit.pinned_pages)
		fail("audit: rmap %lld role %lld pinned %lld: %s", audit.rmap_errors,
		     audit.role_errors, audit.pinned_pages, audit.detail);
}

void guest_destroy(struct guest *g)
{
	guest_audit(g);
	vmm_destroy(g->vm);
	free(g);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine.h - a machine in user space, small enough to see all of: physical pages
 * (page.c), one process with a page table and a swap (mm.c), locks that are checked
 * (lock.c), an allocator that can fail (alloc.c), and CPUs that run guests with
 * TLBs that forget nothing by themselves (cpu.c).
 *
 * The module's MMU files run on it as they are; include/linux has the kernel's
 * headers, as far as they need them. The tests play both the guest and the host.
 */
#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H

#include "kvmswap.h"
#include "pause.h"
#include "walk.h"

/* ---- the whole (machine.c) ---- */

void machine_start(void);
void machine_stop(void);

/* Whatever happens behind the back of the code under test, on another CPU. */
struct host_hook {
	void (*run)(void *data);
	void *data;
};

extern struct host_hook host_pause[NR_PAUSE_POINTS];	/* at a pause point, once */
extern struct host_hook host_before_cmpxchg;	/* of user memory, once */
extern struct host_hook host_resched;		/* where cond_resched_lock() lets go, once */
extern struct host_hook host_contends;		/* where we take host_contended, once */
extern struct host_lock *host_contended;
extern struct host_hook host_waits;		/* where we would wait for others, each time */
extern struct host_hook host_section_begun;	/* mm.c: the host has called, changed nothing */
extern struct host_hook host_section_ends;	/* mm.c: it has changed its entries, not called */
void host_run_hook(struct host_hook *hook);
void host_arm_pause(enum pause_point point, void (*run)(void *data), void *data);

void *host_param(const char *name);

/* ---- locks (lock.c) ---- */

#define HOST_MAX_HELD 16

struct host_context {
	struct host_lock *held[HOST_MAX_HELD];
	int nr;
	int non_block;		/* it must not sleep, whatever it holds */
	int no_faults;		/* pagefault_disable(), so many times */
};

void host_other_context(struct host_context *mine);
void host_own_context(const struct host_context *mine);
void host_locks_reset(void);
int host_locks_held(void);
const struct host_context *host_context_now(void);
void host_disable_faults(bool start);
bool host_faults_disabled(void);

/* ---- other CPUs, which may have to wait (wait.c) ---- */

void host_lock_ready(struct host_lock *lock, bool write, const char *where);
void host_start_other(void (*run)(void *data), void *data);
int host_others_go_on(void);
bool host_in_other(void);
void __attribute__((noreturn)) host_other_fails(const char *why);
void host_others_start(void);
void host_others_stop(void);

/* ---- the allocator (alloc.c) ---- */

/* The n-th allocation from now on fails, once; 0 for none. */
extern unsigned int host_fail_allocation;
extern long host_objects;		/* allocated now */
bool host_allocation_fails(void);

/* ---- physical pages (page.c) ---- */

#ifndef HOST_PAGES
#define HOST_PAGES 4096
#endif

struct page *host_alloc_page(void);
struct page *host_zero_page(void);
void host_pages_reset(void);
int host_pages_used(void);
bool host_page_is_free(u64 pfn);
bool host_pfn_valid(u64 pfn);

/* ---- the process (mm.c) ---- */

#define HOST_USER_BASE	0x7f0000000000UL
#ifndef HOST_USER_PAGES
#define HOST_USER_PAGES	2048
#endif

/* struct host_user_page - what the process has at one page of its address space. */
struct host_user_page {
	bool mapped;		/* mmap() was called */
	bool writable;		/* with PROT_WRITE */
	bool shared;		/* with a child: a write makes a copy */
	void *swap;		/* its contents, while in swap and nowhere else */
	struct page *cache;	/* in swap, and still in memory: someone holds the page */
	bool poisoned;		/* its memory is broken */
};

extern struct mm_struct host_mm;

static inline unsigned long host_hva(unsigned int page)
{
	return HOST_USER_BASE + page * PAGE_SIZE;
}

void host_mm_start(void);
void host_mm_exit(void);
void host_mm_stop(void);

/* What a process, or the host for it, may do; @hva names a page. */
void host_mmap(unsigned long hva, unsigned int n, bool writable);
void host_munmap(unsigned long hva, unsigned int n);
void host_dontneed(unsigned long hva, unsigned int n);
void host_mremap(unsigned long from, unsigned long to, unsigned int n);
void host_mprotect(unsigned long hva, unsigned int n, bool writable);
bool host_swap_out(unsigned long hva);
bool host_reclaim_cache(unsigned long hva);
bool host_write_protect(unsigned long hva);
bool host_replace(unsigned long hva);
bool host_present(unsigned long hva);

/* Look at memory wherever it is, and move nothing; write as the process would. */
const void *host_contents(unsigned long hva);
u64 host_peek(unsigned long hva);
void host_poke(unsigned long hva, u64 value);
u64 host_user_pfn(unsigned long hva);
bool host_pfn_to_hva(u64 pfn, unsigned long *hva);

/* ---- who is told (notify.c) ---- */

struct mmu_notifier_range host_range(unsigned long start, unsigned long end);
void host_section_start(const struct mmu_notifier_range *range);
void host_section_end(const struct mmu_notifier_range *range, bool only_end);
void host_invalidate(unsigned long start, unsigned long end);
bool host_clear_flush_young(unsigned long hva);
bool host_clear_young(unsigned long start, unsigned long end);
bool host_test_young(unsigned long hva);
bool host_in_section(unsigned long hva);
extern int host_intervals;	/* inserted, and not removed */

/* ---- CPUs that run guests (cpu.c) ---- */

int cpu_enter(struct vcpu *vcpu);
void cpu_exit(struct vcpu *vcpu);
u32 cpu_translate(struct vcpu *vcpu, gva_t gva, u32 access, u64 *pfn);
bool cpu_caches(const struct vcpu *vcpu, gva_t gva);
void cpus_reset(void);
void cpus_check_freed(u64 pfn);
void cpus_visit_cached(void (*visit)(struct vcpu *vcpu, gva_t gva, u64 pfn, bool write));
void cpu_attach(struct vcpu *vcpu);
void cpu_detach(struct vcpu *vcpu);

extern int host_ipis;		/* interrupts sent */
extern bool host_lose_ipis;	/* a broken machine, to see that it is noticed */

/* ---- the VM, without its files (vm.c) ---- */

struct vm *host_new_vm(void);
struct vcpu *host_new_vcpu(struct vm *vm, int id);

#endif

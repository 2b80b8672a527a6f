/* SPDX-License-Identifier: GPL-2.0 */
/*
 * demo.h - what the chapters' demos share: how they print, how they check what
 * they print, and a guest in 64-bit mode that reads and writes words on demand.
 *
 * A demo prints only what it measured. What it claims, it checks; a claim that
 * does not hold is printed as WRONG and makes the demo fail.
 *
 * Next: NN-name/demo.c, one for each chapter; ../code/vmm/libvmm.h, which they use.
 */
#ifndef CHAPTERS_DEMO_H
#define CHAPTERS_DEMO_H

#include "../code/vmm/libvmm.h"

#define PAGE	4096ul
#define MEBI	(1024 * 1024ul)

/* ---- demo.c: printing and checking ---- */

/** step() - the next numbered headline: what is about to happen. */
void step(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** say() - an indented line: what it means. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** value() - an indented line: the name of something measured, and what it was. */
void value(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** code() - an indented line: where in the module this happened. */
void code(const char *place);
/** check() - if @ok is false, print the claim as WRONG; the demo will fail. */
void check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** demo_end() - the exit status: 0 if every check() was true. */
int demo_end(void);

/* ---- demo.c: what is measured ---- */

/** stat_of() - a figure of the VM's debugfs "stats"; ends the demo if there is none. */
long long stat_of(const struct vmm *vm, const char *name);
/** leaf_sptes() - how many leaf sptes the VM has now: the audit counts them. */
long long leaf_sptes(const struct vmm *vm);
/** audit() - run the audit; ends the demo if there is none. */
struct dbgfs_audit audit(const struct vmm *vm);
/** resident() - how many of @pages from @hva are in memory, mapped or not: mincore(). */
int resident(const void *hva, int pages);
/** frame_of() - the frame that this process maps at @hva, by its pagemap; 0 if none. */
uint64_t frame_of(const void *hva);
/** swapped_kib() - KiB of this process that are swapped out: VmSwap. */
long long swapped_kib(void);
/** is_protocol() - was the module loaded with protocol=@name? Before chapter 8: no. */
bool is_protocol(const char *name);

/* ---- reclaim.c: the host wants pages back ---- */

/** reclaim_begin() - put this process into a cgroup that can be told to reclaim. */
void reclaim_begin(void);
/**
 * reclaim() - MADV_PAGEOUT on @pages from @hva, then let the cgroup free what has been
 * written. What the host may free is free when this returns.
 *
 * Return: pages written to the swap disk meanwhile.
 */
long long reclaim(void *hva, int pages);

/** reclaim_down_to() - have the cgroup give back what it has above @pages. */
void reclaim_down_to(long pages);

/* ---- guest.c: a guest that does what it is told ---- */

/**
 * guest_memory() - memory for a guest, in small pages, that outlives the VM.
 * @size: bytes
 */
void *guest_memory(size_t size);

/**
 * guest_create() - a VM with one vCPU in 64-bit mode.
 * @mode: VMM_LONG: 4 KiB pages map slot 0; VMM_LONG_1G: the first GiB is mapped
 * @memory: from guest_memory(); becomes slot 0, at address 0
 * @size: its size in bytes
 */
struct vmm *guest_create(enum vmm_mode mode, void *memory, size_t size);

/** guest_pte() - the guest's own entry that maps @gva, in VMM_LONG. */
uint64_t *guest_pte(struct vmm *vm, uint64_t gva);

/** guest_read() - the guest reads the word at @gva, and tells it. */
uint32_t guest_read(struct vmm *vm, uint64_t gva);
/** guest_start_read() - the same on a thread of its own; guest_end_read() waits for it. */
void guest_start_read(struct vmm *vm, uint64_t gva);
uint32_t guest_end_read(struct vmm *vm);
/** guest_write() - the guest writes @word, @word + 1, ... into @pages from @gva, one each. */
void guest_write(struct vmm *vm, uint64_t gva, int pages, uint32_t word);
/** guest_wrong() - the guest reads them; returns how many are not what was written. */
int guest_wrong(struct vmm *vm, uint64_t gva, int pages, uint32_t word);

/* ---- slots.c: chapters 2 and 3 do the same and differ in what it costs ---- */

/** show_slot_delete() - delete one of two slots: which sptes are dropped? */
void show_slot_delete(void);

#endif

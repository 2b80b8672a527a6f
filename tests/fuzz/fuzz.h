/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fuzz.h - what the parts of the fuzzer share. A round is one process that does
 * hostile things to the device for a moment; round.c starts it and looks afterwards at
 * what may not be broken or left. All that a round does follows from its choices, and
 * they come from a seed (main.c) or from an engine's input (engine.c).
 *
 * There are two kinds of round: threads that call ioctls (calls.c), and guests that run
 * nonsense (guests.c); under both, another thread may take the memory away (memory.c).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "../../code/vmm/libvmm.h"

#define PAGE 4096ul
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FUZZ_DEBUGFS "/sys/kernel/debug/kvmswap"

/* ---- source.c: choices ---- */

/** struct source - where choices come from: a seed, without end, or some bytes. */
struct source {
	uint64_t state;
	const uint8_t *bytes;	/* NULL: the seed */
	size_t left;
};

/** source_seed() - choices that follow from @seed, and from @part of the same seed. */
void source_seed(struct source *s, uint64_t seed, unsigned int part);
/** source_bytes() - choices read off @len bytes; they are all 0 after the last. */
void source_bytes(struct source *s, const uint8_t *bytes, size_t len);
/** source_ends() - no more bytes. */
bool source_ends(const struct source *s);
/** choose() - a number below @below, which is not 0. */
uint32_t choose(struct source *s, uint32_t below);
/** choose_one_in() - true once in @n times; never when there are no more bytes. */
bool choose_one_in(struct source *s, uint32_t n);
/** choose_word() - any 64-bit number. */
uint64_t choose_word(struct source *s);
/** choose_number() - a number of the kind that is looked at too little: edges, one bit. */
uint64_t choose_number(struct source *s);
/** choose_fill() - @len bytes; an engine's input gives the first 64 of them. */
void choose_fill(struct source *s, void *to, size_t len);

/* ---- tally.c: what was done, counted for all processes ---- */

/** enum counter - what is counted. */
enum counter {
	COUNT_IOCTLS, COUNT_GUESTS, COUNT_RUNS, COUNT_EXITS_TO_USER, COUNT_KICKS,
	COUNT_MEMORY_OPS, COUNT_AUDITS, COUNT_FORKS, COUNT_ROUNDS,
	NR_COUNTERS
};

void tally_init(void);
void tally(enum counter counter);
long tally_get(enum counter counter);
/** tally_ioctl() - an ioctl has ended. @result: as of ioctl(2); @error: errno. */
void tally_ioctl(unsigned int cmd, int result, int error);
/** tally_ended() - a guest came to its end; @how: of the names in tally.c. */
enum ended { ENDED_IO, ENDED_MMIO, ENDED_HLT, ENDED_SHUTDOWN, ENDED_FAIL_ENTRY,
	     ENDED_INTERNAL_ERROR, ENDED_TIME, ENDED_FAULT, ENDED_OTHER, NR_ENDED };
void tally_ended(enum ended how);
/** tally_mode() - a guest of this mode was run. */
void tally_mode(enum vmm_mode mode);
void tally_memory(int op, const char *name, bool done);
/** tally_print() - the figures so far, some lines. */
void tally_print(void);
/** tally_gaps() - what was tried and never succeeded; prints each. Return: how many. */
int tally_gaps(void);

/* ---- watch.c: each call under a watchdog ---- */

#define MAX_CALLERS 8
#define CALLER_MEMORY 6	/* the thread that takes memory away */
#define CALLER_MAIN 7
/* for what hangs, and not for a busy machine */
#define HANG_S (40 * vmm_slowness())
#define STATUS_HANG 3
#define STATUS_FAILED 4

/** run_ms - a guest that does not stop by itself is stopped after this. */
extern int run_ms;
/** watch_on_enter - called by each thread that calls watch_enter(), or NULL. */
extern void (*watch_on_enter)(int n);
/** watch_start() - from now on calls that do not come back end the process. */
void watch_start(void);
void watch_stop(void);
/** watch_enter() - this thread is caller @n, from 0. */
void watch_enter(int n);
/** call() - ioctl() by this thread, watched, KVM_RUN ended after run_ms, counted. */
int call(int fd, unsigned long cmd, void *arg);
/** failed() - the module did what it may not: say so, end the process. */
void failed(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- clear.c: what QEMU does not stand ---- */

void clear_of_qemu_code(uint8_t *bytes, size_t len, int bits);
void clear_of_qemu_sregs(struct kvm_sregs *sregs);

/* ---- memory.c: the process' memory that guests get ---- */

/*
 * At an address where nothing else of the process comes to lie, so that a hole in it
 * stays one: a guest must never get at the fuzzer's own memory. The heap of a static program
 * begins anywhere in the GiB after the program, all else is above 2^46.
 */
#define ARENA (1ul << 40)
#define GUEST_SIZE (4ul << 20)			/* guest memory from gpa 0 on */
#define ARENA_SIZE (2 * GUEST_SIZE)		/* and as much again, for other slots */

/** memory_reset() - fresh zeroed private memory in all of the arena, and an empty file. */
void memory_reset(void);
/** memory_write() - into the arena, at @offset; false where no memory is just now. */
bool memory_write(size_t offset, const void *from, size_t len);
bool memory_read(size_t offset, void *to, size_t len);
/** memory_op() - one thing that a host may do to a part of the arena. */
void memory_op(struct source *s);
/** memory_stir() - make KSM and khugepaged busy. */
void memory_stir(void);

/* ---- modes.c: a vCPU in each mode, as a picture of registers and memory ---- */

#define NR_TABLE_PAGES 8

struct picture {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	uint8_t low[0x2000];			/* at ABI_GDT: GDT and IDT */
	uint8_t tables[NR_TABLE_PAGES * PAGE];	/* at ABI_TABLES */
};

extern struct picture pictures[VMM_NR_MODES];
/** pictures_init() - make them, on a VM of its own. */
void pictures_init(const char *device);

/* ---- code.c, guests.c, calls.c ---- */

/** code_random() - @len bytes of code for a guest of @bits: noise or instructions. */
void code_random(struct source *s, uint8_t *code, size_t len, int bits);
/** image_random() - a hostile guest's memory, into the arena. */
void image_random(struct source *s, enum vmm_mode mode);
/** state_random() - its registers; often those of the picture. */
void state_random(struct source *s, enum vmm_mode mode, struct kvm_sregs *sregs,
		  struct kvm_regs *regs);
/** run_exits - exits to user space of the last run_to_end() of this thread. */
extern __thread int run_exits;
/** run_compared - nothing that depends on time or on how much is done at a time. */
extern bool run_compared;
/** run_to_end() - enter until it stops or its time is over. */
enum ended run_to_end(struct source *s, int fd, struct kvm_run *run);

#define ROUND_THREADS 4
/** round_calls(), round_guests() - a round's work; @s: a source for each thread. */
void round_calls(struct source *s, const char *device);
void round_guests(struct source *s, const char *device);

/* ---- round.c ---- */

/** struct round - what follows from the seed or the input. */
struct round {
	const char *device;
	const char *name;		/* "seed 17", for messages */
	bool guests;			/* the kind */
	bool audit_always;
	bool brief;			/* no good guest afterwards */
	struct source sources[ROUND_THREADS];
};

/** round_run() - in a process of its own. Return: the number of faults, each printed. */
int round_run(const struct round *round);
/** round_open_log() - complaints of the kernel count from now on. */
void round_open_log(void);
/** round_check() - nothing broken, nothing left, a known-good guest runs. */
int round_check(const struct round *round);
/** audit_all() - the audit of each VM of process @pid; failed() if it finds anything. */
void audit_all(int pid);

/** now() - seconds, for limits. */
double now(void);

#endif

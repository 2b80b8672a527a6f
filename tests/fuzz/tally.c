// SPDX-License-Identifier: GPL-2.0
/*
 * tally.c - figures: what was called and how it ended, in memory that all processes of
 * the fuzzer share. The contracts are in fuzz.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"

#define MAX_MEMORY_OPS 32
#define TRIES 20		/* of what the kernel may refuse now and then */

/* What the device knows; a run in which one of it never succeeded has not tested much. */
static const struct {
	unsigned int cmd;
	const char *name;
} known[] = {
#define KNOWN(cmd) { (unsigned int)(cmd), #cmd }
	KNOWN(KVM_GET_API_VERSION), KNOWN(KVM_CREATE_VM), KNOWN(KVM_CHECK_EXTENSION),
	KNOWN(KVM_GET_VCPU_MMAP_SIZE), KNOWN(KVM_GET_SUPPORTED_CPUID), KNOWN(KVM_CREATE_VCPU),
	KNOWN(KVM_SET_USER_MEMORY_REGION), KNOWN(KVM_SET_MEMORY_REGION),
	KNOWN(KVM_GET_DIRTY_LOG), KNOWN(KVM_RUN), KNOWN(KVM_GET_REGS), KNOWN(KVM_SET_REGS),
	KNOWN(KVM_GET_SREGS), KNOWN(KVM_SET_SREGS), KNOWN(KVM_GET_FPU), KNOWN(KVM_SET_FPU),
	KNOWN(KVM_TRANSLATE), KNOWN(KVM_INTERRUPT), KNOWN(KVM_SET_CPUID2),
	KNOWN(KVM_SET_SIGNAL_MASK),
};

#define OTHER COUNT(known)

static const char *const ended_names[NR_ENDED] = {
	[ENDED_IO] = "io", [ENDED_MMIO] = "mmio", [ENDED_HLT] = "hlt",
	[ENDED_SHUTDOWN] = "shutdown", [ENDED_FAIL_ENTRY] = "fail-entry",
	[ENDED_INTERNAL_ERROR] = "internal-error", [ENDED_TIME] = "time", [ENDED_FAULT] = "fault",
	[ENDED_OTHER] = "other",
};

static struct {
	long counters[NR_COUNTERS];
	struct {
		long good, bad;
	} ioctls[COUNT(known) + 1];
	long ended[NR_ENDED];
	long modes[VMM_NR_MODES];
	struct {
		char name[16];
		long good, bad;
	} memory[MAX_MEMORY_OPS];
} *sheet;

static void add(long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void tally_init(void)
{
	sheet = mmap(NULL, sizeof(*sheet), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (sheet == MAP_FAILED)
		vmm_die("memory for figures");
}

void tally(enum counter counter)
{
	add(&sheet->counters[counter]);
}

long tally_get(enum counter counter)
{
	return __atomic_load_n(&sheet->counters[counter], __ATOMIC_RELAXED);
}

void tally_ioctl(unsigned int cmd, int result, int error)
{
	size_t i;

	for (i = 0; i < COUNT(known) && known[i].cmd != cmd; i++)
		;
	tally(COUNT_IOCTLS);
	/* a guest that was interrupted ran */
	if (result >= 0 || (cmd == KVM_RUN && error == EINTR))
		add(&sheet->ioctls[i].good);
	else
		add(&sheet->ioctls[i].bad);
	if (cmd == KVM_RUN)
		tally(COUNT_RUNS);
}

void tally_ended(enum ended how)
{
	add(&sheet->ended[how]);
}

void tally_mode(enum vmm_mode mode)
{
	tally(COUNT_GUESTS);
	add(&sheet->modes[mode]);
}

void tally_memory(int op, const char *name, bool done)
{
	tally(COUNT_MEMORY_OPS);
	strncpy(sheet->memory[op].name, name, sizeof(sheet->memory[op].name) - 1);
	add(done ? &sheet->memory[op].good : &sheet->memory[op].bad);
}

void tally_print(void)
{
	size_t i;

	/* checkpatch(SPLIT_STRING): a line of figures */
	printf("%ld rounds, %ld ioctls, %ld guests, %ld times KVM_RUN, %ld exits to user space, "
	       "%ld memory operations, %ld forks, %ld audits\n",
	       tally_get(COUNT_ROUNDS), tally_get(COUNT_IOCTLS), tally_get(COUNT_GUESTS),
	       tally_get(COUNT_RUNS), tally_get(COUNT_EXITS_TO_USER), tally_get(COUNT_MEMORY_OPS),
	       tally_get(COUNT_FORKS), tally_get(COUNT_AUDITS));
	printf("ioctls, good/refused:");
	for (i = 0; i <= COUNT(known); i++)
		printf(" %s %ld/%ld", i == OTHER ? "others" : known[i].name + 4,
		       sheet->ioctls[i].good, sheet->ioctls[i].bad);
	printf("\nguests:");
	for (i = 0; i < VMM_NR_MODES; i++)
		printf(" %s %ld", vmm_mode_name(i), sheet->modes[i]);
	printf("\nended by:");
	for (i = 0; i < NR_ENDED; i++)
		printf(" %s %ld", ended_names[i], sheet->ended[i]);
	printf("\nmemory, done/refused:");
	for (i = 0; i < MAX_MEMORY_OPS && *sheet->memory[i].name; i++)
		printf(" %s %ld/%ld", sheet->memory[i].name, sheet->memory[i].good,
		       sheet->memory[i].bad);
	printf("\n");
}

int tally_gaps(void)
{
	int gaps = 0;
	size_t i;

	for (i = 0; i < COUNT(known); i++)
		if (!sheet->ioctls[i].good) {
			printf("FAILED: %s never succeeded\n", known[i].name);
			gaps++;
		}
	for (i = 0; i < VMM_NR_MODES; i++)
		if (!sheet->modes[i]) {
			printf("FAILED: no guest in mode %s\n", vmm_mode_name(i));
			gaps++;
		}
	for (i = 0; i < MAX_MEMORY_OPS && *sheet->memory[i].name; i++)
		if (!sheet->memory[i].good && sheet->memory[i].bad >= TRIES) {
			printf("FAILED: %s of memory was never done\n", sheet->memory[i].name);
			gaps++;
		}
	return gaps;
}

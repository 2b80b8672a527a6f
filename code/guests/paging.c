// SPDX-License-Identifier: GPL-2.0
/*
 * paging.c - the guest is its own operating system and looks at every rule of paging
 * that it can see. One program for each format (LEVELS 2, 3, 4); the parts are
 * paging-access.c, paging-change.c and paging-shape.c. A second vCPU shares the tables.
 */
#include "seen.h"

unsigned int failures;

static const char *verdict(bool good)
{
	failures += !good;
	return good ? "" : " WRONG";
}

void check(const char *what, bool good)
{
	print("%s:%s\n", what, good ? " ok" : verdict(false));
}

void check_word(const char *what, uint32_t found, uint32_t want)
{
	print("%s: %x%s\n", what, found, verdict(found == want));
}

static void print_fault(const char *what, bool good)
{
	struct fault *fault = last_fault();

	if (fault->vector == NO_FAULT)
		print("%s: no fault%s\n", what, verdict(good));
	else if (fault->vector == VECTOR_PF)
		print("%s: #PF error %x cr2 %lx%s\n", what, fault->error, fault->cr2,
		      verdict(good));
	else
		print("%s: vector %u error %x%s\n", what, fault->vector, fault->error,
		      verdict(good));
	forget_fault();
}

void worked(const char *what, bool ok)
{
	print_fault(what, ok && last_fault()->vector == NO_FAULT);
}

void faulted(const char *what, bool ok, unsigned int error, word cr2)
{
	struct fault *fault = last_fault();

	print_fault(what, !ok && fault->vector == VECTOR_PF && fault->error == error &&
		    fault->cr2 == cr2);
}

void gp(const char *what, bool ok)
{
	struct fault *fault = last_fault();

	print_fault(what, !ok && fault->vector == VECTOR_GP && !fault->error);
}

void bits(const char *what, pte_t entry, pte_t want)
{
	print("%s: A %u D %u%s\n", what, !!(entry & A), !!(entry & D),
	      verdict((entry & (A | D)) == want));
}

word user_read(word address)
{
	uint32_t value;

	return try_read(address, &value);
}

word user_write(word address)
{
	return try_write(address, 0x75736572);
}

word user_exec(word address)
{
	return try_exec(address);
}

uint32_t read_word(word address)
{
	uint32_t value;

	worked("read", try_read(address, &value));
	return value;
}

/* 0: before cpu_init() of vCPU 0; 1: the IDT is there. */
static volatile unsigned int ready;

unsigned int guest_main(unsigned int vcpu, const struct guest_params *params)
{
	if (vcpu == 0) {
		cpu_init(vcpu);
		write_cr0(read_cr0() | CR0_WP);
		entry(WINDOW, 1);	/* the tables above are there from now on */
		entry(LARGE, 1);
		flush_all();
		ready = 1;
		test_present();
		test_permissions();
		test_accessed_dirty();
		test_reserved();
		test_changes();
		test_large();
		test_self_map();
	} else {
		while (!ready)
			cpu_relax();
		cpu_init(vcpu);
		write_cr0(read_cr0() | CR0_WP);
		flush_all();
	}
	if (params->vcpus > 1)
		test_together(vcpu, params->vcpus);
	if (vcpu == 0)
		print("%u checks failed\n", failures);
	return failures != 0;
}

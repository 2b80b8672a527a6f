/* SPDX-License-Identifier: GPL-2.0 */
/*
 * world.h - one VM with two vCPUs on the machine of code/host, what its CPUs do in a
 * scenario, and what must hold whatever the order in which they do it.
 */
#ifndef EXPLORE_WORLD_H
#define EXPLORE_WORLD_H

#include "engine.h"
#include "machine.h"

#define VCPUS		2
#define GUEST_PAGES	8	/* of slot 0: guest frame n is the process' page n */
#define THE_PAGE	3	/* the process' page that everything is about */
#define ELSEWHERE	20	/* where mremap() moves it */
#define OLD_WORD	77	/* what is in it at first, behind the vCPUs' own words */

/* What a scenario may do to the guest's page, beside moving and copying it. */
enum {
	LOSES_DATA	= 1,	/* what was written may be zeros again */
	LOSES_MEMORY	= 2,	/* there may be no memory any more */
	LOSES_SLOT	= 4,	/* the guest may have no memory there any more */
};

struct scenario {
	const char *name;
	const char *what;		/* for the book's table */
	void (*prepare)(void);		/* or NULL */
	int may;
	struct {
		const char *name;
		void (*run)(void);
	} cpu[MAX_CPUS];
};

extern const struct scenario scenarios[];
extern const int nr_scenarios;

/* What happened so far. */
struct world {
	struct vm *vm;
	struct vcpu *vcpu[VCPUS];
	bool paging;			/* the guest has tables: see world_gfn() */
	bool wrote[VCPUS];		/* its word is in the page */
	bool moved;			/* the page is at ELSEWHERE */
	bool used;			/* ... by the guest, since the host last asked */
};

extern struct world world;

void world_begin(const struct scenario *scenario, unsigned int cpus);
void world_check(void);
void world_check_end(void);
const void *world_stats(void);
size_t world_stats_size(void);
const char *world_cpu_name(int cpu);
gfn_t world_gfn(gva_t gva);
void guest_uses(int id, gva_t gva, bool write);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reasons.h - every reason for which the host takes a page from a guest, one row of a
 * table each. A row sets up a slot of the right kind, lets the guest write a pattern
 * over it, has the host do what the row is about while another vCPU goes on
 * touching the slot, and lets the guest check every word. What the host did is looked up
 * on the host, and what the sptes did in debugfs: a row whose reason did not in truth
 * happen fails.
 *
 * main.c runs each row in a process of its own; guest.c is the guest, host.c looks
 * things up; the rows are in the other files, a file for each family of reasons.
 */
#ifndef REASONS_H
#define REASONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../code/vmm/libvmm.h"

#define PAGE	4096ul
#define PAGES	1024		/* of a slot */
#define SIZE	(PAGES * PAGE)
#define QUARTER	(PAGES / 4)
#define HUGE	(512 * PAGE)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- main.c: a row, and what came out of it ---- */

/** enum figure - the figures of debugfs that the table has. */
enum figure { UNMAPPED, SET, CALLS, RETRIED, FLUSHES, NR_FIGURES };

/** struct result - a row's result, in memory that its process shares with main.c. */
struct result {
	bool done;
	bool expected_failure;	/* unsound or refused by nature, and seen to be */
	long long checked;	/* words */
	long long wrong;	/* words */
	long long stale;	/* sptes, the most that an audit found; -1: not asked */
	long long figures[NR_FIGURES];	/* over the host's action; -1: there are none */
	char effect[256];	/* what was seen on the host */
	char failure[512];	/* empty: good */
};

/** struct row - one reason. */
struct row {
	const char *name;
	const char *what;	/* one phrase: what the host does */
	void (*run)(void);
	unsigned int timeout;	/* seconds, 0: the usual */
	bool kvmswap_only;	/* needs what stock KVM does not have */
};

struct family {
	const struct row *rows;
	size_t count;
};

extern const struct family swap_family, drop_family, copy_family, huge_family, move_family,
	poison_family, file_family, uffd_family, end_family, stale_family;

/** protocol - "seqlock", "range", "interval", or "stock". */
extern const char *protocol;
/** kernel - its version, as 601 for 6.1. */
extern int kernel;
/** device - its path. */
extern const char *device;
/** result - of the row that runs. */
extern struct result *result;

/** is_stock() - this is stock KVM: no debugfs. */
bool is_stock(void);
/** fail() - the row is not good: say why, end its process. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/** effect() - add to the text of what was seen on the host; if not @ok the row fails. */
void effect(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** failed_as_expected() - the row has shown the failure that it is there for. */
void failed_as_expected(void);

/* ---- guest.c: the guest ---- */

/** struct toucher - what the second vCPU tells, in the guest's memory. */
struct toucher {
	volatile uint64_t rounds;
	volatile uint64_t wrong;	/* words */
	volatile uint64_t loses;	/* words are meant to get lost: nothing is wrong */
	volatile uint64_t word;		/* for guest_text_store */
};

struct guest {
	struct vmm *vm;
	char *hva;			/* of the slot */
	struct vmm_vcpu *worker;	/* does what it is told, and halts */
	struct vmm_vcpu *other;		/* the toucher */
	struct toucher *toucher;
	long long before[NR_FIGURES];
};

#define SLOT_GPA 0x800000ul

/** enum touch - what the second vCPU does to its pages, round and round. */
enum touch {
	TOUCH,		/* write the round's number, having read the last round's */
	TOUCH_LOST,	/* ... but what is read may be anything */
	LOOK,		/* read */
	STORE,		/* write toucher->word, unless it is 0, to one page */
};

/** guest_create() - a VM with two vCPUs, and [@hva, @hva + SIZE) as its slot. */
struct guest *guest_create(void *hva);
/** guest_fill() - the guest writes the pattern of @key over @pages from page @first on. */
void guest_fill(struct guest *g, int first, int pages, uint64_t key);
/** guest_check() - it reads them; what is not the pattern is a wrong word of the row. */
void guest_check(struct guest *g, int first, int pages, uint64_t key);
/** guest_try() - guest_check() that counts nothing and answers with errno of KVM_RUN. */
int guest_try(struct guest *g, int first, int pages, uint64_t key);

/* Keys are small numbers; two of them have another mask. */
#define ZEROS	0		/* each word is zero */
#define SAME	1		/* all pages are alike */

/** guest_touch() - the second vCPU begins; it has been around once when this returns. */
void guest_touch(struct guest *g, int first, int pages, enum touch how);
/** guest_touched() - wait until it has been around @rounds times more. */
void guest_touched(struct guest *g, int rounds);
/** guest_untouch() - it stops; what it found wrong is the row's. Returns its EFAULTs. */
long long guest_untouch(struct guest *g);

/** guest_begin() - the host's action begins: take the figures. */
void guest_begin(struct guest *g);
/**
 * guest_end() - the host's action is over: audit, take the figures again.
 * @unmapped: at least so many sptes must have been unmapped
 */
void guest_end(struct guest *g, long long unmapped);
/** guest_audit() - count stale sptes now, with the guest running. */
void guest_audit(struct guest *g);
/** guest_destroy() - the last audit; any other broken invariant fails the row. */
void guest_destroy(struct guest *g);

/** pattern() - the word at byte @offset of the slot. */
uint64_t pattern(uint64_t key, uint64_t offset);
/** host_fill(), host_wrong() - as the guest's, done by a process with the slot at @hva. */
void host_fill(char *hva, int first, int pages, uint64_t key);
long long host_wrong(const char *hva, int first, int pages, uint64_t key);

/* ---- host.c: the host ---- */

/** anonymous() - SIZE bytes of private memory in small pages, aligned to 2 MiB. */
char *anonymous(void);
/** aligned_hole() - SIZE bytes of addresses where nothing is, aligned to 2 MiB. */
char *aligned_hole(void);
/** map_file() - SIZE bytes of @fd; @flags: MAP_SHARED or MAP_PRIVATE. */
char *map_file(int fd, int flags);
/** memory_file() - a file of SIZE bytes in memory; @flags: of memfd_create(). */
int memory_file(unsigned int flags);

/** vmstat() - a figure of /proc/vmstat. */
long long vmstat(const char *name);
/** number_in() - the number in a file that holds nothing else. */
long long number_in(const char *path);
/** set_file() - write @text to @path, or fail the row. */
void set_file(const char *path, const char *text);
/** smaps_kib() - KiB that /proc/self/smaps has as @name for the mapping at @hva. */
long long smaps_kib(const void *hva, const char *name);
/**
 * empty_queues() - a new page waits in a queue of the CPU that made it before it is on a
 * list from which the host takes pages: put all of them on their lists. move_pages()
 * begins with that, whatever it is asked to move.
 */
void empty_queues(void);
/** swapped() - how many of @pages from @hva on are swapped out, by the pagemap. */
int swapped(const char *hva, int pages);
/** take_frames() - the frames of @pages from @hva on, by the pagemap; 0: none. */
void take_frames(const char *hva, int pages, uint64_t *frames);
/** frames_moved() - how many have another frame, or none, than in @before. */
int frames_moved(const char *hva, int pages, const uint64_t *before);
/** frames_flagged() - how many frames have @bit set in /proc/kpageflags. */
int frames_flagged(const char *hva, int pages, int bit);
/** on_node() - how many of @pages from @hva on are on node @node. */
int on_node(const char *hva, int pages, int node);
/** prefer_node() - this thread's new pages come from node @node; -1: from where it runs. */
void prefer_node(int node);
/** run_on() - this thread, and those that it starts, run on @cpu alone. */
void run_on(int cpu);
/** move_to_node() - move_pages() of all @pages to @node, until all are there or 10 s over. */
void move_to_node(char *hva, int pages, int node);
/** log_has() - has the kernel's log a line with @text? */
bool log_has(const char *text);
/** seconds() - a clock. */
double seconds(void);
/** enter_cgroup() - this process enters a fresh cgroup of its own; @path: its folder. */
void enter_cgroup(long long max, char *path, size_t size);
/** leave_cgroup() - process @pid has ended: remove its cgroup, if it had one. */
void leave_cgroup(pid_t pid);
/** set_cgroup() - write @text to @file of a cgroup, or fail the row. */
void set_cgroup(const char *path, const char *file, const char *text);

#endif

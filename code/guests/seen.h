/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seen.h - how the paging programs say what they saw: each line names the access, what
 * came of it, and WRONG where that is not what the architecture promises. The tests
 * of the parts paging-*.c use it.
 */
#ifndef SEEN_H
#define SEEN_H

#include "tables.h"

#define WINDOW	0x40000000ul	/* where the tests map pages; nothing else is there */
#define LARGE	0x80000000ul	/* the same for large pages */

extern unsigned int failures;

/** check() - a line "what: ok" or "what: WRONG". */
void check(const char *what, bool good);
/** check_word() - a line with the word that was read. */
void check_word(const char *what, uint32_t found, uint32_t want);
/** worked() - an access that must not fault. @ok: what try_*() said */
void worked(const char *what, bool ok);
/** faulted() - an access that must have met #PF with this error code and CR2. */
void faulted(const char *what, bool ok, unsigned int error, word cr2);
/** gp() - an access that must have met #GP(0). */
void gp(const char *what, bool ok);
/** bits() - a line with the A and D bits of an entry. */
void bits(const char *what, pte_t entry, pte_t want);

/* For in_user_mode(): try_*() in ring 3. */
word user_read(word address);
word user_write(word address);
word user_exec(word address);

/** read_word() - a word that must be readable. */
uint32_t read_word(word address);

/* The parts. */
void test_present(void);
void test_permissions(void);
void test_accessed_dirty(void);
void test_reserved(void);
void test_changes(void);
void test_large(void);
void test_self_map(void);
void test_together(unsigned int vcpu, unsigned int vcpus);

#endif

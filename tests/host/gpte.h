/* SPDX-License-Identifier: GPL-2.0 */
/* gpte.h - the bits of a guest's entry, short, as tables in tests need them. */
#ifndef TEST_GPTE_H
#define TEST_GPTE_H

#define P	1ULL
#define W	2ULL
#define U	4ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define G	0x100ULL
#define NX	(1ULL << 63)
#define PWU	(P | W | U)

#endif

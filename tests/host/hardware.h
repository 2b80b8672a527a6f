/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hardware.h - what the hardware may do to an spte while the module changes it: between
 * any two instructions of the module its D bit, and three bits that mean nothing, change.
 */
#ifndef TEST_HARDWARE_H
#define TEST_HARDWARE_H

#include "spte.h"

/* D, and the three bits that the hardware leaves to us: 16 states before one comes again. */
#define HARDWARE_BITS (SPTE_DIRTY | 7ULL << 9)

void hardware_start(u64 *sptep, u64 ours);
unsigned int hardware_stop(void);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* history.h - every value that each word of the process' memory has had, and when. */
#ifndef TEST_HISTORY_H
#define TEST_HISTORY_H

#include <linux/types.h>

extern unsigned int history_now;

void history_start(void);
void history_update(void);
int history_values(u64 offset, int size, unsigned int since, unsigned int until, u64 *values);

#endif

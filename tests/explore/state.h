/* SPDX-License-Identifier: GPL-2.0 */
/*
 * state.h - the machine's memory as a whole: all of the program's data. It is compared,
 * put back, and recognized.
 */
#ifndef EXPLORE_STATE_H
#define EXPLORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* struct state_id - two states with the same one are the same, for all we can tell. */
struct state_id {
	uint64_t a, b;
};

/* Where the program's data begin and end, and what of them is only noted: by the linker. */
extern char __data_start[], _end[], __start_host_noted[], __stop_host_noted[];

void state_init(void);
void state_keep(void);
void state_reset(void);
void state_begin(void);
void state_ignore(const void *from, size_t size);
bool state_page_changes(const void *page);
void state_step(void);
struct state_id state_id(void);
size_t state_mark(void);
void state_back(size_t mark);
void state_probe(void);
void state_probed(void);

void seen_clear(void);
bool seen_before(struct state_id id, int left);
unsigned long seen_count(void);

#endif

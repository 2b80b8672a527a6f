/* SPDX-License-Identifier: GPL-2.0 */
/*
 * map.h - the picture of a guest's memory: what is known of each page, and the
 * drawing of many pages in few cells of a terminal.
 */
#ifndef MAP_H
#define MAP_H

#include <stdbool.h>
#include <stddef.h>

/** enum map_state - of one page of the guest; the order is that of the legend. */
enum map_state {
	MAP_YOUNG,	/* mapped by an spte that was used since the host last aged it */
	MAP_OLD,	/* mapped by an spte that was not */
	MAP_RESIDENT,	/* in the host's memory, and no spte maps it */
	MAP_SWAPPED,
	MAP_UNTOUCHED,	/* never used: the host has no page for it */
	MAP_STATES
};

/** struct map_style - how the terminal can be used. */
struct map_style {
	bool unicode;		/* half blocks: two cells in a character */
	bool many_colours;	/* 256, else 16 */
	int columns, rows;	/* of the terminal */
};

/** map_style() - look at the terminal behind stdout. @ascii: no half blocks */
void map_style(struct map_style *style, bool ascii);

/**
 * map_draw() - print the map of @npages states in @rows lines of the terminal.
 *
 * Each cell stands for some pages in a row and has the colour of most of them; what
 * is left over counts for the next cell, so that the colours have their true shares.
 */
void map_draw(const struct map_style *style, const unsigned char *states, size_t npages, int rows);

/** map_legend() - print one line: colour, name and number of pages of each state. */
void map_legend(const struct map_style *style, const size_t counts[MAP_STATES]);

/** map_state_name() - "young", "old", "resident", "swapped", "untouched". */
const char *map_state_name(enum map_state state);

#endif

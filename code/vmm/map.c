// SPDX-License-Identifier: GPL-2.0
/*
 * map.c - draw the guest's memory in a terminal. A character is two cells, one above
 * the other: the upper half block's foreground and background. You come here
 * from watch.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "map.h"

#define MARGIN		2
#define MAX_COLUMNS	160

static const struct {
	const char *name;
	int colour256;
	int colour16;	/* as a foreground; a background is 10 more */
	char letter;
} looks[MAP_STATES] = {
	[MAP_YOUNG] =     { "young",     83,  92, '#' },
	[MAP_OLD] =       { "old",       29,  32, '+' },
	[MAP_RESIDENT] =  { "resident",  67,  94, '-' },
	[MAP_SWAPPED] =   { "swapped",   172, 33, 's' },
	[MAP_UNTOUCHED] = { "untouched", 236, 90, '.' },
};

const char *map_state_name(enum map_state state)
{
	return looks[state].name;
}

static bool unicode_locale(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	size_t i;

	for (i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strstr(value, "UTF-8") || strstr(value, "utf8");
	}
	return true;	/* nobody said: a terminal of today */
}

void map_style(struct map_style *style, bool ascii)
{
	const char *term = getenv("TERM");
	struct winsize size;

	style->unicode = !ascii && unicode_locale() && term && strcmp(term, "dumb");
	style->many_colours = term && (strstr(term, "256") || strstr(term, "kitty") ||
				       strstr(term, "alacritty") || strstr(term, "foot"));
	style->columns = 80;
	style->rows = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		style->columns = size.ws_col;
		style->rows = size.ws_row;
	}
}

static void colour(const struct map_style *style, enum map_state state, bool background)
{
	if (style->many_colours)
		printf("\033[%d;5;%dm", background ? 48 : 38, looks[state].colour256);
	else
		printf("\033[%dm", looks[state].colour16 + (background ? 10 : 0));
}

/*
 * What a cell shows: the state that most of its pages have, and with what the cells
 * before it left over, so that a few pages everywhere are seen as a few cells.
 */
struct shares {
	long open[MAP_STATES];	/* pages that no cell has stood for yet */
};

static enum map_state next_cell(struct shares *shares, const unsigned char *states, size_t npages)
{
	enum map_state state, best = 0;
	size_t page;

	for (page = 0; page < npages; page++)
		shares->open[states[page]]++;
	for (state = 1; state < MAP_STATES; state++)
		if (shares->open[state] > shares->open[best])
			best = state;
	shares->open[best] -= npages;
	return best;
}

struct grid {
	const unsigned char *states;
	size_t npages;
	size_t columns, lines;
	struct shares shares[2];	/* of the line above and the line below */
};

/* The cell at (@column, @line): pages go through the lines as text does. */
static enum map_state cell(struct grid *grid, size_t column, size_t line)
{
	size_t index = line * grid->columns + column;
	size_t cells = grid->columns * grid->lines;
	size_t first = index * grid->npages / cells;
	size_t end = (index + 1) * grid->npages / cells;

	return next_cell(&grid->shares[line % 2], grid->states + first,
			 end > first ? end - first : 1);
}

void map_draw(const struct map_style *style, const unsigned char *states, size_t npages, int rows)
{
	int columns = style->columns < MAX_COLUMNS ? style->columns : MAX_COLUMNS;
	struct grid grid = {
		.states = states,
		.npages = npages,
		.columns = columns > 2 * MARGIN + 1 ? columns - 2 * MARGIN : 1,
		.lines = rows * (style->unicode ? 2 : 1),
		.shares = { { { 0 } } },
	};
	size_t line, column;

	for (line = 0; line < grid.lines; line += style->unicode ? 2 : 1) {
		int last_upper = -1, last_lower = -1;

		printf("%*s", MARGIN, "");
		for (column = 0; column < grid.columns; column++) {
			int upper = cell(&grid, column, line);
			int lower = style->unicode ? (int)cell(&grid, column, line + 1) : -1;

			if (upper != last_upper)
				colour(style, upper, false);
			if (lower != last_lower)
				colour(style, lower, true);
			if (style->unicode)
				fputs("\u2580", stdout);
			else
				putchar(looks[upper].letter);
			last_upper = upper;
			last_lower = lower;
		}
		fputs("\033[0m\033[K\n", stdout);
	}
}

void map_legend(const struct map_style *style, const size_t counts[MAP_STATES])
{
	enum map_state state;

	printf("%*s", MARGIN - 1, "");
	for (state = 0; state < MAP_STATES; state++) {
		putchar(' ');
		colour(style, state, false);
		if (style->unicode)
			fputs("\u2588", stdout);
		else
			putchar(looks[state].letter);
		printf("\033[0m %s %zu", looks[state].name, counts[state]);
	}
	fputs("\033[K\n", stdout);
}

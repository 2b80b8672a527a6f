// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 8: the same four things under the protocol that the module was loaded
 * with. Beside this file: between.c, moved.c, munmap.c.
 */

#include "ranges.h"

bool changes_come_first(void)
{
	return is_protocol("seqlock");
}

int main(void)
{
	show_between();
	if (!changes_come_first())
		show_late_slot();
	show_moved();
	show_munmap();
	return demo_end();
}

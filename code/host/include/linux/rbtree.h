/* SPDX-License-Identifier: GPL-2.0 */
/* The root of an interval tree; there are no other trees. */
#ifndef HOST_LINUX_RBTREE_H
#define HOST_LINUX_RBTREE_H

#include <stddef.h>

struct interval_tree_node;

struct rb_root_cached {
	struct interval_tree_node *first;
};

#define RB_ROOT_CACHED ((struct rb_root_cached){ NULL })

#endif

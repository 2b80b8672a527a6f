/* SPDX-License-Identifier: GPL-2.0 */
/* Intervals, both ends belonging to them: a list in the order of their starts. */
#ifndef HOST_LINUX_INTERVAL_TREE_H
#define HOST_LINUX_INTERVAL_TREE_H

#include <linux/bug.h>
#include <linux/rbtree.h>

struct interval_tree_node {
	unsigned long start, last;
	struct interval_tree_node *next;
	struct rb_root_cached *in;	/* the tree that it is in */
};

static inline void interval_tree_insert(struct interval_tree_node *node,
					struct rb_root_cached *tree)
{
	struct interval_tree_node **at = &tree->first;

	host_check(node->start <= node->last, "an interval ends before it starts");
	host_check(!node->in, "an interval is in a tree already");
	while (*at && (*at)->start <= node->start)
		at = &(*at)->next;
	node->next = *at;
	node->in = tree;
	*at = node;
}

static inline void interval_tree_remove(struct interval_tree_node *node,
					struct rb_root_cached *tree)
{
	struct interval_tree_node **at = &tree->first;

	while (*at && *at != node)
		at = &(*at)->next;
	host_check(*at && node->in == tree, "an interval is removed that is not in the tree");
	*at = node->next;
	node->in = NULL;
}

static inline struct interval_tree_node *
host_interval_from(struct interval_tree_node *node, unsigned long start, unsigned long last)
{
	host_check(start <= last, "intervals are looked up in %#lx to %#lx", start, last);
	while (node && (node->start > last || node->last < start))
		node = node->next;
	return node;
}

static inline struct interval_tree_node *
interval_tree_iter_first(struct rb_root_cached *tree, unsigned long start, unsigned long last)
{
	return host_interval_from(tree->first, start, last);
}

static inline struct interval_tree_node *
interval_tree_iter_next(struct interval_tree_node *node, unsigned long start, unsigned long last)
{
	host_check(node->in, "a walk goes on from an interval that is in no tree");
	return host_interval_from(node->next, start, last);
}

#endif

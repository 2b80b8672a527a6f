/* SPDX-License-Identifier: GPL-2.0 */
/* Doubly linked lists, and hash chains. */
#ifndef HOST_LINUX_LIST_H
#define HOST_LINUX_LIST_H

#include <linux/kernel.h>
#include <linux/types.h>

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline void list_add(struct list_head *item, struct list_head *after)
{
	item->next = after->next;
	item->prev = after;
	after->next->prev = item;
	after->next = item;
}

static inline void list_add_tail(struct list_head *item, struct list_head *list)
{
	list_add(item, list->prev);
}

static inline void list_del(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = NULL;
	item->prev = NULL;
}

static inline void list_move(struct list_head *item, struct list_head *after)
{
	list_del(item);
	list_add(item, after);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)

#define list_for_each_entry(pos, list, member)						\
	for ((pos) = list_entry((list)->next, __typeof__(*(pos)), member);		\
	     &(pos)->member != (list);							\
	     (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))

#define list_for_each_entry_safe(pos, following, list, member)				\
	for ((pos) = list_entry((list)->next, __typeof__(*(pos)), member);		\
	     (following) = list_entry((pos)->member.next, __typeof__(*(pos)), member),	\
	     &(pos)->member != (list);							\
	     (pos) = (following))

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
}

static inline void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->next = NULL;
	node->pprev = NULL;
}

#define host_hlist_entry(node, type, member) ({					\
	struct hlist_node *hlist_node = (node);					\
										\
	hlist_node ? container_of(hlist_node, type, member) : (type *)NULL;	\
})

#define hlist_for_each_entry(pos, head, member)						\
	for ((pos) = host_hlist_entry((head)->first, __typeof__(*(pos)), member); (pos);	\
	     (pos) = host_hlist_entry((pos)->member.next, __typeof__(*(pos)), member))

#endif

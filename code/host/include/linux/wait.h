/* SPDX-License-Identifier: GPL-2.0 */
/* Wait until something is so: others have their turn until it is, see wait.c. */
#ifndef HOST_LINUX_WAIT_H
#define HOST_LINUX_WAIT_H

#include <linux/bug.h>
#include <linux/lockdep.h>

typedef struct {
	unsigned int wakes;	/* how often who waits was woken */
} wait_queue_head_t;

void host_wait(const unsigned int *wakes, const char *what);

#define init_waitqueue_head(queue) ((queue)->wakes = 1)

#define wake_up_all(queue) do {							\
	host_check((queue)->wakes, "%s was never initialized", #queue);		\
	(queue)->wakes++;							\
} while (0)

#define wait_event(queue, condition) do {			\
	might_sleep();						\
	host_check((queue).wakes, "%s was never initialized", #queue);	\
	while (!(condition))					\
		host_wait(&(queue).wakes, #condition);		\
} while (0)

#endif

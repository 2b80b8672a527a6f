// SPDX-License-Identifier: GPL-2.0
/*
 * machine.c - the machine is switched on before a test and off after it, when
 * nothing may be left: no page, no object, no lock. And the small parts of the
 * kernel that need no file of their own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "machine.h"

struct host_hook host_pause[NR_PAUSE_POINTS];
struct host_hook host_resched;
int pause_state[NR_PAUSE_POINTS];
char host_log[4096];

/** machine_start() - switch on: no guest, an empty process. */
void machine_start(void)
{
	memset(host_pause, 0, sizeof(host_pause));
	memset(pause_state, 0, sizeof(pause_state));
	host_resched.run = NULL;
	host_contended = NULL;
	host_section_begun.run = NULL;
	host_section_ends.run = NULL;
	host_log[0] = '\0';
	host_others_start();
	host_before_cmpxchg.run = NULL;
	host_fail_allocation = 0;
	host_lose_ipis = false;
	host_ipis = 0;
	host_locks_reset();
	host_pages_reset();
	host_objects = 0;
	cpus_reset();
	host_mm_start();
}

/** machine_stop() - switch off, and look whether anything was left behind. */
void machine_stop(void)
{
	host_check(!host_locks_held(), "a lock is still held");
	host_others_stop();
	host_mm_stop();
	host_check(!host_objects, "%ld objects were never freed", host_objects);
	host_check(!host_pages_used(), "%d pages were never freed", host_pages_used());
}

/** host_run_hook() - give the others their turn, once. */
void host_run_hook(struct host_hook *hook)
{
	void (*run)(void *data) = hook->run;

	hook->run = NULL;
	if (run)
		run(hook->data);
}

/** host_arm_pause() - the next time this point is reached, @run runs there, on another CPU. */
void host_arm_pause(enum pause_point point, void (*run)(void *data), void *data)
{
	host_pause[point] = (struct host_hook){ run, data };
	pause_state[point] = 1;
}

void __pause_here(enum pause_point point)
{
	struct host_context mine;

	pause_state[point] = 0;
	host_other_context(&mine);
	host_run_hook(&host_pause[point]);
	host_own_context(&mine);
}

extern const struct host_param __start_host_params[], __stop_host_params[];

/** host_param() - the module parameter of this name. */
void *host_param(const char *name)
{
	const struct host_param *param;

	for (param = __start_host_params; param < __stop_host_params; param++)
		if (!strcmp(param->name, name))
			return param->value;
	host_fail(__FILE__, __LINE__, "there is no module parameter %s", name);
}

void host_printk(const char *format, ...)
{
	size_t len = strlen(host_log);
	va_list args;

	va_start(args, format);
	vsnprintf(host_log + len, sizeof(host_log) - len, format, args);
	va_end(args);
}

void seq_printf(struct seq_file *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	m->len += vsnprintf(m->text + m->len, sizeof(m->text) - m->len, format, args);
	va_end(args);
	host_check(m->len < sizeof(m->text), "the file is too long");
}

void msleep(unsigned int ms)
{
	(void)ms;
	might_sleep();
}

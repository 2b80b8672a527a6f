/* SPDX-License-Identifier: GPL-2.0 */
/* Module parameters, which a test may set by name. */
#ifndef HOST_LINUX_MODULE_H
#define HOST_LINUX_MODULE_H

#include <linux/kernel.h>

struct host_param {
	const char *name;
	void *value;
} __attribute__((aligned(16)));

/* The linker gathers them between __start_host_params and __stop_host_params. */
#define module_param_named(param, variable, type, mode)				\
	static const struct host_param host_param_##param			\
	__attribute__((used, section("host_params"))) = {			\
		.name = #param, .value = &(variable),				\
	}

#define module_param(param, type, mode) module_param_named(param, param, type, mode)

#define MODULE_PARM_DESC(param, text)	_Static_assert(sizeof(text) > 1, "no text")

#endif

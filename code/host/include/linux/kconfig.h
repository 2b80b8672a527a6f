/* SPDX-License-Identifier: GPL-2.0 */
/* Included before everything, as in a kernel build: is a CONFIG_ symbol on? */
#ifndef HOST_LINUX_KCONFIG_H
#define HOST_LINUX_KCONFIG_H

/* A symbol that is on is the word 1, one that is off is its own name. */
#define HOST_CONFIG_1			on,
#define HOST_SECOND(first, second, ...)	second
#define HOST_CONFIG_PICK(word)		HOST_SECOND(word 1, 0, 0)
#define HOST_CONFIG(value)		HOST_CONFIG_PICK(HOST_CONFIG_##value)
#define IS_ENABLED(option)		HOST_CONFIG(option)

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Messages go to stderr. */
#ifndef HOST_LINUX_PRINTK_H
#define HOST_LINUX_PRINTK_H

#include <stdio.h>

#define KBUILD_MODNAME "kvmswap"
#ifndef pr_fmt
#define pr_fmt(format) format
#endif
#define pr_err_ratelimited(format, ...) fprintf(stderr, pr_fmt(format), ##__VA_ARGS__)

#endif

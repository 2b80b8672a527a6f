/* SPDX-License-Identifier: GPL-2.0 */
/* Messages: complaints go to stderr, the rest is kept for a test to look at. */
#ifndef HOST_LINUX_PRINTK_H
#define HOST_LINUX_PRINTK_H

#include <stdio.h>

#define KBUILD_MODNAME "kvmswap"
#ifndef pr_fmt
#define pr_fmt(format) format
#endif

extern char host_log[4096];

void __attribute__((format(printf, 1, 2))) host_printk(const char *format, ...);

#define pr_err_ratelimited(format, ...) fprintf(stderr, pr_fmt(format), ##__VA_ARGS__)
#define pr_err(format, ...) host_printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_warn(format, ...) host_printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_info(format, ...) host_printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_warn_ratelimited pr_warn

#endif

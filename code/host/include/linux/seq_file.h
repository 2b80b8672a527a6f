/* SPDX-License-Identifier: GPL-2.0 */
/* A file of debugfs is a text in memory. */
#ifndef HOST_LINUX_SEQ_FILE_H
#define HOST_LINUX_SEQ_FILE_H

struct seq_file {
	char text[4096];
	unsigned int len;
};

void __attribute__((format(printf, 2, 3)))
seq_printf(struct seq_file *m, const char *format, ...);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * debugfs.h - what a VM shows of itself under /sys/kernel/debug/kvmswap.
 */
#ifndef KVMSWAP_DEBUGFS_H
#define KVMSWAP_DEBUGFS_H

struct vm;

void kvmswap_debugfs_init(void);
void kvmswap_debugfs_exit(void);
void vm_debugfs_init(struct vm *vm, int fd);
void vm_debugfs_exit(struct vm *vm);

#endif

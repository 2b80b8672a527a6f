// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs.c - what a VM shows of itself, for tests, demos and the live map:
 *
 *   /sys/kernel/debug/kvmswap/vm-<pid>-<fd>/stats	name value, a line each
 *					   slots	its memory
 *					   audit	run the audit (audit.c)
 *					   map		a character a page
 *   /sys/kernel/debug/kvmswap/audit_always		audit at each step
 *   /sys/kernel/debug/kvmswap/pause/			pause points (pause.c)
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "audit.h"
#include "debugfs.h"
#include "memslot.h"
#include "pause.h"
#include "spte.h"

static struct dentry *kvmswap_dir;

static int stats_show(struct seq_file *m, void *unused)
{
	struct vm *vm = m->private;

/* checkpatch(TRAILING_SEMICOLON): a statement for each name of the list */
#define SHOW(name) seq_printf(m, #name " %lld\n", atomic64_read(&vm->stats.name));
	KVMSWAP_STATS(SHOW)
#undef SHOW
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

#ifdef CONFIG_KVMSWAP_MEMSLOT
static void show_slot(struct seq_file *m, const struct memslot *slot)
{
	seq_printf(m, "slot %d %#llx %lu %#lx\n", slot->id, slot->base_gfn, slot->npages,
		   slot->userspace_addr);
}

/* Under mmu_lock, as a slot that is being changed is shown too: its change may take long. */
static int slots_show(struct seq_file *m, void *unused)
{
	struct vm *vm = m->private;
	struct memslot *slot;
	int i;

	spin_lock(&vm->mmu_lock);
	for_each_slot(i, slot, vm)
		show_slot(m, slot);
	spin_unlock(&vm->mmu_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(slots);
#endif

#ifdef CONFIG_KVMSWAP_SHADOW
static int audit_show(struct seq_file *m, void *unused)
{
	return audit_report(m->private, m);
}
DEFINE_SHOW_ATTRIBUTE(audit);

/* y: an spte with its accessed bit set; o: an spte without; '.': none. */
static void map_slot(struct vm *vm, const struct memslot *slot, char *map)
{
	struct shadow_page *sp;
	int i;

	memset(map, '.', slot->npages);
	spin_lock(&vm->mmu_lock);
	list_for_each_entry(sp, &vm->shadow.pages, link) {
		for (i = 0; sp->role.level == 1 && i < SPTES_PER_PAGE; i++) {
			u64 page = sp->gfns[i] - slot->base_gfn;

			if (!(sp->spt[i] & SPTE_PRESENT) || page >= slot->npages)
				continue;
			if (sp->spt[i] & SPTE_ACCESSED)
				map[page] = 'y';
			else if (map[page] == '.')
				map[page] = 'o';
		}
	}
	spin_unlock(&vm->mmu_lock);
}

static int map_show(struct seq_file *m, void *unused)
{
	struct vm *vm = m->private;
	struct memslot *slot;
	int i, err = 0;

	if (down_read_killable(&vm->slots_lock))
		return -EINTR;
	for_each_slot(i, slot, vm) {
		unsigned long page;
		char *map;

		map = kvmalloc(slot->npages, GFP_KERNEL | __GFP_NOWARN);
		if (!map) {
			err = -ENOMEM;
			break;
		}
		map_slot(vm, slot, map);
		show_slot(m, slot);
		for (page = 0; page < slot->npages; page += 64)
			seq_printf(m, "%.*s\n", (int)min(64UL, slot->npages - page), map + page);
		kvfree(map);
	}
	up_read(&vm->slots_lock);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(map);
#endif

static bool name_taken(const char *name)
{
	struct dentry *taken = debugfs_lookup(name, kvmswap_dir);

	dput(taken);
	return taken;
}

/**
 * vm_debugfs_init() - make a VM's files.
 * @vm: the VM.
 * @fd: its file descriptor, for the folder's name. A VM that is held by its vCPUs' alone
 * may have had the same one: the next has ".2" behind its name.
 *
 * Context: process, may sleep. Failure only means that there are no files.
 */
void vm_debugfs_init(struct vm *vm, int fd)
{
	char name[48];
	int n, len;

	len = snprintf(name, sizeof(name), "vm-%d-%d", task_tgid_nr(current), fd);
	for (n = 2; name_taken(name); n++)
		snprintf(name + len, sizeof(name) - len, ".%d", n);
	vm->debugfs = debugfs_create_dir(name, kvmswap_dir);
	debugfs_create_file("stats", 0400, vm->debugfs, vm, &stats_fops);
#ifdef CONFIG_KVMSWAP_MEMSLOT
	debugfs_create_file("slots", 0400, vm->debugfs, vm, &slots_fops);
#endif
#ifdef CONFIG_KVMSWAP_SHADOW
	debugfs_create_file("audit", 0400, vm->debugfs, vm, &audit_fops);
	debugfs_create_file("map", 0400, vm->debugfs, vm, &map_fops);
#endif
}

/**
 * vm_debugfs_exit() - remove a VM's files; nobody reads them after this.
 * @vm: the VM.
 *
 * Context: process, may sleep.
 */
void vm_debugfs_exit(struct vm *vm)
{
	debugfs_remove_recursive(vm->debugfs);
}

/**
 * kvmswap_debugfs_init() - make the module's folder.
 *
 * Context: process, may sleep.
 */
void kvmswap_debugfs_init(void)
{
	kvmswap_dir = debugfs_create_dir("kvmswap", NULL);
	pause_debugfs_init(kvmswap_dir);
#ifdef CONFIG_KVMSWAP_SHADOW
	debugfs_create_bool("audit_always", 0600, kvmswap_dir, &audit_always);
#endif
}

/**
 * kvmswap_debugfs_exit() - remove the module's folder and all in it.
 *
 * Context: process, may sleep.
 */
void kvmswap_debugfs_exit(void)
{
	debugfs_remove_recursive(kvmswap_dir);
}

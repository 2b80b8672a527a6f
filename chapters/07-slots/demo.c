// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 7: slots that change while both doors are open. First each half by
 * itself, held at a pause point; then everything at once, in churn.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slots.h"

#define MEMORY		(4 * MEBI)
#define SLOT_GPA	(16 * MEBI)
#define MOVED_GPA	(48 * MEBI)
#define PAGES		64
#define LIMIT_MS	8000

bool nobody_there(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	(void)vcpu;
	(void)gpa;
	if (!write)
		memset(data, 0xff, len);
	return true;
}

int kernel_slot(struct vmm *vm, int id, uint64_t gpa, size_t size)
{
	struct kvm_memory_region region = {
		.slot = id,
		.guest_phys_addr = gpa,
		.memory_size = size,
	};

	return ioctl(vm->fd, KVM_SET_MEMORY_REGION, &region) ? -errno : 0;
}

/* What debugfs says of slot 1. Return: false if it is not there. */
static bool read_slot(struct vmm *vm, unsigned long *gfn, char **hva)
{
	char path[256], text[1024], *line;
	unsigned long pages, address;

	dbgfs_path(vm, "slots", path, sizeof(path));
	if (proc_read(path, text, sizeof(text)) < 0)
		vmm_die("read %s", path);
	line = strstr(text, "slot 1 ");
	if (!line || sscanf(line, "slot 1 %lx %lu %lx", gfn, &pages, &address) != 3)
		return false;
	*hva = (char *)address;
	return true;
}

/* ---- a change of a slot, on a thread of its own ---- */

static struct change {
	pthread_t thread;
	struct vmm *vm;
	int (*what)(struct vmm *vm);
	int error;
	bool go, done;
} change;

static void *change_thread(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&change.go, __ATOMIC_ACQUIRE))
		usleep(1000);
	change.error = change.what(change.vm);
	__atomic_store_n(&change.done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Making a thread changes the process' memory, and so faults retry: do it in time. */
static void change_prepare(struct vmm *vm, int (*what)(struct vmm *vm))
{
	change = (struct change){ .vm = vm, .what = what };
	errno = pthread_create(&change.thread, NULL, change_thread, NULL);
	if (errno)
		vmm_die("a thread that changes slots");
}

static void change_begin(void)
{
	__atomic_store_n(&change.go, true, __ATOMIC_RELEASE);
}

static bool change_done(void)
{
	return __atomic_load_n(&change.done, __ATOMIC_ACQUIRE);
}

static void change_end(void)
{
	pthread_join(change.thread, NULL);
	errno = -change.error;
	if (change.error)
		vmm_die("change slot 1");
}

/* ---- step 1: a slot without memory ---- */

static int make_kernel_slot(struct vmm *vm)
{
	return kernel_slot(vm, 1, SLOT_GPA, PAGES * PAGE);
}

static void show_no_memory_yet(struct vmm *vm)
{
	char *ours = guest_memory(PAGE), *hva;
	long long invalidations;
	unsigned long gfn;
	uint32_t word;

	check(read_slot(vm, &gfn, &hva) && !hva, "the slot is there, and has no memory");
	value("slot 1 in debugfs", "gfn %#lx, hva %#lx", gfn,
	      (unsigned long)hva);
	*ours = 1;
	invalidations = stat_of(vm, "invalidations");
	munmap(ours, PAGE);
	invalidations = stat_of(vm, "invalidations") - invalidations;
	value("the host takes a page elsewhere", "%lld callbacks, none waited", invalidations);
	check(invalidations > 0, "the host has told us");
	word = guest_read(vm, SLOT_GPA);
	value("the guest reads there", "%#x: its monitor answers, as where no slot is", word);
	check(word == 0xffffffff, "the guest's door does not find the slot");
	check(!change_done(), "the ioctl is still under way");
	code("slot_legacy.c slot_map_memory(): pause_here()");
}

static void show_kernel_slot(struct vmm *vm)
{
	unsigned char in_memory[PAGES];
	int wrong, i;
	unsigned long gfn;
	char *hva;

	step("A slot whose memory the kernel maps: it is there before its memory is");
	dbgfs_pause_arm("slot_mapping");
	change_prepare(vm, make_kernel_slot);
	change_begin();
	errno = 0;
	if (dbgfs_pause_wait("slot_mapping", LIMIT_MS))
		vmm_die("KVM_SET_MEMORY_REGION did not come to the pause point slot_mapping");
	show_no_memory_yet(vm);
	dbgfs_pause_release("slot_mapping");
	change_end();
	say("The kernel goes on, maps the memory, and lets both doors find the slot.");
	check(read_slot(vm, &gfn, &hva) && hva, "the slot has memory");
	value("slot 1 in debugfs", "gfn %#lx, hva %#lx", gfn,
	      (unsigned long)hva);
	guest_write(vm, SLOT_GPA, PAGES, 0x7000);
	for (i = wrong = 0; i < PAGES; i++)
		wrong += *(uint32_t *)(hva + i * PAGE) != 0x7000u + i;
	value("the guest writes, we read", "%d pages, %d wrong words", PAGES, wrong);
	check(!wrong, "the slot's memory is the process' memory");
	if (kernel_slot(vm, 1, SLOT_GPA, 0))
		vmm_die("delete slot 1");
	i = mincore(hva, PAGES * PAGE, in_memory);
	value("deleted: at its address", "%s",
	      i && errno == ENOMEM ? "nothing is mapped" : "memory");
	check(i && errno == ENOMEM, "the kernel has unmapped what it had mapped");
	code("memslot.c delete_slot() -> slot_legacy.c slot_unmap_memory()");
}

/* ---- step 2: a slot that moves under a fault ---- */

static char *moving;

static int move_away(struct vmm *vm)
{
	return vmm_set_slot(vm, 1, 0, MOVED_GPA, PAGES * PAGE, moving);
}

/* Both doors find the slot at its new place, and the ioctl is not over. */
static void wait_until_moved(struct vmm *vm)
{
	unsigned long gfn = 0;
	char *hva;
	int ms;

	for (ms = 0; !read_slot(vm, &gfn, &hva) || gfn != MOVED_GPA / PAGE; ms += 10) {
		errno = 0;
		if (ms > LIMIT_MS)
			vmm_die("the slot was not moved while a fault was under way");
		usleep(10000);
	}
	value("slot 1 in debugfs", "gfn %#lx: it has moved", gfn);
	value("the ioctl", "%s",
	      change_done() ? "is over" : "waits: a fault may still read the slot");
	check(!change_done(), "the old slot is kept while somebody reads it");
}

static void show_move(struct vmm *vm)
{
	long long moved;
	uint32_t word;

	step("A fault has found its slot, and the slot moves before the fault is at mmu_lock");
	moving = guest_memory(PAGES * PAGE);
	vmm_map_memory(vm, SLOT_GPA, PAGES * PAGE, moving, 0);
	*(uint32_t *)moving = 0x600d;
	moved = stat_of(vm, "faults_slot_moved");
	change_prepare(vm, move_away);
	guest_read(vm, ABI_FREE);	/* so that only the fault in question is left */
	dbgfs_pause_arm("fault_window");
	guest_start_read(vm, SLOT_GPA);
	errno = 0;
	if (dbgfs_pause_wait("fault_window", LIMIT_MS))
		vmm_die("no fault came to the pause point fault_window");
	value("the fault found", "slot 1 at gfn %#lx, and asked the host for its page",
	      SLOT_GPA / PAGE);
	change_begin();
	wait_until_moved(vm);
	dbgfs_pause_release("fault_window");
	word = guest_end_read(vm);
	change_end();
	say("The fault is let go. Under mmu_lock it asks whether its slot is still there.");
	moved = stat_of(vm, "faults_slot_moved") - moved;
	value("faults that began again", "%lld", moved);
	value("the guest reads, old place", "%#x: no slot is there", word);
	check(moved == 1 && word == 0xffffffff, "nothing of the old slot was mapped");
	word = guest_read(vm, MOVED_GPA);
	value("the guest reads, new place", "%#x", word);
	check(word == 0x600d, "the memory came along");
	value("stale sptes", "%lld", audit(vm).stale_sptes);
	check(!audit(vm).stale_sptes, "no spte is stale");
	code("fault.c map_page() -> slot_lookup.h slot_is_leaving()");
	code("memslot.c replace_slot() -> slot_tree.c slots_wait_for_readers()");
}

int main(void)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, MEMORY);

	vm->vcpus[0]->on_mmio = nobody_there;
	show_kernel_slot(vm);
	show_move(vm);
	vmm_destroy(vm);
	munmap(memory, MEMORY);
	munmap(moving, PAGES * PAGE);
	show_churn();
	return demo_end();
}

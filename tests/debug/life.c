// SPDX-License-Identifier: GPL-2.0
/*
 * life.c - a VM's life, as a row of steps: each is a call, or a few of a kind, that may
 * fail with an errno and may then be asked again. Together they come to every place of
 * the module that allocates while it is used.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../code/vmm/libvmm.h"
#include "alloc.h"

#define PAGE 4096ul
#define MEMORY (4ul << 20)
#define LOGGED (6ul << 20)		/* a slot of its own, with dirty logging */
#define LEGACY (8ul << 20)		/* one whose memory the module maps */
#define PAGES 64
#define FIRST ABI_FREE
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifndef KVM_SET_MEMORY_REGION	/* <linux/kvm.h> knows it no longer */
struct kvm_memory_region {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
};

#define KVM_SET_MEMORY_REGION _IOW(KVMIO, 0x40, struct kvm_memory_region)
#endif

/* Writes each page's own address into it, from rdi on, rcx pages. */
static const unsigned char touch_code[] = {
	0x48, 0x89, 0x3f,				/* 1: mov %rdi, (%rdi) */
	0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,	/* add $4096, %rdi */
	0x48, 0xff, 0xc9,				/* dec %rcx */
	0x75, 0xf1,					/* jnz 1b */
	0xf4,						/* hlt */
};

static struct vmm vm;
static struct vmm_vcpu vcpu;
static char *logged;

static int result(int value)
{
	return value < 0 ? -errno : 0;
}

/* The next file descriptor is one for which the table of this process has to grow. */
static void fill_fds(void)
{
	int fd;

	do {
		fd = dup(0);
		if (fd < 0)
			vmm_die("dup");
	} while ((fd + 1) & fd || fd < 63);
}

static int open_device(void)
{
	vm.device = "/dev/kvmswap";
	vm.dev_fd = open(vm.device, O_RDWR | O_CLOEXEC);
	return result(vm.dev_fd);
}

static int create_vm(void)
{
	fill_fds();
	vm.fd = ioctl(vm.dev_fd, KVM_CREATE_VM, 0);
	vm.pid = getpid();
	return result(vm.fd);
}

static char *new_memory(size_t size)
{
	char *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (hva == MAP_FAILED)
		vmm_die("mmap of guest memory");
	madvise(hva, size, MADV_NOHUGEPAGE);
	return hva;
}

static int add_slot(void)
{
	static char *hva;

	if (!hva)
		hva = new_memory(MEMORY);
	return vmm_set_slot(&vm, 0, 0, 0, MEMORY, hva);
}

static int add_logged_slot(void)
{
	if (!logged)
		logged = new_memory(PAGES * PAGE);
	return vmm_set_slot(&vm, 1, KVM_MEM_LOG_DIRTY_PAGES, LOGGED, PAGES * PAGE, logged);
}

static int add_legacy_slot(void)
{
	struct kvm_memory_region region = { 2, 0, LEGACY, PAGES * PAGE };

	return result(ioctl(vm.fd, KVM_SET_MEMORY_REGION, &region));
}

static int create_vcpu(void)
{
	if (vcpu.fd)
		return 0;
	fill_fds();
	vcpu.fd = ioctl(vm.fd, KVM_CREATE_VCPU, 0);
	if (vcpu.fd < 0) {
		vcpu.fd = 0;
		return -errno;
	}
	vcpu.vm = &vm;
	vcpu.run = mmap(NULL, ioctl(vm.dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			MAP_SHARED, vcpu.fd, 0);
	if (vcpu.run == MAP_FAILED)
		vmm_die("mmap of kvm_run");
	return 0;
}

static int set_cpuid(void)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[80];
	} cpuid = { .head.nent = 80 };
	int err;

	err = result(ioctl(vm.dev_fd, KVM_GET_SUPPORTED_CPUID, &cpuid));
	return err ? err : result(ioctl(vcpu.fd, KVM_SET_CPUID2, &cpuid));
}

static int get_and_set_state(void)
{
	struct kvm_translation translation = { 0 };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_fpu fpu;

	if (ioctl(vcpu.fd, KVM_GET_REGS, &regs) || ioctl(vcpu.fd, KVM_SET_REGS, &regs) ||
	    ioctl(vcpu.fd, KVM_GET_SREGS, &sregs) || ioctl(vcpu.fd, KVM_SET_SREGS, &sregs) ||
	    ioctl(vcpu.fd, KVM_GET_FPU, &fpu) || ioctl(vcpu.fd, KVM_SET_FPU, &fpu) ||
	    ioctl(vcpu.fd, KVM_TRANSLATE, &translation))
		return -errno;
	return 0;
}

static int run_at(uint64_t gpa)
{
	struct kvm_regs regs;
	int err;

	vmm_set_mode(&vcpu, VMM_LONG, ABI_CODE);
	memcpy(vmm_hva(&vm, ABI_CODE, 64), touch_code, sizeof(touch_code));
	vmm_get_regs(&vcpu, &regs);
	regs.rdi = gpa;
	regs.rcx = PAGES;
	vmm_set_regs(&vcpu, &regs);
	err = vmm_enter(&vcpu);
	if (!err && vcpu.run->exit_reason != KVM_EXIT_HLT)
		return -EPROTO;
	return err;
}

static int run_guest(void)
{
	return run_at(FIRST);
}

static int run_in_logged_slot(void)
{
	return run_at(LOGGED);
}

static int get_dirty_log(void)
{
	static unsigned long bitmap[PAGES / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	return result(ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log));
}

/* Logging on for a slot that there is; and off, so that a second time is like the first. */
static int log_old_slot(void)
{
	void *hva = vm.slots[0].hva;
	int err = vmm_set_slot(&vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, MEMORY, hva);

	return err ? err : vmm_set_slot(&vm, 0, 0, 0, MEMORY, hva);
}

static int move_slot(void)
{
	return vmm_set_slot(&vm, 1, KVM_MEM_LOG_DIRTY_PAGES, LOGGED + (1 << 20), PAGES * PAGE,
			    logged);
}

static int delete_slot(void)
{
	return vmm_set_slot(&vm, 1, 0, LOGGED + (1 << 20), 0, logged);
}

/* A VM's files; where there are none, because they could not be made, nothing. */
static int read_debugfs(void)
{
	static const char *const names[] = { "stats", "slots", "audit", "map" };
	char path[256], text[512];
	unsigned int i;
	ssize_t len;
	int fd;

	for (i = 0; i < COUNT(names); i++) {
		dbgfs_path(&vm, names[i], path, sizeof(path));
		fd = open(path, O_RDONLY);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -errno;
		do {
			len = read(fd, text, sizeof(text));
		} while (len > 0);
		if (len < 0) {
			int err = -errno;

			close(fd);
			return err;
		}
		close(fd);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*step)(void);
} steps[] = {
	{ "open", open_device },
	{ "KVM_CREATE_VM", create_vm },
	{ "KVM_SET_USER_MEMORY_REGION", add_slot },
	{ "KVM_SET_USER_MEMORY_REGION, logged", add_logged_slot },
	{ "KVM_SET_MEMORY_REGION", add_legacy_slot },
	{ "KVM_CREATE_VCPU", create_vcpu },
	{ "KVM_SET_CPUID2", set_cpuid },
	{ "KVM_GET_REGS ...", get_and_set_state },
	{ "KVM_RUN", run_guest },
	{ "KVM_RUN, logged", run_in_logged_slot },
	{ "KVM_GET_DIRTY_LOG", get_dirty_log },
	{ "KVM_SET_USER_MEMORY_REGION, log", log_old_slot },
	{ "read from debugfs", read_debugfs },
	{ "KVM_SET_USER_MEMORY_REGION, move", move_slot },
	{ "KVM_SET_USER_MEMORY_REGION, delete", delete_slot },
	{ "KVM_RUN, again", run_guest },
};

/* The guest's words are there, and the audit finds nothing. */
static const char *check(void)
{
	struct dbgfs_audit audit;
	unsigned long i;

	for (i = 0; i < PAGES; i++) {
		if (*(uint64_t *)vmm_hva(&vm, FIRST + i * PAGE, 8) != FIRST + i * PAGE)
			return "a word that the guest wrote is not there";
		if (*(uint64_t *)(logged + i * PAGE) != LOGGED + i * PAGE)
			return "a word that the guest wrote into the logged slot is not there";
	}
	if (dbgfs_audit(&vm, &audit) &&
	    (audit.stale_sptes || audit.rmap_errors || audit.role_errors))
		return "the audit found something";
	return NULL;
}

void run_life(struct outcome *outcome, unsigned int (*failures)(void), void (*disarm)(void))
{
	static char text[256];
	unsigned int i;
	int err;

	for (i = 0; i < COUNT(steps); i++) {
		err = steps[i].step();
		if (!outcome->failed) {
			outcome->failed = failures();
			if (outcome->failed)
				disarm();
			if (outcome->failed && err) {
				outcome->step = steps[i].name;
				outcome->error = -err;
				err = steps[i].step();
			}
		}
		if (err) {
			snprintf(text, sizeof(text), "%s: %s", steps[i].name, strerror(-err));
			outcome->broken = text;
			return;
		}
	}
	outcome->broken = check();
}

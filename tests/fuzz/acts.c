// SPDX-License-Identifier: GPL-2.0
/*
 * acts.c - what hostile callers do: each ioctl that there is and some that there are
 * not, with arguments that make sense, nearly, or not at all.
 *
 * You come here from calls.c, on any of its threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

/* Where a structure may lie that the kernel must not trust. */
static void *bad_pointer(struct source *s)
{
	switch (choose(s, 4)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(choose_word(s) | 1ull << 63);
	case 2:
		/* the kernel's map of all memory, with 4 or 5 levels of page tables */
		return (void *)((choose(s, 2) ? 0xffff888000000000ul : 0xff11000000000000ul) +
				choose_number(s));
	default:
		return (void *)(ARENA + choose(s, ARENA_SIZE));
	}
}

/* The caller's own structure, unless it is to be a bad one. */
static void *pointer(struct source *s, void *good)
{
	return choose_one_in(s, 12) ? bad_pointer(s) : good;
}

static void do_system(struct source *s)
{
	static const unsigned long cmds[] = {
		KVM_GET_API_VERSION, KVM_CHECK_EXTENSION, KVM_GET_VCPU_MMAP_SIZE,
	};

	call(choose(s, 4) ? device_fd : any_fd(s), cmds[choose(s, COUNT(cmds))],
	     (void *)(choose(s, 2) ? 0 : choose(s, 4) ? choose(s, 256) : choose_number(s)));
}

#define NR_LEAVES 64

struct leaves {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[NR_LEAVES];
};

static void do_cpuid(struct source *s)
{
	struct leaves leaves = { .head.nent = NR_LEAVES };
	uint32_t i;

	if (choose_one_in(s, 8))
		leaves.head.nent = choose_number(s);
	call(choose(s, 8) ? device_fd : any_fd(s), KVM_GET_SUPPORTED_CPUID, pointer(s, &leaves));
	for (i = choose_one_in(s, 2) ? choose(s, 4) : 0; i > 0; i--)
		leaves.entries[choose(s, NR_LEAVES)].function = choose_number(s);
	if (choose_one_in(s, 4))
		choose_fill(s, leaves.entries, sizeof(leaves.entries));
	if (choose_one_in(s, 4))
		leaves.head.nent = choose_number(s);
	call(vcpu_fd(any_vcpu(s)), KVM_SET_CPUID2, pointer(s, &leaves));
}

/* What the module keeps for each page of a slot is the caller's cgroup's; here there is none. */
#define LARGEST (1ull << 33)		/* 16 MiB for its pages */
#define HOPELESS (1ull << 40)		/* more than the machine has */

/*
 * A slot lies in the arena, or where this process has nothing and never will, or where the
 * kernel refuses it: a guest must not get at the fuzzer's own memory.
 */
static void keep_off(struct kvm_userspace_memory_region *slot)
{
	uint64_t end;

	if (slot->memory_size > LARGEST && slot->memory_size < HOPELESS)
		slot->memory_size = LARGEST;
	end = slot->userspace_addr + slot->memory_size;
	if (slot->userspace_addr >= 1ull << 47 ||
	    (slot->userspace_addr >= ARENA && end >= slot->userspace_addr && end < 1ull << 46))
		return;
	slot->userspace_addr = ARENA;
	if (slot->memory_size > 1ull << 44)
		slot->memory_size = GUEST_SIZE;
}

static void do_slot(struct source *s)
{
	unsigned int place = choose(s, 4);
	struct kvm_userspace_memory_region slot = {
		.slot = place,
		.flags = choose(s, 2) ? 0 : KVM_MEM_LOG_DIRTY_PAGES,
		.guest_phys_addr = place * GUEST_SIZE,
		.memory_size = GUEST_SIZE,
		.userspace_addr = ARENA + place % 2 * GUEST_SIZE,
	};
	bool legacy = choose_one_in(s, 6);

	if (choose_one_in(s, 6))
		slot.memory_size = 0;
	if (choose_one_in(s, 6))
		slot.memory_size = choose(s, 2048) * PAGE;
	if (choose_one_in(s, 6))
		slot.userspace_addr = ARENA + choose(s, ARENA_SIZE / PAGE) * PAGE;
	if (choose_one_in(s, 6))
		slot.slot = choose_number(s);
	if (choose_one_in(s, 12))
		slot.flags = choose_number(s);
	if (choose_one_in(s, 6))
		slot.guest_phys_addr = choose_number(s);
	if (choose_one_in(s, 12))
		slot.memory_size = choose_number(s);
	if (choose_one_in(s, 12))
		slot.userspace_addr = ARENA + choose_number(s);
	keep_off(&slot);
	call(choose(s, 16) ? vm_fd(any_vm(s)) : any_fd(s),
	     legacy ? KVM_SET_MEMORY_REGION : KVM_SET_USER_MEMORY_REGION, pointer(s, &slot));
}

static void do_dirty_log(struct source *s)
{
	struct kvm_dirty_log log = {
		.slot = choose(s, 4),
		.dirty_bitmap = choose_one_in(s, 4) ? bad_pointer(s) :
				(void *)(ARENA + choose(s, ARENA_SIZE / PAGE) * PAGE),
	};

	if (choose_one_in(s, 8))
		log.slot = choose_number(s);
	call(vm_fd(any_vm(s)), KVM_GET_DIRTY_LOG, pointer(s, &log));
}

static void do_state(struct source *s)
{
	int fd = vcpu_fd(any_vcpu(s));
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_fpu fpu;

	switch (choose(s, 7)) {
	case 0:
		call(fd, KVM_GET_REGS, pointer(s, &regs));
		break;
	case 1:
		call(fd, KVM_GET_SREGS, pointer(s, &sregs));
		break;
	case 2:
		call(fd, KVM_GET_FPU, pointer(s, &fpu));
		break;
	case 3:
		choose_fill(s, &fpu, sizeof(fpu));
		if (choose(s, 2))
			fpu.mxcsr &= 0xffff;
		call(fd, KVM_SET_FPU, pointer(s, &fpu));
		break;
	case 4:
		choose_fill(s, &sregs, sizeof(sregs));
		clear_of_qemu_sregs(&sregs);
		call(fd, KVM_SET_SREGS, &sregs);
		break;
	default:
		state_random(s, choose(s, VMM_NR_MODES), &sregs, &regs);
		call(fd, KVM_SET_SREGS, &sregs);
		call(fd, KVM_SET_REGS, pointer(s, &regs));
	}
}

static void do_translate(struct source *s)
{
	struct kvm_translation translation = {
		.linear_address = choose(s, 2) ? choose(s, GUEST_SIZE) : choose_number(s),
	};

	call(vcpu_fd(any_vcpu(s)), KVM_TRANSLATE, pointer(s, &translation));
}

static void do_interrupt(struct source *s)
{
	struct kvm_interrupt interrupt = { .irq = choose(s, 256) };

	if (choose_one_in(s, 8))
		interrupt.irq = choose_number(s);
	call(vcpu_fd(any_vcpu(s)), KVM_INTERRUPT, pointer(s, &interrupt));
}

/* Any mask but of the signal that ends KVM_RUN: that a masked one does not is its right. */
static void do_signal_mask(struct source *s)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t set[8];
	} mask = { .head.len = choose_one_in(s, 4) ? choose_number(s) : 8 };
	uint64_t set = choose_word(s) & ~(1ull << (SIGUSR1 - 1));

	memcpy(mask.head.sigset, &set, sizeof(set));
	call(vcpu_fd(any_vcpu(s)), KVM_SET_SIGNAL_MASK,
	     choose_one_in(s, 4) ? NULL : choose_one_in(s, 12) ? (void *)-PAGE : &mask);
}

static void do_run(struct source *s)
{
	call(vcpu_fd(any_vcpu(s)), KVM_RUN, (void *)(choose_one_in(s, 16) ? choose_number(s) : 0));
}

static void do_image(struct source *s)
{
	image_random(s, choose(s, VMM_NR_MODES));
}

/* An ioctl that nobody knows, or a known one with another size or direction. */
static void do_unknown(struct source *s)
{
	unsigned int cmd = choose_word(s);

	if (choose(s, 2))
		cmd = _IOC(choose(s, 4), KVMIO, choose(s, 256), choose(s, 512));
	call(any_fd(s), cmd, bad_pointer(s));
}

/* The page that is shared with the kernel, at any moment. */
static void do_shared_page(struct source *s)
{
	int n = any_vcpu(s);
	struct kvm_run *run = vcpu_run(n);

	if (!run)
		return;
	switch (choose(s, 5)) {
	case 0:
		run->immediate_exit = choose_one_in(s, 4);
		break;
	case 1:
		run->request_interrupt_window = choose(s, 2);
		break;
	case 2:
		run->cr8 = choose(s, 4) ? choose(s, 16) : choose_number(s);
		break;
	case 3:
		run->kvm_valid_regs = choose_one_in(s, 8);
		run->kvm_dirty_regs = choose_one_in(s, 8);
		break;
	default:
		((uint8_t *)run)[choose(s, run_size)] = choose(s, 256);
		run->kvm_valid_regs = 0;
		run->kvm_dirty_regs = 0;
		run->cr8 = 0;
	}
}

/* The shared page as memory of the guest; another protection; more than there is. */
static void do_map(struct source *s)
{
	static const int protections[] = {
		PROT_READ, PROT_WRITE | PROT_READ, PROT_EXEC | PROT_READ,
	};
	int fd = choose(s, 4) ? vcpu_fd(any_vcpu(s)) : any_fd(s);
	size_t pages = 1 + choose(s, 6);
	void *at = (void *)(ARENA + choose(s, ARENA_SIZE / PAGE - pages) * PAGE);

	if (mmap(at, pages * PAGE, protections[choose(s, COUNT(protections))],
		 MAP_FIXED | (choose(s, 4) ? MAP_SHARED : MAP_PRIVATE), fd,
		 choose(s, 4) * PAGE) != MAP_FAILED && choose(s, 2))
		munmap(at, pages * PAGE);
}

static void do_debugfs(struct source *s)
{
	static const char *const files[] = { "stats", "slots", "audit", "map" };
	char path[128], text[4096];
	int vm = vm_fd(any_vm(s));

	snprintf(path, sizeof(path), FUZZ_DEBUGFS "/vm-%d-%d/%s", getpid(), vm,
		 files[choose(s, COUNT(files))]);
	proc_read(path, text, sizeof(text));
}

/* EBADF, ENOTTY: another thread has closed it meanwhile, and the number is something else */
static bool refuses(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 && (errno == EIO || errno == EBADF || errno == ENOTTY);
}

/* Another process with the same file descriptors: it may not do anything. */
static void do_fork(struct source *s)
{
	int fd = vcpu_fd(any_vcpu(s)), vm = vm_fd(any_vm(s)), status;
	pid_t pid = fork();

	if (!pid) {
		struct kvm_regs regs;

		_exit(!(refuses(fd, KVM_RUN, 0) && refuses(fd, KVM_GET_REGS, &regs) &&
			refuses(vm, KVM_CREATE_VCPU, (void *)7)));
	}
	tally(COUNT_FORKS);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
		failed("a child of fork() could use its parent's VM: status %#x", status);
}

static const struct {
	void (*act)(struct source *s);
	unsigned int weight;
} acts[] = {
	{ do_create_vm, 2 }, { do_create_vcpu, 3 }, { do_close, 1 }, { do_system, 20 },
	{ do_cpuid, 6 }, { do_slot, 20 }, { do_dirty_log, 15 }, { do_state, 60 },
	{ do_translate, 30 }, { do_interrupt, 30 }, { do_signal_mask, 10 }, { do_run, 24 },
	{ do_image, 2 }, { do_unknown, 20 }, { do_shared_page, 10 }, { do_map, 2 },
	{ do_debugfs, 1 }, { do_fork, 1 },
};

void act(struct source *s)
{
	unsigned int sum = 0, pick;
	size_t i;

	for (i = 0; i < COUNT(acts); i++)
		sum += acts[i].weight;
	pick = choose(s, sum);
	for (i = 0; pick >= acts[i].weight; i++)
		pick -= acts[i].weight;
	acts[i].act(s);
}

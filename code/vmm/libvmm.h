/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvmm.h - a small monitor on the KVM API of <linux/kvm.h>, for stock KVM and
 * kvmswap alike. It makes a VM, gives it memory, puts a vCPU into any mode of the
 * architecture, loads a flat binary and runs it.
 *
 * Errors: a vmm_ function that cannot do its work prints what it tried and why, and
 * ends the process with status VMM_BROKEN. What may fail by design answers 0 or a
 * negative errno instead, and its comment says so. To provoke errors, use the file
 * descriptors in the structures with ioctl() yourself.
 *
 * Next: ../guests/abi.h (what guest and monitor agree on), vm.c, vcpu.c, mode.c.
 */
#ifndef LIBVMM_H
#define LIBVMM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../guests/abi.h"

#define VMM_BROKEN	2	/* exit status: the monitor itself could not go on */
#define VMM_MAX_SLOTS	32
#define VMM_MAX_VCPUS	8

struct vmm_vcpu;

/** struct vmm_slot - a run of guest memory. */
struct vmm_slot {
	bool used;
	bool own;		/* mapped by vmm_add_memory(), unmapped with the VM */
	uint64_t gpa;		/* bytes */
	size_t size;		/* bytes */
	char *hva;
	uint32_t flags;		/* KVM_MEM_* */
};

/** struct vmm - a virtual machine. */
struct vmm {
	int dev_fd;		/* the device */
	int fd;			/* the VM */
	int pid;		/* of the process that made it */
	const char *device;	/* its path */
	size_t run_size;	/* bytes of a vCPU's shared area */
	struct vmm_slot slots[VMM_MAX_SLOTS];	/* the index is the slot's number */
	int nr_vcpus;
	struct vmm_vcpu *vcpus[VMM_MAX_VCPUS];
};

/** enum vmm_stop - why vmm_run() came back. */
enum vmm_stop {
	VMM_EXIT,		/* the guest wrote to the exit port: vcpu->status */
	VMM_HLT,
	VMM_SHUTDOWN,		/* triple fault */
	VMM_FAIL_ENTRY,
	VMM_INTERNAL_ERROR,
	VMM_MMIO,		/* nobody took the access: see vcpu->run->mmio */
	VMM_IO,			/* nobody took the port: see vcpu->run->io */
	VMM_KICKED,		/* vmm_kick() */
	VMM_ERRNO,		/* KVM_RUN failed: vcpu->error is the errno */
	VMM_OTHER,		/* vcpu->run->exit_reason */
};

/** struct vmm_vcpu - a virtual CPU and what its program hung on it. */
struct vmm_vcpu {
	struct vmm *vm;
	int id;
	int fd;
	struct kvm_run *run;

	/* set by the program before vmm_run(); each may be NULL */
	void (*on_text)(struct vmm_vcpu *vcpu, const char *line);	/* without the newline */
	bool (*on_io)(struct vmm_vcpu *vcpu, uint16_t port, bool out, void *data,
		      int size, int count);	/* before the ports of abi.h; true: taken */
	uint32_t (*on_host)(struct vmm_vcpu *vcpu, bool out, uint32_t value);	/* ABI_PORT_HOST */
	bool (*on_mmio)(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len);
	bool retry_efault;	/* KVM_RUN's EFAULT: count it and try again */
	void *data;		/* the program's own */

	/* results */
	enum vmm_stop stop;
	uint32_t status;	/* what the guest wrote to the exit port */
	int error;		/* errno of KVM_RUN */
	uint32_t reports[ABI_REPORTS];	/* read them with vmm_report() */
	uint64_t efaults;	/* retried; atomic */
	uint64_t exits;		/* to user space */

	/* private */
	pthread_t thread;
	bool threaded;
	bool stopping;
	char line[256];
	size_t line_len;
};

/** enum vmm_mode - the modes that vmm_set_mode() can put a vCPU into. */
enum vmm_mode {
	VMM_REAL,		/* real mode, CS:IP 0:entry */
	VMM_PROT32,		/* 32-bit, no paging */
	VMM_PAGING32,		/* 32-bit paging, 4 KiB pages */
	VMM_PAGING32_4M,
	VMM_PAE,		/* 4 KiB pages */
	VMM_PAE_2M,
	VMM_LONG,		/* 64-bit, 4 KiB pages */
	VMM_LONG_2M,
	VMM_LONG_1G,
	VMM_NR_MODES
};

/* ---- error.c ---- */

/** vmm_die() - print "PROGRAM: text: strerror(errno)" (no errno if 0), exit VMM_BROKEN. */
void vmm_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/** vmm_warn() - the same, and come back. */
void vmm_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** vmm_slowness() - what limits of time are multiplied with on this kernel: $SLOWNESS or 1. */
unsigned int vmm_slowness(void);
/** vmm_number() - the number that option --@name has in @text; vmm_die() if it is none. */
long vmm_number(const char *text, const char *name, long min, long max);

/* ---- vm.c ---- */

/**
 * vmm_device() - which device to use.
 * @wanted: a path, or NULL: the environment's KVM_DEVICE, else /dev/kvmswap, else /dev/kvm
 *
 * Return: the path; it need not exist.
 */
const char *vmm_device(const char *wanted);

/**
 * vmm_create() - open the device, check its API version, make a VM without memory.
 * @device: as for vmm_device()
 */
struct vmm *vmm_create(const char *device);

/** vmm_destroy() - stop and join the vCPU threads, close everything, unmap own memory. */
void vmm_destroy(struct vmm *vm);

/** vmm_extension() - KVM_CHECK_EXTENSION of @cap on the device; 0 if it is not known. */
int vmm_extension(struct vmm *vm, long cap);

/**
 * vmm_set_slot() - KVM_SET_USER_MEMORY_REGION, bookkeeping included when it succeeds.
 * @id: slot number
 * @gpa: bytes
 * @size: bytes; 0 deletes the slot
 * @hva: host address, or NULL
 *
 * Return: 0 or a negative errno; prints nothing.
 */
int vmm_set_slot(struct vmm *vm, unsigned int id, uint32_t flags, uint64_t gpa, size_t size,
		 void *hva);

/**
 * vmm_add_memory() - fresh anonymous memory in the first free slot.
 * @gpa, @size: bytes, multiples of 4 KiB
 *
 * Return: the slot.
 */
struct vmm_slot *vmm_add_memory(struct vmm *vm, uint64_t gpa, size_t size);

/** vmm_map_memory() - as vmm_add_memory(), but with the caller's memory at @hva. */
struct vmm_slot *vmm_map_memory(struct vmm *vm, uint64_t gpa, size_t size, void *hva,
				uint32_t flags);

/** vmm_hva() - host address of the guest's [@gpa, @gpa + @len) bytes, all in one slot. */
void *vmm_hva(struct vmm *vm, uint64_t gpa, size_t len);

/** vmm_load() - copy the flat binary @path to @gpa; returns its size in bytes. */
size_t vmm_load(struct vmm *vm, const char *path, uint64_t gpa);

/** vmm_params() - the parameter block at ABI_PARAMS, magic, vcpus and memory filled in. */
struct guest_params *vmm_params(struct vmm *vm, enum vmm_mode mode, int vcpus);

/* ---- vcpu.c ---- */

/** vmm_add_vcpu() - make the next vCPU, with the CPUID of vmm_set_cpuid(). */
struct vmm_vcpu *vmm_add_vcpu(struct vmm *vm);

/**
 * vmm_set_cpuid() - the same CPUID on every device: a fixed list of features, less
 * what the device does not support. Silently nothing when the device knows no CPUID.
 */
void vmm_set_cpuid(struct vmm_vcpu *vcpu);

void vmm_get_regs(struct vmm_vcpu *vcpu, struct kvm_regs *regs);
void vmm_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *regs);
void vmm_get_sregs(struct vmm_vcpu *vcpu, struct kvm_sregs *sregs);
void vmm_set_sregs(struct vmm_vcpu *vcpu, const struct kvm_sregs *sregs);

/**
 * vmm_enter() - one KVM_RUN, no handling of what comes back.
 *
 * Return: 0 (see vcpu->run->exit_reason) or a negative errno.
 */
int vmm_enter(struct vmm_vcpu *vcpu);

/**
 * vmm_run() - run until the guest stops for a reason that no handler took.
 *
 * Handles the ports of abi.h and the handlers in @vcpu. Signals other than that of
 * vmm_kick() are no reason to stop.
 * Return: why; also in vcpu->stop.
 */
enum vmm_stop vmm_run(struct vmm_vcpu *vcpu);

/** vmm_start() - vmm_run() on a thread of its own. */
void vmm_start(struct vmm_vcpu *vcpu);
/** vmm_join() - wait for that thread; returns vcpu->stop. */
enum vmm_stop vmm_join(struct vmm_vcpu *vcpu);
/** vmm_kick() - make vmm_run() of a started vCPU return VMM_KICKED soon. */
void vmm_kick(struct vmm_vcpu *vcpu);

/** vmm_report() - report word @n; any thread, at any time. */
uint32_t vmm_report(const struct vmm_vcpu *vcpu, int n);

/** vmm_stop_name() - "exit", "hlt", "shutdown" ... */
const char *vmm_stop_name(enum vmm_stop stop);
/** vmm_describe_stop() - one line with all that is known, e.g. "exit status 0". */
void vmm_describe_stop(const struct vmm_vcpu *vcpu, char *text, size_t size);

/* ---- mode.c: a mode from the outside ---- */

/** vmm_mode_name() - "real", "prot32", "paging32", ... "long-1g"; NULL past the last. */
const char *vmm_mode_name(enum vmm_mode mode);
/** vmm_mode_by_name() - the reverse; VMM_NR_MODES when there is none. */
enum vmm_mode vmm_mode_by_name(const char *name);
/** vmm_mode_bits() - 16, 32 or 64. */
int vmm_mode_bits(enum vmm_mode mode);

/**
 * vmm_set_mode() - put a vCPU into @mode through KVM_SET_SREGS and KVM_SET_REGS.
 * @entry: rip
 *
 * Writes the flat GDT at ABI_GDT, an empty IDT at ABI_IDT and, for a mode with
 * paging, tables at ABI_TABLES that identity-map all memory up to the end of the
 * highest slot (the large pages of a mode may map more). The stack pointer is that of
 * vCPU n in abi.h; rdi holds n, rsi the address of the parameter block; other registers are 0.
 */
void vmm_set_mode(struct vmm_vcpu *vcpu, enum vmm_mode mode, uint64_t entry);

/* Selectors in the GDT of vmm_write_gdt(). */
#define VMM_SEL_CODE32	0x08
#define VMM_SEL_DATA	0x10
#define VMM_SEL_CODE64	0x18
#define VMM_SEL_CODE16	0x20
#define VMM_SEL_DATA16	0x28
#define VMM_SEL_UDATA	0x33
#define VMM_SEL_UCODE32	0x3b
#define VMM_SEL_UCODE64	0x43
#define VMM_SEL_TSS	0x48	/* 16 bytes */
#define VMM_GDT_SIZE	0x58

/** vmm_write_gdt() - flat segments with the selectors above at @gpa. */
void vmm_write_gdt(struct vmm *vm, uint64_t gpa);

/** vmm_write_gate() - gate @vector of the IDT at @gpa: to @handler, 32 or 64 @bits. */
void vmm_write_gate(struct vmm *vm, uint64_t gpa, int bits, int vector, uint64_t handler);

/**
 * vmm_build_tables() - identity-map [0, @size) at @tables for @mode.
 * @end: first byte after the room for tables
 *
 * Return: what CR3 must hold.
 */
uint64_t vmm_build_tables(struct vmm *vm, enum vmm_mode mode, uint64_t size, uint64_t tables,
			  uint64_t end);

/**
 * vmm_run_bytes() - copy @len instruction bytes to @gpa, set rip there, vmm_run().
 *
 * The mode is whatever the vCPU is in.
 */
enum vmm_stop vmm_run_bytes(struct vmm_vcpu *vcpu, uint64_t gpa, const void *bytes, size_t len);

/* ---- debugfs.c: what kvmswap tells about a VM ---- */

/** dbgfs_present() - is there a debugfs folder for this VM (kvmswap, debugfs mounted)? */
bool dbgfs_present(const struct vmm *vm);
/** dbgfs_path() - the path of @file in the VM's folder. */
void dbgfs_path(const struct vmm *vm, const char *file, char *path, size_t size);
/** dbgfs_stat() - a line of "stats"; -1 if there is no such file or line. */
long long dbgfs_stat(const struct vmm *vm, const char *name);

/** struct dbgfs_audit - what one run of the audit found; -1: not told. */
struct dbgfs_audit {
	long long stale_sptes;
	long long rmap_errors;
	long long role_errors;
	long long pinned_pages;
	char detail[512];	/* the first lines of detail, for a person */
};

/** dbgfs_audit() - run the audit; false if the VM has none. */
bool dbgfs_audit(const struct vmm *vm, struct dbgfs_audit *audit);

/* Pause points: a thread that comes to an armed one spins there until its release. */
void dbgfs_pause_arm(const char *name);
/** dbgfs_pause_limit() - or for so long at most; ten if nobody says. Longer on a slow kernel. */
void dbgfs_pause_limit(unsigned int seconds);
/** dbgfs_pause_wait() - wait until a thread is held there; 0, or -ETIMEDOUT. */
int dbgfs_pause_wait(const char *name, int timeout_ms);
void dbgfs_pause_release(const char *name);

/* ---- act.c: the host acts ---- */

/** struct act - what the host does, on a thread of its own, and where it is held. */
struct act {
	void (*what)(void);
	const char *point;	/* armed right before; NULL: it is held nowhere */
	bool (*begun)(void);	/* is it what() that is held? NULL: nobody else can be */
	pthread_t thread;
	sem_t go;
	bool done;		/* atomic */
};

/** act_prepare() - make the thread. Not later: that changes the process' memory, too. */
void act_prepare(struct act *act);
/** act_start() - do it; returns at once. */
void act_start(struct act *act);
/** act_begin() - do it; returns when it is held, and then true, or done. */
bool act_begin(struct act *act);
/** act_held() - is it held at its point? */
bool act_held(const struct act *act);
/** act_done() - is it done? Waits up to @ms milliseconds for that; longer on a slow kernel. */
bool act_done(const struct act *act, int ms);
/** act_end() - let it go on, and wait for its end. */
void act_end(struct act *act);

/* ---- proc.c: what the kernel tells ---- */

/**
 * proc_value() - the number after @name in a file of "name value" lines, such as
 * /proc/vmstat, /proc/PID/status (units as they are there) or memory.stat.
 *
 * Return: the number, or -1 if there is no such file or line.
 */
long long proc_value(const char *path, const char *name);
/** proc_write() - write @text to @path; 0 or a negative errno. */
int proc_write(const char *path, const char *text);
/** proc_read() - read up to @size - 1 bytes; the length or a negative errno. */
long proc_read(const char *path, char *text, size_t size);

/**
 * kmsg_open() - the kernel's log, to read without waiting and to write to.
 * @whence: SEEK_END: from what comes next on; SEEK_SET: from the oldest line that is left
 */
int kmsg_open(int whence);
/**
 * kmsg_next() - the next line of the kernel's log, with its end of line.
 * @level: out: 0 (emergency) to 7 (debug); may be NULL
 *
 * Return: false if there is none yet.
 */
bool kmsg_next(int fd, int *level, char *line, size_t size);

/** enum page_state - of one page of a process, by its pagemap. */
enum page_state { PAGE_NONE, PAGE_PRESENT, PAGE_SWAPPED };

/**
 * proc_pages() - the state of @npages pages of process @pid from @hva on.
 *
 * Return: 0 or a negative errno.
 */
int proc_pages(int pid, const void *hva, size_t npages, unsigned char *states);

/* ---- cgroup.c ---- */

/**
 * cgroup_create() - a cgroup v2 that keeps @limit bytes in memory; swap without limit.
 * @path: out: its folder under /sys/fs/cgroup
 *
 * It may pass the limit for a moment, up to twice as much. Where all pages wait for a slow
 * disk the kernel finds none to free, and at a hard limit it would kill.
 */
void cgroup_create(const char *name, long long limit, char *path, size_t size);
/** cgroup_enter() - move the calling process into it. */
void cgroup_enter(const char *path);
/** cgroup_remove() - remove it, when its last process is gone. */
void cgroup_remove(const char *path);
/** cgroup_check_swap() - end the process, saying what to do, if no swap is on. */
void cgroup_check_swap(long long wanted);

#endif

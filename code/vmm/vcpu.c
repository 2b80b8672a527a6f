// SPDX-License-Identifier: GPL-2.0
/*
 * vcpu.c - a virtual CPU: its ioctls, its thread, and the loop around KVM_RUN that
 * serves the ports of abi.h. You come here from vm.c; next: mode.c, which says what
 * the first instruction runs in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmm.h"

#define KICK_SIGNAL SIGUSR1

static void on_kick(int signal)
{
	(void)signal;	/* it only has to interrupt KVM_RUN */
}

struct vmm_vcpu *vmm_add_vcpu(struct vmm *vm)
{
	struct sigaction action = { .sa_handler = on_kick };
	struct vmm_vcpu *vcpu = calloc(1, sizeof(*vcpu));

	if (!vcpu)
		vmm_die("memory for a vCPU's description");
	errno = 0;
	if (vm->nr_vcpus == VMM_MAX_VCPUS)
		vmm_die("more than %d vCPUs", VMM_MAX_VCPUS);
	sigaction(KICK_SIGNAL, &action, NULL);
	vcpu->vm = vm;
	vcpu->id = vm->nr_vcpus;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (long)vcpu->id);
	if (vcpu->fd < 0)
		vmm_die("%s: KVM_CREATE_VCPU %d", vm->device, vcpu->id);
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		vmm_die("%s: mmap of vCPU %d's kvm_run", vm->device, vcpu->id);
	vmm_set_cpuid(vcpu);
	vm->vcpus[vm->nr_vcpus++] = vcpu;
	return vcpu;
}

void vmm_get_regs(struct vmm_vcpu *vcpu, struct kvm_regs *regs)
{
	if (ioctl(vcpu->fd, KVM_GET_REGS, regs))
		vmm_die("%s: KVM_GET_REGS of vCPU %d", vcpu->vm->device, vcpu->id);
}

void vmm_set_regs(struct vmm_vcpu *vcpu, const struct kvm_regs *regs)
{
	if (ioctl(vcpu->fd, KVM_SET_REGS, regs))
		vmm_die("%s: KVM_SET_REGS of vCPU %d", vcpu->vm->device, vcpu->id);
}

void vmm_get_sregs(struct vmm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	if (ioctl(vcpu->fd, KVM_GET_SREGS, sregs))
		vmm_die("%s: KVM_GET_SREGS of vCPU %d", vcpu->vm->device, vcpu->id);
}

void vmm_set_sregs(struct vmm_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	if (ioctl(vcpu->fd, KVM_SET_SREGS, sregs))
		vmm_die("%s: KVM_SET_SREGS of vCPU %d (cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx)",
			vcpu->vm->device, vcpu->id, sregs->cr0, sregs->cr3, sregs->cr4,
			sregs->efer);
}

int vmm_enter(struct vmm_vcpu *vcpu)
{
	int ret = ioctl(vcpu->fd, KVM_RUN, 0) ? -errno : 0;

	vcpu->exits++;
	return ret;
}

static void console(struct vmm_vcpu *vcpu, char c)
{
	if (c != '\n')
		vcpu->line[vcpu->line_len++] = c;
	if (c == '\n' || vcpu->line_len == sizeof(vcpu->line) - 1) {
		vcpu->line[vcpu->line_len] = 0;
		vcpu->line_len = 0;
		if (vcpu->on_text)
			vcpu->on_text(vcpu, vcpu->line);
		else
			printf("vcpu %d: %s\n", vcpu->id, vcpu->line);
	}
}

static uint32_t io_value(const void *data, int size)
{
	uint32_t value = 0;

	memcpy(&value, data, size);
	return value;
}

/* The ports of abi.h. Return: false if the guest stops here. */
static bool handle_io(struct vmm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	bool out = run->io.direction == KVM_EXIT_IO_OUT;
	uint16_t port = run->io.port;
	int size = run->io.size;
	char *data = (char *)run + run->io.data_offset;
	uint32_t i;

	if (vcpu->on_io && vcpu->on_io(vcpu, port, out, data, size, run->io.count))
		return true;
	for (i = 0; i < run->io.count; i++, data += size) {
		if (port == ABI_PORT_CONSOLE && out && size == 1) {
			console(vcpu, *data);
		} else if (port == ABI_PORT_EXIT && out) {
			vcpu->status = io_value(data, size);
			vcpu->stop = VMM_EXIT;
			return false;
		} else if (port == ABI_PORT_HOST && size == 4 && vcpu->on_host) {
			uint32_t value = vcpu->on_host(vcpu, out, out ? io_value(data, 4) : 0);

			if (!out)
				memcpy(data, &value, 4);
		} else if (port >= ABI_PORT_REPORT && port < ABI_PORT_REPORT + 4 * ABI_REPORTS &&
			   out && size == 4) {
			__atomic_store_n(&vcpu->reports[(port - ABI_PORT_REPORT) / 4],
					 io_value(data, 4), __ATOMIC_RELAXED);
		} else {
			vcpu->stop = VMM_IO;
			return false;
		}
	}
	return true;
}

/* KVM_RUN failed. Return: false if the guest stops here. */
static bool handle_errno(struct vmm_vcpu *vcpu, int error)
{
	if (error == EINTR || error == EAGAIN) {
		if (!__atomic_load_n(&vcpu->stopping, __ATOMIC_ACQUIRE))
			return true;
		vcpu->stop = VMM_KICKED;
		return false;
	}
	if (error == EFAULT && vcpu->retry_efault) {
		__atomic_fetch_add(&vcpu->efaults, 1, __ATOMIC_RELAXED);
		usleep(100);
		return true;
	}
	vcpu->error = error;
	vcpu->stop = VMM_ERRNO;
	return false;
}

/* What KVM_RUN came back with. Return: false if the guest stops here. */
static bool handle_exit(struct vmm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_io(vcpu);
	case KVM_EXIT_MMIO:
		if (vcpu->on_mmio && vcpu->on_mmio(vcpu, run->mmio.phys_addr, run->mmio.is_write,
						   run->mmio.data, run->mmio.len))
			return true;
		vcpu->stop = VMM_MMIO;
		return false;
	case KVM_EXIT_INTR:
		return handle_errno(vcpu, EINTR);
	case KVM_EXIT_HLT:
		vcpu->stop = VMM_HLT;
		return false;
	case KVM_EXIT_SHUTDOWN:
		vcpu->stop = VMM_SHUTDOWN;
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		vcpu->stop = VMM_FAIL_ENTRY;
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		vcpu->stop = VMM_INTERNAL_ERROR;
		return false;
	default:
		vcpu->stop = VMM_OTHER;
		return false;
	}
}

enum vmm_stop vmm_run(struct vmm_vcpu *vcpu)
{
	bool go;

	do {
		int error = -vmm_enter(vcpu);

		go = error ? handle_errno(vcpu, error) : handle_exit(vcpu);
	} while (go);
	return vcpu->stop;
}

static void *thread_main(void *arg)
{
	vmm_run(arg);
	return NULL;
}

void vmm_start(struct vmm_vcpu *vcpu)
{
	vcpu->stopping = false;
	vcpu->run->immediate_exit = 0;
	errno = pthread_create(&vcpu->thread, NULL, thread_main, vcpu);
	if (errno)
		vmm_die("a thread for vCPU %d", vcpu->id);
	vcpu->threaded = true;
}

enum vmm_stop vmm_join(struct vmm_vcpu *vcpu)
{
	if (vcpu->threaded) {
		pthread_join(vcpu->thread, NULL);
		vcpu->threaded = false;
	}
	return vcpu->stop;
}

void vmm_kick(struct vmm_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->stopping, true, __ATOMIC_RELEASE);
	vcpu->run->immediate_exit = 1;	/* if it is just about to enter */
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

uint32_t vmm_report(const struct vmm_vcpu *vcpu, int n)
{
	return __atomic_load_n(&vcpu->reports[n], __ATOMIC_RELAXED);
}

const char *vmm_stop_name(enum vmm_stop stop)
{
	static const char *const names[] = {
		[VMM_EXIT] = "exit", [VMM_HLT] = "hlt", [VMM_SHUTDOWN] = "shutdown",
		[VMM_FAIL_ENTRY] = "fail-entry", [VMM_INTERNAL_ERROR] = "internal-error",
		[VMM_MMIO] = "mmio", [VMM_IO] = "io", [VMM_KICKED] = "kicked",
		[VMM_ERRNO] = "errno", [VMM_OTHER] = "other",
	};

	return names[stop];
}

void vmm_describe_stop(const struct vmm_vcpu *vcpu, char *text, size_t size)
{
	const struct kvm_run *run = vcpu->run;
	const char *name = vmm_stop_name(vcpu->stop);

	switch (vcpu->stop) {
	case VMM_EXIT:
		snprintf(text, size, "%s status %u", name, vcpu->status);
		break;
	case VMM_FAIL_ENTRY:
		snprintf(text, size, "%s reason %#llx", name,
			 run->fail_entry.hardware_entry_failure_reason);
		break;
	case VMM_INTERNAL_ERROR:
		snprintf(text, size, "%s suberror %u", name, run->internal.suberror);
		break;
	case VMM_MMIO:
		snprintf(text, size, "%s %s of %u bytes at %#llx", name,
			 run->mmio.is_write ? "write" : "read", run->mmio.len,
			 run->mmio.phys_addr);
		break;
	case VMM_IO:
		snprintf(text, size, "%s %s of %u bytes, port %#x", name,
			 run->io.direction == KVM_EXIT_IO_OUT ? "out" : "in", run->io.size,
			 run->io.port);
		break;
	case VMM_ERRNO:
		snprintf(text, size, "KVM_RUN: %s", strerror(vcpu->error));
		break;
	case VMM_OTHER:
		snprintf(text, size, "exit reason %u", run->exit_reason);
		break;
	default:
		snprintf(text, size, "%s", name);
	}
}

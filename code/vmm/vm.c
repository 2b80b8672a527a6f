// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - a virtual machine and its memory: the system and VM ioctls of the KVM API.
 * A program comes here first; next: vcpu.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvmm.h"

const char *vmm_device(const char *wanted)
{
	if (!wanted)
		wanted = getenv("KVM_DEVICE");
	if (wanted && *wanted)
		return wanted;
	return access("/dev/kvmswap", F_OK) ? "/dev/kvm" : "/dev/kvmswap";
}

struct vmm *vmm_create(const char *device)
{
	struct vmm *vm = calloc(1, sizeof(*vm));
	int version, size;

	if (!vm)
		vmm_die("memory for a VM's description");
	vm->pid = getpid();
	vm->device = vmm_device(device);
	vm->dev_fd = open(vm->device, O_RDWR | O_CLOEXEC);
	if (vm->dev_fd < 0)
		vmm_die("open %s (is the module loaded? dmesg says what it found)", vm->device);

	errno = 0;
	version = ioctl(vm->dev_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		vmm_die("%s: API version is %d, this program speaks %d", vm->device, version,
			KVM_API_VERSION);
	size = ioctl(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		vmm_die("%s: KVM_GET_VCPU_MMAP_SIZE: %d", vm->device, size);
	vm->run_size = size;
	vm->fd = ioctl(vm->dev_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		vmm_die("%s: KVM_CREATE_VM", vm->device);
	return vm;
}

void vmm_destroy(struct vmm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vmm_vcpu *vcpu = vm->vcpus[i];

		if (vcpu->threaded) {
			vmm_kick(vcpu);
			vmm_join(vcpu);
		}
		munmap(vcpu->run, vm->run_size);
		close(vcpu->fd);
		free(vcpu);
	}
	close(vm->fd);
	close(vm->dev_fd);
	for (i = 0; i < VMM_MAX_SLOTS; i++)
		if (vm->slots[i].used && vm->slots[i].own)
			munmap(vm->slots[i].hva, vm->slots[i].size);
	free(vm);
}

int vmm_extension(struct vmm *vm, long cap)
{
	int value = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, cap);

	return value < 0 ? 0 : value;
}

int vmm_set_slot(struct vmm *vm, unsigned int id, uint32_t flags, uint64_t gpa, size_t size,
		 void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return -errno;
	if (id < VMM_MAX_SLOTS)
		vm->slots[id] = (struct vmm_slot) {
			.used = size != 0,
			.own = size && vm->slots[id].own && vm->slots[id].hva == hva,
			.gpa = gpa,
			.size = size,
			.hva = hva,
			.flags = flags,
		};
	return 0;
}

struct vmm_slot *vmm_map_memory(struct vmm *vm, uint64_t gpa, size_t size, void *hva,
				uint32_t flags)
{
	unsigned int id;
	int error;

	for (id = 0; id < VMM_MAX_SLOTS && vm->slots[id].used; id++)
		;
	errno = 0;
	if (id == VMM_MAX_SLOTS)
		vmm_die("no free slot for memory at %#llx", (unsigned long long)gpa);
	error = vmm_set_slot(vm, id, flags, gpa, size, hva);
	if (error) {
		errno = -error;
		vmm_die("%s: KVM_SET_USER_MEMORY_REGION: slot %u, %zu KiB at %#llx, hva %p",
			vm->device, id, size / 1024, (unsigned long long)gpa, hva);
	}
	return &vm->slots[id];
}

struct vmm_slot *vmm_add_memory(struct vmm *vm, uint64_t gpa, size_t size)
{
	struct vmm_slot *slot;
	void *hva;

	hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hva == MAP_FAILED)
		vmm_die("mmap of %zu KiB for the guest", size / 1024);
	slot = vmm_map_memory(vm, gpa, size, hva, 0);
	slot->own = true;
	return slot;
}

void *vmm_hva(struct vmm *vm, uint64_t gpa, size_t len)
{
	const struct vmm_slot *slot;

	for (slot = vm->slots; slot < vm->slots + VMM_MAX_SLOTS; slot++)
		if (slot->used && gpa >= slot->gpa && gpa - slot->gpa < slot->size &&
		    len <= slot->size - (gpa - slot->gpa))
			return slot->hva + (gpa - slot->gpa);
	errno = 0;
	vmm_die("the guest has no memory for %zu bytes at %#llx", len, (unsigned long long)gpa);
}

size_t vmm_load(struct vmm *vm, const char *path, uint64_t gpa)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 || fstat(fd, &st))
		vmm_die("open the guest program %s", path);
	got = read(fd, vmm_hva(vm, gpa, st.st_size), st.st_size);
	if (got != st.st_size)
		vmm_die("read the guest program %s: %zd of %lld bytes", path, got,
			(long long)st.st_size);
	close(fd);
	return got;
}

struct guest_params *vmm_params(struct vmm *vm, enum vmm_mode mode, int vcpus)
{
	struct guest_params *params = vmm_hva(vm, ABI_PARAMS, sizeof(*params));

	*params = (struct guest_params) {
		.magic = ABI_PARAMS_MAGIC,
		.vcpus = vcpus,
		.memory = vm->slots[0].size,
		.mode = mode,
	};
	return params;
}

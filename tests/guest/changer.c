// SPDX-License-Identifier: GPL-2.0
/*
 * changer.c - threads that change slots, a guest that looks at them, and how debugfs
 * shows them. See changer.h.
 */
#define _GNU_SOURCE
#include "changer.h"

static void *changer_thread(void *arg)
{
	struct changer *changer = arg;

	while (!__atomic_load_n(&changer->go, __ATOMIC_ACQUIRE))
		usleep(1000);
	changer->error = changer->what(changer->arg);
	__atomic_store_n(&changer->done, true, __ATOMIC_RELEASE);
	/* a thread that ends gives its stack back, and may so wait for who is held */
	while (!__atomic_load_n(&changer->leave, __ATOMIC_ACQUIRE))
		usleep(1000);
	return NULL;
}

void changer_prepare(struct changer *changer, int (*what)(void *arg), void *arg)
{
	*changer = (struct changer){ .what = what, .arg = arg };
	assert_int_equal(pthread_create(&changer->thread, NULL, changer_thread, changer), 0);
}

void changer_go(struct changer *changer)
{
	__atomic_store_n(&changer->go, true, __ATOMIC_RELEASE);
}

bool changer_is_done(struct changer *changer, int ms)
{
	while (!__atomic_load_n(&changer->done, __ATOMIC_ACQUIRE)) {
		if (ms-- <= 0)
			return false;
		usleep(1000);
	}
	return true;
}

int changer_end(struct changer *changer)
{
	__atomic_store_n(&changer->leave, true, __ATOMIC_RELEASE);
	pthread_join(changer->thread, NULL);
	return changer->error;
}

void hold(const char *name)
{
	if (dbgfs_pause_wait(name, 8000))
		fail_msg("nobody came to the pause point %s", name);
}

bool see_slot(struct vmm *vm, int id, struct slot_seen *seen)
{
	static char text[256 * 1024];
	char path[256], name[32], *line;

	dbgfs_path(vm, "slots", path, sizeof(path));
	assert_true(proc_read(path, text, sizeof(text)) >= 0);
	snprintf(name, sizeof(name), "slot %d ", id);
	line = strstr(text, name);
	if (!line)
		return false;
	if (sscanf(line + strlen(name), "%lx %lu %lx", &seen->gfn, &seen->npages, &seen->hva) != 3)
		fail_msg("debugfs says of a slot: %s", line);
	return true;
}

static bool all_ones(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	(void)vcpu;
	(void)gpa;
	if (!write)
		memset(data, 0xff, len);
	return true;
}

struct vmm_vcpu *vcpu_with_ones(void)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();

	vcpu->on_mmio = all_ones;
	return vcpu;
}

CODE(64, load_store, "mov (%rdi), %eax; hlt; mov %eax, (%rdi); hlt");
#define STORE_OFFSET 3

static void set_up(struct vmm_vcpu *vcpu, int offset, uint32_t gpa, uint32_t value)
{
	struct kvm_regs regs;

	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 16), code_load_store, CODE_SIZE(load_store));
	vmm_get_regs(vcpu, &regs);
	regs.rip = ABI_CODE + offset;
	regs.rdi = gpa;
	regs.rax = value;
	vmm_set_regs(vcpu, &regs);
}

static uint32_t result(struct vmm_vcpu *vcpu)
{
	struct kvm_regs regs;

	assert_int_equal(vcpu->stop, VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	return regs.rax;
}

enum vmm_stop try_load(struct vmm_vcpu *vcpu, uint32_t gpa)
{
	set_up(vcpu, 0, gpa, 0);
	return vmm_run(vcpu);
}

uint32_t load_word(struct vmm_vcpu *vcpu, uint32_t gpa)
{
	try_load(vcpu, gpa);
	return result(vcpu);
}

void store_word(struct vmm_vcpu *vcpu, uint32_t gpa, uint32_t value)
{
	set_up(vcpu, STORE_OFFSET, gpa, value);
	vmm_run(vcpu);
	result(vcpu);
}

void start_load(struct vmm_vcpu *vcpu, uint32_t gpa)
{
	set_up(vcpu, 0, gpa, 0);
	vmm_start(vcpu);
}

void start_store(struct vmm_vcpu *vcpu, uint32_t gpa, uint32_t value)
{
	set_up(vcpu, STORE_OFFSET, gpa, value);
	vmm_start(vcpu);
}

uint32_t end_load(struct vmm_vcpu *vcpu)
{
	vmm_join(vcpu);
	return result(vcpu);
}

uint32_t *memory_of(size_t size)
{
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(hva, MAP_FAILED);
	madvise(hva, size, MADV_NOHUGEPAGE);	/* a kernel without huge pages refuses and may */
	return hva;
}

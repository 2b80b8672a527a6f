// SPDX-License-Identifier: GPL-2.0
/*
 * held.c - the host is held in the middle of something, and vCPUs read meanwhile. The
 * contracts are in held.h.
 */
#define _GNU_SOURCE
#include "held.h"

#define ASK_CODE	(ABI_CODE + PAGE)

char *held_memory(size_t size)
{
	char *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(hva, MAP_FAILED);
	madvise(hva, size, MADV_NOHUGEPAGE);
	return hva;
}

/* ---- vCPUs that read when they are told, and tell ---- */

CODE(64, ask, "mov (%rdi), %eax; mov %eax, (%r8); movl $1, 4(%r8); hlt");
CODE(64, write_all, "1: mov %edx, (%rdi); add $0x1000, %rdi; dec %rsi; jnz 1b; hlt");
CODE(64, write_and_count,
	"1: mov %edx, (%rdi); add $0x1000, %rdi; dec %rsi; jnz 1b; 2: incl (%r8); jmp 2b");

volatile uint32_t *tell(struct vmm *vm, int n)
{
	return vmm_hva(vm, ABI_FREE + n * PAGE, 12);
}

static void set_regs(struct vmm *vm, int n, uint64_t rip, uint64_t gpa, uint64_t pages)
{
	struct kvm_regs regs = {
		.rip = rip, .rflags = 2, .rdi = gpa, .rsi = pages, .rdx = OLD,
		.r8 = ABI_FREE + n * PAGE,
	};

	vmm_set_regs(vm->vcpus[n], &regs);
}

struct vmm *held_vm(int vcpus)
{
	struct vmm *vm = new_vm(4);
	int n;

	for (n = 0; n < vcpus; n++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG_1G, ASK_CODE);
	memcpy(vmm_hva(vm, ASK_CODE, PAGE), code_ask, CODE_SIZE(ask));
	/* from here on the code and the words that are told are mapped */
	for (n = 0; n < vcpus; n++) {
		set_regs(vm, n, ASK_CODE, ABI_FREE, 0);
		assert_int_equal(vmm_run(vm->vcpus[n]), VMM_HLT);
	}
	return vm;
}

void guest_fills(struct vmm *vm, uint64_t gpa, int pages)
{
	set_regs(vm, 0, ABI_CODE, gpa, pages);
	assert_int_equal(RUN(vm->vcpus[0], write_all), VMM_HLT);
}

static struct asked {
	struct vmm_vcpu *vcpu;
	pthread_t thread;
	sem_t go;
} asked[VMM_MAX_VCPUS];

static void *ask_thread(void *arg)
{
	struct asked *a = arg;

	sem_wait(&a->go);
	vmm_run(a->vcpu);
	return NULL;
}

void prepare_ask(struct vmm *vm, int n, uint64_t gpa)
{
	tell(vm, n)[1] = 0;
	set_regs(vm, n, ASK_CODE, gpa, 0);
	asked[n].vcpu = vm->vcpus[n];
	sem_init(&asked[n].go, 0, 0);
	assert_int_equal(pthread_create(&asked[n].thread, NULL, ask_thread, &asked[n]), 0);
}

bool has_told(void *told)
{
	return ((volatile uint32_t *)told)[1];
}

bool ask(struct vmm *vm, int n)
{
	sem_post(&asked[n].go);
	return wait_until(has_told, (void *)tell(vm, n), 8);
}

bool ask_waits(struct vmm *vm, int n)
{
	bool range = protocol_is("range");
	const char *sign = range ? "faults_retried" : "faults";
	long long want = dbgfs_stat(vm, sign) + (range ? 3 : 1);
	double end = deadline(8);

	sem_post(&asked[n].go);
	while (dbgfs_stat(vm, sign) < want && now() < end)
		usleep(1000);
	assert_true(dbgfs_stat(vm, sign) >= want);
	/* it is in its fault: time enough to map the page, if it may */
	return !wait_until(has_told, (void *)tell(vm, n), 0.1);
}

uint32_t end_ask(struct vmm *vm, int n)
{
	pthread_join(asked[n].thread, NULL);
	assert_int_equal(vm->vcpus[n]->stop, VMM_HLT);
	return tell(vm, n)[0];
}

void fill_and_count(struct vmm *vm, uint64_t gpa, int pages)
{
	int n;

	memcpy(vmm_hva(vm, ASK_CODE, PAGE), code_write_and_count, CODE_SIZE(write_and_count));
	for (n = 0; n < 2; n++) {
		tell(vm, n)[0] = 0;
		set_regs(vm, n, ASK_CODE, gpa + n * (pages / 2) * PAGE, pages / 2);
		vmm_start(vm->vcpus[n]);
	}
	for (n = 0; n < 2; n++)
		while (tell(vm, n)[0] < 1000)
			usleep(1000);
}

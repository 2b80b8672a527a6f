// SPDX-License-Identifier: GPL-2.0
/*
 * guest-run.c - run one flat guest binary and print a transcript: what each vCPU
 * wrote on its console, how it stopped, and its last registers. Nothing in it
 * depends on time, so two devices that behave alike print the same bytes: stock KVM is
 * the oracle for kvmswap.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvmm.h"

#define MEBI (1024ull * 1024)

/* A vCPU's part of the transcript, gathered so that vCPUs do not mix. */
struct transcript {
	FILE *file;
	char *text;
	size_t size;
	uint64_t mmio[64];	/* what the guest stored where there is no memory */
};

static struct vmm *vm;

static void on_text(struct vmm_vcpu *vcpu, const char *line)
{
	struct transcript *t = vcpu->data;

	fprintf(t->file, "%s\n", line);
	fflush(t->file);
}

/* A device of 64 words that remember what was written: shows size, data and address. */
static bool on_mmio(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	struct transcript *t = vcpu->data;
	uint64_t *cell = &t->mmio[gpa / 8 % 64];
	int offset = gpa % 8;
	uint64_t value = 0;

	if (len > 8 - offset)
		len = 8 - offset;
	if (write)
		memcpy((char *)cell + offset, data, len);
	else
		memcpy(data, (char *)cell + offset, len);
	memcpy(&value, data, len);
	fprintf(t->file, "mmio %s %d bytes at %#llx: %#llx\n", write ? "write" : "read", len,
		(unsigned long long)gpa, (unsigned long long)value);
	return true;
}

static void print_registers(struct vmm_vcpu *vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	vmm_get_regs(vcpu, &r);
	vmm_get_sregs(vcpu, &s);
	printf("rax %llx rbx %llx rcx %llx rdx %llx\n", r.rax, r.rbx, r.rcx, r.rdx);
	printf("rsi %llx rdi %llx rbp %llx rsp %llx\n", r.rsi, r.rdi, r.rbp, r.rsp);
	printf("r8 %llx r9 %llx r10 %llx r11 %llx\n", r.r8, r.r9, r.r10, r.r11);
	printf("r12 %llx r13 %llx r14 %llx r15 %llx\n", r.r12, r.r13, r.r14, r.r15);
	printf("rip %llx rflags %llx\n", r.rip, r.rflags);
	printf("cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n", s.cr0, s.cr2, s.cr3, s.cr4,
	       s.efer);
	printf("cs %x/%llx ss %x/%llx ds %x/%llx tr %x/%llx gdt %llx/%x idt %llx/%x\n",
	       s.cs.selector, s.cs.base, s.ss.selector, s.ss.base, s.ds.selector, s.ds.base,
	       s.tr.selector, s.tr.base, s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
}

static void print_transcript(struct vmm_vcpu *vcpu)
{
	struct transcript *t = vcpu->data;
	char stop[160];

	fflush(t->file);
	printf("== vcpu %d\n", vcpu->id);
	fwrite(t->text, 1, t->size, stdout);
	if (vcpu->line_len)
		printf("%.*s\n", (int)vcpu->line_len, vcpu->line);
	vmm_describe_stop(vcpu, stop, sizeof(stop));
	printf("-- %s\n", stop);
	print_registers(vcpu);
}

static void on_timeout(int signal)
{
	static const char text[] = "guest-run: the guest did not stop in time\n";
	int i;

	(void)signal;
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct transcript *t = vm->vcpus[i]->data;

		if (t && t->text && write(STDOUT_FILENO, t->text, t->size) < 0)
			break;
	}
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(VMM_BROKEN);
	_exit(VMM_BROKEN);
}

static const char usage[] =
	"usage: guest-run [options] guest.bin\n"
	"  --device PATH   /dev/kvmswap or /dev/kvm\n"
	"  --mode MODE     real prot32 paging32 paging32-4m pae pae-2m long long-2m long-1g\n"
	"                  (default long)\n"
	"  --vcpus N       1 to 8 (default 1)\n"
	"  --memory MIB    from address 0 (default 16)\n"
	"  --passes N      of the workload (default 2)\n"
	"  --words N       in each page (default 64)\n"
	"  --timeout S     seconds (default 120)\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", 1, 0, 'd' }, { "mode", 1, 0, 'm' }, { "vcpus", 1, 0, 'v' },
		{ "memory", 1, 0, 'M' }, { "passes", 1, 0, 'p' }, { "words", 1, 0, 'w' },
		{ "timeout", 1, 0, 't' }, { "help", 0, 0, 'h' }, { 0 }
	};
	long vcpus = 1, memory = 16, passes = 2, words = 64, timeout = 120;
	enum vmm_mode mode = VMM_LONG;
	struct transcript *transcripts;
	const char *device = NULL;
	struct guest_params *params;
	int opt, i, status = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'd':
			device = optarg;
			break;
		case 'm':
			mode = vmm_mode_by_name(optarg);
			errno = 0;
			if (mode == VMM_NR_MODES)
				vmm_die("--mode %s: no such mode\n%s", optarg, usage);
			break;
		case 'v':
			vcpus = vmm_number(optarg, "vcpus", 1, VMM_MAX_VCPUS);
			break;
		case 'M':
			memory = vmm_number(optarg, "memory", 4, 1024);
			break;
		case 'p':
			passes = vmm_number(optarg, "passes", 1, 1000);
			break;
		case 'w':
			words = vmm_number(optarg, "words", 1, 1024);
			break;
		case 't':
			timeout = vmm_number(optarg, "timeout", 1, 36000);
			break;
		default:
			fputs(usage, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : VMM_BROKEN;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return VMM_BROKEN;
	}

	transcripts = calloc(vcpus, sizeof(*transcripts));
	vm = vmm_create(device);
	vmm_add_memory(vm, 0, memory * MEBI);
	vmm_load(vm, argv[optind], ABI_CODE);
	params = vmm_params(vm, mode, vcpus);
	params->passes = passes;
	params->words = words;
	params->seed = 1;
	params->work_base = ABI_FREE;
	params->work_size = memory * MEBI - ABI_FREE;
	for (i = 0; i < vcpus; i++) {
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);

		transcripts[i].file = open_memstream(&transcripts[i].text, &transcripts[i].size);
		if (!transcripts[i].file)
			vmm_die("memory for a transcript");
		vcpu->data = &transcripts[i];
		vcpu->on_text = on_text;
		vcpu->on_mmio = on_mmio;
		vmm_set_mode(vcpu, mode, ABI_CODE);
	}
	signal(SIGALRM, on_timeout);
	alarm(timeout);
	for (i = 0; i < vcpus; i++)
		vmm_start(vm->vcpus[i]);
	for (i = 0; i < vcpus; i++)
		vmm_join(vm->vcpus[i]);
	alarm(0);
	for (i = 0; i < vcpus; i++) {
		print_transcript(vm->vcpus[i]);
		if (vm->vcpus[i]->stop != VMM_EXIT || vm->vcpus[i]->status)
			status = 1;
	}
	vmm_destroy(vm);
	return status;
}

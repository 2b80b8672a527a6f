// SPDX-License-Identifier: GPL-2.0
/*
 * harness.c - the VM of a test, and the guest's side of the machine: it touches an
 * address, exits with a #PF, and enters again, until it got what it wanted.
 */
#include "harness.h"

#include <stdlib.h>

#include <linux/seq_file.h>
#include <linux/slab.h>

#include "gpte.h"
#include "vcpu.h"

struct vm *test_vm;
struct vcpu *test_vcpu[TEST_VCPUS];
struct guest_fault test_injected[TEST_VCPUS];
unsigned int test_injections[TEST_VCPUS];

/* Stale sptes that a test has seen and expected; the VM counts them too. */
long test_stale_allowed;

jmp_buf *test_expected;
int test_unfinished;
char test_failure[256];

static u64 seed, first_seed;

const struct test_mode test_modes[] = {
	{ "no paging" },
	{ "32-bit", .paging = true, .wp = true },
	{ "32-bit WP=0", .paging = true },
	{ "32-bit PSE", .paging = true, .pse = true, .wp = true },
	{ "PAE", .paging = true, .pae = true, .wp = true },
	{ "PAE NX", .paging = true, .pae = true, .nx = true, .wp = true },
	{ "PAE WP=0", .paging = true, .pae = true, .nx = true },
	{ "long", .paging = true, .pae = true, .long_mode = true, .wp = true },
	{ "long NX", .paging = true, .pae = true, .long_mode = true, .nx = true, .wp = true },
	{ "long WP=0", .paging = true, .pae = true, .long_mode = true, .nx = true },
};

const unsigned int nr_test_modes = ARRAY_SIZE(test_modes);

void host_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(test_failure, sizeof(test_failure), format, args);
	va_end(args);
	if (host_in_other())
		host_other_fails(test_failure);
	if (test_expected)
		longjmp(*test_expected, 1);
	print_error("%s:%d: %s (seed %llu)\n", file, line, test_failure, first_seed);
	_fail(file, line);
	abort();
}

void inject_page_fault(struct vcpu *vcpu, const struct guest_fault *fault)
{
	test_injected[vcpu->id] = *fault;
	test_injections[vcpu->id]++;
}

/** test_delete_vm() - as vm_free(). */
void test_delete_vm(struct vm *vm)
{
	struct vcpu *vcpu;
	int i;

	for_each_vcpu(i, vcpu, vm)
		cpu_exit(vcpu);
	notifier_unregister(vm);
	for_each_vcpu(i, vcpu, vm)
		mmu_destroy(vcpu);
	mmu_destroy_vm(vm);
	assert_int_equal(stat(vm, shadow_pages), 0);
	assert_int_equal(stat(vm, pages_pinned), 0);
	assert_int_equal(stat(vm, sptes_set), stat(vm, sptes_cleared));
	assert_int_equal(stat(vm, audit_failures), test_stale_allowed);
	for_each_vcpu(i, vcpu, vm) {
		cpu_detach(vcpu);
		free_page((unsigned long)vcpu->mmu.pae_root);
		kfree(vcpu);
	}
	free_memslots(vm);
	slots_destroy(vm);
	kvfree(vm);
}

void test_free_vm(void)
{
	if (test_vm)
		test_delete_vm(test_vm);
	test_vm = NULL;
}

int test_setup(void **state)
{
	int i;

	(void)state;
	test_unfinished++;
	machine_start();
	test_vm = host_new_vm();
	for (i = 0; i < TEST_VCPUS; i++)
		test_vcpu[i] = host_new_vcpu(test_vm, i);
	memset(test_injections, 0, sizeof(test_injections));
	test_param(unsigned int, "max_shadow_pages") = 1024;
	audit_always = true;
	first_seed = 0;
	test_stale_allowed = 0;
	return 0;
}

int test_teardown(void **state)
{
	(void)state;
	test_free_vm();
	machine_stop();
	test_unfinished--;
	return 0;
}

int test_slot(unsigned int slot, gfn_t gfn, u64 npages, unsigned long hva, u32 flags)
{
	struct kvm_userspace_memory_region mem = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gfn << PAGE_SHIFT,
		.memory_size = npages << PAGE_SHIFT,
		.userspace_addr = hva,
	};

	return set_memory_region(test_vm, &mem, false);
}

/** test_legacy_slot() - KVM_SET_MEMORY_REGION: the memory is the kernel's to map. */
int test_legacy_slot(unsigned int slot, gfn_t gfn, u64 npages, u32 flags)
{
	struct kvm_userspace_memory_region mem = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gfn << PAGE_SHIFT,
		.memory_size = npages << PAGE_SHIFT,
	};

	return set_memory_region(test_vm, &mem, true);
}

/** test_protocol() - the module is loaded with protocol=@name, where it has protocols. */
void test_protocol(const char *name)
{
#ifdef CONFIG_KVMSWAP_RANGE
	protocol = NULL;
	test_param(const char *, "protocol") = name;
	host_log[0] = '\0';
	if (protocol_choose())
		abort();
#endif
}

/** test_protocol_is() - is it this one? Chapters 5 to 7 have the sequence lock alone. */
bool test_protocol_is(const char *name)
{
#ifdef CONFIG_KVMSWAP_RANGE
	return !strcmp(protocol->name, name);
#else
	return IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK) && !strcmp(name, "seqlock");
#endif
}

/** test_memory() - slot 0: guest frame n is the process' page n. */
void test_memory(gfn_t npages)
{
	host_mmap(HOST_USER_BASE, npages, true);
	assert_int_equal(test_slot(0, 0, npages, HOST_USER_BASE, 0), 0);
}

const struct test_mode *test_mode_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_test_modes; i++)
		if (!strcmp(test_modes[i].name, name))
			return &test_modes[i];
	fail_msg("no mode is called %s", name);
	return NULL;
}

/** test_load_cr3() - MOV CR3: the four PAE entries are read, the root is dropped. */
void test_load_cr3(struct vcpu *vcpu, unsigned long cr3)
{
	cpu_exit(vcpu);
	vcpu->cr3 = cr3;
	if (is_paging(vcpu) && is_pae(vcpu) && !is_long_mode(vcpu) && load_pdptrs(vcpu, cr3))
		memset(vcpu->pdptrs, 0, sizeof(vcpu->pdptrs));
	mmu_unload(vcpu);
}

void test_set_mode(struct vcpu *vcpu, const struct test_mode *mode, unsigned long cr3)
{
	cpu_exit(vcpu);
	mmu_unload(vcpu);
	vcpu->cr0 = X86_CR0_PE | (mode->paging ? X86_CR0_PG : 0) | (mode->wp ? X86_CR0_WP : 0);
	vcpu->cr4 = (mode->pae ? X86_CR4_PAE : 0) | (mode->pse ? X86_CR4_PSE : 0);
	vcpu->efer = (mode->long_mode ? EFER_LME | EFER_LMA : 0) | (mode->nx ? EFER_NX : 0);
	test_load_cr3(vcpu, cr3);
}

u64 gpa_peek(u64 gpa)
{
	return host_peek(HOST_USER_BASE + gpa);
}

void gpa_poke(u64 gpa, u64 value)
{
	host_poke(HOST_USER_BASE + gpa, value);
}

void gpa_poke32(u64 gpa, u32 value)
{
	u64 word = gpa_peek(gpa & ~7ULL);

	memcpy((u8 *)&word + (gpa & 4), &value, sizeof(value));
	gpa_poke(gpa & ~7ULL, word);
}

/**
 * guest_access() - the guest touches an address, and tries until it gets there.
 *
 * Return: an enum access_result, or the negative errno that ends KVM_RUN.
 */
int guest_access(struct vcpu *vcpu, gva_t gva, u32 access, struct test_access *result)
{
	unsigned int before = test_injections[vcpu->id];

	result->exits = 0;
	for (;;) {
		int ret = cpu_enter(vcpu);
		u32 error;

		if (ret)
			return ret < 0 ? ret : -ENXIO;
		error = cpu_translate(vcpu, gva, access, &result->pfn);
		if (!error)
			return ACCESS_DONE;
		host_check(result->exits++ < 8, "the guest makes no progress at %#lx", gva);
		cpu_exit(vcpu);
		ret = page_fault(vcpu, gva, error & ~BIT(31), &result->gpa);
		if (ret < 0)
			return ret;
		if (ret == FAULT_MMIO)
			return ACCESS_MMIO;
		host_check(ret == FAULT_RESUME, "page_fault() returned %d", ret);
		if (test_injections[vcpu->id] != before)
			return ACCESS_INJECTED;
	}
}

void guest_invlpg(struct vcpu *vcpu, gva_t gva)
{
	cpu_exit(vcpu);
	mmu_invlpg(vcpu, gva);
}

/** expect_done() - the access must get to what the process has for this guest frame. */
void expect_done(struct vcpu *vcpu, gva_t gva, u32 access, gfn_t gfn)
{
	struct test_access result;

	assert_int_equal(guest_access(vcpu, gva, access, &result), ACCESS_DONE);
	assert_int_equal(result.pfn, host_user_pfn(HOST_USER_BASE + (gfn << PAGE_SHIFT)));
}

/** long_guest() - long mode: tables in frames 1 to 4, the first 2 MiB map themselves. */
struct vcpu *long_guest(void)
{
	int i;

	test_memory(LONG_GUEST_PAGES);
	gpa_poke(0x1000, 0x2000 | PWU);
	gpa_poke(0x2000, 0x3000 | PWU);
	gpa_poke(0x3000, 0x4000 | PWU);
	for (i = 0; i < 512; i++)
		gpa_poke(0x4000 + i * 8, (u64)i << 12 | PWU);
	for (i = 0; i < TEST_VCPUS; i++)
		test_set_mode(test_vcpu[i], test_mode_named("long NX"), 0x1000);
	return test_vcpu[0];
}

/** flat_guest() - no paging: guest frame n, at the guest address n << 12, is page n. */
struct vcpu *flat_guest(void)
{
	int i;

	test_memory(16);
	for (i = 0; i < TEST_VCPUS; i++) {
		assert_int_equal(cpu_enter(test_vcpu[i]), 0);
		cpu_exit(test_vcpu[i]);
	}
	return test_vcpu[0];
}

/** test_mapped() - how many leaf sptes there are. */
long test_mapped(void)
{
	return stat(test_vm, sptes_set) - stat(test_vm, sptes_cleared);
}

struct mmu_notifier_range section_start(unsigned int first, unsigned int end)
{
	struct mmu_notifier_range range = host_range(host_hva(first), host_hva(end));

	host_section_start(&range);
	return range;
}

void section_end(struct mmu_notifier_range *range)
{
	host_section_end(range, false);
}

/** expect_injected() - the access must give the guest this fault. */
void expect_injected(struct vcpu *vcpu, gva_t gva, u32 access, u32 error)
{
	struct test_access result;

	assert_int_equal(guest_access(vcpu, gva, access, &result), ACCESS_INJECTED);
	assert_int_equal(test_injected[vcpu->id].address, gva);
	assert_int_equal(test_injected[vcpu->id].error_code, error);
}

static long audit_line(const struct seq_file *m, const char *name)
{
	const char *at = strstr(m->text, name);

	assert_non_null(at);
	return strtol(at + strlen(name), NULL, 10);
}

struct test_audit test_audit(struct vm *vm)
{
	struct seq_file *m = calloc(1, sizeof(*m));
	struct test_audit audit;

	assert_int_equal(audit_report(vm, m), 0);
	audit.leaf_sptes = audit_line(m, "leaf_sptes ");
	audit.stale_sptes = audit_line(m, "stale_sptes ");
	audit.rmap_errors = audit_line(m, "rmap_errors ");
	audit.role_errors = audit_line(m, "role_errors ");
	audit.pinned_pages = audit_line(m, "pinned_pages ");
	free(m);
	return audit;
}

void expect_clean_audit(struct vm *vm)
{
	struct test_audit audit = test_audit(vm);

	assert_int_equal(audit.leaf_sptes, stat(vm, sptes_set) - stat(vm, sptes_cleared));
	assert_int_equal(audit.rmap_errors, 0);
	assert_int_equal(audit.role_errors, 0);
	if (IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER)) {
		assert_int_equal(audit.stale_sptes, 0);
		assert_int_equal(audit.pinned_pages, 0);
	} else {
		/* The host has let go of pages that sptes hold: no harm, but not right. */
		assert_int_equal(audit.pinned_pages, audit.leaf_sptes);
		test_stale_allowed += audit.stale_sptes;
	}
}

void test_seed(u64 number)
{
	first_seed = number;
	seed = number * 0x9e3779b97f4a7c15ULL + 1;
}

/* xorshift64*, as Vigna describes it. */
u64 test_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

unsigned int test_below(unsigned int n)
{
	return (test_random() >> 32) % n;
}

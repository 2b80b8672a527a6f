// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - the module comes and goes: a hundred times without a trace, and not at all
 * where SVM is absent, disabled or taken, with a message that says which. These tests
 * load it themselves: its file is MODULE in the environment.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>

#include "test.h"
#include "usage.h"

#define ROUNDS 100
#define WARM_UP 10
/* Growth over ROUNDS that is noise; a leak of one a round is twice as much. */
#define NOISE 50

static int load_module_with(const char *parameters)
{
	const char *path = getenv("MODULE");
	int fd = open(path ? path : "/kvmswap/kvmswap.ko", O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		vmm_die("open the module %s", path);
	error = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	return error;
}

static int load_module(void)
{
	return load_module_with("");
}

static int unload_module(void)
{
	return syscall(SYS_delete_module, "kvmswap", O_NONBLOCK) ? errno : 0;
}

CODE(64, touch_all,
	"mov $0x200000, %edi; 1: incl (%rdi); add $0x1000, %edi; cmp $0x240000, %edi; jb 1b; hlt");

/* Every second round the host takes the guest's memory away as well. */
static void load_use_unload(int round)
{
	struct vmm_vcpu *vcpu;

	assert_int_equal(load_module(), 0);
	vcpu = new_vcpu(VMM_LONG);
	assert_int_equal(RUN(vcpu, touch_all), VMM_HLT);
	if (round % 2) {
		assert_int_equal(unload_module(), EAGAIN);	/* in use: not possible */
		madvise(vmm_hva(vcpu->vm, ABI_FREE, PAGE), 0x40000, MADV_PAGEOUT);
		assert_int_equal(RUN(vcpu, touch_all), VMM_HLT);
	}
	end_vm(vcpu->vm);
	assert_int_equal(unload_module(), 0);
}

static void a_hundred_times(void **state)
{
	static struct usage usage[3];
	int i;

	(void)state;
	for (i = 0; i < WARM_UP; i++)
		load_use_unload(i);
	usage_measure(&usage[0]);
	for (i = 1; i <= ROUNDS; i++) {
		load_use_unload(i);
		if (i % (ROUNDS / 2) == 0)
			usage_measure(&usage[i / (ROUNDS / 2)]);
	}
	assert_int_equal(usage_leaks(usage, NOISE), 0);
}

static void use(void)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

	assert_int_equal(RUN(vcpu, touch_all), VMM_HLT);
	end_vm(vcpu->vm);
}

/* A CPU that comes after the module gets what it needs; one that is away is no hindrance. */
static void a_cpu_is_away(void **state)
{
	(void)state;
	set_cpu1(false);
	assert_int_equal(load_module(), 0);
	use();
	set_cpu1(true);
	run_on(1);
	use();
	run_on(0);
	set_cpu1(false);
	use();
	assert_int_equal(unload_module(), 0);
	set_cpu1(true);
	assert_int_equal(load_module(), 0);
	run_on(1);
	use();
	assert_int_equal(unload_module(), 0);
}

/* The same measure, when somebody does keep a page a round: a pipe with data in it. */
static void a_leak_would_show(void **state)
{
	static struct usage usage[3];
	static char page[PAGE];
	int i, pipes[ROUNDS][2];

	(void)state;
	for (i = 0; i < ROUNDS; i++)
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
	load_use_unload(1);
	usage_measure(&usage[0]);
	for (i = 1; i <= ROUNDS; i++) {
		if (i % 10 == 0)
			load_use_unload(1);
		assert_int_equal(write(pipes[i - 1][1], page, PAGE), PAGE);
		if (i % (ROUNDS / 2) == 0)
			usage_measure(&usage[i / (ROUNDS / 2)]);
	}
	assert_true(usage_leaks(usage, NOISE) >= 1);
	assert_true(usage_is_leak(usage[0].pages, usage[1].pages, usage[2].pages, NOISE));
}

/* ---- where it cannot be loaded ---- */

/* Did the kernel's log get a line with this text since @kmsg was opened at its end? */
static bool log_says(int kmsg, const char *text)
{
	bool found = false;
	char line[1024];

	while (kmsg_next(kmsg, NULL, line, sizeof(line))) {
		if (!strstr(line, "kvmswap: "))
			continue;
		printf("log: %s", line);
		found |= !!strstr(line, text);
	}
	return found;
}

static void assert_refused_with(const char *parameters, int error, const char *text)
{
	int kmsg = kmsg_open(SEEK_END);

	assert_int_equal(load_module_with(parameters), error);
	if (!log_says(kmsg, text))
		fail_msg("the kernel's log does not say \"%s\"", text);
	close(kmsg);
	assert_int_not_equal(access("/dev/kvmswap", F_OK), 0);
	assert_int_not_equal(access("/sys/module/kvmswap", F_OK), 0);
	assert_int_not_equal(access(KVMSWAP_DEBUGFS, F_OK), 0);
}

static void assert_refused(int error, const char *text)
{
	assert_refused_with("", error, text);
}

#define AT_LOAD "/sys/module/kvm/parameters/enable_virt_at_load"

/* 6.12's stock KVM has SVM on as long as it is loaded, unless it was told otherwise. */
static bool keeps_svm(void)
{
	char text[8] = "";

	proc_read(AT_LOAD, text, sizeof(text));
	return text[0] == 'Y';
}

/* Stock KVM is loaded and has a VM: it has switched SVM on. */
static void in_use(void **state)
{
	struct vmm *vm = vmm_create("/dev/kvm"), *other;
	int vcpu_fd;

	(void)state;
	assert_refused(EBUSY, "in use by another hypervisor");
	assert_int_equal(vmm_extension(vm, KVM_CAP_USER_MEMORY), 1);
	vcpu_fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0l);
	assert_true(vcpu_fd >= 0);
	close(vcpu_fd);
	vmm_destroy(vm);
	if (keeps_svm()) {
		assert_refused(EBUSY, "in use by another hypervisor");
		return;
	}
	/* it has let go of SVM with its last VM: now it is stock KVM that is refused */
	assert_int_equal(load_module(), 0);
	other = vmm_create("/dev/kvmswap");
	/* 6.12's then warns that there is room for one hypervisor's callback alone */
	if (access(AT_LOAD, F_OK))
		assert_int_equal(fails(open("/dev/kvm", O_RDWR | O_CLOEXEC), KVM_CREATE_VM, 0l),
				 EBUSY);
	vmm_destroy(other);
	assert_int_equal(unload_module(), 0);
}

static void absent(void **state)
{
	(void)state;
	assert_refused(ENODEV, "this CPU has no SVM");
}

/* The firmware's switch, which QEMU does not have: svmdis.ko plays it. */
static void disabled(void **state)
{
	(void)state;
	assert_refused(EOPNOTSUPP, "disabled by the firmware");
}

/* There is no such protocol: the message says which there are. */
static void protocol_unknown(void **state)
{
	(void)state;
	assert_refused_with("protocol=seqcount", EINVAL,
			    "protocol=seqcount: there is seqlock, range and interval");
	assert_refused_with("protocol=", EINVAL, "there is seqlock, range and interval");
}

static const struct CMUnitTest load_tests[] = {
	cmocka_unit_test(protocol_unknown),
	cmocka_unit_test(a_hundred_times),
	cmocka_unit_test(a_leak_would_show),
	cmocka_unit_test_teardown(a_cpu_is_away, cpu1_back),
};

static const struct CMUnitTest refuse_tests[] = {
	cmocka_unit_test(in_use),
	cmocka_unit_test(absent),
	cmocka_unit_test(disabled),
};

GROUP(load, load_tests, .by_name_only = true, .timeout = 300);
GROUP(refuse, refuse_tests, .by_name_only = true);

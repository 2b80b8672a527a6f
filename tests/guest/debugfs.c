// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs.c - the files that show a VM: read while VMs come and go, and written to
 * with nonsense.
 */
#include <dirent.h>
#include <fcntl.h>

#include "test.h"

CODE(64, touch_all,
	"mov $0x200000, %edi; 1: incl (%rdi); add $0x1000, %edi; cmp $0x240000, %edi; jb 1b; hlt");

static volatile bool done;
static uint64_t files_read;

static void read_vm(const char *folder)
{
	static const char *const files[] = { "stats", "slots", "audit", "map" };
	char path[512], text[4096];
	size_t i;
	int fd;

	for (i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), KVMSWAP_DEBUGFS "/%s/%s", folder, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;	/* it has just gone */
		while (read(fd, text, sizeof(text)) > 0)
			__atomic_fetch_add(&files_read, 1, __ATOMIC_RELAXED);
		close(fd);
	}
}

static void *read_all(void *arg)
{
	while (!done) {
		DIR *dir = opendir(KVMSWAP_DEBUGFS);
		struct dirent *entry;

		while (dir && (entry = readdir(dir)))
			if (!strncmp(entry->d_name, "vm-", 3))
				read_vm(entry->d_name);
		if (dir)
			closedir(dir);
	}
	return arg;
}

static void read_while_vms_come_and_go(void **state)
{
	pthread_t threads[2];
	double end;
	size_t i;
	int vms;

	(void)state;
	for (i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, read_all, NULL);
	end = now() + 8;
	for (vms = 0; now() < end || vms < 10; vms++) {
		struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

		assert_int_equal(RUN(vcpu, touch_all), VMM_HLT);
		if (vms % 2)
			madvise(vmm_hva(vcpu->vm, 0, PAGE), 1ul << 20, MADV_PAGEOUT);
		vmm_destroy(vcpu->vm);
	}
	done = true;
	for (i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	printf("%d VMs, %llu reads\n", vms, (unsigned long long)files_read);
	assert_true(files_read >= 100);
}

/* A file that stays open after its VM is gone answers with an error, not with a crash. */
static void open_after_the_vm(void **state)
{
	static const char *const files[] = { "stats", "slots", "audit", "map" };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	char path[256], text[4096];
	int fds[COUNT(files)];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(files); i++) {
		dbgfs_path(vcpu->vm, files[i], path, sizeof(path));
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_true(read(fds[i], text, 1) == 1);
	}
	end_vm(vcpu->vm);
	for (i = 0; i < COUNT(files); i++) {
		lseek(fds[i], 0, SEEK_SET);
		assert_int_equal(read(fds[i], text, sizeof(text)), -1);
		assert_int_equal(errno, EIO);
		close(fds[i]);
	}
}

/* What the map says is what the guest did. */
static void map_and_stats(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	char path[256], *text = malloc(65536), *at;
	size_t young = 0, i;

	(void)state;
	assert_int_equal(RUN(vcpu, touch_all), VMM_HLT);
	assert_true(dbgfs_stat(vcpu->vm, "faults_fixed") >= 64);
	assert_true(dbgfs_stat(vcpu->vm, "sptes_set") >= 64);
	assert_int_equal(dbgfs_stat(vcpu->vm, "pages_pinned"), 0);
	dbgfs_path(vcpu->vm, "map", path, sizeof(path));
	assert_true(proc_read(path, text, 65536) > 0);
	at = strchr(text, '\n') + 1;
	for (i = 0; i < 0x200; at++)	/* up to 2 MiB */
		i += *at != '\n';
	for (i = 0; i < 0x40; at++) {
		young += *at == 'y';
		i += *at != '\n';
	}
	assert_int_equal(young, 0x40);
	/* the host takes all but one of them back, or that one too if it has a huge page */
	assert_int_equal(madvise(vmm_hva(vcpu->vm, ABI_FREE, PAGE), 0x3f * PAGE, MADV_DONTNEED), 0);
	assert_true(proc_read(path, text, 65536) > 0);
	at = strchr(text, '\n') + 1;
	for (i = 0; i < 0x200; at++)
		i += *at != '\n';
	for (i = 0; i < 0x3f; at++) {
		assert_true(*at == '\n' || *at == '.');
		i += *at != '\n';
	}
	free(text);
	end_vm(vcpu->vm);
}

/* How many VMs of this process have a folder with their figures in it. */
static int folders(void)
{
	DIR *dir = opendir(KVMSWAP_DEBUGFS);
	char path[512], text[4096];
	struct dirent *entry;
	int found = 0, owner;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), KVMSWAP_DEBUGFS "/%s/stats", entry->d_name);
		if (sscanf(entry->d_name, "vm-%d-", &owner) == 1 && owner == getpid())
			found += proc_read(path, text, sizeof(text)) > 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A vCPU's fd keeps its VM alive; the number of the VM's own is taken by the next one. */
static void same_number_again(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	int number = vcpu->vm->fd, second;

	(void)state;
	close(number);
	assert_int_equal(ioctl(vcpu->vm->dev_fd, KVM_CREATE_VM, 0), number);
	assert_int_equal(folders(), 2);
	second = ioctl(number, KVM_CREATE_VCPU, 0);
	assert_true(second >= 0);
	close(number);
	assert_int_equal(ioctl(vcpu->vm->dev_fd, KVM_CREATE_VM, 0), number);
	assert_int_equal(folders(), 3);
	close(second);
	assert_int_equal(folders(), 2);
	end_vm(vcpu->vm);	/* the first's vCPU, and the third */
	assert_int_equal(folders(), 0);
}

static void nonsense(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	char path[256];

	(void)state;
	dbgfs_path(vcpu->vm, "stats", path, sizeof(path));
	assert_true(proc_write(path, "1") < 0);
	assert_int_equal(proc_write(KVMSWAP_DEBUGFS "/pause/fault_window", "what"), -EINVAL);
	dbgfs_pause_release("fault_window");
	dbgfs_pause_release("invalidate");
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(read_while_vms_come_and_go),
	cmocka_unit_test(open_after_the_vm),
	cmocka_unit_test(map_and_stats),
	cmocka_unit_test(same_number_again),
	cmocka_unit_test(nonsense),
};

GROUP(debugfs, tests, .kvmswap_only = true);

CODE(64, load, "mov 0x200000, %eax; hlt");

/* Nobody releases the point: the thread goes on by itself, and the point is off. */
static void a_forgotten_point(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	enum vmm_stop stop;
	double took;
	char text[8];

	(void)state;
	dbgfs_pause_arm("fault_window");
	dbgfs_pause_limit(1);
	took = -now();
	stop = RUN(vcpu, load);
	took += now();
	dbgfs_pause_limit(10);
	assert_int_equal(stop, VMM_HLT);
	printf("held for %.1f s\n", took);
	assert_true(took > 0.9 * vmm_slowness() && took < 8 * vmm_slowness());
	assert_true(proc_read(KVMSWAP_DEBUGFS "/pause/fault_window", text, sizeof(text)) > 0);
	assert_string_equal(text, "off\n");
	end_vm(vcpu->vm);
}

static const struct CMUnitTest pause_tests[] = {
	cmocka_unit_test(a_forgotten_point),
};

GROUP(forgotten, pause_tests, .kvmswap_only = true, .pauses_run_out = true);

// SPDX-License-Identifier: GPL-2.0
/*
 * process.c - a VM belongs to the process that made it. Another process with its fds
 * gets EIO, and so does the same one after exec; neither harms the owner.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test.h"

CODE(64, count, "incl 0x200000; mov 0x200000, %eax; hlt");

static void assert_count(struct vmm_vcpu *vcpu, uint32_t want)
{
	struct kvm_regs regs;

	assert_int_equal(RUN(vcpu, count), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rax, want);
}

/* Every ioctl of a VM and of a vCPU. Return: how many did not answer EIO. */
static int not_eio(int vm_fd, int vcpu_fd)
{
	static char buffer[8192];
	struct kvm_userspace_memory_region region = { .slot = 3, .memory_size = PAGE };
	struct kvm_dirty_log log = { .dirty_bitmap = buffer };
	struct kvm_interrupt irq = { .irq = 1 };
	int bad = 0;

	bad += fails(vm_fd, KVM_CREATE_VCPU, 7l) != EIO;
	bad += fails(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != EIO;
	bad += fails(vm_fd, KVM_GET_DIRTY_LOG, &log) != EIO;
	bad += fails(vm_fd, KVM_CHECK_EXTENSION, 3l) != EIO;
	bad += fails(vcpu_fd, KVM_RUN, 0l) != EIO;
	bad += fails(vcpu_fd, KVM_GET_REGS, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_SET_REGS, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_GET_SREGS, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_SET_SREGS, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_GET_FPU, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_TRANSLATE, buffer) != EIO;
	bad += fails(vcpu_fd, KVM_INTERRUPT, &irq) != EIO;
	return bad;
}

static void after_fork(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	pid_t pid;
	int i;

	(void)state;
	for (i = 1; i <= 5; i++) {
		assert_count(vcpu, i);
		pid = fork();
		if (!pid)
			_exit(not_eio(vcpu->vm->fd, vcpu->fd));
		assert_exits_0(pid);
	}
	assert_count(vcpu, 6);
	end_vm(vcpu->vm);
}

/* The child tries while the parent runs. */
CODE(64, spin, "1: incl 0x200000; jmp 1b");

static void while_owner_runs(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_userspace_memory_region region = { .slot = 3, .memory_size = PAGE };
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	uint32_t before;
	pid_t pid;
	int i;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_spin, CODE_SIZE(spin));
	vmm_start(vcpu);
	pid = fork();
	if (!pid) {
		for (i = 0; i < 100; i++)
			if (fails(vcpu->fd, KVM_RUN, 0l) != EIO ||
			    fails(vcpu->vm->fd, KVM_SET_USER_MEMORY_REGION, &region) != EIO)
				_exit(1);
		_exit(0);
	}
	assert_exits_0(pid);
	before = *count;
	while (*count - before < 100)
		usleep(1000);
	vmm_kick(vcpu);
	assert_int_equal(vmm_join(vcpu), VMM_KICKED);
	end_vm(vcpu->vm);
}

static void send_fds(int socket, const int *fds)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(header), fds, 2 * sizeof(int));
	if (sendmsg(socket, &message, 0) != 1)
		vmm_die("send the VM's fds");
}

static void receive_fds(int socket, int *fds)
{
	char control[CMSG_SPACE(2 * sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };

	if (recvmsg(socket, &message, 0) != 1)
		vmm_die("receive the VM's fds");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
}

/* The owner passes its fds on and ends: they are all that is left of the VM. */
static void owner_gone(void **state)
{
	int pair[2], fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (!pid) {
		struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

		if (RUN(vcpu, count) != VMM_HLT)
			_exit(1);
		fds[0] = vcpu->vm->fd;
		fds[1] = vcpu->fd;
		send_fds(pair[1], fds);
		_exit(0);
	}
	receive_fds(pair[0], fds);
	assert_int_equal(not_eio(fds[0], fds[1]), 0);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(not_eio(fds[0], fds[1]), 0);
	close(fds[0]);
	assert_int_equal(fails(fds[1], KVM_RUN, 0l), EIO);
	close(fds[1]);
}

/* The new program image has another mm: the VM that came along is dead. */
static void after_exec(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
		char vm_fd[16], vcpu_fd[16];

		if (RUN(vcpu, count) != VMM_HLT)
			_exit(1);
		fcntl(vcpu->vm->fd, F_SETFD, 0);
		fcntl(vcpu->fd, F_SETFD, 0);
		snprintf(vm_fd, sizeof(vm_fd), "%d", vcpu->vm->fd);
		snprintf(vcpu_fd, sizeof(vcpu_fd), "%d", vcpu->fd);
		execl("/proc/self/exe", "guest-test", "--after-exec", vm_fd, vcpu_fd, NULL);
		_exit(2);
	}
	assert_exits_0(pid);
}

/* What main() calls in the new program image. */
int after_exec_main(int vm_fd, int vcpu_fd)
{
	return not_eio(vm_fd, vcpu_fd);
}

/* exec while another thread is in the guest. */
static void exec_while_running(void **state)
{
	int i, status;

	(void)state;
	for (i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
			volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);

			memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_spin, CODE_SIZE(spin));
			vmm_start(vcpu);
			while (*count < 100)
				usleep(1000);
			execl("/bin/busybox", "true", NULL);
			_exit(2);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(after_fork),
	cmocka_unit_test(while_owner_runs),
	cmocka_unit_test(owner_gone),
	cmocka_unit_test(after_exec),
	cmocka_unit_test(exec_while_running),
};

GROUP(process, tests);

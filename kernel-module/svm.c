// SPDX-License-Identifier: GPL-2.0
/*
 * svm.c - chapter 0: what each real CPU needs before it can run a guest: SVM
 * found, free and switched on, a page for the host's state, and address space
 * identifiers (ASIDs) to tag the TLB with.
 *
 * You come here from main.c at load time, and from vmcb.c for an ASID. Next:
 * vmcb.c (the guest's state), vmenter.S (the world switch).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/suspend.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/reboot.h>

#include "svm.h"

/*
 * struct svm_cpu - one real CPU. Changed on that CPU with preemption off, or by
 * the hotplug callbacks, which run there too; but for last_vmcb, see svm_forget_vmcb().
 */
struct svm_cpu {
	bool enabled;
	void *host_save;		/* VMRUN's: the hardware writes the host here */
	void *host_vmcb;		/* VMSAVE's: what VMRUN does not save */
	u64 asid_generation;		/* starts at 1: 0 is "never had one" */
	u32 next_asid;
	u32 nr_asids;
	struct vmcb *last_vmcb;		/* whose branch history the predictors hold */
};

static DEFINE_PER_CPU(struct svm_cpu, svm_cpu);
static enum cpuhp_state hotplug_state;

/*
 * Every port and every MSR is intercepted, by bitmaps of ones that all guests
 * share (AMD manual, "IOIO Intercepts": 12 KiB and 3 bits; "MSR Intercepts": 8 KiB).
 */
#define IO_BITMAP_ORDER		2
#define MSR_BITMAP_ORDER	1
static void *io_bitmap, *msr_bitmap;

/* Turn SVM on, on this CPU. Interrupts or preemption are off, or it is the only one. */
static int svm_enable(struct svm_cpu *cpu)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, __pa(cpu->host_save));

	/* ASID 0 is the host's own. A new generation makes all that were given out stale. */
	cpu->nr_asids = cpuid_ebx(SVM_CPUID_FUNC);
	cpu->asid_generation++;
	cpu->next_asid = 1;
	WRITE_ONCE(cpu->enabled, true);
	return 0;
}

static void svm_disable(struct svm_cpu *cpu)
{
	u64 efer;

	if (!cpu->enabled)
		return;
	WRITE_ONCE(cpu->enabled, false);
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

static void svm_free_pages(struct svm_cpu *cpu)
{
	free_page((unsigned long)cpu->host_save);
	free_page((unsigned long)cpu->host_vmcb);
	cpu->host_save = NULL;
	cpu->host_vmcb = NULL;
}

static int svm_cpu_online(unsigned int nr)
{
	struct svm_cpu *cpu = per_cpu_ptr(&svm_cpu, nr);
	int err;

	cpu->host_save = (void *)get_zeroed_page(GFP_KERNEL);
	cpu->host_vmcb = (void *)get_zeroed_page(GFP_KERNEL);
	err = -ENOMEM;
	if (!cpu->host_save || !cpu->host_vmcb)
		goto out_free;

	preempt_disable();
	err = svm_enable(cpu);
	preempt_enable();
	if (err)
		goto out_free;
	return 0;

out_free:
	svm_free_pages(cpu);
	return err;
}

static int svm_cpu_offline(unsigned int nr)
{
	struct svm_cpu *cpu = per_cpu_ptr(&svm_cpu, nr);

	preempt_disable();
	svm_disable(cpu);
	preempt_enable();
	svm_free_pages(cpu);
	return 0;
}

static void svm_disable_here(void *unused)
{
	svm_disable(this_cpu_ptr(&svm_cpu));
}

static void svm_enable_here(void *unused)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	if (cpu->host_save && !cpu->enabled && svm_enable(cpu))
		pr_err("CPU %d: SVM was left switched on, no guest can run there\n",
		       smp_processor_id());
}

/*
 * A suspend takes the last CPU down without the hotplug callbacks. vCPUs do not enter
 * the guest from here on (enter_guest()), until their threads are frozen.
 */
static int svm_pm_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	cpus_read_lock();	/* none is half online */
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		on_each_cpu(svm_disable_here, NULL, true);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		on_each_cpu(svm_enable_here, NULL, true);
		break;
	}
	cpus_read_unlock();
	return NOTIFY_DONE;
}

static struct notifier_block svm_pm_notifier = {
	.notifier_call = svm_pm_event,
};

/*
 * A crash kernel or a reboot needs INIT and NMI to work: GIF on, SVM off. An orderly kexec
 * does not ask on the CPU that does it: unload the module before.
 */
static void svm_emergency_disable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	if (!cpu->enabled)
		return;
	WRITE_ONCE(cpu->enabled, false);
	asm volatile("stgi" : : : "memory");
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

static void free_bitmaps(void)
{
	free_pages((unsigned long)msr_bitmap, MSR_BITMAP_ORDER);
	free_pages((unsigned long)io_bitmap, IO_BITMAP_ORDER);
}

static int alloc_bitmaps(void)
{
	io_bitmap = (void *)__get_free_pages(GFP_KERNEL, IO_BITMAP_ORDER);
	msr_bitmap = (void *)__get_free_pages(GFP_KERNEL, MSR_BITMAP_ORDER);
	if (!io_bitmap || !msr_bitmap) {
		free_bitmaps();
		return -ENOMEM;
	}
	memset(io_bitmap, 0xff, PAGE_SIZE << IO_BITMAP_ORDER);
	memset(msr_bitmap, 0xff, PAGE_SIZE << MSR_BITMAP_ORDER);
	return 0;
}

/* Is there a usable SVM on this machine at all? */
static int svm_check_supported(void)
{
	u64 vm_cr;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		pr_err("this CPU has no SVM: an AMD (or Hygon) CPU is needed, or QEMU with -cpu max\n");
		return -ENODEV;
	}
	if (rdmsrl_safe(MSR_VM_CR, &vm_cr)) {
		pr_err("this CPU claims SVM but has no VM_CR register: the outer hypervisor hides it\n");
		return -ENODEV;
	}
	if (vm_cr & SVM_VM_CR_SVM_DIS_MASK) {
		pr_err("SVM is disabled by the firmware: enable it there (\"SVM Mode\", \"AMD-V\")\n");
		return -EOPNOTSUPP;
	}
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT)) {
		pr_err("memory encryption is on: boot with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * svm_hardware_setup() - switch SVM on, on all CPUs there are and will be.
 *
 * Says in the kernel log why it cannot, and what to do about it.
 *
 * Context: process, may sleep; called once, at module load.
 * Return: 0; -ENODEV no SVM; -EOPNOTSUPP disabled by the firmware or memory
 * encryption is on; -EBUSY another hypervisor uses it; -ENOMEM.
 * Source: AMD manual, "Enabling SVM" and "Determining Support for SVM".
 */
int svm_hardware_setup(void)
{
	int err;

	err = svm_check_supported();
	if (err)
		return err;

	err = alloc_bitmaps();
	if (err)
		return err;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "kvmswap:online",
				svm_cpu_online, svm_cpu_offline);
	if (err == -EBUSY)
		pr_err("SVM is in use by another hypervisor: stop its guests and unload it (rmmod kvm_amd)\n");
	else if (err < 0)
		pr_err("SVM could not be switched on: error %d\n", err);
	if (err < 0) {
		free_bitmaps();
		return err;
	}
	hotplug_state = err;
	register_pm_notifier(&svm_pm_notifier);
	cpu_emergency_register_virt_callback(svm_emergency_disable);
	return 0;
}

/**
 * svm_hardware_unsetup() - switch SVM off again, on all CPUs.
 *
 * Context: process, may sleep; no VM is left.
 */
void svm_hardware_unsetup(void)
{
	cpu_emergency_unregister_virt_callback(svm_emergency_disable);
	unregister_pm_notifier(&svm_pm_notifier);
	cpuhp_remove_state(hotplug_state);
	free_bitmaps();
}

/**
 * svm_cpu_enabled() - can this CPU run a guest? Not around a suspend, nor while it goes offline.
 *
 * Context: preemption off.
 * Return: true if it can.
 */
bool svm_cpu_enabled(void)
{
	return __this_cpu_read(svm_cpu.enabled);
}

/**
 * svm_host_vmcb_pa() - where this CPU's VMSAVE puts the host's state.
 *
 * Context: preemption off, svm_cpu_enabled().
 * Return: a physical address in bytes.
 */
unsigned long svm_host_vmcb_pa(void)
{
	return __pa(__this_cpu_read(svm_cpu.host_vmcb));
}

/**
 * svm_io_bitmap_pa() - the bitmap of intercepted ports: all.
 *
 * Context: any.
 * Return: a physical address in bytes.
 */
unsigned long svm_io_bitmap_pa(void)
{
	return __pa(io_bitmap);
}

/**
 * svm_msr_bitmap_pa() - the bitmap of intercepted MSRs: all.
 *
 * Context: any.
 * Return: a physical address in bytes.
 */
unsigned long svm_msr_bitmap_pa(void)
{
	return __pa(msr_bitmap);
}

/**
 * svm_take_asid() - see to it that the TLB holds nothing this vCPU must not use.
 * @vcpu: the vCPU that is about to enter the guest.
 *
 * Translations are tagged with an ASID. A vCPU keeps its own as long as it stays
 * on a CPU; to forget all its translations it takes a new one, which nobody has
 * used since this CPU's TLB was last flushed. When they run out, the TLB is flushed as
 * a whole and a new generation begins.
 *
 * Context: interrupts off, svm_cpu_enabled().
 * Source: AMD manual, "TLB Control" and "Address Space Identifiers".
 */
void svm_take_asid(struct vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;

	/* What a former guest taught the branch predictors must not steer this one. */
	if (cpu->last_vmcb != svm->vmcb) {
		cpu->last_vmcb = svm->vmcb;
		indirect_branch_prediction_barrier();
	}

	control->tlb_ctl = TLB_CONTROL_DO_NOTHING;
	if (!svm->flush && svm->asid_cpu == vcpu->cpu &&
	    svm->asid_generation == cpu->asid_generation &&
	    svm->asid_root == vcpu->mmu.root_hpa)
		return;

	if (cpu->next_asid >= cpu->nr_asids) {
		cpu->asid_generation++;
		cpu->next_asid = 1;
	}
	/* The first of a generation finds the leftovers of the one before: flush them all. */
	if (cpu->next_asid == 1)
		control->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	control->asid = cpu->next_asid++;
	svm->asid_generation = cpu->asid_generation;
	svm->asid_cpu = vcpu->cpu;
	svm->asid_root = vcpu->mmu.root_hpa;
	svm->flush = false;
}

/**
 * svm_drop_asids() - the entry failed: the TLB was perhaps not flushed.
 * @vcpu: the vCPU whose VMRUN was refused.
 *
 * Context: interrupts off, before anyone else enters a guest on this CPU.
 */
void svm_drop_asids(struct vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	cpu->next_asid = cpu->nr_asids;
	vcpu->svm->flush = true;
}

/**
 * svm_forget_vmcb() - a VMCB is about to be freed: its address may come again.
 * @vmcb: the VMCB; no CPU runs it.
 *
 * Context: any.
 */
void svm_forget_vmcb(struct vmcb *vmcb)
{
	int nr;

	for_each_possible_cpu(nr)
		cmpxchg(per_cpu_ptr(&svm_cpu.last_vmcb, nr), vmcb, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * cpu.c - the guest's descriptor tables and trap handler, and accesses that survive
 * a fault: an instruction that may fault has an entry in .extable that says where to
 * go on. A vCPU finds its own data at the bottom of its stack, also in a trap from ring 3.
 */
#include "cpu.h"

#define SEL_CODE32	0x08
#define SEL_CODE64	0x18
#define SEL_TSS		0x48
#define GDT_ENTRIES	11
#define NR_GATES	(VECTOR_SYSCALL + 1)
#define USER_STACK_SIZE	2048

/* What trap.S leaves on the stack. */
struct frame {
#if GUEST_BITS == 64
	word r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
#else
	word es, ds, di, si, bp, bx, dx, cx, ax;
#endif
	word vector, error, ip, cs, flags;
};

struct tss {
#if GUEST_BITS == 64
	uint32_t reserved;
	uint64_t sp0;
	uint32_t rest[23];
#else
	uint32_t link, sp0, ss0, rest[23];
#endif
} __attribute__((packed));

struct pointer {
	uint16_t limit;
	word base;
} __attribute__((packed));

/* At the bottom of each vCPU's stack. */
struct cpu {
	unsigned int id;
	struct fault fault;
	word kernel_sp;
	struct tss tss;
	uint64_t gdt[GDT_ENTRIES];
};

struct extable {
	uint32_t ip, fixup;
};

extern const struct extable extable_start[], extable_end[];
extern const char trap_gates[], user_return[];
word user_call(word (*function)(word), word argument, word user_sp, word *kernel_sp);
word *kernel_sp(void);
void on_trap(struct frame *frame);

static uint64_t idt[NR_GATES * GUEST_BITS / 32];
static char user_stacks[8][USER_STACK_SIZE] __attribute__((aligned(16)));

static struct cpu *this_cpu(void)
{
	word sp = (word)__builtin_frame_address(0);

	return (struct cpu *)(sp & ~(word)(ABI_STACK_SIZE - 1));
}

static void set_gate(int vector, const void *handler, int dpl)
{
	uint64_t address = (word)handler;
	uint64_t *gate = &idt[vector * (GUEST_BITS / 32)];
	uint16_t selector = GUEST_BITS == 64 ? SEL_CODE64 : SEL_CODE32;

	gate[0] = (address & 0xffff) | (uint64_t)selector << 16 |
		  (0x8eull | (uint64_t)dpl << 5) << 40 | (address >> 16 & 0xffff) << 48;
#if GUEST_BITS == 64
	gate[1] = address >> 32;
#endif
}

static void load_tables(struct cpu *cpu)
{
	const uint64_t *flat = (const uint64_t *)ABI_GDT;
	struct pointer gdt_pointer = { sizeof(cpu->gdt) - 1, (word)cpu->gdt };
	struct pointer idt_pointer = { sizeof(idt) - 1, (word)idt };
	uint64_t tss = (word)&cpu->tss;
	int i;

	for (i = 0; i < SEL_TSS / 8; i++)
		cpu->gdt[i] = flat[i];
	cpu->gdt[SEL_TSS / 8] = (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
				(tss >> 24 & 0xff) << 56;
	cpu->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	cpu->tss.sp0 = ((word)cpu & ~(word)(ABI_STACK_SIZE - 1)) + ABI_STACK_SIZE / 2;
#if GUEST_BITS == 32
	cpu->tss.ss0 = 0x10;
#endif
	asm volatile("lgdt %0" : : "m"(gdt_pointer));
	asm volatile("lidt %0" : : "m"(idt_pointer));
	asm volatile("ltr %w0" : : "r"(SEL_TSS));
}

void cpu_init(unsigned int vcpu)
{
	struct cpu *cpu = this_cpu();
	int i;

	if (vcpu == 0) {
		for (i = 0; i < 32; i++)
			set_gate(i, trap_gates + 16 * i, 0);
		set_gate(VECTOR_BP, trap_gates + 16 * VECTOR_BP, 3);
		set_gate(VECTOR_SYSCALL, user_return, 3);
	}
	cpu->id = vcpu;
	cpu->fault = (struct fault) { .vector = NO_FAULT };
	load_tables(cpu);
}

unsigned int vcpu_id(void)
{
	return this_cpu()->id;
}

struct fault *last_fault(void)
{
	return &this_cpu()->fault;
}

void forget_fault(void)
{
	this_cpu()->fault.vector = NO_FAULT;
}

word *kernel_sp(void)
{
	return &this_cpu()->kernel_sp;
}

static word fixup_of(word ip)
{
	const struct extable *entry;

	for (entry = extable_start; entry < extable_end; entry++)
		if (entry->ip == ip)
			return entry->fixup;
	return 0;
}

void on_trap(struct frame *frame)
{
	struct cpu *cpu = this_cpu();
	struct fault *fault = &cpu->fault;
	word fixup = fixup_of(frame->ip);

	fault->vector = frame->vector;
	fault->error = frame->error;
	fault->ip = frame->ip;
	fault->count++;
	asm volatile("mov %%cr2, %0" : "=r"(fault->cr2));
	if (frame->vector == VECTOR_BP)
		return;
	if (frame->vector == VECTOR_PF && frame->ip == fault->cr2)
		fixup = frame->dx;	/* try_exec() */
	if (!fixup) {
		print("vcpu %u: unexpected vector %u error %x at %lx, cr2 %lx\n", cpu->id,
		      fault->vector, fault->error, fault->ip, fault->cr2);
		guest_exit(99);
	}
	frame->ip = fixup;
}

word in_user_mode(word (*function)(word argument), word argument)
{
	struct cpu *cpu = this_cpu();

	return user_call(function, argument, (word)user_stacks[cpu->id] + USER_STACK_SIZE - 16,
			 &cpu->kernel_sp);
}

#define EXTABLE(ip, fixup) \
	".pushsection .extable, \"a\"\n .long " ip ", " fixup "\n .popsection\n"

bool try_read(word address, uint32_t *value)
{
	uint32_t got = 0;
	int ok = 0;

	asm volatile("1: movl (%2), %0\n"
		     "   movl $1, %1\n"
		     "2:\n" EXTABLE("1b", "2b")
		     : "+&r"(got), "+&r"(ok) : "r"(address) : "memory");
	*value = got;
	return ok;
}

bool try_write(word address, uint32_t value)
{
	int ok = 0;

	asm volatile("1: movl %1, (%2)\n"
		     "   movl $1, %0\n"
		     "2:\n" EXTABLE("1b", "2b")
		     : "+&r"(ok) : "r"(value), "r"(address) : "memory");
	return ok;
}

void put_probe(word address)
{
	volatile uint8_t *code = (volatile uint8_t *)address;

	code[0] = 0xff;	/* inc %ecx */
	code[1] = 0xc1;
	code[2] = 0xff;	/* jmp *%rdx */
	code[3] = 0xe2;
}

bool try_exec(word address)
{
	word count = 0, scratch;

	asm volatile("mov $1f, %1\n"
		     "jmp *%2\n"
		     "1:\n"
		     : "+&c"(count), "=&d"(scratch) : "r"(address) : "memory", "cc");
	return count == 1;
}

#define CONTROL_REGISTER(n)						\
	word read_cr##n(void)						\
	{								\
		word value;						\
									\
		asm volatile("mov %%cr" #n ", %0" : "=r"(value));	\
		return value;						\
	}								\
									\
	void write_cr##n(word value)					\
	{								\
		asm volatile("mov %0, %%cr" #n : : "r"(value) : "memory"); \
	}

CONTROL_REGISTER(0)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

void write_msr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(msr) :
		     "memory");
}

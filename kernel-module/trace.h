/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - a tracepoint for each step on both walks: the guest's door (exit,
 * page_fault, walk, gup, set_spte, retry) and the host's (invalidate,
 * unmap_rmapp, drop_spte, flush). In the VM:
 *
 *   echo 1 > /sys/kernel/tracing/events/kvmswap/enable
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvmswap

#if !defined(KVMSWAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVMSWAP_TRACE_H

#include <linux/tracepoint.h>
#include "fault.h"
#include "kvmswap.h"

/* For who reads the raw trace: the numbers behind the names in the events' formats. */
TRACE_DEFINE_ENUM(RETRY_INVALIDATED);
TRACE_DEFINE_ENUM(RETRY_GUEST_TABLES);
TRACE_DEFINE_ENUM(RETRY_SLOT);

TRACE_EVENT(kvmswap_entry,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(unsigned long, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->rip = vcpu->rip;
	),
	TP_printk("vcpu=%d rip=%#lx", __entry->vcpu, __entry->rip)
);

TRACE_EVENT(kvmswap_exit,
	TP_PROTO(struct vcpu *vcpu, u64 code, u64 info1, u64 info2),
	TP_ARGS(vcpu, code, info1, info2),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(unsigned long, rip)
		__field(u64, code)
		__field(u64, info1)
		__field(u64, info2)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->rip = vcpu->rip;
		__entry->code = code;
		__entry->info1 = info1;
		__entry->info2 = info2;
	),
	TP_printk("vcpu=%d rip=%#lx code=%#llx info1=%#llx info2=%#llx", __entry->vcpu,
		  __entry->rip, __entry->code, __entry->info1, __entry->info2)
);

DECLARE_EVENT_CLASS(kvmswap_fault,
	TP_PROTO(struct vcpu *vcpu, gva_t gva, u32 error_code),
	TP_ARGS(vcpu, gva, error_code),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(gva_t, gva)
		__field(u32, error_code)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->gva = gva;
		__entry->error_code = error_code;
	),
	TP_printk("vcpu=%d gva=%#lx error=%#x", __entry->vcpu, __entry->gva,
		  __entry->error_code)
);

DEFINE_EVENT(kvmswap_fault, kvmswap_page_fault,
	TP_PROTO(struct vcpu *vcpu, gva_t gva, u32 error_code),
	TP_ARGS(vcpu, gva, error_code)
);

TRACE_EVENT(kvmswap_walk,
	TP_PROTO(struct vcpu *vcpu, gva_t gva, gfn_t gfn, int level, unsigned int access),
	TP_ARGS(vcpu, gva, gfn, level, access),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(gva_t, gva)
		__field(gfn_t, gfn)
		__field(int, level)
		__field(unsigned int, access)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->gva = gva;
		__entry->gfn = gfn;
		__entry->level = level;
		__entry->access = access;
	),
	TP_printk("vcpu=%d gva=%#lx gfn=%#llx level=%d access=%#x", __entry->vcpu,
		  __entry->gva, __entry->gfn, __entry->level, __entry->access)
);

DEFINE_EVENT(kvmswap_fault, kvmswap_guest_fault,
	TP_PROTO(struct vcpu *vcpu, gva_t gva, u32 error_code),
	TP_ARGS(vcpu, gva, error_code)
);

TRACE_EVENT(kvmswap_gup,
	TP_PROTO(struct vcpu *vcpu, gfn_t gfn, hva_t hva, u64 pfn),
	TP_ARGS(vcpu, gfn, hva, pfn),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(gfn_t, gfn)
		__field(hva_t, hva)
		__field(u64, pfn)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->gfn = gfn;
		__entry->hva = hva;
		__entry->pfn = pfn;
	),
	TP_printk("vcpu=%d gfn=%#llx hva=%#lx pfn=%#llx", __entry->vcpu, __entry->gfn,
		  __entry->hva, __entry->pfn)
);

TRACE_EVENT(kvmswap_retry,
	TP_PROTO(struct vcpu *vcpu, gfn_t gfn, enum retry_why why),
	TP_ARGS(vcpu, gfn, why),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(gfn_t, gfn)
		__field(int, why)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->gfn = gfn;
		__entry->why = why;
	),
	TP_printk("vcpu=%d gfn=%#llx because %s", __entry->vcpu, __entry->gfn,
		  __print_symbolic(__entry->why,
				   { RETRY_INVALIDATED, "the host invalidated" },
				   { RETRY_GUEST_TABLES, "the guest's tables changed" },
				   { RETRY_SLOT, "the slot changed" }))
);

DECLARE_EVENT_CLASS(kvmswap_spte,
	TP_PROTO(struct vm *vm, gfn_t gfn, u64 *sptep, u64 spte),
	TP_ARGS(vm, gfn, sptep, spte),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(gfn_t, gfn)
		__field(u64 *, sptep)
		__field(u64, spte)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->gfn = gfn;
		__entry->sptep = sptep;
		__entry->spte = spte;
	),
	TP_printk("vm=%p gfn=%#llx sptep=%p spte=%#llx", __entry->vm, __entry->gfn,
		  __entry->sptep, __entry->spte)
);

DEFINE_EVENT(kvmswap_spte, kvmswap_set_spte,
	TP_PROTO(struct vm *vm, gfn_t gfn, u64 *sptep, u64 spte),
	TP_ARGS(vm, gfn, sptep, spte)
);

DEFINE_EVENT(kvmswap_spte, kvmswap_drop_spte,
	TP_PROTO(struct vm *vm, gfn_t gfn, u64 *sptep, u64 spte),
	TP_ARGS(vm, gfn, sptep, spte)
);

TRACE_EVENT(kvmswap_unmap_rmapp,
	TP_PROTO(struct vm *vm, gfn_t gfn),
	TP_ARGS(vm, gfn),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(gfn_t, gfn)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->gfn = gfn;
	),
	TP_printk("vm=%p gfn=%#llx", __entry->vm, __entry->gfn)
);

TRACE_EVENT(kvmswap_invalidate,
	TP_PROTO(struct vm *vm, hva_t start, hva_t end, int unmapped),
	TP_ARGS(vm, start, end, unmapped),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(hva_t, start)
		__field(hva_t, end)
		__field(int, unmapped)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->start = start;
		__entry->end = end;
		__entry->unmapped = unmapped;
	),
	TP_printk("vm=%p hva=[%#lx,%#lx) sptes=%d", __entry->vm, __entry->start,
		  __entry->end, __entry->unmapped)
);

TRACE_EVENT(kvmswap_invalidate_end,
	TP_PROTO(struct vm *vm, hva_t start, hva_t end),
	TP_ARGS(vm, start, end),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(hva_t, start)
		__field(hva_t, end)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->start = start;
		__entry->end = end;
	),
	TP_printk("vm=%p hva=[%#lx,%#lx)", __entry->vm, __entry->start, __entry->end)
);

TRACE_EVENT(kvmswap_age,
	TP_PROTO(struct vm *vm, gfn_t gfn, bool young, bool cleared),
	TP_ARGS(vm, gfn, young, cleared),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(gfn_t, gfn)
		__field(bool, young)
		__field(bool, cleared)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->gfn = gfn;
		__entry->young = young;
		__entry->cleared = cleared;
	),
	TP_printk("vm=%p gfn=%#llx %s%s", __entry->vm, __entry->gfn,
		  __entry->young ? "young" : "old",
		  __entry->young && __entry->cleared ? ", now old" : "")
);

TRACE_EVENT(kvmswap_flush,
	TP_PROTO(struct vm *vm, int kicked),
	TP_ARGS(vm, kicked),
	TP_STRUCT__entry(
		__field(struct vm *, vm)
		__field(int, kicked)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->kicked = kicked;
	),
	TP_printk("vm=%p kicked=%d", __entry->vm, __entry->kicked)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>

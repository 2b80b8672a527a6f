// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - a page walk as the manual tells it, slow and plain: AMD manual, "Page
 * Translation and Protection". It knows the architecture's bits by their numbers
 * and shares nothing with walk.c.
 */
#include "model.h"

struct model {
	const struct vcpu *vcpu;
	bool pae, long_mode, nx, wp, pse;
	gva_t gva;
	bool write, user, fetch;
	model_memory memory;
	model_visit visit;
	void *data;
};

static bool bit(u64 value, int n)
{
	return value >> n & 1;
}

static bool is_reserved(const struct model *m, int level, bool large, int n)
{
	if (!m->pae)
		return large && n >= 17 && n <= 21;
	if (n == 63)
		return !m->nx;
	if (n >= 52)
		return !m->long_mode;
	if (n >= m->vcpu->maxphyaddr)
		return true;
	if (n == 7)
		return level == 4 || (level == 3 && !m->vcpu->has_gbpages);
	if (n == 8)
		return level == 4;
	return large && n >= 13 && n <= (level == 2 ? 20 : 29);
}

static bool has_reserved(const struct model *m, int level, bool large, u64 value)
{
	int n;

	for (n = 0; n < 64; n++)
		if (bit(value, n) && is_reserved(m, level, large, n))
			return true;
	return false;
}

static void done(struct model *m, struct model_result *r)
{
	int i;

	r->accessed = true;
	for (i = 0; i < r->n; i++)
		r->accessed = r->accessed && bit(r->entry[i].value, 5);
	r->dirty = !r->n || bit(r->entry[r->n - 1].value, 6);
	m->visit(m->data, r);
}

static void fault(struct model *m, struct model_result *r, bool present, bool reserved)
{
	r->fault = true;
	r->error = present | m->write << 1 | m->user << 2 | reserved << 3;
	if (m->fetch && m->pae && m->nx)
		r->error |= 1 << 4;
	m->visit(m->data, r);
}

/* What the levels so far allow. */
struct allowed {
	bool write, user, fetch;
};

static void visit_page(struct model *m, u64 frame, u64 size, struct allowed allowed,
		       struct model_result *r)
{
	bool ok = true;

	if (m->user && !allowed.user)
		ok = false;
	if (m->fetch && !allowed.fetch)
		ok = false;
	if (m->write && !allowed.write && (m->user || m->wp))
		ok = false;
	if (!ok) {
		fault(m, r, true, false);
		return;
	}
	r->gpa = frame + (m->gva & (size - 1));
	done(m, r);
}

static void visit_table(struct model *m, int level, u64 table, struct allowed above,
			const struct model_result *before)
{
	int index_bits = m->pae ? 9 : 10, i, n;
	u64 reach = 1ULL << (12 + index_bits * (level - 1));	/* of one entry, in bytes */
	struct model_result r = *before;
	u64 values[MODEL_VALUES];

	r.entry[r.n].gpa = table + (m->gva / reach % (1 << index_bits)) * r.size;
	n = m->memory(m->data, r.entry[r.n].gpa, r.size, values);
	if (!n) {
		fault(m, &r, false, false);
		return;
	}
	for (i = 0; i < n; i++) {
		struct model_result now = r;
		struct allowed allowed = above;
		u64 value = values[i], frame;
		bool large;

		now.entry[now.n++].value = value;
		if (!bit(value, 0)) {
			fault(m, &now, false, false);
			continue;
		}
		large = bit(value, 7) && ((level == 2 && (m->pae || m->pse)) ||
					  (level == 3 && m->vcpu->has_gbpages));
		if (has_reserved(m, level, large, value)) {
			fault(m, &now, true, true);
			continue;
		}
		allowed.write = above.write && bit(value, 1);
		allowed.user = above.user && bit(value, 2);
		allowed.fetch = above.fetch && !(m->pae && m->nx && bit(value, 63));
		frame = value & 0x000ffffffffff000;
		if (!large) {
			if (level == 1)
				visit_page(m, frame, reach, allowed, &now);
			else
				visit_table(m, level - 1, frame, allowed, &now);
			continue;
		}
		frame &= ~(reach - 1);
		if (!m->pae)
			frame |= (value >> 13 & 15) << 32;
		visit_page(m, frame, reach, allowed, &now);
	}
}

/**
 * model_walk() - visit every outcome that an access may have.
 * @vcpu: whose control registers count; its PDPTEs are as they were loaded.
 * @gva: the address.
 * @access: PFERR_* bits 1, 2 and 4.
 * @memory: what the guest's memory holds.
 * @visit: called for each outcome, only once if each entry has one value.
 * @data: for both.
 */
void model_walk(const struct vcpu *vcpu, gva_t gva, u32 access, model_memory memory,
		model_visit visit, void *data)
{
	struct model m = {
		.vcpu = vcpu,
		.pae = bit(vcpu->cr4, 5),
		.pse = bit(vcpu->cr4, 4),
		.wp = bit(vcpu->cr0, 16),
		.nx = bit(vcpu->efer, 11),
		.long_mode = bit(vcpu->efer, 10),
		.gva = gva,
		.write = bit(access, 1), .user = bit(access, 2), .fetch = bit(access, 4),
		.memory = memory, .visit = visit, .data = data,
	};
	struct allowed all = { true, true, true };
	struct model_result r = { .size = m.pae ? 8 : 4 };

	if (!bit(vcpu->cr0, 31)) {
		r.gpa = gva & 0xffffffff;
		done(&m, &r);
	} else if (m.long_mode) {
		visit_table(&m, 4, vcpu->cr3 & 0x000ffffffffff000, all, &r);
	} else if (m.pae) {
		u64 pdpte = vcpu->pdptrs[gva >> 30 & 3];

		if (bit(pdpte, 0))
			visit_table(&m, 2, pdpte & 0x000ffffffffff000, all, &r);
		else
			fault(&m, &r, false, false);
	} else {
		visit_table(&m, 2, vcpu->cr3 & 0xfffff000, all, &r);
	}
}

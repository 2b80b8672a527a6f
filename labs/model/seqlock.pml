/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seqlock.pml - chapter 5's protocol: one page of the guest, two faults, one reclaim and one
 * mremap() of Linux 6.12, or, with LINE 15, of Linux 6.1. Frame 0 is none.
 *
 *   make model             proves that it holds, and that with each line changed it does not
 *   make model LINE=15     shows how it does not
 */
#ifndef LINE
#define LINE 0
#endif
#define FRAMES	3

byte pte = 1, moved_pte;	/* the host's entries: of the slot's address, and of another */
byte spte;			/* ours, for the slot's address */
bool is_free[FRAMES + 1];	/* the host has let go of the frame */
byte seq;			/* odd while an invalidation is under way */
bool mmu_lock, page_table_lock, page_lock;

#define lock(l)		atomic { !l -> l = true }
#define unlock(l)	l = false

/* No spte for a frame that is free: what all this is about. */
#define SAFE		assert(spte == 0 || !is_free[spte])

/* invalidate_range(), about the slot's address; about another one it finds no slot. */
inline invalidate(in_slot)
{
#if LINE != 11
	atomic { seq % 2 == 0 -> seq++ }	/* invalidate_begin(): its lock, and odd */
#endif
	lock(mmu_lock);
	if
	:: in_slot -> spte = 0		/* unmap_hva(), flush_remote_tlbs() */
	:: else
	fi;
	unlock(mmu_lock);
#if LINE != 11
	seq++				/* invalidate_end() */
#endif
}

/* It finds the entry that maps the page, wherever that is. */
proctype reclaim()
{
	byte old;

	lock(page_table_lock);
	if
	:: pte != 0 -> old = pte; pte = 0; invalidate(true)
	:: pte == 0 && moved_pte != 0 -> old = moved_pte; moved_pte = 0; invalidate(false)
	:: else
	fi;
	unlock(page_table_lock);
	if
	:: old != 0 -> is_free[old] = true; SAFE
	:: else
	fi
}

proctype mremap()
{
	lock(page_table_lock);
	d_step { moved_pte = pte; pte = 0 }
#if LINE != 15
	invalidate(true);
#endif
	unlock(page_table_lock);
#if LINE == 15
	invalidate(true)		/* 6.1 calls when it has moved all */
#endif
}

/* fault.c. Once the memory has moved away there is no page any more, and it gives up. */
proctype fault()
{
	byte sample, found;
	bool again;

retry:
#if LINE != 12
	atomic { seq % 2 == 0 -> sample = seq }	/* seqlock_sample() */
#endif
	found = pte;			/* hva_to_pfn() */
#if LINE == 12
	atomic { seq % 2 == 0 -> sample = seq }
#endif
	if
	:: found == 0 -> goto out
	:: else
	fi;
#if LINE == 13
	again = (seq != sample);
#endif
	lock(mmu_lock);			/* map_page() */
#if LINE != 13 && LINE != 14
	again = (seq != sample);	/* seqlock_moved() */
#endif
	if
	:: again
	:: else -> spte = found; SAFE	/* set_spte() */
	fi;
	unlock(mmu_lock);
#if LINE == 14
	again = (seq != sample);	/* where the seed asks */
#endif
	if
	:: again -> goto retry
	:: else
	fi;
out:	skip
}

init {
	atomic { run reclaim(); run mremap(); run fault(); run fault() }
	_nr_pr == 1 -> assert(spte == 0 || spte == pte)	/* and in the end it is the host's */
}

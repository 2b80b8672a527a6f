/* SPDX-License-Identifier: GPL-2.0 */
/*
 * range.pml - chapter 8's protocol, small enough to prove: one page of the guest, and any
 * number of faults and of sections in which the host takes the page away. Frame 0 is none.
 *
 *   make model         proves that it holds, and that with each line changed it does not
 *
 * Change one line and try it yourself. LINE names the changes that `make model` makes; each
 * stands beside the line that it breaks.
 */
#ifndef LINE
#define LINE 0
#endif
#define FRAMES	3
#define SECTIONS 2		/* the host's threads */
#define FAULTS	2		/* the vCPUs */

byte pte = 1;			/* the host's entry: the frame it has there */
byte spte;			/* ours */
bool is_free[FRAMES + 1];	/* the host has let go of the frame */
byte count, seq;		/* mmu_invalidate_in_progress, mmu_invalidate_seq */
bool mmu_lock, page_table_lock;

#define lock(l)		atomic { !l -> l = true }
#define unlock(l)	l = false

/* No spte for a frame that is free: what all this is about. */
#define SAFE		assert(spte == 0 || !is_free[spte])

/* The right side of the picture: range.c, between the host's own lines. */
proctype section()
{
	byte old;

	lock(mmu_lock);			/* invalidate_range_start() */
#if LINE != 1 && LINE != 2
	count++;
#endif
	spte = 0;			/* unmap_hva(), flush_remote_tlbs() */
	unlock(mmu_lock);
#if LINE == 2
	lock(mmu_lock); count++; unlock(mmu_lock);
#endif

	lock(page_table_lock);		/* the host changes its entry, but frees nothing yet */
	d_step { old = pte; pte = 0 }
	unlock(page_table_lock);

	lock(mmu_lock);			/* invalidate_range_end() */
#if LINE != 3
	seq++;
#endif
#if LINE != 1
	count--;
#endif
	unlock(mmu_lock);
	is_free[old] = (old != 0); SAFE	/* only now: put_page() */
}

/* The left side: fault.c. */
proctype fault()
{
	byte sample, found;
	bool again;

retry:
#if LINE != 4
	sample = seq;			/* retry_begin() */
#endif
	atomic {			/* hva_to_pfn(): the host brings a frame if it has none */
		!page_table_lock;
		if
		:: pte == 0 ->
			if
			:: is_free[1] -> pte = 1; is_free[1] = false
			:: !is_free[1] && is_free[2] -> pte = 2; is_free[2] = false
			:: !is_free[1] && !is_free[2] && is_free[3] -> pte = 3; is_free[3] = false
			fi
		:: else
		fi;
		found = pte
	}
#if LINE == 4
	sample = seq;			/* too late: the answer may be older */
#endif
	lock(mmu_lock);			/* map_page() */
#if LINE == 5
	again = (seq != sample);	/* retry_needed(), without the count */
#else
	again = (count > 0 || seq != sample);
#endif
#if LINE == 6
	unlock(mmu_lock);		/* asked under the lock, set without it */
#endif
	if
	:: again
	:: else -> spte = found; SAFE	/* set_spte() */
	fi;
#if LINE != 6
	unlock(mmu_lock);
#endif
	if
	:: again -> goto retry
	:: else
	fi
}

init {
	byte i;

	atomic {
		is_free[2] = true; is_free[3] = true;
		for (i : 1 .. SECTIONS) { run section() }
		for (i : 1 .. FAULTS) { run fault() }
	}
	_nr_pr == 1 -> assert(spte == 0 || spte == pte)	/* and in the end it is the host's */
}

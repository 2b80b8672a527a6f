/* SPDX-License-Identifier: GPL-2.0 */
/*
 * addr.h - the field's words for an address. A frame number (gfn, pfn) counts
 * pages of 4 KiB, an address (gva, gpa, hva, hpa) counts bytes.
 */
#ifndef KVMSWAP_ADDR_H
#define KVMSWAP_ADDR_H

#include <linux/types.h>

/* checkpatch(NEW_TYPEDEFS): KVM's own, and a reader has to tell them apart */
typedef unsigned long gva_t;	/* guest virtual */
typedef u64 gpa_t;		/* guest physical */
typedef u64 gfn_t;		/* guest frame number: gpa >> PAGE_SHIFT */
typedef unsigned long hva_t;	/* host virtual, in the VM's own process */
typedef u64 hpa_t;		/* host physical */
/* A host frame number is a plain u64 pfn: pfn_t is the kernel's own struct. */

#endif

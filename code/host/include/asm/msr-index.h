/* SPDX-License-Identifier: GPL-2.0 */
/* Bits of EFER. */
#ifndef HOST_ASM_MSR_INDEX_H
#define HOST_ASM_MSR_INDEX_H

#define EFER_LME	(1 << 8)
#define EFER_LMA	(1 << 10)
#define EFER_NX		(1 << 11)

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Is a page a part of a hugetlb page? A test says so: they are not modelled. */
#ifndef HOST_LINUX_HUGETLB_H
#define HOST_LINUX_HUGETLB_H

#include <linux/mm_types.h>

struct folio {
	struct page page;
};

#define page_folio(p) ((struct folio *)(p))

static inline bool folio_test_hugetlb(const struct folio *folio)
{
	return folio->page.hugetlb;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Only embedded here: the objects that are counted are not built. */
#ifndef HOST_LINUX_KREF_H
#define HOST_LINUX_KREF_H

struct kref {
	int count;
};

#endif

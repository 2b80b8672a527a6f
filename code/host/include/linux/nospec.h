/* SPDX-License-Identifier: GPL-2.0 */
/* What a processor may do ahead of time is nothing that tests could see. */
#ifndef HOST_LINUX_NOSPEC_H
#define HOST_LINUX_NOSPEC_H

#define array_index_nospec(index, size) (index)

#endif

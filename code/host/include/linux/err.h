/* SPDX-License-Identifier: GPL-2.0 */
/* An address that is an error. */
#ifndef HOST_LINUX_ERR_H
#define HOST_LINUX_ERR_H

#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-4095)

#endif

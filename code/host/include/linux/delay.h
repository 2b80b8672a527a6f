/* SPDX-License-Identifier: GPL-2.0 */
/* Nobody waits: a sleep is counted, and gives others their turn. */
#ifndef HOST_LINUX_DELAY_H
#define HOST_LINUX_DELAY_H

void msleep(unsigned int ms);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Nothing is left to make, see linux/tracepoint.h. */
#ifndef HOST_TRACE_DEFINE_TRACE_H
#define HOST_TRACE_DEFINE_TRACE_H

#endif

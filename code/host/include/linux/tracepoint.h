/* SPDX-License-Identifier: GPL-2.0 */
/* A tracepoint is a function that does nothing, with its arguments checked. */
#ifndef HOST_LINUX_TRACEPOINT_H
#define HOST_LINUX_TRACEPOINT_H

#define TP_PROTO(...)			__VA_ARGS__
#define TP_ARGS(...)			(__VA_ARGS__)
#define TRACE_EVENT(name, proto, ...)	static inline void trace_##name(proto) { }
#define DECLARE_EVENT_CLASS(name, ...)	struct vm
#define TRACE_DEFINE_ENUM(name)		struct vm
#define DEFINE_EVENT(template, name, proto, args) static inline void trace_##name(proto) { }

#endif

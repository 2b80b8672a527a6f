/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tracepoint is a function that does nothing, with its arguments checked; where others
 * come in between (step.h), it tells what it would tell in the kernel.
 */
#ifndef HOST_LINUX_TRACEPOINT_H
#define HOST_LINUX_TRACEPOINT_H

#define TP_PROTO(...)			__VA_ARGS__
#define TRACE_DEFINE_ENUM(name)		struct vm

#ifdef HOST_STEPS

#include "step.h"

#define TP_ARGS(...)			__VA_ARGS__
#define TP_STRUCT__entry(...)		__VA_ARGS__
#define __field(type, name)		type name;
#define TP_fast_assign(...)		__VA_ARGS__
#define TP_printk(format, ...)		host_note("%s: " format, event, __VA_ARGS__)

#define __print_symbolic(value, ...) ({						\
	static const struct { int is; const char *name; } names[] = { __VA_ARGS__ };	\
	unsigned int at = 0;							\
										\
	while (at + 1 < ARRAY_SIZE(names) && names[at].is != (int)(value))	\
		at++;								\
	names[at].name;								\
})

#define DECLARE_EVENT_CLASS(class, proto, args, fields, assign, print)		\
static inline void host_event_##class(const char *event, proto)		\
{										\
	struct { fields } entry, *__entry = &entry;				\
										\
	assign									\
	print;									\
}										\
struct vm

#define DEFINE_EVENT(class, name, proto, args)					\
static inline void trace_##name(proto)						\
{										\
	host_event_##class(#name, args);					\
}

#define TRACE_EVENT(name, proto, args, fields, assign, print)			\
static inline void trace_##name(proto)						\
{										\
	struct { fields } entry, *__entry = &entry;				\
	const char *event = #name;						\
										\
	assign									\
	print;									\
}

#else

#define TP_ARGS(...)			(__VA_ARGS__)
#define TRACE_EVENT(name, proto, ...)	static inline void trace_##name(proto) { }
#define DECLARE_EVENT_CLASS(name, ...)	struct vm
#define DEFINE_EVENT(template, name, proto, args) static inline void trace_##name(proto) { }

#endif
#endif

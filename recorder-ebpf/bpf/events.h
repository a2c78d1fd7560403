/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: rows that go to user space through a ring, so many a second and no
 * more. What is beyond the budget, and what the ring has no room for, is
 * counted.
 *
 * A row begins with its time, CLOCK_BOOTTIME ns.
 */
#ifndef NODEMON_BPF_EVENTS_H
#define NODEMON_BPF_EVENTS_H

#include "feature.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct budget {
	__u64 begun_ns; /* a second of it */
	__u64 taken;
};

/* What may not be crowded out by others has a budget of its own. */
enum class {
	ORDINARY,
	PRECIOUS,
	CLASSES,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

/* Two CPUs may both begin a second, which lets a few more events through. */
static __always_inline bool is_within_budget(__u64 now_ns, enum class class)
{
	__u32 at = class;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &at);

	if (!budget)
		return false;
	if (now_ns - budget->begun_ns >= NS_PER_S) {
		budget->begun_ns = now_ns;
		budget->taken = 0;
	}
	if (budget->taken >= events_per_s) {
		if (class == PRECIOUS)
			LOSE(suppressed_precious);
		else
			LOSE(suppressed);
		return false;
	}
	__sync_fetch_and_add(&budget->taken, 1);
	return true;
}

/* Room for a row, or NULL. What is returned has to be sent. */
static __always_inline void *begin_event_of(enum class class, __u64 size_bytes)
{
	__u64 now_ns = bpf_ktime_get_boot_ns();
	__u64 *row;

	if (!is_within_budget(now_ns, class))
		return NULL;
	row = bpf_ringbuf_reserve(&events, size_bytes, 0);
	if (!row) {
		LOSE(ring_full);
		return NULL;
	}
	*row = now_ns;
	return row;
}

static __always_inline void *begin_event(__u64 size_bytes)
{
	return begin_event_of(ORDINARY, size_bytes);
}

/* User space looks by itself, a few times a second: nobody is woken. */
static __always_inline void send_event(void *row)
{
	bpf_ringbuf_submit(row, BPF_RB_NO_WAKEUP);
}

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * How long tasks that could run waited for a CPU, and why CPUs went from one
 * task to another.
 *
 * A task waits from when it is woken, or loses its CPU while it could go on,
 * until it runs; being moved to another CPU meanwhile does not end the wait.
 */
#include "histogram.h"
#include "since.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid;
	unsigned int __state;
	unsigned int in_iowait : 1;
};

/* Before 5.14. */
struct task_struct___state {
	volatile long state;
};

#pragma clang attribute pop

/* Why a CPU went to another task: the names are in the manifest. */
enum reason {
	PREEMPTED,
	YIELDED,
	SLEEPING,
	BLOCKED,
	BLOCKED_IO,
	STOPPED,
	ENDED,
	OTHER,
	REASONS,
};

#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED 0x4
#define TASK_TRACED 0x8
#define TASK_DEAD 0x80
#define TASK_NOLOAD 0x400

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} switches SEC(".maps");

DENSE_HISTOGRAM(waits);

static __always_inline long state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___state *)task)->state;
}

static __always_inline __u32 why(struct task_struct *task, bool is_preempted)
{
	long state = state_of(task);

	if (is_preempted)
		return PREEMPTED;
	if (!state)
		return YIELDED;
	if (state & TASK_INTERRUPTIBLE)
		return SLEEPING;
	if (state & TASK_UNINTERRUPTIBLE) {
		if (BPF_CORE_READ_BITFIELD(task, in_iowait))
			return BLOCKED_IO;
		return state & TASK_NOLOAD ? SLEEPING : BLOCKED;
	}
	if (state & (TASK_STOPPED | TASK_TRACED))
		return STOPPED;
	if (state & TASK_DEAD)
		return ENDED;
	return OTHER;
}

static __always_inline void count_switch(__u32 reason)
{
	__u32 at = bpf_get_smp_processor_id() * REASONS + reason;
	__u64 *counter = bpf_map_lookup_elem(&switches, &at);

	if (counter)
		count(counter, 1);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(started, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool is_preempted, struct task_struct *from, struct task_struct *to)
{
	__u64 waited_ns;

	/* The idle task is no task that waits, or gives anything up. */
	if (from->pid) {
		__u32 reason = why(from, is_preempted);

		count_switch(reason);
		if (reason == PREEMPTED || reason == YIELDED)
			begin(from);
	}
	if (!to->pid)
		return 0;
	waited_ns = end(to);
	if (waited_ns && waited_ns >= min_latency_ns)
		add_dense(&waits, 1, 0, waited_ns);
	return 0;
}

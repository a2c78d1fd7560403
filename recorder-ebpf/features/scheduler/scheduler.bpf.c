// SPDX-License-Identifier: GPL-2.0
/*
 * How long tasks that could run waited for a CPU, and why CPUs went from one
 * task to another.
 *
 * A task waits from when it is woken, or loses its CPU while it could go on,
 * until it runs; being moved to another CPU meanwhile does not end the wait.
 * One that is preempted when it is about to sleep may stay in its queue for a
 * minute, which no accounting of the kernel calls a wait, nor does this.
 *
 * Since when it waits is written down only when it gets into a queue, and is
 * taken away when it runs. So a task that sleeps never has such a time: else a
 * wake-up that is not seen (the kernel passes a program over that an interrupt
 * finds at work on its CPU) would make the sleep a wait.
 */
#include "histogram.h"

/* The switches that the task had chosen when it got its CPU, and 1; 0 if that is not known. */
#define KEPT_WITH_SINCE __u64 chosen;
#include "since.h"
#include "syscalls.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid;
	unsigned int flags;
	unsigned int __state;
	/* A byte from 7.2 on: the loader makes loads of unsigned numbers smaller. */
	unsigned int on_cpu;
	unsigned int in_iowait : 1;
	unsigned long nvcsw;
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

/* The number of sched_yield() for programs of 32 bits, on x86 and Arm. */
#define NR_SCHED_YIELD_OF_32_BITS 158

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

/* Whether a task is within sched_yield(). Where the kernel does not show (before 5.15), it is not. */
static __always_inline bool is_yielding(struct task_struct *task)
{
	struct task_struct___compat *compat = (void *)task;
	struct pt_regs___kernel *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs) ||
	    task->flags & PF_KTHREAD)
		return false;
	regs = (void *)bpf_task_pt_regs(task);
	/* An interrupt on the way from user space has left no number there. */
	return NUMBER_OF(regs) ==
	       (IS_COMPAT(compat) ? NR_SCHED_YIELD_OF_32_BITS : __NR_sched_yield);
}

/* Why a task that could go on lost its CPU. The kernel takes it for its own choice or for none. */
static __always_inline __u32 why_in_spite(struct task_struct *task, const struct since *at)
{
	/* It wanted to sleep, but there was a signal for it. */
	if (at && at->chosen && at->chosen != task->nvcsw + 1)
		return OTHER;
	return is_yielding(task) ? YIELDED : PREEMPTED;
}

static __always_inline __u32 why(struct task_struct *task, long state)
{
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

static __always_inline bool is_on_cpu(struct task_struct *task)
{
	if (bpf_core_field_exists(task->on_cpu))
		return task->on_cpu;
	return (void *)task == (void *)bpf_get_current_task();
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *task)
{
	/* Woken before it left its CPU: it goes on. */
	if (!is_on_cpu(task))
		begin(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(started, struct task_struct *task)
{
	begin(task);
	return 0;
}

static __always_inline void leave(struct task_struct *task, bool is_preempted)
{
	long state = state_of(task);
	struct since *at;

	/* Preempted on its way to sleep it wants no CPU, and does not wait for one until it is woken. */
	if (state) {
		count_switch(is_preempted ? PREEMPTED : why(task, state));
		return;
	}
	at = since_of_or_new(task);
	count_switch(is_preempted ? PREEMPTED : why_in_spite(task, at));
	if (at)
		at->ns = bpf_ktime_get_ns();
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool is_preempted, struct task_struct *from, struct task_struct *to)
{
	struct since *at;
	__u64 waited_ns;

	/* The idle task is no task that waits, or gives anything up. */
	if (from->pid)
		leave(from, is_preempted);
	if (!to->pid)
		return 0;
	at = since_of(to);
	waited_ns = end_of(at);
	if (at)
		at->chosen = to->nvcsw + 1;
	if (waited_ns && waited_ns >= min_latency_ns)
		add_dense(&waits, 1, 0, waited_ns);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What threads wait for, or how long they are off their CPU: waits that have ended,
 * some of them, in proportion to how long they took (sampling.h).
 *
 * A wait is from when a thread leaves its CPU until it has one again. The kernel's
 * part of its stack is read before it runs again, that of user space, which only the
 * thread itself can read, on its way out of the scheduler, where the kernel lets
 * programs in there (6.16).
 */
#include "events.h"
#include "sampling.h"
#include "stack.h"

#define KEPT_WITH_SINCE                                                                            \
	__u32 state;                                                                               \
	__u32 waker_pid;                                                                           \
	__u32 waker_tid;                                                                           \
	char waker[COMMAND_BYTES];
#include "since.h"

/* Shorter waits are told by chance, however few there are. */
#define LEAST_T_NS NS_PER_S

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int pid;
	int tgid;
	unsigned int in_iowait : 1;
	struct css_set *cgroups;
	char comm[COMMAND_BYTES];
};

/* Before 5.14. */
struct task_struct___state {
	volatile long state;
};

#pragma clang attribute pop

/* There is one of them where the kernel has the tracepoint: from 6.18 on, and in 6.16 and 6.17. */
typedef void (*btf_trace_sched_exit_tp)(void *, bool);
typedef void (*btf_trace_sched_exit_tp___ip)(void *, bool, unsigned long);

#define LETS_PROGRAMS_READ_USER_STACKS                                                             \
	(bpf_core_type_exists(btf_trace_sched_exit_tp) ||                                          \
	 bpf_core_type_exists(btf_trace_sched_exit_tp___ip))

#define ABSENT (~0ULL)
#define NOBODY (~0U)

/* include/linux/sched.h */
#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED 0x4
#define TASK_TRACED 0x8
#define TASK_NOLOAD 0x400

/* What the thread did when it left its CPU: the names are in the manifest. */
enum state {
	RUNNABLE,
	SLEEPING,
	BLOCKED,
	BLOCKED_IO,
	STOPPED,
	OTHER,
};

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 state;
	__u32 waker_pid;
	__u32 waker_tid;
	char waker[COMMAND_BYTES];
	__u64 duration_ns;
	__u64 weight_ns;
	__u64 syscall;
	__u64 argument;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* All but what user space has. */
struct head {
	__u8 bytes[__builtin_offsetof(struct row, user)];
};

/* The wait that ended on a CPU, until the thread is on its way out of the scheduler. */
struct pending {
	struct head head;
	__u64 tid; /* 0: there is none */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending);
} pending SEC(".maps");

static __always_inline __u32 state_of(struct task_struct *task)
{
	long state = bpf_core_field_exists(task->__state)
			     ? task->__state
			     : ((struct task_struct___state *)task)->state;

	if (!state)
		return RUNNABLE;
	if (state & TASK_INTERRUPTIBLE)
		return SLEEPING;
	if (state & TASK_UNINTERRUPTIBLE) {
		if (BPF_CORE_READ_BITFIELD(task, in_iowait))
			return BLOCKED_IO;
		return state & TASK_NOLOAD ? SLEEPING : BLOCKED;
	}
	return state & (TASK_STOPPED | TASK_TRACED) ? STOPPED : OTHER;
}

static __always_inline void leave(struct task_struct *task, bool is_preempted)
{
	struct since *at = since_of_or_new(task);

	if (!at)
		return;
	/* It may be taken away between saying that it will wait and waiting. */
	at->state = is_preempted ? RUNNABLE : state_of(task);
	at->waker_pid = at->waker_tid = NOBODY;
	at->waker[0] = 0;
	at->ns = bpf_ktime_get_boot_ns();
}

SEC("tp_btf/sched_waking")
int BPF_PROG(waking, struct task_struct *task)
{
	struct since *at = since_of(task);
	struct task_struct *waker = CURRENT_TASK;

	if (!at || !at->ns)
		return 0;
	at->waker_pid = BPF_CORE_READ(waker, tgid);
	at->waker_tid = BPF_CORE_READ(waker, pid);
	bpf_get_current_comm(at->waker, sizeof(at->waker));
	return 0;
}

static __always_inline void put_head(struct row *row, struct task_struct *task, struct since *at)
{
	row->task.cgroup = task->cgroups->dfl_cgrp->kn->id;
	row->task.pid = task->tgid;
	row->task.tid = task->pid;
	copy_command(row->task.command, task);
	row->state = at->state;
	row->waker_pid = at->waker_pid;
	row->waker_tid = at->waker_tid;
	__builtin_memcpy(row->waker, at->waker, sizeof(row->waker));
	row->syscall = row->argument = ABSENT;
	call_of(task, task->flags, &row->syscall, &row->argument);
	if (bpf_get_task_stack((void *)task, row->kernel, sizeof(row->kernel), 0) <= 0)
		row->kernel[0] = 0;
}

/* Of a thread that was not seen on its way out of the scheduler. */
static __always_inline void send_head(struct pending *here)
{
	struct row *row = begin_event(sizeof(struct head));
	__u64 time_ns;

	here->tid = 0;
	if (!row)
		return;
	time_ns = row->time_ns;
	__builtin_memcpy(row, &here->head, sizeof(here->head));
	row->time_ns = time_ns;
	send_event(row);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool is_preempted, struct task_struct *from, struct task_struct *to)
{
	__u64 now_ns, duration_ns, weight_ns;
	struct pending *here;
	struct since *at;
	struct row *row;
	__u32 zero = 0;

	if (from->pid)
		leave(from, is_preempted);
	if (!to->pid)
		return 0;
	at = since_of(to);
	if (!at || !at->ns)
		return 0;
	now_ns = bpf_ktime_get_boot_ns();
	duration_ns = now_ns > at->ns ? now_ns - at->ns : 1;
	at->ns = 0;
	weight_ns = weight_of(0, duration_ns, LEAST_T_NS);
	if (!weight_ns)
		return 0;
	if (LETS_PROGRAMS_READ_USER_STACKS && !(to->flags & PF_KTHREAD)) {
		here = bpf_map_lookup_elem(&pending, &zero);
		if (!here)
			return 0;
		if (here->tid)
			send_head(here);
		row = (struct row *)&here->head;
		put_head(row, to, at);
		row->duration_ns = duration_ns;
		row->weight_ns = weight_ns;
		here->tid = to->pid;
		return 0;
	}
	row = begin_event(sizeof(struct head));
	if (!row)
		return 0;
	put_head(row, to, at);
	row->duration_ns = duration_ns;
	row->weight_ns = weight_ns;
	send_event(row);
	return 0;
}

SEC("tp_btf/sched_exit_tp")
int BPF_PROG(goes_on)
{
	struct task_struct *task = CURRENT_TASK;
	struct pending *here;
	struct row *row;
	__u64 time_ns;
	__u32 zero = 0;

	here = bpf_map_lookup_elem(&pending, &zero);
	if (!here || !here->tid)
		return 0;
	if (here->tid != (__u64)task->pid) {
		send_head(here);
		return 0;
	}
	here->tid = 0;
	row = begin_event(sizeof(*row));
	if (!row)
		return 0;
	time_ns = row->time_ns;
	__builtin_memcpy(row, &here->head, sizeof(here->head));
	row->time_ns = time_ns;
	put_user(&row->user, NULL);
	send_event(row);
	return 0;
}

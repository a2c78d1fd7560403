// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that want a CPU, have one, or are blocked where nothing but what they
 * wait for wakes them: what makes up the load average, one by one, with what
 * the blocked ones wait for.
 */
#include "syscalls.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct sched_info {
	unsigned long long run_delay;
};

struct task_struct {
	unsigned int __state;
	int on_cpu;
	unsigned int flags;
	int pid;
	int tgid;
	unsigned long nvcsw;
	unsigned long nivcsw;
	struct sched_info sched_info;
	struct css_set *cgroups;
	char comm[COMMAND_BYTES];
};

/* Before 5.14. */
struct task_struct___state {
	long state;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#define ABSENT (~0ULL)
/* include/linux/sched.h */
#define TASK_RUNNING 0
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STATE_MASK 0xff
#define TASK_NOLOAD 0x400
#define FRAMES 24

enum {
	RUNNING,
	RUNNABLE,
	BLOCKED,
};

struct row {
	__u32 pid;
	__u32 tid;
	__u64 cgroup;
	char command[COMMAND_BYTES];
	__u32 state;
	__u64 switches;
	__u64 run_delay_ns;
	__u64 syscall;
	__u64 argument;
	__u64 wait_channel;
	__u64 frames[FRAMES];
};

static __always_inline unsigned int state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___state *)task)->state;
}

/* The kernel leaves out what only puts a task to sleep (in_sched_functions). */
static __always_inline void put_stack(struct row *row, struct task_struct *task)
{
	long bytes = bpf_get_task_stack((void *)task, row->frames, sizeof(row->frames), 0);

	if (bytes <= 0)
		row->frames[0] = 0;
	else
		row->wait_channel = row->frames[0];
}

SEC("iter/task")
int each(struct bpf_iter__task *at)
{
	struct task_struct *task = at->task;
	struct row row;
	unsigned int state;

	/* Not the one that asks. */
	if (!task || (__u64)task == bpf_get_current_task())
		return 0;
	state = state_of(task);
	if ((state & TASK_STATE_MASK) != TASK_RUNNING &&
	    ((state & TASK_STATE_MASK) != TASK_UNINTERRUPTIBLE || state & TASK_NOLOAD))
		return 0;
	__builtin_memset(&row, 0, sizeof(row));
	row.pid = task->tgid;
	row.tid = task->pid;
	row.cgroup = task->cgroups->dfl_cgrp->kn->id;
	BPF_CORE_READ_INTO(&row.command, task, comm);
	row.switches = task->nvcsw + task->nivcsw;
	row.run_delay_ns = ABSENT;
	if (bpf_core_field_exists(task->sched_info.run_delay))
		row.run_delay_ns = task->sched_info.run_delay;
	row.syscall = row.argument = row.wait_channel = ABSENT;
	if ((state & TASK_STATE_MASK) == TASK_RUNNING) {
		row.state = task->on_cpu ? RUNNING : RUNNABLE;
	} else {
		row.state = BLOCKED;
		call_of(task, task->flags, &row.syscall, &row.argument);
		put_stack(&row, task);
	}
	bpf_seq_write(at->meta->seq, &row, sizeof(row));
	return 0;
}

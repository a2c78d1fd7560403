// SPDX-License-Identifier: GPL-2.0
/*
 * Lives of processes: a fork, an exec with its arguments, an exit with status
 * and with what the process used. Threads are not told apart.
 */
#include "events.h"
#include "runtime.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct task_io_accounting {
	__u64 read_bytes;
	__u64 write_bytes;
};

struct signal_struct {
	atomic_t live;
	int nr_threads;
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long maxrss;
	unsigned long long sum_sched_runtime;
	struct task_io_accounting ioac;
};

struct sched_info {
	unsigned long long last_queued;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct task_struct {
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct sched_info sched_info;
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	__u64 start_boottime;
	struct task_io_accounting ioac;
	char comm[COMMAND_BYTES];
};

#pragma clang attribute pop

enum kind {
	FORK,
	EXEC,
	EXIT,
};

/* No such thing of this kind of event. */
#define ABSENT (~0ULL)
#define ARGUMENTS_BYTES 256

struct event {
	__u64 time_ns;
	__u32 kind;
	struct task_id task __attribute__((aligned(8)));
	__u32 parent;
	__u32 code;
	__u32 signal;
	__u64 lived_ns;
	__u64 cpu_ns;
	__u64 user_ns;
	__u64 system_ns;
	__u64 max_rss_pages;
	__u64 minor_faults;
	__u64 major_faults;
	__u64 voluntary_switches;
	__u64 involuntary_switches;
	__u64 read_bytes;
	__u64 write_bytes;
	char arguments[ARGUMENTS_BYTES];
};

#define BYTES_OF_FORK offsetof(struct event, code)
#define BYTES_OF_EXIT offsetof(struct event, arguments)

/* Processes of which a thread has told the end: two threads may both be last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} ended SEC(".maps");

struct sched_clock sched_clock;

/* A new task has just been queued, and when is written down. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(queued, struct task_struct *task)
{
	__u64 queued_ns;

	if (!bpf_core_field_exists(task->sched_info.last_queued))
		return 0;
	queued_ns = task->sched_info.last_queued;
	if (queued_ns)
		see_clock(&sched_clock, bpf_ktime_get_ns(), queued_ns);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(forked, struct task_struct *parent, struct task_struct *child)
{
	struct event *event;

	/* A thread. */
	if (child->pid != child->tgid || !is_wanted())
		return 0;
	event = begin_event(BYTES_OF_FORK);
	if (!event)
		return 0;
	event->kind = FORK;
	name_current(&event->task);
	event->task.pid = child->pid;
	event->task.tid = child->pid;
	/* It may have been made in another one. */
	event->task.cgroup = ((struct task_struct___ids *)child)->cgroups->dfl_cgrp->kn->id;
	event->parent = parent->tgid;
	send_event(event);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task)
{
	unsigned long start, length;
	struct event *event;

	if (!is_wanted())
		return 0;
	event = begin_event(sizeof(*event));
	if (!event)
		return 0;
	event->kind = EXEC;
	name_current(&event->task);
	event->parent = task->real_parent->tgid;
	event->code = ~0;
	event->signal = ~0;
	event->lived_ns = event->cpu_ns = event->user_ns = event->system_ns = ABSENT;
	event->max_rss_pages = event->minor_faults = event->major_faults = ABSENT;
	event->voluntary_switches = event->involuntary_switches = ABSENT;
	event->read_bytes = event->write_bytes = ABSENT;
	start = task->mm->arg_start;
	length = task->mm->arg_end - start;
	if (length > ARGUMENTS_BYTES)
		length = ARGUMENTS_BYTES;
	__builtin_memset(event->arguments, 0, sizeof(event->arguments));
	bpf_probe_read_user(event->arguments, length, (void *)start);
	send_event(event);
	return 0;
}

static __always_inline void add_usage(struct event *event, struct task_struct *task)
{
	event->cpu_ns += runtime_of(task, &sched_clock, bpf_ktime_get_ns());
	event->user_ns += task->utime;
	event->system_ns += task->stime;
	event->minor_faults += task->min_flt;
	event->major_faults += task->maj_flt;
	event->voluntary_switches += task->nvcsw;
	event->involuntary_switches += task->nivcsw;
	if (bpf_core_field_exists(task->ioac.read_bytes)) {
		event->read_bytes += task->ioac.read_bytes;
		event->write_bytes += task->ioac.write_bytes;
	}
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *leader = task->group_leader;
	__u32 pid = task->tgid;
	__u64 start_ns = leader->start_boottime, *told;
	char command[COMMAND_BYTES] __attribute__((aligned(4)));
	struct event *event;

	/* Other threads go on. */
	if (signal->live.counter > 0)
		return 0;
	told = bpf_map_lookup_elem(&ended, &pid);
	if (told && *told == start_ns)
		return 0;
	if (signal->nr_threads > 1)
		bpf_map_update_elem(&ended, &pid, &start_ns, BPF_ANY);
	if (!is_wanted_process())
		return 0;
	copy_command(command, leader);
	if (only_command[0] && !is_only_command(command))
		return 0;
	event = begin_event_of(PRECIOUS, BYTES_OF_EXIT);
	if (!event)
		return 0;
	event->kind = EXIT;
	name_current(&event->task);
	/* Which thread is the last one is chance. */
	event->task.tid = pid;
	__builtin_memcpy(event->task.command, command, COMMAND_BYTES);
	event->parent = task->real_parent->tgid;
	event->code = (task->exit_code >> 8) & 0xff;
	event->signal = task->exit_code & 0x7f;
	event->lived_ns = event->time_ns - start_ns;
	/* The threads that ended before. */
	event->cpu_ns = signal->sum_sched_runtime;
	event->user_ns = signal->utime;
	event->system_ns = signal->stime;
	event->max_rss_pages = signal->maxrss;
	event->minor_faults = signal->min_flt;
	event->major_faults = signal->maj_flt;
	event->voluntary_switches = signal->nvcsw;
	event->involuntary_switches = signal->nivcsw;
	event->read_bytes = event->write_bytes = ABSENT;
	if (bpf_core_field_exists(signal->ioac.read_bytes)) {
		event->read_bytes = signal->ioac.read_bytes;
		event->write_bytes = signal->ioac.write_bytes;
	}
	add_usage(event, task);
	/* The first thread stays until all have ended. */
	if (leader != task)
		add_usage(event, leader);
	send_event(event);
	return 0;
}

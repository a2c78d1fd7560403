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

struct list_head {
	struct list_head *next;
};

struct signal_struct {
	atomic_t live;
	int nr_threads;
	struct list_head thread_head;
	int group_exit_code;
	unsigned int flags;
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
	struct list_head thread_node;
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

#define EEXIST 17
/* signal_struct.flags: all of its threads end, and with one code. */
#define SIGNAL_GROUP_EXIT 4

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

/* Numbers are given again, to processes that have begun later. */
struct life {
	__u64 start_ns;
	__u64 pid;
};

/* Processes of which a thread has told the end: several threads may see that they all have ended. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct life);
	__type(value, __u8);
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

/* What threads used. */
struct usage {
	__u64 cpu_ns;
	__u64 user_ns;
	__u64 system_ns;
	__u64 minor_faults;
	__u64 major_faults;
	__u64 voluntary_switches;
	__u64 involuntary_switches;
	__u64 read_bytes;
	__u64 write_bytes;
};

static __always_inline void add_usage(struct usage *all, struct task_struct *task)
{
	all->cpu_ns += runtime_of(task, &sched_clock, bpf_ktime_get_ns());
	all->user_ns += task->utime;
	all->system_ns += task->stime;
	all->minor_faults += task->min_flt;
	all->major_faults += task->maj_flt;
	all->voluntary_switches += task->nvcsw;
	all->involuntary_switches += task->nivcsw;
	if (bpf_core_field_exists(task->ioac.read_bytes)) {
		all->read_bytes += task->ioac.read_bytes;
		all->write_bytes += task->ioac.write_bytes;
	}
}

/* The same of a thread of which only the address is known. */
static __always_inline void add_usage_at(struct usage *all, struct task_struct *task)
{
	all->cpu_ns += runtime_at(task, &sched_clock, bpf_ktime_get_ns());
	all->user_ns += BPF_CORE_READ(task, utime);
	all->system_ns += BPF_CORE_READ(task, stime);
	all->minor_faults += BPF_CORE_READ(task, min_flt);
	all->major_faults += BPF_CORE_READ(task, maj_flt);
	all->voluntary_switches += BPF_CORE_READ(task, nvcsw);
	all->involuntary_switches += BPF_CORE_READ(task, nivcsw);
	if (bpf_core_field_exists(task->ioac.read_bytes)) {
		all->read_bytes += BPF_CORE_READ(task, ioac.read_bytes);
		all->write_bytes += BPF_CORE_READ(task, ioac.write_bytes);
	}
}

/* Threads besides the first and the current one that may still be on their way out. */
#define THREADS_ON_THEIR_WAY 64

/* Those have ended, but are not in the sums of the process yet. */
static __always_inline void add_others(struct usage *all, struct task_struct *task,
				       struct task_struct *leader)
{
	struct list_head *head = __builtin_preserve_access_index(&task->signal->thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);
	int i;

	for (i = 0; i < THREADS_ON_THEIR_WAY && node && node != head; i++) {
		struct task_struct *other =
			(void *)node - bpf_core_field_offset(struct task_struct, thread_node);

		if (other != task && other != leader)
			add_usage_at(all, other);
		node = BPF_CORE_READ(node, next);
	}
}

/* How often it is looked at what threads used while some leave. */
#define LOOKS 3

static __always_inline void add_up(struct usage *all, struct task_struct *task,
				   struct task_struct *leader)
{
	struct signal_struct *signal = task->signal;
	int look, threads;

	for (look = 0; look < LOOKS; look++) {
		threads = *(volatile int *)&signal->nr_threads;
		/* The threads that ended before. */
		all->cpu_ns = signal->sum_sched_runtime;
		all->user_ns = signal->utime;
		all->system_ns = signal->stime;
		all->minor_faults = signal->min_flt;
		all->major_faults = signal->maj_flt;
		all->voluntary_switches = signal->nvcsw;
		all->involuntary_switches = signal->nivcsw;
		all->read_bytes = all->write_bytes = ABSENT;
		if (bpf_core_field_exists(signal->ioac.read_bytes)) {
			all->read_bytes = signal->ioac.read_bytes;
			all->write_bytes = signal->ioac.write_bytes;
		}
		add_usage(all, task);
		/* The first thread stays until all have ended. */
		if (leader != task)
			add_usage(all, leader);
		if (threads <= 1 + (leader != task))
			return;
		add_others(all, task, leader);
		if (*(volatile int *)&signal->nr_threads == threads)
			return;
	}
}

/* Whether no other thread has told that this process has ended. */
static __always_inline bool is_first_to_tell(struct signal_struct *signal, struct life *life)
{
	__u8 told = 1;

	/* All others have gone: if there were any that saw the end they have told it. */
	if (*(volatile int *)&signal->nr_threads == 1)
		return !bpf_map_lookup_elem(&ended, life);
	return bpf_map_update_elem(&ended, life, &told, BPF_NOEXIST) != -EEXIST;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *leader = task->group_leader;
	struct life life = { .start_ns = leader->start_boottime, .pid = task->tgid };
	char command[COMMAND_BYTES] __attribute__((aligned(4)));
	struct usage used = {};
	struct event *event;
	int code;

	/* Other threads go on. */
	if (signal->live.counter > 0)
		return 0;
	if (!is_first_to_tell(signal, &life))
		return 0;
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
	event->task.tid = life.pid;
	__builtin_memcpy(event->task.command, command, COMMAND_BYTES);
	event->parent = task->real_parent->tgid;
	/* As wait() tells it. */
	code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	event->code = (code >> 8) & 0xff;
	event->signal = code & 0x7f;
	event->lived_ns = event->time_ns - life.start_ns;
	event->max_rss_pages = signal->maxrss;
	add_up(&used, task, leader);
	event->cpu_ns = used.cpu_ns;
	event->user_ns = used.user_ns;
	event->system_ns = used.system_ns;
	event->minor_faults = used.minor_faults;
	event->major_faults = used.major_faults;
	event->voluntary_switches = used.voluntary_switches;
	event->involuntary_switches = used.involuntary_switches;
	event->read_bytes = used.read_bytes;
	event->write_bytes = used.write_bytes;
	send_event(event);
	return 0;
}

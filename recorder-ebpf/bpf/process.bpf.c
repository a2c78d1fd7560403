// SPDX-License-Identifier: GPL-2.0
/*
 * The process table: an iterator over all threads. The first thread of a
 * process writes a row about it, with the sums of the threads that ended; each
 * other one writes what it used itself, and user space adds that.
 *
 * Nearly all of them sleep, and what a process is and used lies in some 25
 * cache lines, which are cold once a second. So of what has not run since its
 * last row nothing but that it is still there is written, and as few lines as
 * possible are touched to find that out (process/seen.h).
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "runtime.h"
#include "process/kernel.h"
#include "process/rows.h"
#include "process/pass.h"
#include "process/seen.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline void use(struct usage *usage, struct task_struct *task)
{
	struct task_delay_info *delays;

	usage->cpu_ns = runtime_of(task, &pass.clock, pass.now_ns);
	usage->user_ns = task->utime;
	usage->system_ns = task->stime;
	usage->run_delay_ns = ABSENT;
	if (bpf_core_field_exists(task->sched_info.run_delay))
		usage->run_delay_ns = task->sched_info.run_delay;
	usage->io_delay_ns = ABSENT;
	if (bpf_core_field_exists(task->delays)) {
		delays = task->delays;
		if (delays)
			usage->io_delay_ns = delays->blkio_delay;
	}
	usage->voluntary_switches = task->nvcsw;
	usage->involuntary_switches = task->nivcsw;
	usage->minor_faults = task->min_flt;
	usage->major_faults = task->maj_flt;
	usage->read_bytes = usage->write_bytes = usage->cancelled_write_bytes = ABSENT;
	if (bpf_core_field_exists(task->ioac.read_bytes)) {
		usage->read_bytes = task->ioac.read_bytes;
		usage->write_bytes = task->ioac.write_bytes;
		usage->cancelled_write_bytes = task->ioac.cancelled_write_bytes;
	}
	usage->read_chars = usage->write_chars = usage->read_calls = usage->write_calls = ABSENT;
	if (bpf_core_field_exists(task->ioac.rchar)) {
		usage->read_chars = task->ioac.rchar;
		usage->write_chars = task->ioac.wchar;
		usage->read_calls = task->ioac.syscr;
		usage->write_calls = task->ioac.syscw;
	}
}

/* Adds the threads that ended. Their delays are kept for taskstats only. */
static __always_inline void use_ended(struct usage *usage, struct signal_struct *signal)
{
	usage->cpu_ns += signal->sum_sched_runtime;
	usage->user_ns += signal->utime;
	usage->system_ns += signal->stime;
	usage->voluntary_switches += signal->nvcsw;
	usage->involuntary_switches += signal->nivcsw;
	usage->minor_faults += signal->min_flt;
	usage->major_faults += signal->maj_flt;
	if (bpf_core_field_exists(signal->ioac.read_bytes)) {
		usage->read_bytes += signal->ioac.read_bytes;
		usage->write_bytes += signal->ioac.write_bytes;
		usage->cancelled_write_bytes += signal->ioac.cancelled_write_bytes;
	}
	if (bpf_core_field_exists(signal->ioac.rchar)) {
		usage->read_chars += signal->ioac.rchar;
		usage->write_chars += signal->ioac.wchar;
		usage->read_calls += signal->ioac.syscr;
		usage->write_calls += signal->ioac.syscw;
	}
	if (bpf_core_field_exists(signal->stats)) {
		struct taskstats *stats = signal->stats;

		if (stats && usage->run_delay_ns != ABSENT)
			usage->run_delay_ns += stats->cpu_delay_total;
		if (stats && usage->io_delay_ns != ABSENT)
			usage->io_delay_ns += stats->blkio_delay_total;
	}
}

static __always_inline void remember(struct process *row, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	row->vsize_pages = 0;
	row->rss_file_pages = row->rss_anon_pages = ABSENT;
	row->swap_pages = row->rss_shmem_pages = ABSENT;
	row->image = task->self_exec_id << 48;
	/* A thread of the kernel may have borrowed one. */
	if (!mm || task->flags & PF_KTHREAD)
		return;
	row->image ^= mm->arg_start;
	row->vsize_pages = mm->total_vm;
	if (bpf_core_type_exists(struct mm_rss_stat)) {
		struct mm_struct___atomic *old = (void *)mm;
		long counts[4] = {};

		/* The verifier of those kernels does not walk into an array of typedefs. */
		bpf_core_read(counts, sizeof(counts), &old->rss_stat.count);
		row->rss_file_pages = positive(counts[MM_FILEPAGES]);
		row->rss_anon_pages = positive(counts[MM_ANONPAGES]);
		row->swap_pages = positive(counts[MM_SWAPENTS]);
		row->rss_shmem_pages = positive(counts[MM_SHMEMPAGES]);
	} else if (bpf_core_field_exists(mm->rss_stat)) {
		row->rss_file_pages = positive(mm->rss_stat[MM_FILEPAGES].count);
		row->rss_anon_pages = positive(mm->rss_stat[MM_ANONPAGES].count);
		row->swap_pages = positive(mm->rss_stat[MM_SWAPENTS].count);
		row->rss_shmem_pages = positive(mm->rss_stat[MM_SHMEMPAGES].count);
	}
}

static __always_inline void tell_process(struct seq_file *seq, struct task_struct *task,
					 struct signal_struct *signal)
{
	struct process row;
	struct css_set *groups = task->cgroups;

	row.head.number = task->pid;
	row.head.bytes = sizeof(row);
	row.head.kind = PROCESS;
	use(&row.usage, task);
	row.ended_cpu_ns = signal->sum_sched_runtime;
	use_ended(&row.usage, signal);
	row.told_user_ns = row.told_system_ns = 0;
	if (bpf_core_field_exists(signal->prev_cputime)) {
		row.told_user_ns = signal->prev_cputime.utime;
		row.told_system_ns = signal->prev_cputime.stime;
	}
	row.start_ns = task->start_boottime;
	row.group_set = (__u64)groups;
	row.group = groups->dfl_cgrp->kn->id;
	remember(&row, task);
	row.parent = task->real_parent->tgid;
	row.user = task->real_cred->euid.val;
	row.state = state_of(task) | task->exit_state;
	row.flags = task->flags;
	row.threads = signal->nr_threads;
	row.processor = cpu_of(task);
	row.priority = task->prio;
	row.static_priority = task->static_prio;
	bpf_probe_read_kernel(row.command, sizeof(row.command), task->comm);
	bpf_seq_write(seq, &row, sizeof(row));
}

static __always_inline void tell_thread(struct seq_file *seq, struct task_struct *task,
					struct signal_struct *signal)
{
	struct thread row;

	row.head.number = task->pid;
	row.head.bytes = sizeof(row);
	row.head.kind = THREAD;
	row.process = task->tgid;
	use(&row.usage, task);
	row.ended_cpu_ns = signal->sum_sched_runtime;
	bpf_seq_write(seq, &row, sizeof(row));
}

static __always_inline void tell_same(struct seq_file *seq, __u32 number, __u32 kind)
{
	struct head row = { .number = number, .bytes = sizeof(row), .kind = kind };

	bpf_seq_write(seq, &row, sizeof(row));
}

SEC("iter/task")
int processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct signal_struct *signal;
	struct slot *last;
	struct slot now;

	if (!task)
		return 0;
	begin_pass(ctx->meta->session_id);
	now.task = (__u64)task;
	now.cpu_ns = task->se.sum_exec_runtime;
	last = find_last(task, now.task);
	if (last && last->cpu_ns == now.cpu_ns && pass.now_ns < last->refresh_at_ns &&
	    state_of(task) != TASK_RUNNING) {
		now.refresh_at_ns = last->refresh_at_ns;
		now.number = last->number;
		now.kind = last->kind;
		keep(&now);
		tell_same(seq, now.number, now.kind);
		return 0;
	}
	signal = task->signal;
	now.number = task->pid;
	if (now.number != (__u32)task->tgid) {
		now.kind = THREAD;
		now.refresh_at_ns = NEVER;
		keep(&now);
		tell_thread(seq, task, signal);
		return 0;
	}
	now.kind = PROCESS;
	/* Its threads change what it is, and end. */
	now.refresh_at_ns = signal->nr_threads == 1 ? next_refresh(last, now.number) : 0;
	keep(&now);
	tell_process(seq, task, signal);
	return 0;
}

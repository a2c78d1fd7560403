/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the process table is read from: the fields that are named, and no
 * others. The loader puts in where they are in the running kernel (CO-RE). A
 * field that some kernels do not have is read behind bpf_core_field_exists()
 * only, and is in a flavour (name___flavour) where its type or name changed.
 */
#ifndef NODEMON_BPF_PROCESS_KERNEL_H
#define NODEMON_BPF_PROCESS_KERNEL_H

#include <linux/types.h>

#define COMMAND_BYTES 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	long counter;
} atomic_long_t;

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_arrival;
};

struct task_delay_info {
	__u64 blkio_delay;
};

struct task_io_accounting {
	__u64 rchar;
	__u64 wchar;
	__u64 syscr;
	__u64 syscw;
	__u64 read_bytes;
	__u64 write_bytes;
	__u64 cancelled_write_bytes;
};

struct taskstats {
	__u64 cpu_delay_total;
	__u64 blkio_delay_total;
};

/* What /proc said last of how CPU time is divided. */
struct prev_cputime {
	__u64 utime;
	__u64 stime;
};

struct signal_struct {
	int nr_threads;
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long long sum_sched_runtime;
	struct prev_cputime prev_cputime;
	struct task_io_accounting ioac;
	struct taskstats *stats;
};

struct percpu_counter {
	__s64 count;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long total_vm;
	struct percpu_counter rss_stat[4];
};

/* Before 6.2. */
struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
};

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t euid;
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

struct thread_info {
	__u32 cpu; /* from 5.16 */
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int exit_state;
	unsigned int flags;
	int prio;
	int static_prio;
	int pid;
	int tgid;
	struct sched_entity se;
	struct sched_info sched_info;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	const struct cred *real_cred;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct task_delay_info *delays;
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	__u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	__u64 self_exec_id;
	struct task_io_accounting ioac;
	char comm[COMMAND_BYTES];
};

/* Before 5.14. */
struct task_struct___state {
	long state;
};

/* Before 5.16. */
struct task_struct___cpu {
	unsigned int cpu;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Places in rss_stat. */
enum {
	MM_FILEPAGES,
	MM_ANONPAGES,
	MM_SWAPENTS,
	MM_SHMEMPAGES,
};

#define PF_KTHREAD 0x00200000
#define TASK_RUNNING 0

static __always_inline __u32 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___state *)task)->state;
}

static __always_inline __u32 cpu_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->thread_info.cpu))
		return task->thread_info.cpu;
	return ((struct task_struct___cpu *)task)->cpu;
}

/* A counter of memory may be a little below zero for a moment. */
static __always_inline __u64 positive(__s64 count)
{
	return count < 0 ? 0 : count;
}

#endif

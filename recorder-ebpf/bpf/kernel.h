/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs read of the kernel's own structures: the fields that they
 * name and no others. Offsets and sizes are those of the running kernel; the
 * loader puts them in (CO-RE). A field that some kernels from 5.15 on do not
 * have is read behind bpf_core_field_exists() only, and is in a flavour
 * (name___flavour) of its structure where its type changed.
 */
#ifndef NODEMON_BPF_KERNEL_H
#define NODEMON_BPF_KERNEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	unsigned int sequence;
} seqcount_t;

struct rq {
	unsigned int nr_running;
	__u64 nr_switches;
	atomic_t nr_iowait;
	int cpu;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

/* An array of pointers, one a CPU; in 7.2 a per-CPU pointer. */
struct task_group {
	struct cfs_rq **cfs_rq;
};

struct task_struct {
	struct sched_entity se;
	struct task_group *sched_task_group;
};

struct kernel_cpustat {
	__u64 cpustat[10];
};

/* 7.2 keeps here what tick_sched kept before. */
struct kernel_cpustat___dyntick {
	_Bool idle_elapse;
	seqcount_t idle_sleeptime_seq;
	__u64 idle_entrytime;
	__u64 idle_stealtime[2];
	__u64 cpustat[10];
};

struct kernel_stat {
	unsigned long irqs_sum;
	unsigned int softirqs[10];
};

struct tick_sched {
	unsigned long flags; /* from 6.9 */
	seqcount_t idle_sleeptime_seq; /* from 6.4 */
	__s64 idle_entrytime;
	__s64 idle_sleeptime;
	__s64 iowait_sleeptime;
};

/* Before 6.9. */
struct tick_sched___bits {
	unsigned int inidle : 1;
	unsigned int tick_stopped : 1;
	unsigned int idle_active : 1;
};

enum cpuhp_state {
	CPUHP_AP_ONLINE = 1, /* the kernel's own value is put in */
};

struct cpuhp_cpu_state {
	enum cpuhp_state state;
};

#pragma clang attribute pop

/* The order of cpustat[], which is not that of /proc/stat. */
enum cpu_usage_stat {
	CPUTIME_USER,
	CPUTIME_NICE,
	CPUTIME_SYSTEM,
	CPUTIME_SOFTIRQ,
	CPUTIME_IRQ,
	CPUTIME_IDLE,
	CPUTIME_IOWAIT,
	CPUTIME_STEAL,
	CPUTIME_GUEST,
	CPUTIME_GUEST_NICE,
	CPUTIME_STATES,
};

/* tick_sched.flags: the CPU is idle, and not in an interrupt. */
#define TS_FLAG_IDLE_ACTIVE (1UL << 2)

#endif

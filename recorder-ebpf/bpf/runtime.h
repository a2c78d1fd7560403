/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run time up to now. The kernel accounts for a thread when it leaves its CPU
 * and at each tick; what a thread ran since then is the time between that and
 * now, in the scheduler's own clock, which no program can ask for. But the
 * scheduler writes down when it did things, and who sees it do one knows how
 * far that clock is behind CLOCK_MONOTONIC.
 */
#ifndef NODEMON_BPF_RUNTIME_H
#define NODEMON_BPF_RUNTIME_H

/* A CPU that has stopped its tick accounts for its thread once a second. */
#define LONGEST_TICK_NS 2000000000ULL
/* More than the two clocks drift apart from one look to the next. */
#define LARGEST_DRIFT_NS 1000000000ULL

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq___clocks {
	__u64 clock;
	__u64 clock_task;
};

struct cfs_rq___rq {
	struct rq___clocks *rq;
};

struct sched_entity___runtime {
	__u64 exec_start;
	__u64 sum_exec_runtime;
	struct cfs_rq___rq *cfs_rq; /* with CONFIG_FAIR_GROUP_SCHED */
};

struct task_struct___runtime {
	/* A byte from 7.2 on: the loader makes loads of unsigned numbers smaller. */
	unsigned int on_cpu;
	struct sched_entity___runtime se;
};

#pragma clang attribute pop

/*
 * How far the scheduler's clock is behind, as far as is known: never more than
 * it seems now, nor more than at the last look, but for what two clocks may
 * drift apart.
 */
struct sched_clock {
	__u64 seen_ns; /* CLOCK_MONOTONIC, when it was looked at; 0 before that */
	__u64 behind_ns;
};

/* Something that the scheduler wrote down as `sched_ns` was at `now_ns` or before. */
static __always_inline void see_clock(struct sched_clock *clock, __u64 now_ns, __u64 sched_ns)
{
	__u64 behind_ns = now_ns - sched_ns;

	if (clock->seen_ns) {
		__u64 drifted_ns = clock->behind_ns + (now_ns - clock->seen_ns) / 1024;
		__s64 beyond_ns = behind_ns - drifted_ns;

		if (beyond_ns > 0 && (__u64)beyond_ns < LARGEST_DRIFT_NS)
			behind_ns = drifted_ns;
	}
	clock->behind_ns = behind_ns;
	clock->seen_ns = now_ns;
}

/* What a thread ran until `now_ns`; without a look at the clock, until the kernel accounted for it. */
static __always_inline __u64 runtime_of(const void *thread, const struct sched_clock *clock,
					__u64 now_ns)
{
	const struct task_struct___runtime *task = thread;
	__u64 runtime_ns, start_ns, since_ns;
	struct rq___clocks *rq;

	if (!bpf_core_field_exists(task->on_cpu) || !bpf_core_field_exists(task->se.cfs_rq) ||
	    !task->on_cpu || !clock->seen_ns)
		return task->se.sum_exec_runtime;
	start_ns = *(volatile __u64 *)&task->se.exec_start;
	rq = task->se.cfs_rq->rq;
	/* Interrupts, and what the hypervisor took, are not in the clock of tasks. */
	since_ns = now_ns - clock->behind_ns - (rq->clock - rq->clock_task) - start_ns;
	runtime_ns = *(volatile __u64 *)&task->se.sum_exec_runtime;
	/* Accounted for just now, or the clocks of the CPUs differ. */
	if ((__s64)since_ns < 0 || since_ns > LONGEST_TICK_NS ||
	    *(volatile __u64 *)&task->se.exec_start != start_ns)
		return *(volatile __u64 *)&task->se.sum_exec_runtime;
	return runtime_ns + since_ns;
}

/* The same of a thread of which only the address is known. */
static __always_inline __u64 runtime_at(const void *thread, const struct sched_clock *clock,
					__u64 now_ns)
{
	const struct task_struct___runtime *task = thread;
	__u64 runtime_ns, start_ns, since_ns;
	struct rq___clocks *rq;

	start_ns = BPF_CORE_READ(task, se.exec_start);
	runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
	if (!bpf_core_field_exists(task->on_cpu) || !bpf_core_field_exists(task->se.cfs_rq) ||
	    !BPF_CORE_READ(task, on_cpu) || !clock->seen_ns)
		return runtime_ns;
	rq = BPF_CORE_READ(task, se.cfs_rq, rq);
	since_ns = now_ns - clock->behind_ns - start_ns -
		   (BPF_CORE_READ(rq, clock) - BPF_CORE_READ(rq, clock_task));
	if ((__s64)since_ns < 0 || since_ns > LONGEST_TICK_NS ||
	    BPF_CORE_READ(task, se.exec_start) != start_ns)
		return BPF_CORE_READ(task, se.sum_exec_runtime);
	return runtime_ns + since_ns;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pass, and run time up to now. The kernel accounts for a thread when it leaves its CPU
 * and at each tick; what a thread ran since then is the time between that and
 * now, in the scheduler's own clock, which no program can ask for. But the
 * thread that reads the table got its CPU a moment ago, and the scheduler wrote
 * down when.
 */
#ifndef NODEMON_BPF_PROCESS_PASS_H
#define NODEMON_BPF_PROCESS_PASS_H

/* A CPU that has stopped its tick accounts for its thread once a second. */
#define LONGEST_TICK_NS 2000000000ULL
/* More than the two clocks drift apart between two passes. */
#define LARGEST_DRIFT_NS 1000000000ULL

struct {
	__u64 session; /* which pass this is */
	__u64 now_ns; /* CLOCK_MONOTONIC */
	/*
	 * How far the scheduler's clock is behind, as far as is known: never
	 * more than it seems now, nor more than at the last pass, but for what
	 * two clocks may drift apart.
	 */
	__u64 behind_ns;
	__u64 sched_now_ns;
	/* Which of the two lists of what was seen is written, and how far both are. */
	__u32 half;
	__u32 count;
	__u32 last_at;
	__u32 last_count;
} pass;

static __always_inline void begin_pass(__u64 session)
{
	struct task_struct *current = (void *)bpf_get_current_task();
	__u64 now_ns, behind_ns;

	if (pass.session == session)
		return;
	now_ns = bpf_ktime_get_ns();
	pass.sched_now_ns = 0;
	if (bpf_core_field_exists(current->sched_info.last_arrival)) {
		behind_ns = now_ns - BPF_CORE_READ(current, sched_info.last_arrival);
		if (pass.session) {
			__u64 drifted_ns = pass.behind_ns + (now_ns - pass.now_ns) / 1024;
			__s64 beyond_ns = behind_ns - drifted_ns;

			if (beyond_ns > 0 && (__u64)beyond_ns < LARGEST_DRIFT_NS)
				behind_ns = drifted_ns;
		}
		pass.behind_ns = behind_ns;
		pass.sched_now_ns = now_ns - behind_ns;
	}
	pass.now_ns = now_ns;
	pass.session = session;
	pass.half = !pass.half;
	pass.last_count = pass.count;
	pass.last_at = 0;
	pass.count = 0;
}

static __always_inline __u64 runtime_of(struct task_struct *task)
{
	__u64 runtime_ns, start_ns, since_ns;
	struct rq *rq;

	if (!bpf_core_field_exists(task->on_cpu) || !bpf_core_field_exists(task->se.cfs_rq) ||
	    !task->on_cpu || !pass.sched_now_ns)
		return task->se.sum_exec_runtime;
	start_ns = *(volatile __u64 *)&task->se.exec_start;
	rq = task->se.cfs_rq->rq;
	/* Interrupts, and what the hypervisor took, are not in the clock of tasks. */
	since_ns = pass.sched_now_ns - (rq->clock - rq->clock_task) - start_ns;
	runtime_ns = task->se.sum_exec_runtime;
	/* Accounted for just now, or the clocks of the CPUs differ. */
	if ((__s64)since_ns < 0 || since_ns > LONGEST_TICK_NS ||
	    *(volatile __u64 *)&task->se.exec_start != start_ns)
		return runtime_ns;
	return runtime_ns + since_ns;
}

#endif

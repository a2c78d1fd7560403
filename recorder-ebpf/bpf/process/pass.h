/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pass over the table. The thread that reads it got its CPU a moment ago, and
 * the scheduler wrote down when: that tells how far its clock is.
 */
#ifndef NODEMON_BPF_PROCESS_PASS_H
#define NODEMON_BPF_PROCESS_PASS_H

struct {
	__u64 session; /* which pass this is */
	__u64 now_ns; /* CLOCK_MONOTONIC */
	struct sched_clock clock;
	/* Which of the two lists of what was seen is written, and how far both are. */
	__u32 half;
	__u32 count;
	__u32 last_at;
	__u32 last_count;
} pass;

static __always_inline void begin_pass(__u64 session)
{
	struct task_struct *current = (void *)bpf_get_current_task();

	if (pass.session == session)
		return;
	pass.now_ns = bpf_ktime_get_ns();
	if (bpf_core_field_exists(current->sched_info.last_arrival))
		see_clock(&pass.clock, pass.now_ns,
			  BPF_CORE_READ(current, sched_info.last_arrival));
	pass.session = session;
	pass.half = !pass.half;
	pass.last_count = pass.count;
	pass.last_at = 0;
	pass.count = 0;
}

#endif

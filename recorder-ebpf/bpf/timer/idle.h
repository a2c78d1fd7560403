/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long a CPU was idle, up to now.
 *
 * Up to 7.1 the kernel reads the clock whenever a CPU goes idle and wakes. In
 * 7.2 it does so only where the tick stops, counts ticks otherwise, and counts
 * the tick that starts again in full: idle time may exceed the time that passed
 * by a tick. It is then as in /proc/stat, and told to be counted by the tick.
 */
#ifndef NODEMON_BPF_TIMER_IDLE_H
#define NODEMON_BPF_TIMER_IDLE_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "timer/maps.h"

/* A writer of idle times is within a few stores of its end, or its virtual CPU
 * does not run; more attempts than this do not help.
 */
#define IDLE_ATTEMPTS 3

/* Words from tick_sched.idle_entrytime to iowait_sleeptime, at most: 11 in 6.18. */
#define TIMES_SPAN 16

static __always_inline _Bool idle_is_in_cpustat(void)
{
	return bpf_core_field_exists(struct kernel_cpustat___dyntick, idle_entrytime);
}

static __always_inline _Bool idle_is_in_tick_sched(void)
{
	return to_tick_sched && bpf_core_field_exists(struct tick_sched, idle_sleeptime) &&
	       bpf_core_field_exists(struct tick_sched, iowait_sleeptime) &&
	       bpf_core_field_exists(struct tick_sched, idle_entrytime);
}

/* What of idle and iowait is accounted for, and since when a CPU is idle. */
struct idle {
	__u64 idle_ns;
	__u64 iowait_ns;
	__u64 entry_ns;
	__u64 steal_ns[2]; /* to be taken off the time since then: idle, iowait */
	_Bool active;
};

/* Keeps the reads before it before those behind it, which x86 does by itself. */
static __always_inline void read_barrier(void)
{
#ifndef __TARGET_ARCH_x86
	static __u64 exchanged;

	publish(&exchanged, 0);
#endif
}

static __always_inline __u64 cpustat_version(struct kernel_cpustat___dyntick *stat)
{
	return BPF_CORE_READ(stat, idle_sleeptime_seq.sequence);
}

static __always_inline void read_cpustat_idle(struct kernel_cpustat___dyntick *stat,
					      struct idle *idle)
{
	idle->idle_ns = BPF_CORE_READ(stat, cpustat[CPUTIME_IDLE]);
	idle->iowait_ns = BPF_CORE_READ(stat, cpustat[CPUTIME_IOWAIT]);
	idle->entry_ns = BPF_CORE_READ(stat, idle_entrytime);
	idle->active = BPF_CORE_READ(stat, idle_elapse);
	if (bpf_core_field_exists(stat->idle_stealtime))
		bpf_probe_read_kernel(idle->steal_ns, sizeof(idle->steal_ns),
				      &stat->idle_stealtime);
}

/* Kernels before 6.4 have no sequence: idle_entrytime changes with each update
 * and is written after the sums, which serves as well but for a few ns.
 */
static __always_inline __u64 tick_sched_version(struct tick_sched *tick)
{
	if (bpf_core_field_exists(tick->idle_sleeptime_seq))
		return BPF_CORE_READ(tick, idle_sleeptime_seq.sequence);
	return (__u64)BPF_CORE_READ(tick, idle_entrytime) << 1;
}

/* The three times with one read where they stand close together, in this order,
 * as they do on all kernels so far. What decides is known when it is loaded.
 */
static __always_inline void read_tick_sched_times(struct tick_sched *tick, struct idle *idle)
{
	__u64 first = bpf_core_field_offset(tick->idle_entrytime);
	__u64 second = bpf_core_field_offset(tick->idle_sleeptime);
	__u64 third = bpf_core_field_offset(tick->iowait_sleeptime);
	__u64 span[TIMES_SPAN];

	if (first < second && second < third && third - first < sizeof(span) && first % 8 == 0) {
		bpf_probe_read_kernel(span, third + 8 - first, &tick->idle_entrytime);
		idle->entry_ns = span[0];
		idle->idle_ns = *(__u64 *)((void *)span + (second - first));
		idle->iowait_ns = *(__u64 *)((void *)span + (third - first));
	} else {
		idle->entry_ns = BPF_CORE_READ(tick, idle_entrytime);
		idle->idle_ns = BPF_CORE_READ(tick, idle_sleeptime);
		idle->iowait_ns = BPF_CORE_READ(tick, iowait_sleeptime);
	}
}

static __always_inline void read_tick_sched_idle(struct tick_sched *tick, struct idle *idle)
{
	read_tick_sched_times(tick, idle);
	if (bpf_core_field_exists(tick->flags)) {
		idle->active = !!(BPF_CORE_READ(tick, flags) & TS_FLAG_IDLE_ACTIVE);
	} else {
		struct tick_sched___bits *bits = (void *)tick;

		idle->active = BPF_CORE_READ_BITFIELD_PROBED(bits, idle_active);
	}
}

/* False: the CPU was changing its times whenever they were looked at. */
static __always_inline _Bool read_idle(__u64 rq, struct idle *idle)
{
	int attempt;

	for (attempt = 0; attempt < IDLE_ATTEMPTS; attempt++) {
		__u64 before, after;

		if (idle_is_in_cpustat()) {
			struct kernel_cpustat___dyntick *stat = (void *)(rq + to_cpustat);

			before = cpustat_version(stat);
			read_barrier();
			read_cpustat_idle(stat, idle);
			read_barrier();
			after = cpustat_version(stat);
		} else {
			struct tick_sched *tick = (void *)(rq + to_tick_sched);

			before = tick_sched_version(tick);
			read_barrier();
			read_tick_sched_idle(tick, idle);
			read_barrier();
			after = tick_sched_version(tick);
		}
		if (before == after && !(before & 1))
			return 1;
	}
	return 0;
}

/* Adds the time since the CPU went idle, which the kernel has not added yet. It
 * belongs to iowait while a task that slept there waits for I/O.
 */
static __always_inline void add_open_idle(struct idle *idle, struct rq *rq, __u64 now)
{
	__u64 since = now - idle->entry_ns;
	_Bool iowait = 0;
	__u64 steal;

	if (bpf_core_field_exists(rq->nr_iowait))
		iowait = BPF_CORE_READ(rq, nr_iowait.counter) > 0;
	steal = iowait ? idle->steal_ns[1] : idle->steal_ns[0];
	since -= steal < since ? steal : since;
	if (iowait)
		idle->iowait_ns += since;
	else
		idle->idle_ns += since;
}

/* What the kernel says goes on where it ended. Kernels before 6.8 start from 0
 * when a CPU comes back online.
 */
static __always_inline void add_base(struct idle *idle, struct cpu_state *state)
{
	__u64 told = state->idle_ns + state->iowait_ns;

	if (!state->sampled_ns &&
	    idle->idle_ns + state->idle_base_ns + idle->iowait_ns + state->iowait_base_ns < told) {
		state->idle_base_ns = state->idle_ns - idle->idle_ns;
		state->iowait_base_ns = state->iowait_ns - idle->iowait_ns;
	}
	idle->idle_ns += state->idle_base_ns;
	idle->iowait_ns += state->iowait_base_ns;
}

/* Follows the sum of both, and gives what it gained to the one that is behind
 * what the kernel says. So neither goes back when the kernel takes a sleep from
 * the one and gives it to the other. Nor do they grow by more than the time that
 * passed, where the kernel reads the clock: what a CPU idles while it is sampled
 * is left to the next sample.
 */
static __always_inline void follow(struct idle *idle, struct cpu_state *state, __u64 now)
{
	__u64 told = state->idle_ns + state->iowait_ns;
	__u64 sum = idle->idle_ns + idle->iowait_ns;
	__u64 gain, to_idle = 0;

	if (sum < told)
		return;
	gain = sum - told;
	if (!idle_is_in_cpustat() && gain > now - state->sampled_ns)
		gain = now - state->sampled_ns;
	if (idle->idle_ns > state->idle_ns)
		to_idle = idle->idle_ns - state->idle_ns;
	if (to_idle > gain)
		to_idle = gain;
	state->idle_ns += to_idle;
	state->iowait_ns += gain - to_idle;
	state->sampled_ns = now;
}

/* Idle and iowait up to `now`, as the kernel has them in /proc/stat, but that
 * both only grow.
 */
static __always_inline void sample_idle(struct nodemon_cpu *out, struct cpu_state *state, __u64 now)
{
	struct idle idle = {};

	if (read_idle(state->runqueue, &idle)) {
		if (idle.active && now > idle.entry_ns)
			add_open_idle(&idle, (void *)state->runqueue, now);
		add_base(&idle, state);
		follow(&idle, state, now);
	}
	out->states_ns[NODEMON_IDLE] = state->idle_ns;
	out->states_ns[NODEMON_IOWAIT] = state->iowait_ns;
}

#endif

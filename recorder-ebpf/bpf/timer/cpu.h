/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sample of one CPU.
 */
#ifndef NODEMON_BPF_TIMER_CPU_H
#define NODEMON_BPF_TIMER_CPU_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "timer/idle.h"
#include "timer/maps.h"

static __always_inline void sample_states(struct nodemon_cpu *out, __u64 rq)
{
	struct kernel_cpustat *stat = (void *)(rq + to_cpustat);
	__u64 times[CPUTIME_STATES];

	bpf_probe_read_kernel(times, sizeof(times), &stat->cpustat);
	out->states_ns[NODEMON_USER] = times[CPUTIME_USER];
	out->states_ns[NODEMON_NICE] = times[CPUTIME_NICE];
	out->states_ns[NODEMON_SYSTEM] = times[CPUTIME_SYSTEM];
	out->states_ns[NODEMON_IDLE] = times[CPUTIME_IDLE];
	out->states_ns[NODEMON_IOWAIT] = times[CPUTIME_IOWAIT];
	out->states_ns[NODEMON_IRQ] = times[CPUTIME_IRQ];
	out->states_ns[NODEMON_SOFTIRQ] = times[CPUTIME_SOFTIRQ];
	out->states_ns[NODEMON_STEAL] = times[CPUTIME_STEAL];
	out->states_ns[NODEMON_GUEST] = times[CPUTIME_GUEST];
	out->states_ns[NODEMON_GUEST_NICE] = times[CPUTIME_GUEST_NICE];
}

static __always_inline _Bool has_interrupts(void)
{
	return to_kstat && bpf_core_field_exists(struct kernel_stat, irqs_sum) &&
	       bpf_core_field_exists(struct kernel_stat, softirqs);
}

static __always_inline void sample_interrupts(struct nodemon_cpu *out, __u64 rq)
{
	struct kernel_stat *stat = (void *)(rq + to_kstat);
	__u64 hard = bpf_core_field_offset(stat->irqs_sum);
	__u64 soft = bpf_core_field_offset(stat->softirqs);
	struct {
		__u64 irqs;
		__u32 softirqs[NODEMON_SOFTIRQS];
	} both;

	/* One read where the one stands behind the other. */
	if (soft == hard + 8) {
		bpf_probe_read_kernel(&both, sizeof(both), &stat->irqs_sum);
		out->irqs = both.irqs;
		__builtin_memcpy(out->softirqs, both.softirqs, sizeof(both.softirqs));
	} else {
		out->irqs = BPF_CORE_READ(stat, irqs_sum);
		bpf_probe_read_kernel(out->softirqs, sizeof(out->softirqs), &stat->softirqs);
	}
}

static __always_inline _Bool is_online(__u64 rq)
{
	struct cpuhp_cpu_state *hotplug = (void *)(rq + to_hotplug);

	if (!to_hotplug || !bpf_core_enum_value_exists(enum cpuhp_state, CPUHP_AP_ONLINE))
		return 1;
	return BPF_CORE_READ(hotplug, state) >=
	       bpf_core_enum_value(enum cpuhp_state, CPUHP_AP_ONLINE);
}

/* Global, so that the verifier takes it once and not for each CPU. */
__noinline int sample_cpu(__u32 cpu, __u32 index, __u64 now)
{
	struct nodemon_cpu *out = element_of_ring(index);
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_states, &cpu);
	struct rq *rq;

	if (!out || !state)
		return 0;
	if (!state->runqueue || !is_online(state->runqueue)) {
		state->sampled_ns = 0;
		out->flags = 0;
		return 0;
	}
	rq = (void *)state->runqueue;
	if (to_cpustat)
		sample_states(out, state->runqueue);
	if (to_cpustat && idle_is_exact)
		sample_idle(out, state, now);
	if (has_interrupts())
		sample_interrupts(out, state->runqueue);
	if (bpf_core_field_exists(rq->nr_switches))
		out->switches = BPF_CORE_READ(rq, nr_switches);
	if (bpf_core_field_exists(rq->nr_running))
		out->running = BPF_CORE_READ(rq, nr_running);
	out->flags = NODEMON_CPU_ONLINE;
	return 1;
}

#endif

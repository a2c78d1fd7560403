// SPDX-License-Identifier: GPL-2.0
/*
 * Samples every CPU from a timer of its own into a ring that user space maps.
 *
 * Three programs in one object:
 *   learn	finds the runqueue of each CPU; run by user space, once
 *   start	writes the header and starts the timer; run by user space, once
 *   sample	the timer's callback: takes a sample and sets the next deadline
 *
 * No symbol of the kernel is looked up. A CPU's variables are found from the
 * address of its runqueue, which the current task leads to, and the distances
 * between per-CPU variables, which are in the kernel's BTF. The CPUs are read,
 * never interrupted.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "nodemon_ring.h"
#include "kernel.h"
#include "timer/cpu.h"
#include "timer/idle.h"
#include "timer/maps.h"

#define EINVAL 22
#define ENOENT 2
#define CLOCK_MONOTONIC 1

/* The timer stays on the CPU that starts it. From 6.7; EINVAL before. */
#define TIMER_CPU_PIN (1ULL << 1)

/* Two clocks that were read within this were read at the same instant. */
#define SAME_INSTANT_NS 100000

/* More than any kernel has. The loops end at `cpus`. */
#define MAX_CPUS 16384

struct timer_state {
	struct bpf_timer timer;
	__u64 next_ns; /* the deadline that the timer is set to */
	__u64 written;
	__u64 missed;
	__u64 cost_ns;
	__u64 flags; /* of bpf_timer_start() */
	__u64 last_cost_ns;
	__u64 suspended_ns; /* by which CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timer_state);
} timer_states SEC(".maps");

static __always_inline struct timer_state *the_timer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&timer_states, &zero);
}

/* Deadlines that passed are counted and let go, never made up for. */
static __always_inline void skip_passed(struct timer_state *state, __u64 passed)
{
	state->missed += passed;
	state->next_ns += passed * interval_ns;
}

static __always_inline void set_next(struct timer_state *state, __u64 now)
{
	state->next_ns += interval_ns;
	if (now >= state->next_ns)
		skip_passed(state, (now - state->next_ns) / interval_ns + 1);
	bpf_timer_start(&state->timer, state->next_ns - now, state->flags);
}

/* CLOCK_BOOTTIME at `now`. Between the reads of two clocks an interrupt or the
 * hypervisor may take its time, which would pass for time of suspension. How far
 * they are apart only ever grows: what is less than before is closer to it, and
 * what is more counts if the reads took no time.
 */
static __always_inline __u64 boottime_at(struct timer_state *state, __u64 now)
{
	__u64 suspended_ns = bpf_ktime_get_boot_ns() - now;

	if (suspended_ns < state->suspended_ns || bpf_ktime_get_ns() - now < SAME_INSTANT_NS)
		state->suspended_ns = suspended_ns;
	return now + state->suspended_ns;
}

static int sample(void *map, __u32 *key, struct timer_state *state)
{
	__u64 now = bpf_ktime_get_ns(), boottime = boottime_at(state, now), end;
	__u64 position = state->written;
	__u32 first = 1 + (position & (slots - 1)) * (1 + cpus);
	struct nodemon_ring_header *header = element_of_ring(0);
	struct nodemon_slot *slot = element_of_ring(first);
	__u32 cpu;

	if (!header || !slot)
		return 0;
	if (now > state->next_ns)
		skip_passed(state, (now - state->next_ns) / interval_ns);

	publish(&slot->sequence, 2 * position + 1);
	slot->monotonic_ns = now;
	slot->boottime_ns = boottime;
	slot->missed = state->missed;
	slot->cost_ns = state->last_cost_ns;
	for (cpu = 0; cpu < MAX_CPUS && cpu < cpus; cpu++)
		sample_cpu(cpu, first + 1 + cpu, now);
	publish(&slot->sequence, 2 * position + 2);

	state->written = position + 1;
	header->missed = state->missed;
	header->timer_cpu = bpf_get_smp_processor_id();
	publish(&header->written, state->written);

	end = bpf_ktime_get_ns();
	state->last_cost_ns = end - now;
	state->cost_ns += end - now;
	header->cost_ns = state->cost_ns;
	set_next(state, end);
	return 0;
}

static __always_inline __u64 present(void)
{
	__u64 has = NODEMON_HAS_COST;

	if (to_cpustat)
		has |= NODEMON_HAS_STATES | NODEMON_HAS_IDLE;
	if (has_interrupts())
		has |= NODEMON_HAS_SOFTIRQS | NODEMON_HAS_IRQS;
	if (bpf_core_field_exists(struct rq, nr_switches))
		has |= NODEMON_HAS_SWITCHES;
	if (bpf_core_field_exists(struct rq, nr_running))
		has |= NODEMON_HAS_RUNNING;
	return has;
}

/* Returns 0, or the errno of what failed. */
SEC("classifier")
int start(struct __sk_buff *skb)
{
	struct nodemon_ring_header *header = element_of_ring(0);
	struct timer_state *state = the_timer();
	__u64 now = bpf_ktime_get_ns();
	long err;

	if (!header || !state)
		return ENOENT;
	header->version = NODEMON_RING_VERSION;
	header->element_bytes = NODEMON_ELEMENT_BYTES;
	header->slots_offset = NODEMON_ELEMENT_BYTES;
	header->slots = slots;
	header->cpus = cpus;
	header->producer = NODEMON_PRODUCER_EBPF;
	header->interval_ns = interval_ns;
	header->present = present();
	header->started_ns = now;
	header->tick_ns = tick_ns;
	header->state_quantum_ns = tick_ns;
	/* From 7.2 on a CPU that keeps its tick is counted idle by it. */
	header->idle_quantum_ns = tick_ns;
	if (idle_is_exact && !idle_is_in_cpustat())
		header->idle_quantum_ns = 1;
	header->page_bytes = page_bytes;
	header->timer_cpu = bpf_get_smp_processor_id();

	/* So that the first sample is not the first to be tried. */
	state->suspended_ns = ~0ULL;
	boottime_at(state, now);
	state->next_ns = now + interval_ns;
	err = bpf_timer_init(&state->timer, &timer_states, CLOCK_MONOTONIC);
	if (err)
		return -err;
	err = bpf_timer_set_callback(&state->timer, sample);
	if (err)
		return -err;
	state->flags = pinned ? TIMER_CPU_PIN : 0;
	err = bpf_timer_start(&state->timer, interval_ns, state->flags);
	if (err == -EINVAL && state->flags) {
		state->flags = 0;
		err = bpf_timer_start(&state->timer, interval_ns, 0);
	}
	if (err)
		return -err;
	publish(&header->magic, NODEMON_RING_MAGIC);
	return 0;
}

/* Keeps what a queue of the fair class leads to as the runqueue of `cpu`, if
 * that is what it is. Global for the reason that sample_cpu() is.
 */
__noinline int learn_cpu(__u32 cpu, __u64 queue)
{
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_states, &cpu);
	struct rq *rq = 0;

	if (bpf_core_field_exists(struct cfs_rq, rq))
		rq = BPF_CORE_READ((struct cfs_rq *)queue, rq);
	if (!state || state->runqueue || !rq || (__u32)BPF_CORE_READ(rq, cpu) != cpu)
		return 0;
	if (idle_is_in_cpustat()) {
		idle_is_exact = 1;
	} else if (idle_is_in_tick_sched()) {
		struct tick_sched *tick = (void *)((__u64)rq + to_tick_sched);

		/* Without CONFIG_NO_HZ_COMMON nothing is counted there. */
		if (BPF_CORE_READ(tick, idle_sleeptime))
			idle_is_exact = 1;
	}
	state->runqueue = (__u64)rq;
	return 1;
}

/* The same for the queue of `cpu` in an array of them all. */
__noinline int learn_cpu_of(__u32 cpu, __u64 queues)
{
	__u64 queue = 0;

	bpf_probe_read_kernel(&queue, sizeof(queue), (void *)(queues + 8ULL * cpu));
	return learn_cpu(cpu, queue);
}

/* Finds the runqueue of the CPU on which it is run, and those of all others,
 * offline ones too, where the kernel keeps them in an array. Never attached.
 */
SEC("raw_tp/nodemon_learn")
int learn(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 queues = 0;
	__u32 cpu;

	/* Both take CONFIG_FAIR_GROUP_SCHED. */
	if (bpf_core_field_exists(task->se.cfs_rq))
		learn_cpu(bpf_get_smp_processor_id(), (__u64)BPF_CORE_READ(task, se.cfs_rq));
	if (bpf_core_field_exists(struct task_group, cfs_rq))
		queues = (__u64)BPF_CORE_READ(task, sched_task_group, cfs_rq);
	for (cpu = 0; cpu < MAX_CPUS && cpu < cpus; cpu++)
		learn_cpu_of(cpu, queues);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

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
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "nodemon_ring.h"
#include "kernel.h"

#define EINVAL 22
#define ENOENT 2
#define CLOCK_MONOTONIC 1

/* The timer stays on the CPU that starts it. From 6.7; EINVAL before. */
#define TIMER_CPU_PIN (1ULL << 1)

/* More than any kernel has. The loop ends at `cpus`. */
#define MAX_CPUS 16384

/* A writer of idle times is within a few stores of its end, or its virtual CPU
 * does not run; more attempts than this do not help.
 */
#define IDLE_ATTEMPTS 3

_Static_assert(sizeof(struct nodemon_ring_header) == NODEMON_ELEMENT_BYTES, "header");
_Static_assert(sizeof(struct nodemon_slot) == NODEMON_ELEMENT_BYTES, "slot");
_Static_assert(sizeof(struct nodemon_cpu) == NODEMON_ELEMENT_BYTES, "cpu");

/* Set by user space before the programs are loaded, constant from then on. */
const volatile __u64 interval_ns = 1000000;
const volatile __u32 slots = 1;
const volatile __u32 cpus = 1;
const volatile __u32 pinned;
const volatile __u32 tick_ns;
const volatile __u32 page_bytes;
/* Bytes from a CPU's runqueue to its other variables, 0: there is none. */
const volatile __s64 to_cpustat;
const volatile __s64 to_kstat;
const volatile __s64 to_tick_sched;
const volatile __s64 to_hotplug;

/* Set by `learn`: tick_sched counts idle time on this kernel. Not in the timer's
 * map, which `learn` may not touch.
 */
__u32 idle_is_exact;

struct element {
	__u64 words[NODEMON_ELEMENT_BYTES / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct element);
} ring SEC(".maps");

struct cpu_state {
	__u64 runqueue; /* its address, 0 if it is not known */
	__u64 idle_ns; /* as sampled last */
	__u64 iowait_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

struct timer_state {
	struct bpf_timer timer;
	__u64 next_ns; /* the deadline that the timer is set to */
	__u64 written;
	__u64 missed;
	__u64 cost_ns;
	__u64 flags; /* of bpf_timer_start() */
	__u64 last_cost_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timer_state);
} timer_states SEC(".maps");

static __always_inline void *element_of_ring(__u32 index)
{
	return bpf_map_lookup_elem(&ring, &index);
}

static __always_inline struct timer_state *the_timer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&timer_states, &zero);
}

/* A store that is ordered behind all before it and before all behind it. */
static __always_inline void publish(__u64 *where, __u64 value)
{
	__sync_lock_test_and_set(where, value);
}

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
		bpf_probe_read_kernel(idle->steal_ns, sizeof(idle->steal_ns), &stat->idle_stealtime);
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

static __always_inline void read_tick_sched_idle(struct tick_sched *tick, struct idle *idle)
{
	idle->idle_ns = BPF_CORE_READ(tick, idle_sleeptime);
	idle->iowait_ns = BPF_CORE_READ(tick, iowait_sleeptime);
	idle->entry_ns = BPF_CORE_READ(tick, idle_entrytime);
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
			read_cpustat_idle(stat, idle);
			after = cpustat_version(stat);
		} else {
			struct tick_sched *tick = (void *)(rq + to_tick_sched);

			before = tick_sched_version(tick);
			read_tick_sched_idle(tick, idle);
			after = tick_sched_version(tick);
		}
		if (before == after && !(before & 1))
			return 1;
	}
	return 0;
}

/* Idle and iowait up to `now`, as the kernel has them in /proc/stat: the time
 * since a CPU went idle belongs to iowait while a task that slept there waits
 * for I/O. Either may go back by that; together they never do.
 */
static __always_inline void sample_idle(struct nodemon_cpu *out, struct cpu_state *state,
					__u64 now)
{
	struct rq *rq = (void *)state->runqueue;
	struct idle idle = {};

	if (read_idle(state->runqueue, &idle)) {
		if (idle.active && now > idle.entry_ns) {
			__u64 since = now - idle.entry_ns;
			_Bool iowait = BPF_CORE_READ(rq, nr_iowait.counter) > 0;
			__u64 steal = iowait ? idle.steal_ns[1] : idle.steal_ns[0];

			since -= steal < since ? steal : since;
			if (iowait)
				idle.iowait_ns += since;
			else
				idle.idle_ns += since;
		}
		if (idle.idle_ns + idle.iowait_ns >= state->idle_ns + state->iowait_ns) {
			state->idle_ns = idle.idle_ns;
			state->iowait_ns = idle.iowait_ns;
		}
	}
	out->states_ns[NODEMON_IDLE] = state->idle_ns;
	out->states_ns[NODEMON_IOWAIT] = state->iowait_ns;
}

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
	struct kernel_stat *kstat;
	struct rq *rq;

	if (!out || !state)
		return 0;
	if (!state->runqueue || !is_online(state->runqueue)) {
		out->flags = 0;
		return 0;
	}
	rq = (void *)state->runqueue;
	if (to_cpustat)
		sample_states(out, state->runqueue);
	if (to_cpustat && idle_is_exact)
		sample_idle(out, state, now);
	if (to_kstat) {
		kstat = (void *)(state->runqueue + to_kstat);
		out->irqs = BPF_CORE_READ(kstat, irqs_sum);
		bpf_probe_read_kernel(out->softirqs, sizeof(out->softirqs), &kstat->softirqs);
	}
	if (bpf_core_field_exists(rq->nr_switches))
		out->switches = BPF_CORE_READ(rq, nr_switches);
	if (bpf_core_field_exists(rq->nr_running))
		out->running = BPF_CORE_READ(rq, nr_running);
	out->flags = NODEMON_CPU_ONLINE;
	return 1;
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

static int sample(void *map, __u32 *key, struct timer_state *state)
{
	__u64 now = bpf_ktime_get_ns(), boottime = bpf_ktime_get_boot_ns(), end;
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
	if (to_kstat)
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
	/* From 7.1 on a CPU that keeps its tick is counted idle by it. */
	header->idle_quantum_ns = tick_ns;
	if (idle_is_exact && !idle_is_in_cpustat())
		header->idle_quantum_ns = 1;
	header->page_bytes = page_bytes;
	header->timer_cpu = bpf_get_smp_processor_id();

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

/* Keeps `rq` as the runqueue of `cpu`, if that is what it is. */
static __always_inline void learn_cpu(__u32 cpu, struct rq *rq)
{
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_states, &cpu);

	if (!state || state->runqueue || !rq || (__u32)BPF_CORE_READ(rq, cpu) != cpu)
		return;
	if (idle_is_in_cpustat()) {
		idle_is_exact = 1;
	} else if (idle_is_in_tick_sched()) {
		struct tick_sched *tick = (void *)((__u64)rq + to_tick_sched);

		/* Without CONFIG_NO_HZ_COMMON nothing is counted there. */
		if (BPF_CORE_READ(tick, idle_sleeptime))
			idle_is_exact = 1;
	}
	state->runqueue = (__u64)rq;
}

/* Finds the runqueue of the CPU on which it is run, and those of all others,
 * offline ones too, where the kernel keeps them in an array. Never attached.
 */
SEC("raw_tp/nodemon_learn")
int learn(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cfs_rq **queues = 0;
	__u32 cpu;

	learn_cpu(bpf_get_smp_processor_id(), BPF_CORE_READ(task, se.cfs_rq, rq));
	if (bpf_core_field_exists(task->sched_task_group))
		queues = BPF_CORE_READ(task, sched_task_group, cfs_rq);
	for (cpu = 0; cpu < MAX_CPUS && cpu < cpus; cpu++) {
		struct cfs_rq *queue = 0;
		__u32 hidden = cpu;

		/* Or the verifier takes the loop to be without end. */
		asm volatile("" : "+r"(hidden));
		bpf_probe_read_kernel(&queue, sizeof(queue), &queues[hidden]);
		learn_cpu(hidden, BPF_CORE_READ(queue, rq));
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

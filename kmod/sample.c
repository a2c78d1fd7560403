// SPDX-License-Identifier: GPL-2.0
/*
 * One sample: what every CPU has counted, read where it lies. No CPU is
 * interrupted for it and no lock is taken, because this runs in an interrupt
 * that may have come at any moment.
 */
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/loadavg.h>
#include <linux/timekeeping.h>
#include <linux/vmstat.h>

#include "nodemon.h"

/* clang-format off */
static const enum cpu_usage_stat kernel_state[NODEMON_STATES] = {
	[NODEMON_USER] = CPUTIME_USER,
	[NODEMON_NICE] = CPUTIME_NICE,
	[NODEMON_SYSTEM] = CPUTIME_SYSTEM,
	[NODEMON_IDLE] = CPUTIME_IDLE,
	[NODEMON_IOWAIT] = CPUTIME_IOWAIT,
	[NODEMON_IRQ] = CPUTIME_IRQ,
	[NODEMON_SOFTIRQ] = CPUTIME_SOFTIRQ,
	[NODEMON_STEAL] = CPUTIME_STEAL,
	[NODEMON_GUEST] = CPUTIME_GUEST,
	[NODEMON_GUEST_NICE] = CPUTIME_GUEST_NICE,
};

/* clang-format on */

static void sample_cpu(struct nodemon_cpu *out, unsigned int cpu, u64 elapsed_ns)
{
	struct kernel_cpustat stat;
	int i;

	/* Not kcpustat_cpu(): of a nohz_full CPU that is old. */
	kcpustat_cpu_fetch(&stat, cpu);
	for (i = 0; i < NODEMON_STATES; i++)
		out->states_ns[i] = stat.cpustat[kernel_state[i]];
	nodemon_idle_read(cpu, elapsed_ns, out->states_ns);

	out->irqs = kstat_cpu_irqs_sum(cpu);
	for (i = 0; i < NODEMON_SOFTIRQS; i++)
		out->softirqs[i] = kstat_softirqs_cpu(i, cpu);
	out->flags = NODEMON_CPU_ONLINE;
}

static void sample_node(struct nodemon_slot *out)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(out->load); i++)
		out->load[i] = avenrun[i];
	out->pages_total = totalram_pages();
	out->pages_free = global_zone_page_state(NR_FREE_PAGES);
	out->pages_shared = global_node_page_state(NR_SHMEM);
	out->pages_file = global_node_page_state(NR_FILE_PAGES);
	out->pages_dirty = global_node_page_state(NR_FILE_DIRTY);
	out->pages_writeback = global_node_page_state(NR_WRITEBACK);
	out->pages_anon = global_node_page_state(NR_ANON_MAPPED);
}

static struct nodemon_slot *slot_of(u64 position)
{
	struct nodemon_ring_header *header = nodemon_header;
	size_t index = position & (header->slots - 1);

	return (void *)header + header->slots_offset +
	       index * (1UL + header->cpus) * NODEMON_ELEMENT_BYTES;
}

void nodemon_sample(ktime_t now)
{
	struct nodemon_ring_header *header = nodemon_header;
	static u64 last_cost_ns;
	static ktime_t last;
	u64 position = header->written;
	u64 elapsed_ns = position ? ktime_sub(now, last) : 0;
	struct nodemon_slot *slot = slot_of(position);
	struct nodemon_cpu *cpus = (struct nodemon_cpu *)(slot + 1);
	/* Before the first there are zeroes. */
	const struct nodemon_cpu *before = (struct nodemon_cpu *)(slot_of(position - 1) + 1);
	unsigned int cpu;

	WRITE_ONCE(slot->sequence, 2 * position + 1);
	smp_wmb(); /* the slot is marked before anything in it changes */

	slot->monotonic_ns = ktime_to_ns(now);
	slot->boottime_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	slot->missed = header->missed;
	slot->cost_ns = min_t(u64, last_cost_ns, U32_MAX);
	sample_node(slot);
	for_each_possible_cpu(cpu) {
		if (cpu_online(cpu)) {
			sample_cpu(&cpus[cpu], cpu, elapsed_ns);
		} else {
			/* It counts nothing, so that what was last read of it still holds. */
			cpus[cpu] = before[cpu];
			cpus[cpu].flags = 0;
		}
	}

	/* Whoever finds the slot closed finds all of it. */
	smp_store_release(&slot->sequence, 2 * position + 2);
	/* Whoever finds the count finds the slot closed. */
	smp_store_release(&header->written, position + 1);

	last = now;
	/* Not local_clock(), which stands still for up to a tick where the TSC is unstable. */
	last_cost_ns = ktime_get_ns() - ktime_to_ns(now);
	WRITE_ONCE(header->cost_ns, header->cost_ns + last_cost_ns);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Idle and iowait of a CPU, read from another one while it comes and goes.
 *
 * With nohz=off the tick counts them like the other states, and there is nothing
 * to do. Otherwise the kernel notes when a CPU goes to sleep and wakes, so that
 * the time is exact to a microsecond. But what it says is not monotonic:
 *
 * - When the task that waits for a device is woken elsewhere, the kernel turns
 *   the sleep so far from iowait into idle: iowait falls, idle jumps.
 * - Kernels before 6.4 may be read between the two stores that end a sleep, and
 *   then count that sleep twice, until the next reading.
 * - Kernels before 6.8 start from 0 when a CPU comes back online.
 * - Each reading is taken a little after the time that the sample carries.
 *
 * The sum of the two suffers only from the last three. So the sum is followed,
 * by no more than the time that has passed, and what it gained is given to idle
 * or iowait, whichever is behind what the kernel says. Both only grow, they
 * never grow by more than the time that has passed, and they meet the kernel's
 * numbers again as soon as these allow it.
 *
 * Kernels from 7.2 on are exact only about a CPU whose tick is stopped, as it is
 * in a long sleep. While the tick runs, as it does on the CPU that samples, it
 * adds a whole tick at once. There the time that has passed is no limit.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tick.h>

#include "nodemon.h"

struct idle_clock {
	u64 idle_ns; /* as told */
	u64 iowait_ns;
	u64 idle_shift_ns; /* what is told less what the kernel says, modulo 2^64 */
	u64 iowait_shift_ns;
	bool restarted; /* the kernel's number may have; see nodemon_idle_restart() */
};

static struct idle_clock *clocks;
static bool counted_by_tick;

/* See Kbuild. */
static const bool exact_without_tick_only = NODEMON_IDLE_EXACT_WITHOUT_TICK;

/* What the kernel says. */
static void ask(unsigned int cpu, u64 *idle_ns, u64 *iowait_ns)
{
	/* With NULL it only reads; nothing of that CPU is written. */
	*idle_ns = get_cpu_idle_time_us(cpu, NULL) * NSEC_PER_USEC;
	*iowait_ns = get_cpu_iowait_time_us(cpu, NULL) * NSEC_PER_USEC;
}

int nodemon_idle_create(void)
{
	unsigned int cpu;

	clocks = kvcalloc(nr_cpu_ids, sizeof(*clocks), GFP_KERNEL);
	if (!clocks)
		return -ENOMEM;

	/* With nohz=off it says -1; from 7.2 on it gives the count of ticks then. */
	counted_by_tick = get_cpu_idle_time_us(cpumask_first(cpu_online_mask), NULL) == (u64)-1;
	for_each_possible_cpu(cpu)
		ask(cpu, &clocks[cpu].idle_ns, &clocks[cpu].iowait_ns);
	return 0;
}

void nodemon_idle_destroy(void)
{
	kvfree(clocks);
	clocks = NULL;
}

/* The coarsest of all CPUs at any time. */
u32 nodemon_idle_quantum_ns(void)
{
	return counted_by_tick || exact_without_tick_only ? TICK_NSEC : NSEC_PER_USEC;
}

/*
 * A CPU is back. What is told of it goes on from where it was, wherever the
 * kernel starts; until this is said nothing is told that falls.
 */
void nodemon_idle_restart(unsigned int cpu)
{
	WRITE_ONCE(clocks[cpu].restarted, true);
}

void nodemon_idle_read(unsigned int cpu, u64 elapsed_ns, u64 *states_ns)
{
	struct idle_clock *clock = &clocks[cpu];
	u64 idle_ns, iowait_ns;

	if (counted_by_tick)
		return;

	ask(cpu, &idle_ns, &iowait_ns);
	if (READ_ONCE(clock->restarted)) {
		clock->idle_shift_ns = clock->idle_ns - idle_ns;
		clock->iowait_shift_ns = clock->iowait_ns - iowait_ns;
		WRITE_ONCE(clock->restarted, false);
	} else {
		s64 idle_behind = idle_ns + clock->idle_shift_ns - clock->idle_ns;
		s64 iowait_behind = iowait_ns + clock->iowait_shift_ns - clock->iowait_ns;
		s64 most = exact_without_tick_only ? S64_MAX : elapsed_ns;
		s64 gained = clamp_t(s64, idle_behind + iowait_behind, 0, most);
		s64 gained_idle = clamp_t(s64, idle_behind, 0, gained);

		clock->idle_ns += gained_idle;
		clock->iowait_ns += gained - gained_idle;
	}
	states_ns[NODEMON_IDLE] = clock->idle_ns;
	states_ns[NODEMON_IOWAIT] = clock->iowait_ns;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * When a sample is taken, and on which CPU.
 *
 * The timer is pinned, because one CPU was chosen to bear it. It expires in the
 * hard interrupt also on a kernel with PREEMPT_RT: nothing in a sample sleeps or
 * takes a lock, and a softirq thread would add its own delay to the interval.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "nodemon.h"

static struct hrtimer timer;
static unsigned int home; /* where it runs whenever that CPU is online */
static enum cpuhp_state hotplug;

/* Deadlines that passed without a sample are counted and left behind. */
static void count_missed(u64 deadlines)
{
	WRITE_ONCE(nodemon_header->missed, nodemon_header->missed + deadlines);
}

static enum hrtimer_restart expire(struct hrtimer *expired)
{
	ktime_t now = ktime_get();
	u64 passed = hrtimer_forward(expired, now, ns_to_ktime(nodemon_header->interval_ns));

	if (passed > 1)
		count_missed(passed - 1);
	nodemon_sample(now);
	nodemon_device_wake(nodemon_header->written);
	return HRTIMER_RESTART;
}

/* On the CPU that samples from now on, the timer being stopped. */
static void start_here(void *unused)
{
	count_missed(hrtimer_forward_now(&timer, ns_to_ktime(nodemon_header->interval_ns)));
	WRITE_ONCE(nodemon_header->timer_cpu, smp_processor_id());
	hrtimer_start_expires(&timer, HRTIMER_MODE_ABS_PINNED_HARD);
}

/* The last online CPU but this one; one that nobody isolated if there is one. */
static unsigned int last_online_but(unsigned int but)
{
	unsigned int cpu, any = nr_cpu_ids, kept = nr_cpu_ids;

	for_each_online_cpu(cpu) {
		if (cpu == but)
			continue;
		any = cpu;
		if (cpumask_test_cpu(cpu, nodemon_housekeeping()))
			kept = cpu;
	}
	return kept < nr_cpu_ids ? kept : any;
}

unsigned int nodemon_timer_choose(void)
{
	return last_online_but(nr_cpu_ids);
}

/* Both run in a thread of the CPU that comes or goes. */
static int come(unsigned int cpu)
{
	nodemon_idle_restart(cpu);
	if (cpu != home || cpu == nodemon_header->timer_cpu)
		return 0;

	hrtimer_cancel(&timer);
	start_here(NULL);
	return 0;
}

static int go(unsigned int cpu)
{
	if (cpu != nodemon_header->timer_cpu)
		return 0;

	hrtimer_cancel(&timer);
	return smp_call_function_single(last_online_but(cpu), start_here, NULL, 1);
}

int nodemon_timer_start(unsigned int cpu)
{
	int state;

	nodemon_hrtimer_setup(&timer, expire);
	hrtimer_set_expires(&timer, ktime_add_ns(ktime_get(), nodemon_header->interval_ns));
	home = cpu;

	cpus_read_lock();
	/* Before the callbacks are there, so that none of them finds no timer. */
	if (!cpu_online(cpu))
		cpu = nodemon_timer_choose();
	state = smp_call_function_single(cpu, start_here, NULL, 1);
	if (!state)
		state = cpuhp_setup_state_nocalls_cpuslocked(CPUHP_AP_ONLINE_DYN, "nodemon:online",
							     come, go);
	cpus_read_unlock();
	if (state < 0) {
		hrtimer_cancel(&timer);
		pr_err("cannot follow CPUs that come and go: error %d\n", state);
		return state;
	}
	hotplug = state;
	return 0;
}

void nodemon_timer_stop(void)
{
	cpuhp_remove_state_nocalls(hotplug);
	hrtimer_cancel(&timer);
}

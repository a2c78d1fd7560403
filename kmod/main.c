// SPDX-License-Identifier: GPL-2.0
/*
 * nodemon.ko: a sample of every CPU each millisecond, taken by one of them and
 * put into a ring that user space maps. README.md says how to use it,
 * nodemon_ring.h what is in the ring, nodemon_device.h what the device does.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "nodemon.h"

#define INTERVAL_US_MIN 100
#define INTERVAL_US_MAX 1000000
#define SLOTS_MIN 64
#define SLOTS_MAX 65536
#define CPU_CHOOSE -1

static unsigned int interval_us = 1000;
module_param(interval_us, uint, 0444);
MODULE_PARM_DESC(interval_us, "microseconds between two samples, 100 to 1000000 (1000)");

static unsigned int slots = 1024;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "samples in the ring, a power of two, 64 to 65536 (1024)");

static int cpu = CPU_CHOOSE;
module_param(cpu, int, 0444);
MODULE_PARM_DESC(cpu, "the CPU that samples (-1: the last one online that is not isolated)");

static unsigned int gid;
module_param(gid, uint, 0444);
MODULE_PARM_DESC(gid, "the group that may read /dev/nodemon (0)");

static int __init check_parameters(kgid_t *group)
{
	if (interval_us < INTERVAL_US_MIN || interval_us > INTERVAL_US_MAX) {
		pr_err("interval_us=%u is out of range: give %u to %u\n", interval_us,
		       INTERVAL_US_MIN, INTERVAL_US_MAX);
		return -EINVAL;
	}
	if (!is_power_of_2(slots) || slots < SLOTS_MIN || slots > SLOTS_MAX) {
		pr_err("slots=%u cannot be: give a power of two, %u to %u\n", slots, SLOTS_MIN,
		       SLOTS_MAX);
		return -EINVAL;
	}
	if (cpu == CPU_CHOOSE)
		cpu = nodemon_timer_choose();
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu)) {
		pr_err("cpu=%d is not there: give one of %*pbl, or %d to have one chosen\n", cpu,
		       cpumask_pr_args(cpu_possible_mask), CPU_CHOOSE);
		return -EINVAL;
	}
	*group = make_kgid(&init_user_ns, gid);
	if (!gid_valid(*group)) {
		pr_err("gid=%u is no group\n", gid);
		return -EINVAL;
	}
	return 0;
}

static int __init nodemon_init(void)
{
	kgid_t group;
	int error;

	error = check_parameters(&group);
	if (error)
		return error;
	if (hrtimer_resolution > interval_us * NSEC_PER_USEC)
		pr_warn("timers of this kernel expire only every %u ns (highres=off?): samples will be missed\n",
			hrtimer_resolution);

	error = nodemon_idle_create();
	if (error)
		return error;
	error = nodemon_ring_create(slots, interval_us);
	if (error)
		goto no_ring;
	error = nodemon_timer_start(cpu);
	if (error)
		goto no_timer;
	/* Last: whoever opens it before init has failed would hold what is freed. */
	error = nodemon_device_create(group);
	if (error)
		goto no_device;

	pr_info("a sample every %u us on CPU %u into %u slots, %lu KiB\n", interval_us,
		nodemon_header->timer_cpu, slots, nodemon_ring_bytes >> 10);
	return 0;

no_device:
	nodemon_timer_stop();
no_timer:
	nodemon_ring_destroy();
no_ring:
	nodemon_idle_destroy();
	return error;
}

static void __exit nodemon_exit(void)
{
	nodemon_timer_stop();
	nodemon_device_destroy();
	nodemon_ring_destroy();
	nodemon_idle_destroy();
}

module_init(nodemon_init);
module_exit(nodemon_exit);

MODULE_DESCRIPTION("Counters of all CPUs every millisecond, in a ring to be mapped");
MODULE_AUTHOR("The nodemon maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels the module is built for, 5.10 and later.
 * Nothing else in the module asks for the kernel's version.
 */
#ifndef NODEMON_COMPAT_H
#define NODEMON_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched/isolation.h>
#include <linux/version.h>

#ifndef CONFIG_64BIT
#error "nodemon reads 64-bit counters of other CPUs, which only a 64-bit kernel does in one piece"
#endif

/* device_type.devnode got a const device in 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define NODEMON_DEVNODE_CONST const
#else
#define NODEMON_DEVNODE_CONST
#endif

static inline void nodemon_hrtimer_setup(struct hrtimer *timer,
					 enum hrtimer_restart (*function)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	timer->function = function;
#endif
}

/* Flags of a mapping may not be written directly since 6.3. */
static inline void nodemon_never_writable(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, VM_MAYWRITE);
#else
	vma->vm_flags &= ~VM_MAYWRITE;
#endif
}

/* The CPUs that nobody asked to be left alone (isolcpus=, nohz_full=). */
static inline const struct cpumask *nodemon_housekeeping(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	return housekeeping_cpumask(HK_TYPE_TIMER);
#else
	return housekeeping_cpumask(HK_FLAG_TIMER);
#endif
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the module, each in the file of its name.
 *
 * The timer is the only one that writes into the ring while it runs, and runs
 * on one CPU at a time. So nothing in the ring needs a lock.
 */
#ifndef NODEMON_H
#define NODEMON_H

#include <linux/ktime.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "nodemon_ring.h"

/* ring.c: the memory that readers map. */
extern struct nodemon_ring_header *nodemon_header;
extern unsigned long nodemon_ring_bytes;

int nodemon_ring_create(unsigned int slots, unsigned int interval_us);
void nodemon_ring_destroy(void);

/* idle.c: idle and iowait of every CPU, which never fall. */
int nodemon_idle_create(void);
void nodemon_idle_destroy(void);
u32 nodemon_idle_quantum_ns(void);
/* Of an online CPU into its states, where they are not there already. */
void nodemon_idle_read(unsigned int cpu, u64 elapsed_ns, u64 *states_ns);
void nodemon_idle_restart(unsigned int cpu);

/* sample.c: one sample of everything into the next slot. */
void nodemon_sample(ktime_t now);

/* timer.c: when it is taken, and on which CPU. */
unsigned int nodemon_timer_choose(void);
int nodemon_timer_start(unsigned int cpu);
void nodemon_timer_stop(void);

/* device.c: /dev/nodemon. */
int nodemon_device_create(kgid_t group);
void nodemon_device_destroy(void);
void nodemon_device_wake(u64 written);

#endif

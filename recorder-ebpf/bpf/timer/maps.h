/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space tells the program of `timer.bpf.c`, and the memory that they
 * share.
 */
#ifndef NODEMON_BPF_TIMER_MAPS_H
#define NODEMON_BPF_TIMER_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "nodemon_ring.h"

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
	__u64 sampled_ns; /* when that was, 0 if the CPU was offline since */
	__u64 idle_base_ns; /* to be added to what the kernel says */
	__u64 iowait_base_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

static __always_inline void *element_of_ring(__u32 index)
{
	return bpf_map_lookup_elem(&ring, &index);
}

/* A store that is ordered behind all before it and before all stores behind it.
 * x86 orders stores by itself.
 */
static __always_inline void publish(__u64 *where, __u64 value)
{
#ifdef __TARGET_ARCH_x86
	asm volatile("" : : : "memory");
	*(volatile __u64 *)where = value;
	asm volatile("" : : : "memory");
#else
	__sync_lock_test_and_set(where, value);
#endif
}

#endif

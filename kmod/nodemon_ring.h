/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The layout of the ring into which the kernel puts a sample of every CPU,
 * a thousand times a second, and out of which user space reads by mapping it.
 *
 * This header is the one truth. Two producers fill it: the module beside it
 * (kmod/) and an eBPF timer (recorder-ebpf/). One reader drains it
 * (recorder/src/ring/). docs/format.md says the same in tables.
 *
 * The ring is an array of elements of NODEMON_ELEMENT_BYTES each, because an
 * eBPF array map is one:
 *
 *	offset 0		struct nodemon_ring_header
 *	header.slots_offset	slot 0: one nodemon_slot, then `cpus` nodemon_cpu
 *				slot 1: ...
 *				slot `slots` - 1
 *
 * A slot takes (1 + cpus) elements. The sample of position p (0, 1, 2, ...)
 * is in slot p & (slots - 1).
 *
 * Torn reads. The producer sets slot.sequence to 2p + 1, writes the sample,
 * sets slot.sequence to 2p + 2, and then header.written to p + 1; each store
 * is ordered behind those before it. A reader that finds 2p + 2 before and
 * after it has copied a slot has the whole sample of position p. A reader
 * that finds something greater has been overrun.
 *
 * All numbers are in the byte order of the machine. Nothing in the ring ever
 * moves or shrinks while it is mapped.
 */
#ifndef NODEMON_RING_H
#define NODEMON_RING_H

#include <linux/types.h>

/* "nodemonR", the first byte first in memory on a little-endian machine. */
#define NODEMON_RING_MAGIC 0x526e6f6d65646f6eULL
#define NODEMON_RING_VERSION 1

#define NODEMON_ELEMENT_BYTES 160

/* The order of `states_ns` is that of /proc/stat, which is not that of
 * enum cpu_usage_stat.
 */
enum nodemon_state {
	NODEMON_USER,
	NODEMON_NICE,
	NODEMON_SYSTEM,
	NODEMON_IDLE,
	NODEMON_IOWAIT,
	NODEMON_IRQ,
	NODEMON_SOFTIRQ,
	NODEMON_STEAL,
	NODEMON_GUEST,
	NODEMON_GUEST_NICE,
	NODEMON_STATES,
};

/* The order of the kernel's softirq vectors, unchanged since 2.6.33. */
#define NODEMON_SOFTIRQS 10

enum nodemon_producer {
	NODEMON_PRODUCER_MODULE = 1,
	NODEMON_PRODUCER_EBPF = 2,
};

/* What a producer has. A field whose bit is not set in header.present holds
 * nothing, whatever number stands there.
 */
#define NODEMON_HAS_STATES (1ULL << 0) /* states_ns, but idle and iowait */
#define NODEMON_HAS_IDLE (1ULL << 1) /* states_ns[NODEMON_IDLE] and _IOWAIT */
#define NODEMON_HAS_SOFTIRQS (1ULL << 2) /* softirqs */
#define NODEMON_HAS_IRQS (1ULL << 3) /* irqs */
#define NODEMON_HAS_SWITCHES (1ULL << 4) /* switches */
#define NODEMON_HAS_RUNNING (1ULL << 5) /* cpu.running */
#define NODEMON_HAS_LOAD (1ULL << 6) /* load */
#define NODEMON_HAS_MEMORY (1ULL << 7) /* pages_total, _free, _shared */
#define NODEMON_HAS_PAGE_CACHE (1ULL << 8) /* pages_file to pages_anon */
#define NODEMON_HAS_COST (1ULL << 9) /* slot.cost_ns */
#define NODEMON_HAS_BUFFERS (1ULL << 10) /* pages_buffers */

/* How the time of the states is counted: what the kernel adds at a time. */
/* header.idle_quantum_ns: 1 or 1000 where idle and iowait are read off the
 * clock when a CPU goes to sleep and wakes, header.tick_ns where they are
 * counted by the tick like the others.
 * header.state_quantum_ns: header.tick_ns, or 1 where the kernel accounts
 * every switch (CONFIG_VIRT_CPU_ACCOUNTING_GEN with nohz_full).
 */

struct nodemon_ring_header {
	__u64 magic; /* 0: NODEMON_RING_MAGIC, written last */
	__u32 version; /* 8: NODEMON_RING_VERSION */
	__u32 element_bytes; /* 12: NODEMON_ELEMENT_BYTES */
	__u32 slots_offset; /* 16: bytes from the start to slot 0 */
	__u32 slots; /* 20: a power of two */
	__u32 cpus; /* 24: nodemon_cpu in a slot; the index is the CPU. Every CPU
		     * that there may be (module), or that is there (eBPF)
		     */
	__u32 producer; /* 28: enum nodemon_producer */
	__u64 interval_ns; /* 32: between two samples */
	__u64 present; /* 40: NODEMON_HAS_* */
	__u64 started_ns; /* 48: CLOCK_MONOTONIC of the start; tells two rings
			   * of one boot apart
			   */
	__u32 tick_ns; /* 56: the kernel's tick (1 / CONFIG_HZ), 0 if unknown */
	__u32 idle_quantum_ns; /* 60 */
	__u32 state_quantum_ns; /* 64 */
	__u32 page_bytes; /* 68: what slot.pages_* count in */
	__u32 timer_cpu; /* 72: the CPU that samples now */
	__u32 reserved0; /* 76 */
	__u64 written; /* 80: samples written since the start */
	__u64 missed; /* 88: deadlines that passed without a sample */
	__u64 cost_ns; /* 96: time spent sampling since the start, all samples
			* together
			*/
	__u64 reserved1[7]; /* 104 */
};

struct nodemon_slot {
	__u64 sequence; /* 0: 2p + 1 while being written, then 2p + 2 */
	__u64 monotonic_ns; /* 8: CLOCK_MONOTONIC at the start of the sample */
	__u64 boottime_ns; /* 16: CLOCK_BOOTTIME at the same instant */
	__u64 missed; /* 24: header.missed when it was taken */
	__u32 cost_ns; /* 32: what the sample before this one took */
	__u32 reserved0; /* 36 */
	__u64 load[3]; /* 40: avenrun[]: 1, 5, 15 minutes, in 1/2048 */
	__u64 pages_total; /* 64: si_meminfo(9) totalram */
	__u64 pages_free; /* 72: NR_FREE_PAGES */
	__u64 pages_buffers; /* 80: si_meminfo(9) bufferram */
	__u64 pages_shared; /* 88: NR_SHMEM */
	__u64 pages_file; /* 96: NR_FILE_PAGES: page cache, buffers, shmem */
	__u64 pages_dirty; /* 104: NR_FILE_DIRTY */
	__u64 pages_writeback; /* 112: NR_WRITEBACK */
	__u64 pages_anon; /* 120: NR_ANON_MAPPED */
	__u64 reserved1[4]; /* 128 */
};

#define NODEMON_CPU_ONLINE (1U << 0)

struct nodemon_cpu {
	__u64 states_ns[NODEMON_STATES]; /* 0: since boot, enum nodemon_state */
	__u64 irqs; /* 80: device interrupts served since boot (kstat irqs_sum):
		     * not those between CPUs, nor x86's local timer
		     */
	__u64 switches; /* 88: context switches since boot */
	__u32 softirqs[NODEMON_SOFTIRQS]; /* 96: served since boot; wraps */
	__u32 running; /* 136: tasks that run or are ready to */
	__u32 flags; /* 140: NODEMON_CPU_*; other fields count only online */
	__u64 reserved0[2]; /* 144 */
};

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: its memory and its header. It is one array of elements, as an
 * eBPF array map is, so that a reader need not know who fills it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <linux/vtime.h>

#include "nodemon.h"

/* A ring is not swapped; more than this is a mistake rather than a wish. */
#define RING_BYTES_MAX (512UL << 20)

static_assert(sizeof(struct nodemon_ring_header) == NODEMON_ELEMENT_BYTES);
static_assert(sizeof(struct nodemon_slot) == NODEMON_ELEMENT_BYTES);
static_assert(sizeof(struct nodemon_cpu) == NODEMON_ELEMENT_BYTES);
static_assert(NR_SOFTIRQS == NODEMON_SOFTIRQS);

struct nodemon_ring_header *nodemon_header;
unsigned long nodemon_ring_bytes;

/*
 * The tick counts a whole tick for whoever it finds running. Only where every
 * CPU accounts each switch is that finer.
 */
static u32 state_quantum_ns(void)
{
	unsigned int cpu;

	if (IS_ENABLED(CONFIG_VIRT_CPU_ACCOUNTING_NATIVE))
		return 1;

	for_each_possible_cpu(cpu)
		if (!vtime_accounting_enabled_cpu(cpu))
			return TICK_NSEC;

	return 1;
}

int nodemon_ring_create(unsigned int slots, unsigned int interval_us)
{
	unsigned long bytes;
	struct nodemon_ring_header *header;

	/* slots is at most 65536 and nr_cpu_ids 8192: this does not overflow. */
	bytes = PAGE_ALIGN((1 + slots * (1UL + nr_cpu_ids)) * NODEMON_ELEMENT_BYTES);
	if (bytes > RING_BYTES_MAX) {
		pr_err("slots=%u takes %lu MiB with %u CPUs, more than %lu MiB: give fewer\n",
		       slots, bytes >> 20, nr_cpu_ids, RING_BYTES_MAX >> 20);
		return -EINVAL;
	}

	header = vmalloc_user(bytes);
	if (!header) {
		pr_err("no memory for a ring of %lu KiB: give fewer slots\n", bytes >> 10);
		return -ENOMEM;
	}

	header->version = NODEMON_RING_VERSION;
	header->element_bytes = NODEMON_ELEMENT_BYTES;
	header->slots_offset = NODEMON_ELEMENT_BYTES;
	header->slots = slots;
	header->cpus = nr_cpu_ids;
	header->producer = NODEMON_PRODUCER_MODULE;
	header->interval_ns = (u64)interval_us * NSEC_PER_USEC;
	/*
	 * Absent: running and switches, whose counters no module gets at, and
	 * buffers, for which si_meminfo() takes a lock that the interrupted
	 * task may hold.
	 */
	header->present = NODEMON_HAS_STATES | NODEMON_HAS_IDLE | NODEMON_HAS_SOFTIRQS |
			  NODEMON_HAS_IRQS | NODEMON_HAS_LOAD | NODEMON_HAS_MEMORY |
			  NODEMON_HAS_PAGE_CACHE | NODEMON_HAS_COST;
	header->started_ns = ktime_get_ns();
	header->tick_ns = TICK_NSEC;
	header->idle_quantum_ns = nodemon_idle_quantum_ns();
	header->state_quantum_ns = state_quantum_ns();
	header->page_bytes = PAGE_SIZE;
	/* Whoever finds the magic finds the rest. */
	smp_store_release(&header->magic, NODEMON_RING_MAGIC);

	nodemon_header = header;
	nodemon_ring_bytes = bytes;
	return 0;
}

void nodemon_ring_destroy(void)
{
	vfree(nodemon_header);
	nodemon_header = NULL;
}

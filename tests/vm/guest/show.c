// SPDX-License-Identifier: GPL-2.0
/* The header and the newest sample in words, for a shell. */
#include "ring.h"

#include <stdio.h>
#include <unistd.h>

int show(int argc, char **argv)
{
	struct ring ring = ring_open();
	const struct nodemon_ring_header *header = ring.header;
	struct nodemon_slot *slot = ring_buffer(&ring);

	(void)argc, (void)argv;
	/* A new one: what is online may have changed just before. */
	ring_wait(&ring, ring_written(&ring) + 1, slot);

	printf("version=%u slots=%u cpus=%u producer=%u interval_ns=%llu present=%#llx\n",
	       header->version, header->slots, header->cpus, header->producer,
	       (unsigned long long)header->interval_ns, (unsigned long long)header->present);
	printf("tick_ns=%u idle_quantum_ns=%u state_quantum_ns=%u page_bytes=%u\n", header->tick_ns,
	       header->idle_quantum_ns, header->state_quantum_ns, header->page_bytes);
	printf("timer_cpu=%u written=%llu missed=%llu cost_ns=%llu\n", header->timer_cpu,
	       (unsigned long long)header->written, (unsigned long long)header->missed,
	       (unsigned long long)header->cost_ns);
	for (unsigned int cpu = 0; cpu < header->cpus; cpu++)
		printf("online%u=%d idle_ms%u=%llu\n", cpu,
		       !!(slot_cpus(slot)[cpu].flags & NODEMON_CPU_ONLINE), cpu,
		       (unsigned long long)(slot_cpus(slot)[cpu].states_ns[NODEMON_IDLE] /
					    1000000));
	return 0;
}

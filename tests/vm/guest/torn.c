// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the oldest slot while the timer overwrites it. Whatever is taken for
 * whole must be what was in that slot when it was new.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <stdlib.h>
#include <string.h>

int torn(int argc, char **argv)
{
	struct ring ring = ring_open();
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 5;
	uint64_t slots = ring.header->slots, next = ring_written(&ring), end_ns;
	char *kept = calloc(slots, ring.slot_bytes);
	uint64_t *kept_position = malloc(slots * sizeof(*kept_position));
	struct nodemon_slot *again = ring_buffer(&ring);
	unsigned long long compared = 0, different = 0, caught = 0;

	memset(kept_position, 0xff, slots * sizeof(*kept_position)); /* none is kept yet */
	/* Beside the timer, not in its way. */
	pin_to(ring.header->timer_cpu ? 0 : ring.header->cpus - 1);
	end_ns = now_ns() + seconds * 1000000000ULL;
	while (now_ns() < end_ns) {
		uint64_t written = ring_written(&ring), oldest;
		enum ring_copy copied;

		if (written - next > slots)
			next = written - 1;
		for (; next < written; next++) {
			uint64_t index = next & (slots - 1);

			if (ring_copy(&ring, next, (void *)(kept + index * ring.slot_bytes)) ==
			    RING_WHOLE)
				kept_position[index] = next;
		}
		if (written < slots)
			continue;
		oldest = written - slots;
		if (kept_position[oldest & (slots - 1)] != oldest)
			continue;
		copied = ring_copy(&ring, oldest, again);
		if (copied == RING_TORN)
			caught++;
		if (copied != RING_WHOLE)
			continue;
		compared++;
		if (memcmp(again, kept + (oldest & (slots - 1)) * ring.slot_bytes, ring.slot_bytes))
			different++;
	}
	check(different == 0 && compared > 0, "torn",
	      "%llu reads of the oldest slot were whole, %llu of them changed", compared,
	      different);
	check(caught > 0, "torn-caught", "%llu reads were overwritten meanwhile and known to be",
	      caught);
	return 0;
}

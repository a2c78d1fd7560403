// SPDX-License-Identifier: GPL-2.0
/* Two processes that map the ring see the same bytes of every sample. */
#define _GNU_SOURCE
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* FNV-1a. */
static uint64_t hash(const unsigned char *bytes, size_t length)
{
	uint64_t value = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		value = (value ^ bytes[i]) * 0x100000001b3;
	return value;
}

/* Leaves the hash of sample first + i in hashes[i], 0 of one it did not get. */
static void read_all(uint64_t first, size_t count, uint64_t *hashes)
{
	struct ring ring = ring_open();
	struct nodemon_slot *slot = ring_buffer(&ring);

	for (size_t i = 0; i < count; i++) {
		ring_wait(&ring, first + i, slot);
		hashes[i] = hash((void *)slot, ring.slot_bytes);
	}
}

int readers(int argc, char **argv)
{
	struct ring ring = ring_open();
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 3;
	size_t count = seconds * 1000000000ULL / ring.header->interval_ns;
	uint64_t first = ring_written(&ring) + 100;
	uint64_t *hashes = mmap(NULL, 2 * count * sizeof(*hashes), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t same = 0, distinct = 0;

	for (int i = 0; i < 2; i++) {
		if (fork())
			continue;
		read_all(first, count, hashes + i * count);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (size_t i = 0; i < count; i++) {
		same += hashes[i] && hashes[i] == hashes[count + i];
		distinct += i && hashes[i] != hashes[i - 1];
	}
	check(same == count && distinct == count - 1, "readers",
	      "%zu of %zu samples are the same for both", same, count);
	return 0;
}

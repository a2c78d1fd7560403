// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

int failed;

struct ring ring_open(void)
{
	struct ring ring = { 0 };
	const struct nodemon_ring_header *header;

	ring.fd = open(NODEMON_DEVICE_PATH, O_RDONLY);
	if (ring.fd < 0) {
		printf("FAIL open: " NODEMON_DEVICE_PATH ": %s\n", strerror(errno));
		exit(1);
	}
	header = mmap(NULL, sizeof(*header), PROT_READ, MAP_SHARED, ring.fd, 0);
	if (header == MAP_FAILED || header->magic != NODEMON_RING_MAGIC) {
		printf("FAIL open: no ring in " NODEMON_DEVICE_PATH "\n");
		exit(1);
	}
	ring.slot_bytes = (1UL + header->cpus) * header->element_bytes;
	ring.bytes = header->slots_offset + header->slots * ring.slot_bytes;
	ring.header = mmap(NULL, ring.bytes, PROT_READ, MAP_SHARED, ring.fd, 0);
	if (ring.header == MAP_FAILED) {
		printf("FAIL open: cannot map %zu bytes: %s\n", ring.bytes, strerror(errno));
		exit(1);
	}
	return ring;
}

uint64_t ring_written(const struct ring *ring)
{
	return __atomic_load_n(&ring->header->written, __ATOMIC_ACQUIRE);
}

enum ring_copy ring_copy(const struct ring *ring, uint64_t position, struct nodemon_slot *out)
{
	const uint64_t whole = 2 * position + 2;
	const struct nodemon_slot *slot =
		(const void *)((const char *)ring->header + ring->header->slots_offset +
			       (position & (ring->header->slots - 1)) * ring->slot_bytes);
	uint64_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);

	if (sequence != whole)
		return sequence < whole ? RING_EARLY : RING_OVERRUN;
	memcpy(out, slot, ring->slot_bytes);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) != whole)
		return RING_TORN;
	return RING_WHOLE;
}

struct nodemon_slot *ring_buffer(const struct ring *ring)
{
	struct nodemon_slot *slot = calloc(1, ring->slot_bytes);

	if (!slot) {
		printf("FAIL memory: none left\n");
		exit(1);
	}
	return slot;
}

void ring_wait(const struct ring *ring, uint64_t position, struct nodemon_slot *out)
{
	uint64_t until = now_ns() + 10000000000;

	while (ring_copy(ring, position, out) != RING_WHOLE) {
		if (now_ns() > until || ring_written(ring) > position + ring->header->slots) {
			printf("FAIL wait: sample %llu did not come\n",
			       (unsigned long long)position);
			exit(1);
		}
		sleep_ms(1);
	}
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

void pin_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		printf("FAIL pin: to CPU %u: %s\n", cpu, strerror(errno));
		exit(1);
	}
}

void check(bool holds, const char *name, const char *format, ...)
{
	va_list arguments;

	printf("%s %s: ", holds ? "pass" : "FAIL", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	if (!holds)
		failed = 1;
}

void skip(const char *name, const char *format, ...)
{
	va_list arguments;

	printf("skip %s: ", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * 3 ms of work every 100 ms, which the tick may pass over altogether, is 3 % in
 * the ring: elapsed time less idle and iowait.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <stdlib.h>
#include <time.h>

static uint64_t worked_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static uint64_t idle_of(const struct nodemon_slot *slot, unsigned int cpu)
{
	const struct nodemon_cpu *of = &slot_cpus(slot)[cpu];

	return of->states_ns[NODEMON_IDLE] + of->states_ns[NODEMON_IOWAIT];
}

#define FIGURES "%.2f %% of work is %.2f %% in the ring, %.2f %% by ticks"
#define SHARES                                                                                     \
	100.0 * work_ns / elapsed_ns, 100.0 * busy_ns / elapsed_ns, 100.0 * ticks_ns / elapsed_ns

int bursts(int argc, char **argv)
{
	struct ring ring = ring_open();
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 3;
	unsigned int cpu = ring.header->timer_cpu ? 0 : ring.header->cpus - 1;
	struct nodemon_slot *first = ring_buffer(&ring), *last = ring_buffer(&ring);
	uint64_t work_ns, elapsed_ns, ticks_ns = 0;
	unsigned long long missed;
	int64_t busy_ns;

	pin_to(cpu);
	ring_wait(&ring, ring_written(&ring) + 1, first);
	work_ns = worked_ns();
	for (unsigned int i = 0; i < seconds * 10; i++) {
		uint64_t began_ns = now_ns();

		while (now_ns() < began_ns + 3000000)
			;
		sleep_ms(97);
	}
	work_ns = worked_ns() - work_ns;
	ring_wait(&ring, ring_written(&ring) + 1, last);

	elapsed_ns = last->monotonic_ns - first->monotonic_ns;
	missed = last->missed - first->missed;
	busy_ns = elapsed_ns - (idle_of(last, cpu) - idle_of(first, cpu));
	for (int i = 0; i < NODEMON_GUEST; i++)
		if (i != NODEMON_IDLE && i != NODEMON_IOWAIT)
			ticks_ns += slot_cpus(last)[cpu].states_ns[i] -
				    slot_cpus(first)[cpu].states_ns[i];
	if (ring.header->idle_quantum_ns >= ring.header->tick_ns) {
		skip("bursts", "idle is counted by ticks here: " FIGURES, SHARES);
		return 0;
	}
	/*
	 * Beside the bursts there is what else an idle machine does: under 2 %. While
	 * it is kept waiting itself it looks busy, and misses samples.
	 */
	if (busy_ns > (int64_t)(work_ns + elapsed_ns / 50) &&
	    missed > elapsed_ns / ring.header->interval_ns / 6)
		skip("bursts", "the machine stood still too often, %llu were missed: " FIGURES,
		     missed, SHARES);
	else
		check(busy_ns >= (int64_t)work_ns &&
			      busy_ns <= (int64_t)(work_ns + elapsed_ns / 50),
		      "bursts", FIGURES, SHARES);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Follows the ring and holds every sample against those before it. */
#define _GNU_SOURCE
#include "ring.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS_MAX 64

static struct {
	unsigned long long lost, torn, backwards, fell, idle_too_fast, clocks_apart;
	int64_t late_min, late_max; /* against its deadline, from an unknown zero */
	char fell_what[80];
} seen;

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void fell(unsigned int cpu, const char *what, int index, uint64_t from, uint64_t to)
{
	seen.fell++;
	snprintf(seen.fell_what, sizeof(seen.fell_what), ", CPU %u %s %d from %llu to %llu", cpu,
		 what, index, (unsigned long long)from, (unsigned long long)to);
}

static void compare_cpu(unsigned int cpu, const struct nodemon_cpu *old,
			const struct nodemon_cpu *new, uint64_t elapsed_ns, bool exact_idle)
{
	uint64_t idle_ns = 0;

	for (int i = 0; i < NODEMON_STATES; i++)
		if (new->states_ns[i] < old->states_ns[i])
			fell(cpu, "state", i, old->states_ns[i], new->states_ns[i]);
	for (int i = 0; i < NODEMON_SOFTIRQS; i++)
		if ((int32_t)(new->softirqs[i] - old->softirqs[i]) < 0)
			fell(cpu, "softirq", i, old->softirqs[i], new->softirqs[i]);
	if (new->irqs < old->irqs)
		fell(cpu, "irqs", 0, old->irqs, new->irqs);

	for (int i = NODEMON_IDLE; i <= NODEMON_IOWAIT; i++)
		idle_ns += new->states_ns[i] - old->states_ns[i];
	if (exact_idle && idle_ns > elapsed_ns)
		seen.idle_too_fast++;
}

static void compare(const struct ring *ring, const struct nodemon_slot *old,
		    const struct nodemon_slot *new, uint64_t position)
{
	/* The deadlines so far are the samples and the missed ones. */
	int64_t late_ns = new->monotonic_ns - (position + new->missed) * ring->header->interval_ns;

	if (new->monotonic_ns <= old->monotonic_ns || new->missed < old->missed)
		seen.backwards++;
	if (new->boottime_ns - new->monotonic_ns != old->boottime_ns - old->monotonic_ns)
		seen.clocks_apart++;
	if (late_ns < seen.late_min)
		seen.late_min = late_ns;
	if (late_ns > seen.late_max)
		seen.late_max = late_ns;
	for (unsigned int cpu = 0; cpu < ring->header->cpus; cpu++)
		compare_cpu(cpu, &slot_cpus(old)[cpu], &slot_cpus(new)[cpu],
			    new->monotonic_ns - old->monotonic_ns,
			    ring->header->idle_quantum_ns < ring->header->tick_ns);
}

static uint64_t states_sum_ns(const struct nodemon_cpu *cpu)
{
	uint64_t sum = 0;

	/* Guest time is in user and nice already. */
	for (int i = 0; i < NODEMON_GUEST; i++)
		sum += cpu->states_ns[i];
	return sum;
}

/*
 * Only of a CPU that is always busy must the sum of the states be the time: each
 * tick counts one tick for somebody. The tick passes over what the machine was
 * stalled, and so does the timer, on its CPU, where the missed samples tell.
 */
static void check_busy(const struct ring *ring, const struct nodemon_slot *first,
		       const struct nodemon_slot *last)
{
	unsigned int timer_cpu = ring->header->timer_cpu;
	uint64_t elapsed_ns = last->monotonic_ns - first->monotonic_ns;
	uint64_t stalled_ns = (last->missed - first->missed) * ring->header->interval_ns;

	for (unsigned int cpu = 0; cpu < ring->header->cpus; cpu++) {
		const struct nodemon_cpu *old = &slot_cpus(first)[cpu];
		const struct nodemon_cpu *new = &slot_cpus(last)[cpu];
		uint64_t idle_ns = new->states_ns[NODEMON_IDLE] - old->states_ns[NODEMON_IDLE];
		int64_t apart_ns = states_sum_ns(new) - states_sum_ns(old) - elapsed_ns;

		check(idle_ns <= elapsed_ns / 100, "busy-idle",
		      "CPU %u was idle for %.3f ms of %.0f", cpu, idle_ns / 1e6, elapsed_ns / 1e6);
		if (cpu != timer_cpu)
			continue;
		check(llabs(apart_ns) <= (int64_t)(2ULL * ring->header->tick_ns + stalled_ns),
		      "busy-sum",
		      "CPU %u: the states are %+.3f ms from the %.0f ms that passed, %.0f ms stalled",
		      cpu, apart_ns / 1e6, elapsed_ns / 1e6, stalled_ns / 1e6);
	}
}

static void check_all(const struct ring *ring, uint64_t *intervals, size_t count,
		      const struct nodemon_slot *first, const struct nodemon_slot *last)
{
	const double interval = ring->header->interval_ns;
	unsigned long long missed = last->missed - first->missed;
	uint64_t cost_ns, within;
	double mean_ns;

	qsort(intervals, count, sizeof(*intervals), by_size);
	check(seen.lost == 0, "follow-all", "%zu samples, %llu lost, %llu torn, %llu missed",
	      count + 1, seen.lost, seen.torn, missed);
	check(seen.backwards == 0, "follow-time", "%llu times not later than before",
	      seen.backwards);
	check(seen.clocks_apart == 0, "follow-boottime", "%llu times apart", seen.clocks_apart);
	check(seen.fell == 0, "follow-monotonic", "%llu values fell%s", seen.fell, seen.fell_what);
	if (ring->header->idle_quantum_ns < ring->header->tick_ns)
		check(seen.idle_too_fast == 0, "follow-idle", "%llu times more idle than time",
		      seen.idle_too_fast);
	/* Missed ones counted, the mean is the setting however the machine stalls. */
	mean_ns = (double)(last->monotonic_ns - first->monotonic_ns) / (count + missed);
	check(mean_ns > interval * 0.99 && mean_ns < interval * 1.01, "follow-mean",
	      "%.2f us between deadlines", mean_ns / 1e3);
	/*
	 * A machine that is kept waiting itself takes one sample late and the next
	 * sooner after it, and the more often, the less the median is the timer's.
	 * The mean and the lateness hold all the same.
	 */
	within = intervals[count * 99 / 100] > interval * 1.5 ? 20 : 100;
	if (missed > count / 5)
		skip("follow-interval",
		     "the machine stood still too often, %llu were missed: p50 %.1f us", missed,
		     intervals[count / 2] / 1e3);
	else
		check(llabs((int64_t)intervals[count / 2] - (int64_t)interval) * within <= interval,
		      "follow-interval", "p50 %.1f us p99 %.1f p99.9 %.1f max %.1f, asked for %.0f",
		      intervals[count / 2] / 1e3, intervals[count * 99 / 100] / 1e3,
		      intervals[count * 999 / 1000] / 1e3, intervals[count - 1] / 1e3,
		      interval / 1e3);
	/* Counted wrongly, or caught up in a burst, this would be more than one interval. */
	check(seen.late_max - seen.late_min < interval, "follow-missed",
	      "a sample is late by %.1f us at most once the %llu missed ones are counted",
	      (seen.late_max - seen.late_min) / 1e3, missed);
	cost_ns = ring->header->cost_ns / ring_written(ring);
	check(last->cost_ns > 0 && cost_ns > 0 && cost_ns < interval, "follow-cost",
	      "%.2f us a sample", cost_ns / 1e3);
}

int follow(int argc, char **argv)
{
	struct ring ring = ring_open();
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 5;
	bool busy = argc > 2 && !strcmp(argv[2], "busy");
	uint64_t end_ns, position;
	size_t count = 0, room = (size_t)seconds * 2000000000 / ring.header->interval_ns + 1000;
	uint64_t *intervals = calloc(room, sizeof(*intervals));
	struct nodemon_slot *first = ring_buffer(&ring), *old = ring_buffer(&ring),
			    *new = ring_buffer(&ring), *swap;
	pid_t spinners[CPUS_MAX] = { 0 };

	for (unsigned int cpu = 0; busy && cpu < ring.header->cpus && cpu < CPUS_MAX; cpu++) {
		spinners[cpu] = fork();
		if (!spinners[cpu]) {
			pin_to(cpu);
			for (;;)
				;
		}
	}
	if (busy)
		sleep_ms(500);

	position = ring_written(&ring);
	ring_wait(&ring, position, first);
	memcpy(old, first, ring.slot_bytes);
	seen.late_min = INT64_MAX;
	seen.late_max = INT64_MIN;
	end_ns = now_ns() + seconds * 1000000000ULL;
	while (now_ns() < end_ns && count < room) {
		uint64_t written = ring_written(&ring);

		while (++position < written && count < room) {
			enum ring_copy copied = ring_copy(&ring, position, new);

			if (copied != RING_WHOLE) {
				seen.lost++;
				seen.torn += copied == RING_TORN;
				continue;
			}
			compare(&ring, old, new, position);
			intervals[count++] = new->monotonic_ns - old->monotonic_ns;
			swap = old;
			old = new;
			new = swap;
		}
		position--;
		sleep_ms(20);
	}

	check_all(&ring, intervals, count, first, old);
	if (busy)
		check_busy(&ring, first, old);
	for (int i = 0; i < CPUS_MAX; i++)
		if (spinners[i] > 0)
			kill(spinners[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

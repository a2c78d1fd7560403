// SPDX-License-Identifier: GPL-2.0
/*
 * The ring against /proc. What only grows must have been in /proc between the
 * sample before the reading and the sample after it.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 20
#define CPUS_MAX 64

static char text[1 << 16];

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[length] = 0;
	if (!file || !length) {
		printf("FAIL truth: cannot read %s\n", path);
		exit(1);
	}
	fclose(file);
}

static struct ring ring;
static struct nodemon_slot *before, *after;
static unsigned long long wrong, compared;
static char wrong_what[160];

/* Reads a file of /proc between two samples. */
static void read_between(const char *path)
{
	ring_wait(&ring, ring_written(&ring), before);
	read_file(path);
	/* One may be under way now, so the one behind it. */
	ring_wait(&ring, ring_written(&ring) + 1, after);
}

static void within(const char *what, unsigned int cpu, int index, uint64_t low, uint64_t value,
		   uint64_t high)
{
	compared++;
	if (value >= low && value <= high)
		return;
	wrong++;
	snprintf(wrong_what, sizeof(wrong_what), ", CPU %u %s %d: %llu is not in %llu to %llu", cpu,
		 what, index, (unsigned long long)value, (unsigned long long)low,
		 (unsigned long long)high);
}

static void told(const char *name)
{
	check(wrong == 0 && compared > 0, name, "%llu of %llu values differ%s", wrong, compared,
	      wrong_what);
	wrong = compared = 0;
	wrong_what[0] = 0;
}

static void states(void)
{
	const uint64_t clock_ns = 1000000000 / sysconf(_SC_CLK_TCK);

	read_between("/proc/stat");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int cpu;
		int at;

		if (sscanf(line, "cpu%u%n", &cpu, &at) != 1 || line[3] == ' ')
			continue;
		for (int i = 0; i < NODEMON_STATES; i++) {
			uint64_t value_ns = strtoull(line + at, &line, 10) * clock_ns;

			at = 0;
			/*
			 * The file is cut to whole clocks. Of idle and iowait the ring may be
			 * behind by what the kernel adds at once, and by rounding.
			 */
			bool idle = i == NODEMON_IDLE || i == NODEMON_IOWAIT;
			uint64_t behind_ns = idle ? ring.header->idle_quantum_ns + 2000 : 0;

			within("state", cpu, i, slot_cpus(before)[cpu].states_ns[i],
			       value_ns + clock_ns,
			       slot_cpus(after)[cpu].states_ns[i] + clock_ns + behind_ns);
		}
	}
}

static void softirqs(void)
{
	int vector = -1;

	read_between("/proc/softirqs");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), vector++) {
		char *at = strchr(line, ':');

		for (unsigned int cpu = 0; vector >= 0 && at && cpu < ring.header->cpus; cpu++)
			within("softirq", cpu, vector, slot_cpus(before)[cpu].softirqs[vector],
			       strtoull(at + (cpu == 0), &at, 10),
			       slot_cpus(after)[cpu].softirqs[vector]);
	}
}

/* The lines with a number are those that irqs counts; since boot some may be gone. */
static void sum_interrupts(uint64_t *sums)
{
	memset(sums, 0, CPUS_MAX * sizeof(*sums));
	read_between("/proc/interrupts");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *at;

		strtoul(line, &at, 10);
		if (*at != ':' || at == line)
			continue;
		at++;
		for (unsigned int cpu = 0; cpu < ring.header->cpus; cpu++)
			sums[cpu] += strtoull(at, &at, 10);
	}
}

static void interrupts(void)
{
	uint64_t old[CPUS_MAX], new[CPUS_MAX], low[CPUS_MAX], high[CPUS_MAX], all = 0;

	sum_interrupts(old);
	for (unsigned int cpu = 0; cpu < ring.header->cpus; cpu++) {
		low[cpu] = slot_cpus(before)[cpu].irqs;
		high[cpu] = slot_cpus(after)[cpu].irqs;
	}
	/* The console's line interrupts for what is printed. */
	for (int i = 0; i < 20; i++) {
		putchar('\n');
		fflush(stdout);
		sleep_ms(10);
	}
	sum_interrupts(new);
	for (unsigned int cpu = 0; cpu < ring.header->cpus; cpu++) {
		all += new[cpu] - old[cpu];
		within("irqs", cpu, 0, slot_cpus(before)[cpu].irqs - high[cpu], new[cpu] - old[cpu],
		       slot_cpus(after)[cpu].irqs - low[cpu]);
	}
	check(all > 0, "truth-irqs-moved", "%llu interrupts", (unsigned long long)all);
}

static uint64_t kib_of(const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* These go up and down, so within a MiB of one of the two. */
static void near(const char *what, uint64_t kib, uint64_t pages_before, uint64_t pages_after)
{
	const uint64_t page_kib = ring.header->page_bytes / 1024;
	uint64_t low = pages_before, high = pages_after;

	if (low > high) {
		low = pages_after;
		high = pages_before;
	}
	low *= page_kib;
	within(what, 0, 0, low > 1024 ? low - 1024 : 0, kib, high * page_kib + 1024);
}

static void memory(void)
{
	read_between("/proc/meminfo");
	within("MemTotal", 0, 0, before->pages_total * ring.header->page_bytes / 1024,
	       kib_of("MemTotal:"), after->pages_total * ring.header->page_bytes / 1024);
	near("MemFree", kib_of("MemFree:"), before->pages_free, after->pages_free);
	near("Shmem", kib_of("\nShmem:"), before->pages_shared, after->pages_shared);
	near("Dirty", kib_of("\nDirty:"), before->pages_dirty, after->pages_dirty);
	near("Writeback", kib_of("\nWriteback:"), before->pages_writeback, after->pages_writeback);
	near("AnonPages", kib_of("\nAnonPages:"), before->pages_anon, after->pages_anon);
	near("Cached", kib_of("\nBuffers:") + kib_of("\nCached:") + kib_of("\nSwapCached:"),
	     before->pages_file, after->pages_file);
}

static void load(void)
{
	char *at = text;

	read_between("/proc/loadavg");
	for (int i = 0; i < 3; i++) {
		uint64_t hundredths = strtod(at, &at) * 100 + 0.5;
		uint64_t low = before->load[i], high = after->load[i];

		if (low > high) {
			low = after->load[i];
			high = before->load[i];
		}
		within("load", 0, i, low * 100 / 2048, hundredths, high * 100 / 2048 + 1);
	}
}

int truth(int argc, char **argv)
{
	(void)argc, (void)argv;
	ring = ring_open();
	before = ring_buffer(&ring);
	after = ring_buffer(&ring);
	for (int i = 0; i < ROUNDS; i++) {
		states();
		sleep_ms(20);
	}
	told("truth-states");
	for (int i = 0; i < ROUNDS; i++)
		softirqs();
	told("truth-softirqs");
	interrupts();
	told("truth-irqs");
	for (int i = 0; i < ROUNDS; i++)
		memory();
	told("truth-memory");
	load();
	told("truth-load");
	return 0;
}

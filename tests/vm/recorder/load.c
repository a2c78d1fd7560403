// SPDX-License-Identifier: GPL-2.0
/*
 * What runs beside the recorder in the emulated machine: loads of a known size,
 * and what /proc/stat says meanwhile. All times are CLOCK_REALTIME, ns.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define SECOND 1000000000LL
#define PERIOD (SECOND / 10)
#define BURST (3 * SECOND / 1000)

/* Of a line of /proc/stat, in its order. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, STATES = 8 };

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_until(clockid_t clock, int64_t ns)
{
	struct timespec time = { ns / SECOND, ns % SECOND };

	while (clock_nanosleep(clock, TIMER_ABSTIME, &time, NULL))
		;
}

static void spin_until(clockid_t clock, int64_t ns)
{
	/* In user mode most of the time, also where the clock takes a system call. */
	while (now(clock) < ns)
		for (volatile int i = 0; i < 5000; i++)
			;
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("load: cannot run on that CPU");
		exit(1);
	}
}

/* One line: NAME before after, and of each CPU `cpuN idle iowait busy user`, in USER_HZ. */
static void tell_stat(const char *name)
{
	static char text[1 << 16];
	FILE *file = fopen("/proc/stat", "r");
	int64_t before = now(CLOCK_REALTIME), after;
	size_t size = fread(text, 1, sizeof(text) - 1, file);

	after = now(CLOCK_REALTIME);
	fclose(file);
	text[size] = 0;
	printf("%s %lld %lld", name, (long long)before, (long long)after);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long long of[STATES], busy = 0;
		unsigned int cpu;

		/* Not the line of all CPUs together. */
		if (strncmp(line, "cpu", 3) || line[3] == ' ' ||
		    sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, of, of + 1,
			   of + 2, of + 3, of + 4, of + 5, of + 6, of + 7) != 1 + STATES)
			continue;
		for (int i = 0; i < STATES; i++)
			busy += i == IDLE || i == IOWAIT ? 0 : of[i];
		printf(" cpu%u %llu %llu %llu %llu", cpu, of[IDLE], of[IOWAIT], busy,
		       of[USER] + of[NICE]);
	}
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	int64_t begin;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	prctl(PR_SET_TIMERSLACK, 1);
	if (!strcmp(command, "mark") && argc == 3) {
		printf("mark %s %lld\n", argv[2], (long long)now(CLOCK_REALTIME));
	} else if (!strcmp(command, "stat")) {
		/* Whenever a second is full, for as long as it may. */
		for (begin = now(CLOCK_REALTIME) / SECOND;; begin = now(CLOCK_REALTIME) / SECOND) {
			sleep_until(CLOCK_REALTIME, (begin + 1) * SECOND);
			tell_stat("stat");
		}
	} else if (!strcmp(command, "bursts") && argc == 5) {
		/* CPU PHASE_US COUNT: 3 ms of work every 100 ms, so many µs behind a multiple. */
		pin(argv[2]);
		begin = (now(CLOCK_MONOTONIC) / PERIOD + 1) * PERIOD + atoi(argv[3]) * 1000LL;
		tell_stat("bursts");
		for (int i = 0; i < atoi(argv[4]); i++) {
			sleep_until(CLOCK_MONOTONIC, begin + i * PERIOD);
			spin_until(CLOCK_MONOTONIC, begin + i * PERIOD + BURST);
		}
		sleep_until(CLOCK_MONOTONIC, begin + atoi(argv[4]) * PERIOD);
		tell_stat("bursts");
	} else if (!strcmp(command, "spin") && argc == 4) {
		/* CPU SECONDS */
		pin(argv[2]);
		spin_until(CLOCK_MONOTONIC, now(CLOCK_MONOTONIC) + atoi(argv[3]) * SECOND);
	} else if (!strcmp(command, "beats")) {
		/* What the time is, every 50 ms, until the power is cut. */
		for (begin = now(CLOCK_MONOTONIC);; begin += SECOND / 20) {
			sleep_until(CLOCK_MONOTONIC, begin);
			printf("beat %lld\n", (long long)now(CLOCK_REALTIME));
			fflush(stdout);
		}
	} else {
		fprintf(stderr, "usage: load mark NAME | stat | bursts CPU PHASE_US COUNT | "
				"spin CPU SECONDS | beats\n");
		return 2;
	}
	return 0;
}

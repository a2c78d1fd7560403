// SPDX-License-Identifier: MIT OR Apache-2.0
/* Calls of all kinds: slow, deep, left by a jump, without an end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static __thread jmp_buf out;
static __thread volatile long done;

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

__attribute__((noipa)) void sleep_here(long us)
{
	usleep(us);
	done++;
}

/* What it calls itself is no jump: something is done behind it. */
__attribute__((noipa)) long descend(long deep)
{
	long below = deep > 1 ? descend(deep - 1) : 0;

	done += below;
	return below + 1;
}

__attribute__((noipa)) void leave(long by_jump)
{
	done++;
	if (by_jump)
		longjmp(out, 1);
	done++;
}

__attribute__((noipa)) void end_thread(void)
{
	done++;
	pthread_exit(NULL);
}

__attribute__((noipa)) long odd(long n);

/* Each calls the other as the last that it does, which is a jump. */
__attribute__((noipa)) long even(long n)
{
	done++;
	return n ? odd(n - 1) : 1;
}

__attribute__((noipa)) long odd(long n)
{
	done++;
	return n ? even(n - 1) : 0;
}

static void *turns(void *count)
{
	for (long i = 0; i < (long)count; i++) {
		descend(DEEP);
		even(20);
		if (!setjmp(out))
			leave(1);
		leave(0);
		if (!setjmp(out))
			leave(1);
	}
	end_thread();
	return NULL;
}

int main(int count, char **arguments)
{
	pthread_t threads[THREADS];

	getchar();
	if (strcmp(arguments[1], "sleep") == 0) {
		for (int i = 0; i < 100; i++) {
			long begun = now_ns();

			sleep_here(5000 + 100 * i);
			printf("%ld\n", now_ns() - begun);
		}
	} else if (strcmp(arguments[1], "deep") == 0) {
		for (int i = 0; i < 10; i++)
			descend(TOO_DEEP);
	} else if (strcmp(arguments[1], "many") == 0) {
		for (int i = 0; i < 200000; i++)
			even(0);
	} else {
		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, turns, (void *)(long)TURNS);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	fflush(stdout);
	return 0;
}

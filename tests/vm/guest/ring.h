/* SPDX-License-Identifier: GPL-2.0 */
/* The ring as a reader sees it, and how the tests of it tell what they found. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nodemon_device.h"
#include "nodemon_ring.h"

struct ring {
	int fd;
	const struct nodemon_ring_header *header;
	size_t bytes;
	size_t slot_bytes;
};

enum ring_copy {
	RING_WHOLE, /* the sample is in `out` */
	RING_EARLY, /* it is not there yet */
	RING_OVERRUN, /* another sample had taken its place before */
	RING_TORN, /* another one took its place meanwhile */
};

/* Ends the program with a message when it cannot. */
struct ring ring_open(void);
uint64_t ring_written(const struct ring *ring);
enum ring_copy ring_copy(const struct ring *ring, uint64_t position, struct nodemon_slot *out);
/* Memory for one slot. */
struct nodemon_slot *ring_buffer(const struct ring *ring);
static inline const struct nodemon_cpu *slot_cpus(const struct nodemon_slot *slot)
{
	return (const struct nodemon_cpu *)(slot + 1);
}

/* Sleeps until the sample of this position is there, and copies it. */
void ring_wait(const struct ring *ring, uint64_t position, struct nodemon_slot *out);

uint64_t now_ns(void);
void sleep_ms(unsigned int ms);
void pin_to(unsigned int cpu);

/* `pass NAME: ...` or `FAIL NAME: ...`, one line. */
void check(bool holds, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* `skip NAME: ...`, for what cannot be told here. */
void skip(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 1 once a check has failed. */
extern int failed;

/* The commands, each in the file of its name. */
int show(int argc, char **argv);
int hold(int argc, char **argv);
int map(int argc, char **argv);
int wakes(int argc, char **argv);
int follow(int argc, char **argv);
int torn(int argc, char **argv);
int readers(int argc, char **argv);
int truth(int argc, char **argv);
int bursts(int argc, char **argv);

#endif

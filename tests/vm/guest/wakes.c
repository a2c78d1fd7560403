// SPDX-License-Identifier: GPL-2.0
/* A reader sleeps until the fill it asked for, and not longer. */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int wait_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int ready = poll(&poll_fd, 1, timeout_ms);

	return ready > 0 ? poll_fd.revents : ready;
}

static void wake_at(int fd, uint64_t position)
{
	if (ioctl(fd, NODEMON_IOC_WAKE_AT, &position))
		check(false, "wake-at", "%s", strerror(errno));
}

struct sleeper {
	const struct ring *ring;
	int fd;
	uint64_t woken_at; /* header.written then */
	int ready;
};

static void *sleep_in_poll(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->ready = wait_readable(sleeper->fd, 5000);
	sleeper->woken_at = ring_written(sleeper->ring);
	return NULL;
}

/* Emulated machines stall; what is late by less than this was woken. */
#define LATE 300

static void two_sleepers(const struct ring *ring)
{
	struct sleeper sleepers[2];
	pthread_t threads[2];
	uint64_t start = ring_written(ring);
	const uint64_t after[2] = { 600, 200 };

	for (int i = 0; i < 2; i++) {
		sleepers[i] =
			(struct sleeper){ .ring = ring, .fd = open(NODEMON_DEVICE_PATH, O_RDONLY) };
		wake_at(sleepers[i].fd, start + after[i]);
		pthread_create(&threads[i], NULL, sleep_in_poll, &sleepers[i]);
	}
	for (int i = 0; i < 2; i++) {
		uint64_t woken;

		pthread_join(threads[i], NULL);
		woken = sleepers[i].woken_at - start;
		check(sleepers[i].ready == POLLIN && woken >= after[i] && woken < after[i] + LATE,
		      "two-sleepers", "asked for %llu samples, woken at %llu",
		      (unsigned long long)after[i], (unsigned long long)woken);
		close(sleepers[i].fd);
	}
}

static void changed_while_asleep(const struct ring *ring)
{
	struct sleeper sleeper = { .ring = ring, .fd = open(NODEMON_DEVICE_PATH, O_RDONLY) };
	uint64_t start = ring_written(ring);
	pthread_t thread;

	wake_at(sleeper.fd, start + 1000000);
	pthread_create(&thread, NULL, sleep_in_poll, &sleeper);
	sleep_ms(200);
	wake_at(sleeper.fd, start + 1);
	pthread_join(thread, NULL);
	check(sleeper.ready == POLLIN && sleeper.woken_at - start < 200 + LATE,
	      "changed-while-asleep", "woken after %llu samples",
	      (unsigned long long)(sleeper.woken_at - start));
	close(sleeper.fd);
}

static void in_epoll(const struct ring *ring)
{
	int epoll = epoll_create1(0);
	int fd = open(NODEMON_DEVICE_PATH, O_RDONLY);
	struct epoll_event event = { .events = EPOLLIN };
	bool holds = epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	uint64_t last = 0;

	for (int i = 0; holds && i < 5; i++) {
		uint64_t target = ring_written(ring) + 50;

		wake_at(fd, target);
		holds = epoll_wait(epoll, &event, 1, 5000) == 1;
		last = ring_written(ring);
		holds = holds && last >= target && last < target + LATE;
	}
	check(holds, "epoll", "five times 50 samples, at sample %llu in the end",
	      (unsigned long long)last);
	close(fd);
	close(epoll);
}

int wakes(int argc, char **argv)
{
	struct ring ring = ring_open();
	uint64_t start = ring_written(&ring), woken;
	int ready, error;

	(void)argc, (void)argv;
	ready = wait_readable(ring.fd, 5000);
	check(ready == POLLIN, "poll-next", "the next sample makes it readable");

	start = ring_written(&ring);
	wake_at(ring.fd, start + 500);
	ready = wait_readable(ring.fd, 5000);
	woken = ring_written(&ring) - start;
	check(ready == POLLIN && woken >= 500 && woken < 500 + LATE, "poll-fill",
	      "asked for 500 samples, woken at %llu", (unsigned long long)woken);
	check(wait_readable(ring.fd, 0) == POLLIN, "poll-stays", "readable until the next ioctl");

	wake_at(ring.fd, ring_written(&ring) + 1000000);
	ready = wait_readable(ring.fd, 200);
	check(ready == 0, "poll-timeout", "not readable before: poll said %d", ready);

	two_sleepers(&ring);
	changed_while_asleep(&ring);
	in_epoll(&ring);

	error = ioctl(ring.fd, NODEMON_IOC_WAKE_AT, (void *)1) ? errno : 0;
	check(error == EFAULT, "ioctl-bad-pointer", "%s", strerror(error));
	error = ioctl(ring.fd, _IO('n', 0x41)) ? errno : 0;
	check(error == ENOTTY, "ioctl-unknown", "%s", strerror(error));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Nobody writes into the ring, root neither; nobody but root and the group reads it. */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static int map_error(int fd, int protection, int flags, size_t bytes, off_t offset)
{
	void *memory = mmap(NULL, bytes, protection, flags, fd, offset);
	int error = memory == MAP_FAILED ? errno : 0;

	if (!error)
		munmap(memory, bytes);
	return error;
}

/* The errno of opening it as somebody else, 0 when that works. */
static int open_error_as(uid_t user, gid_t group, int flags)
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (setgroups(0, NULL) || setresgid(group, group, group) ||
		    setresuid(user, user, user))
			_exit(255);
		_exit(open(NODEMON_DEVICE_PATH, flags) < 0 ? errno : 0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int signal_of_writing(const void *memory)
{
	int status;
	pid_t child = fork();

	if (!child) {
		*(volatile char *)memory = 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int map(int argc, char **argv)
{
	gid_t group = argc > 1 ? atoi(argv[1]) : 0;
	struct ring ring = ring_open();
	size_t page = getpagesize();
	size_t whole = (ring.bytes + page - 1) / page * page;
	int fd = open(NODEMON_DEVICE_PATH, O_RDWR);
	struct stat stat;
	int error;

	error = fstat(ring.fd, &stat);
	check(!error && (stat.st_mode & 07777) == 0440 && stat.st_uid == 0 && stat.st_gid == group,
	      "node", "mode %o, owner %u, group %u", stat.st_mode & 07777, stat.st_uid,
	      stat.st_gid);

	error = map_error(fd, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	check(fd >= 0 && error == EACCES, "map-shared-writable", "%s", strerror(error));
	error = map_error(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, page, 0);
	check(error == EACCES, "map-private-writable", "%s", strerror(error));
	error = map_error(ring.fd, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	check(error == EACCES, "map-writable-of-read-only", "%s", strerror(error));
	error = map_error(ring.fd, PROT_READ, MAP_SHARED, whole + page, 0);
	check(error == EINVAL, "map-too-long", "%s", strerror(error));
	error = map_error(ring.fd, PROT_READ, MAP_SHARED, page, whole);
	check(error == EINVAL, "map-behind-the-end", "%s", strerror(error));
	error = map_error(ring.fd, PROT_READ, MAP_SHARED, whole, 0);
	check(!error, "map-whole", "%zu bytes: %s", whole, strerror(error));

	/* Of a descriptor that could write, so that only the module can say no. */
	{
		void *memory = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

		error = mprotect(memory, page, PROT_READ | PROT_WRITE) ? errno : 0;
		check(memory != MAP_FAILED && error == EACCES, "mprotect", "%s", strerror(error));
		error = signal_of_writing(memory);
		check(error == SIGSEGV, "write", "a store ends with signal %d", error);
	}

	error = open_error_as(NOBODY, NOBODY, O_RDONLY);
	check(error == EACCES, "open-by-others", "%s", strerror(error));
	error = open_error_as(NOBODY, group, O_RDONLY);
	check(!error, "open-by-group", "%s", strerror(error));
	error = open_error_as(NOBODY, group, O_RDWR);
	check(error == EACCES, "open-by-group-for-writing", "%s", strerror(error));
	return 0;
}

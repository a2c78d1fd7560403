// SPDX-License-Identifier: GPL-2.0
#include "ring.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} commands[] = {
	{ "show", show, "prints the header and who is online, as name=value" },
	{ "hold", hold, "maps the ring, closes the device and sleeps" },
	{ "map", map, "[GID]: who may map it, and how" },
	{ "wakes", wakes, "poll() and the ioctl" },
	{ "follow", follow, "SECONDS [busy]: every sample, against those before it" },
	{ "torn", torn, "SECONDS: reads where the ring is just being overwritten" },
	{ "readers", readers, "SECONDS: two readers, byte for byte" },
	{ "truth", truth, "against /proc" },
	{ "bursts", bursts, "SECONDS: 3 ms of work every 100 ms" },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc > 1 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1) || failed;

	fprintf(stderr, "usage: ring COMMAND\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stderr, "  %-8s %s\n", commands[i].name, commands[i].does);
	return 2;
}

// SPDX-License-Identifier: GPL-2.0
/* Keeps the ring mapped without an open descriptor, until killed. */
#include "ring.h"

#include <stdio.h>
#include <unistd.h>

int hold(int argc, char **argv)
{
	struct ring ring = ring_open();

	(void)argc, (void)argv;
	close(ring.fd);
	printf("held\n");
	fflush(stdout);
	pause();
	return 0;
}

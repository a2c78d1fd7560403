/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * What /dev/nodemon does beside being mapped.
 *
 *	open	read-only is enough; as many readers at once as like
 *	mmap	PROT_READ only, from offset 0; a writable mapping gets EACCES, and
 *		mprotect() cannot make it one later. Map one page for the header,
 *		which says how long the whole ring is:
 *		slots_offset + slots * (1 + cpus) * element_bytes
 *	poll	readable once header.written has reached the position that this
 *		open file waits for. After open() that is the next sample.
 *	ioctl	NODEMON_IOC_WAKE_AT, see below
 *
 * There is no read(): the samples are in the mapping.
 */
#ifndef NODEMON_DEVICE_H
#define NODEMON_DEVICE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NODEMON_DEVICE_PATH "/dev/nodemon"

/*
 * The value of header.written from which on poll() finds this open file
 * readable. A reader that has drained up to position p and wants to sleep
 * until n more samples are there sets p + n; with n above header.slots it
 * sleeps until it has been overrun.
 */
#define NODEMON_IOC_WAKE_AT _IOW('n', 0x40, __u64)

#endif

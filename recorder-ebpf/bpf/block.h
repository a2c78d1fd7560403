/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to block devices. */
#ifndef NODEMON_BPF_BLOCK_H
#define NODEMON_BPF_BLOCK_H

#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk; /* from 5.15 */
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	__u64 start_time_ns;
	__u64 __sector;
};

/* Before 5.17. */
struct request___disk {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop

/*
 * What a map calls a request. A pointer that lies where a helper looks is none
 * any more to verifiers before 6.2, so it gets a place of its own.
 */
static __always_inline __u64 key_of(struct request *request)
{
	return (__u64)request;
}

/* 12 bits of major above 20 of minor; 0 for none. */
static __always_inline __u32 device_of(struct request *request)
{
	struct request___disk *before = (void *)request;
	struct gendisk *disk;

	if (bpf_core_field_exists(before->rq_disk))
		disk = before->rq_disk;
	else
		disk = request->q->disk;
	return disk ? (__u32)disk->major << 20 | disk->first_minor : 0;
}

static __always_inline __u32 operation_of(struct request *request)
{
	return request->cmd_flags & 0xff;
}

#endif

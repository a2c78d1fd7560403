// SPDX-License-Identifier: GPL-2.0
/*
 * How long block devices took for their requests, from when the driver got one
 * until it was done.
 */
#include "histogram.h"

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
};

/* Before 5.17. */
struct request___disk {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop

struct key {
	__u32 device; /* 12 bits of major above 20 of minor */
	__u32 operation;
	__u32 bucket;
};

KEYED_HISTOGRAM(latencies, struct key, 2048);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct request *);
	__type(value, __u64);
} issued SEC(".maps");

static __always_inline struct gendisk *disk_of(struct request *request)
{
	struct request___disk *before = (void *)request;

	if (bpf_core_field_exists(before->rq_disk))
		return before->rq_disk;
	return request->q->disk;
}

static __always_inline void issue(struct request *request)
{
	__u64 now_ns = bpf_ktime_get_ns();

	if (bpf_map_update_elem(&issued, &request, &now_ns, BPF_ANY))
		LOSE(map_full);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue_5_11, struct request *request)
{
	issue(request);
	return 0;
}

/* Before 5.11 the queue came first. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue_5_10, struct request_queue *queue, struct request *request)
{
	issue(request);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *request)
{
	__u64 *at = bpf_map_lookup_elem(&issued, &request), took_ns;
	struct gendisk *disk;
	struct key key = {};

	if (!at)
		return 0;
	took_ns = bpf_ktime_get_ns() - *at;
	bpf_map_delete_elem(&issued, &request);
	if (took_ns < min_latency_ns)
		return 0;
	disk = disk_of(request);
	if (disk)
		key.device = (__u32)disk->major << 20 | disk->first_minor;
	key.operation = request->cmd_flags & 0xff;
	key.bucket = bucket_of(took_ns);
	add_keyed(&latencies, &key);
	return 0;
}

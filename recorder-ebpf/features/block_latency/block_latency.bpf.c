// SPDX-License-Identifier: GPL-2.0
/*
 * How long block devices took for their requests, from when the driver got one
 * until it was done.
 */
#include "block.h"
#include "histogram.h"

struct key {
	__u32 device; /* 12 bits of major above 20 of minor */
	__u32 operation;
	__u32 bucket;
};

/* Some 60 disks: an operation of one has 40 buckets or so. */
KEYED_HISTOGRAM(buckets, struct key, 8192);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} issued SEC(".maps");

static __always_inline void issue(struct request *request)
{
	__u64 now_ns = bpf_ktime_get_ns(), key = key_of(request);

	if (bpf_map_update_elem(&issued, &key, &now_ns, BPF_ANY))
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
	__u64 number = key_of(request), took_ns;
	__u64 *at = bpf_map_lookup_elem(&issued, &number);
	struct key key = {};

	if (!at)
		return 0;
	took_ns = bpf_ktime_get_ns() - *at;
	bpf_map_delete_elem(&issued, &number);
	if (took_ns < min_latency_ns)
		return 0;
	key.device = device_of(request);
	key.operation = operation_of(request);
	key.bucket = bucket_of(took_ns);
	add_keyed(&buckets, &key);
	return 0;
}

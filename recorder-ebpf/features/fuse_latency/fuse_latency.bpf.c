// SPDX-License-Identifier: GPL-2.0
/*
 * How long file systems in user space (FUSE) took for requests, from when one
 * was sent until its answer was there.
 */
#include <asm/ptrace.h>
#include "histogram.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fuse_in_header {
	__u32 opcode;
};

struct fuse_req {
	struct {
		struct fuse_in_header h;
	} in;
};

#pragma clang attribute pop

struct key {
	__u32 operation;
	__u32 bucket;
};

KEYED_HISTOGRAM(buckets, struct key, 2048);

/* One that waits for its answer: its address, or its number and its connection. */
struct request {
	__u64 number;
	__u64 connection;
};

struct sent {
	__u64 at_ns;
	__u64 operation;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct request);
	__type(value, struct sent);
} waiting SEC(".maps");

static __always_inline void send(struct request *request, __u32 operation)
{
	struct sent sent = { .at_ns = bpf_ktime_get_ns(), .operation = operation };

	if (!is_wanted())
		return;
	if (bpf_map_update_elem(&waiting, request, &sent, BPF_ANY))
		LOSE(map_full);
}

static __always_inline void answer(struct request *request)
{
	struct sent *sent = bpf_map_lookup_elem(&waiting, request);
	struct key key = {};
	__u64 took_ns;

	if (!sent)
		return;
	took_ns = bpf_ktime_get_ns() - sent->at_ns;
	key.operation = sent->operation;
	bpf_map_delete_elem(&waiting, request);
	if (took_ns < min_latency_ns)
		return;
	key.bucket = bucket_of(took_ns);
	add_keyed(&buckets, &key);
}

/* From 6.12, where FUSE is no module. */
SEC("tp_btf/fuse_request_send")
int BPF_PROG(sent, struct fuse_req *of)
{
	struct request request = { .number = (__u64)of };

	send(&request, of->in.h.opcode);
	return 0;
}

SEC("tp_btf/fuse_request_end")
int BPF_PROG(answered, struct fuse_req *of)
{
	struct request request = { .number = (__u64)of };

	answer(&request);
	return 0;
}

/* From 6.12, where it is one: what the tracepoints hand out. */
struct send_format {
	__u64 common;
	__u32 connection;
	__u64 unique;
	__u32 operation;
};

struct end_format {
	__u64 common;
	__u32 connection;
	__u64 unique;
};

SEC("tracepoint/fuse/fuse_request_send")
int sent_by_module(struct send_format *of)
{
	struct request request = { .number = of->unique, .connection = of->connection };

	send(&request, of->operation);
	return 0;
}

SEC("tracepoint/fuse/fuse_request_end")
int answered_by_module(struct end_format *of)
{
	struct request request = { .number = of->unique, .connection = of->connection };

	answer(&request);
	return 0;
}

/*
 * Before. The types of a module cannot be looked up; this has not moved from
 * 5.4 to 6.11.
 */
#define OFFSET_OF_OPERATION 60

SEC("kprobe/queue_request_and_unlock")
int BPF_KPROBE(sent_by_function, void *queue, void *of)
{
	struct request request = { .number = (__u64)of };
	__u32 operation = 0;

	bpf_probe_read_kernel(&operation, sizeof(operation), of + OFFSET_OF_OPERATION);
	send(&request, operation);
	return 0;
}

SEC("kprobe/fuse_request_end")
int BPF_KPROBE(answered_by_function, void *of)
{
	struct request request = { .number = (__u64)of };

	answer(&request);
	return 0;
}

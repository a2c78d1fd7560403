// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to block devices: how long the driver had them, as histograms, and
 * those that took long from when they were made until they were done, each by
 * itself with the task that made it.
 */
#include "block.h"
#include "events.h"
#include "histogram.h"

#define DEFAULT_MIN_LATENCY_NS 50000000ULL
#define ABSENT (~0ULL)

struct key {
	__u32 device; /* 12 bits of major above 20 of minor */
	__u32 operation;
	__u32 bucket;
};

/* Some 60 disks: an operation of one has 40 buckets or so. */
KEYED_HISTOGRAM(buckets, struct key, 8192);

struct event {
	__u64 time_ns;
	struct task_id task;
	__u32 device;
	__u32 operation;
	__u64 sector;
	__u64 bytes;
	__u64 took_ns;
	__u64 device_ns;
	__s32 error;
};

/*
 * What is known of a request: who put it into the queue, where there is one
 * from which a kernel thread may give it to the driver, else who gave it to the
 * driver.
 */
struct known {
	__u64 start_ns; /* tells requests apart that are the same memory; 0: it does not */
	__u64 at_ns; /* 0 until the driver has it */
	__u64 is_wanted;
	struct task_id task;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct known);
} requests SEC(".maps");

static __always_inline void note(struct request *request, __u64 at_ns)
{
	__u64 key = key_of(request), start_ns = request->start_time_ns;
	struct known *before = bpf_map_lookup_elem(&requests, &key);
	struct known known = {};

	if (before && at_ns && start_ns && before->start_ns == start_ns) {
		/* It comes out of the queue, or goes to the driver once more. */
		before->at_ns = at_ns;
		return;
	}
	known.start_ns = start_ns;
	known.at_ns = at_ns;
	known.is_wanted = is_wanted();
	if (known.is_wanted)
		name_current(&known.task);
	if (bpf_map_update_elem(&requests, &key, &known, BPF_ANY))
		LOSE(map_full);
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(insert_5_11, struct request *request)
{
	note(request, 0);
	return 0;
}

/* Before 5.11 the queue came first. */
SEC("tp_btf/block_rq_insert")
int BPF_PROG(insert_5_10, struct request_queue *queue, struct request *request)
{
	note(request, 0);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue_5_11, struct request *request)
{
	note(request, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue_5_10, struct request_queue *queue, struct request *request)
{
	note(request, bpf_ktime_get_ns());
	return 0;
}

static __always_inline void report(struct request *request, const struct known *known, __u64 now_ns,
				   int error, unsigned int bytes)
{
	/* Where the queue takes no times, since the driver had it. */
	__u64 since_ns = known->start_ns ? known->start_ns : known->at_ns;
	__u64 least_ns = min_latency_ns ? min_latency_ns : DEFAULT_MIN_LATENCY_NS;
	struct event *event;

	if (!since_ns || now_ns - since_ns < least_ns || !known->is_wanted)
		return;
	event = begin_event(sizeof(*event));
	if (!event)
		return;
	event->task = known->task;
	event->device = device_of(request);
	event->operation = operation_of(request);
	event->sector = request->__sector;
	event->bytes = bytes;
	event->took_ns = now_ns - since_ns;
	event->device_ns = known->at_ns ? now_ns - known->at_ns : ABSENT;
	event->error = error;
	send_event(event);
}

/* A request that is done in parts is done with the first. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *request, int error, unsigned int bytes)
{
	__u64 now_ns = bpf_ktime_get_ns(), number = key_of(request);
	struct known *place = bpf_map_lookup_elem(&requests, &number);
	struct known known;
	struct key key = {};

	/* It was made before the program was there, or the map was full. */
	if (!place)
		return 0;
	known = *place;
	bpf_map_delete_elem(&requests, &number);
	if (known.at_ns) {
		key.device = device_of(request);
		key.operation = operation_of(request);
		key.bucket = bucket_of(now_ns - known.at_ns);
		add_keyed(&buckets, &key);
	}
	report(request, &known, now_ns, error, bytes);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to block devices that took long, from when they were made until they
 * were done, and how much of that the device had them.
 */
#include "block.h"
#include "events.h"

#define DEFAULT_MIN_LATENCY_NS 50000000ULL

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

/* What is known of a request when its driver gets it. */
struct issue {
	__u64 at_ns;
	struct task_id task;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct issue);
} issued SEC(".maps");

static __always_inline void issue(struct request *request)
{
	struct issue issue = {.at_ns = bpf_ktime_get_ns()};
	__u64 key = key_of(request);

	if (!is_wanted())
		return;
	name_current(&issue.task);
	if (bpf_map_update_elem(&issued, &key, &issue, BPF_ANY))
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
int BPF_PROG(complete, struct request *request, int error, unsigned int bytes)
{
	__u64 key = key_of(request), now_ns, since_ns;
	struct issue *issue = bpf_map_lookup_elem(&issued, &key);
	struct event *event;

	if (!issue)
		return 0;
	now_ns = bpf_ktime_get_ns();
	/* Where the queue takes no times it is 0. */
	since_ns = request->start_time_ns;
	if (!since_ns || since_ns > issue->at_ns)
		since_ns = issue->at_ns;
	if (now_ns - since_ns < (min_latency_ns ? min_latency_ns : DEFAULT_MIN_LATENCY_NS))
		goto forget;
	event = begin_event(sizeof(*event));
	if (!event)
		goto forget;
	event->task = issue->task;
	event->device = device_of(request);
	event->operation = operation_of(request);
	event->sector = request->__sector;
	event->bytes = bytes;
	event->took_ns = now_ns - since_ns;
	event->device_ns = now_ns - issue->at_ns;
	event->error = error;
	send_event(event);
forget:
	bpf_map_delete_elem(&issued, &key);
	return 0;
}

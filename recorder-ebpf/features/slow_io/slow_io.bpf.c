// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to block devices that took long, from when they were made until they
 * were done, and how much of that the device had them.
 */
#include "block.h"
#include "events.h"

#define DEFAULT_MIN_LATENCY_NS 50000000ULL
#define ABSENT (~0ULL)
#define IS_FILTERED (only_pid || only_cgroup || only_command[0])

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
 * driver. Requests that share a place push each other out; of a slow one the
 * task is not known then, which is cheaper than that all the others are looked
 * up and deleted.
 */
struct issue {
	__u64 request;
	__u64 start_ns; /* tells requests apart that are the same memory; 0: it does not */
	__u64 at_ns; /* 0 until the driver has it */
	__u64 is_wanted;
	struct task_id task;
};

#define PLACES 4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct issue);
} issues SEC(".maps");

/* As a number: no verifier lets anybody multiply a pointer. */
static __always_inline __u64 number_of(struct request *request)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &request);
	return number;
}

static __always_inline struct issue *place_of(__u64 request)
{
	__u32 at = (request * 0x9e3779b97f4a7c15ULL >> 32) % PLACES;

	return bpf_map_lookup_elem(&issues, &at);
}

static __always_inline void note(struct request *of, __u64 at_ns)
{
	__u64 request = number_of(of), start_ns = of->start_time_ns;
	struct issue *issue = place_of(request);

	if (!issue)
		return;
	if (at_ns && start_ns && issue->request == request && issue->start_ns == start_ns) {
		/* It comes out of the queue, or goes to the driver once more. */
		issue->at_ns = at_ns;
		return;
	}
	/* Also of one that is not wanted: it may be the same memory. */
	issue->request = 0;
	barrier();
	issue->start_ns = start_ns;
	issue->at_ns = at_ns;
	issue->is_wanted = is_wanted();
	if (issue->is_wanted)
		name_current(&issue->task);
	barrier();
	issue->request = request;
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

SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *request, int error, unsigned int bytes)
{
	/* Where the queue takes no times it is 0. */
	__u64 now_ns = bpf_ktime_get_ns(), since_ns = request->start_time_ns;
	__u64 least_ns = min_latency_ns ? min_latency_ns : DEFAULT_MIN_LATENCY_NS;
	struct issue *issue;
	struct event *event;
	__u64 number;

	if (since_ns && now_ns - since_ns < least_ns)
		return 0;
	number = number_of(request);
	issue = place_of(number);
	if (issue && (issue->request != number || issue->start_ns != since_ns))
		issue = NULL;
	if (IS_FILTERED && !(issue && issue->is_wanted))
		return 0;
	if (!since_ns) {
		if (!issue || !issue->at_ns)
			return 0;
		since_ns = issue->at_ns;
	}
	if (now_ns - since_ns < least_ns)
		return 0;
	event = begin_event(sizeof(*event));
	if (!event)
		return 0;
	event->device_ns = ABSENT;
	event->task.cgroup = ABSENT;
	event->task.pid = event->task.tid = (__u32)ABSENT;
	event->task.command[0] = 0;
	if (issue) {
		event->task = issue->task;
		if (issue->at_ns)
			event->device_ns = now_ns - issue->at_ns;
	}
	event->device = device_of(request);
	event->operation = operation_of(request);
	event->sector = request->__sector;
	event->bytes = bytes;
	event->took_ns = now_ns - since_ns;
	event->error = error;
	send_event(event);
	return 0;
}

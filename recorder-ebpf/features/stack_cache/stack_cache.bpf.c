// SPDX-License-Identifier: GPL-2.0
/*
 * What misses the last level of the processor's caches: the thread, and the calls that
 * it is in. The hardware counts for us and interrupts when so many have come.
 */
#include "events.h"
#include "sampling.h"
#include "stack.h"

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 cpu;
	__u64 weight;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* Of a thread of the kernel, which has nothing else. */
#define KERNEL_ROW_BYTES __builtin_offsetof(struct row, user)

static __always_inline void fill(struct row *row, struct bpf_perf_event_data *event, __u64 weight)
{
	name_current(&row->task);
	row->cpu = bpf_get_smp_processor_id();
	row->weight = weight;
	put_kernel(row->kernel, event);
}

SEC("perf_event")
int missed(struct bpf_perf_event_data *event)
{
	__u64 misses = event->sample_period, weight;
	struct row *row;

	if (!is_wanted())
		return 0;
	weight = weight_of(0, misses, misses);
	if (!weight)
		return 0;
	if (is_kernel_thread()) {
		row = begin_event(KERNEL_ROW_BYTES);
		if (!row)
			return 0;
		fill(row, event, weight);
		send_event(row);
		return 0;
	}
	row = begin_event(sizeof(*row));
	if (!row)
		return 0;
	fill(row, event, weight);
	put_user(&row->user, event);
	send_event(row);
	return 0;
}

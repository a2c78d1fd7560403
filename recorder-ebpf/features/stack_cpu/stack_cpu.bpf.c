// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUs run, a few times a second: the thread, and the calls that it is in.
 */
#include "events.h"
#include "stack.h"

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 cpu;
	__u64 weight_ns;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* Of a thread of the kernel, which has nothing else. */
#define KERNEL_ROW_BYTES __builtin_offsetof(struct row, user)

static __always_inline void fill(struct row *row, struct bpf_perf_event_data *event)
{
	name_current(&row->task);
	row->cpu = bpf_get_smp_processor_id();
	row->weight_ns = event->sample_period;
	put_kernel(row->kernel, event);
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *event)
{
	struct row *row;

	/* An idle CPU. */
	if (!(bpf_get_current_pid_tgid() >> 32) || !is_wanted())
		return 0;
	if (is_kernel_thread()) {
		row = begin_event(KERNEL_ROW_BYTES);
		if (!row)
			return 0;
		fill(row, event);
		send_event(row);
		return 0;
	}
	row = begin_event(sizeof(*row));
	if (!row)
		return 0;
	fill(row, event);
	put_user(&row->user, event);
	send_event(row);
	return 0;
}

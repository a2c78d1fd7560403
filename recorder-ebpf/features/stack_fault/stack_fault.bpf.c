// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults, some of them: the thread, the address, and the calls that it is in.
 * The kernel counts for us and calls when so many have come.
 */
#define SAMPLINGS KINDS
#include "events.h"
#include "stack.h"

/* The names are in the manifest. */
enum kind {
	MINOR,
	MAJOR,
	KINDS,
};

#include "sampling.h"

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 kind;
	__u64 address;
	__u64 weight;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* Of a thread of the kernel, which has nothing else. */
#define KERNEL_ROW_BYTES __builtin_offsetof(struct row, user)

static __always_inline void fill(struct row *row, struct bpf_perf_event_data *event, enum kind kind,
				 __u64 weight)
{
	name_current(&row->task);
	row->kind = kind;
	row->address = event->addr;
	row->weight = weight;
	put_kernel(row->kernel, event);
}

static __always_inline int sample(struct bpf_perf_event_data *event, enum kind kind)
{
	enum class class = kind == MAJOR ? PRECIOUS : ORDINARY;
	__u64 faults = event->sample_period, weight;
	struct row *row;

	if (!is_wanted())
		return 0;
	weight = weight_of(kind, faults, faults);
	if (!weight)
		return 0;
	if (is_kernel_thread()) {
		row = begin_event_of(class, KERNEL_ROW_BYTES);
		if (!row)
			return 0;
		fill(row, event, kind, weight);
		send_event(row);
		return 0;
	}
	row = begin_event_of(class, sizeof(*row));
	if (!row)
		return 0;
	fill(row, event, kind, weight);
	put_user(&row->user, event);
	send_event(row);
	return 0;
}

SEC("perf_event")
int minor(struct bpf_perf_event_data *event)
{
	return sample(event, MINOR);
}

SEC("perf_event")
int major(struct bpf_perf_event_data *event)
{
	return sample(event, MAJOR);
}

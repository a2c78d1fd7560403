// SPDX-License-Identifier: GPL-2.0
/* Timers of the kernel that were started, by the function that they call. */
#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timer_list {
	void *function;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u64);
} starts SEC(".maps");

SEC("tp_btf/timer_start")
int BPF_PROG(started, struct timer_list *timer)
{
	__u64 function = (__u64)timer->function, zero = 0;
	__u64 *counter = find_or_make(&starts, &function, &zero);

	if (counter)
		count(counter, 1);
	return 0;
}

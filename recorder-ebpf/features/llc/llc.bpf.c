// SPDX-License-Identifier: GPL-2.0
/*
 * References to the last level of the processor's caches, and those that missed,
 * as its counters have them: each stands for so many.
 */
#include <linux/bpf_perf_event.h>
#include "feature.h"

struct counts {
	__u64 references;
	__u64 misses;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

static __always_inline struct counts *counts_here(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct counts zero = {};

	return find_or_make(&counts, &cpu, &zero);
}

SEC("perf_event")
int referenced(struct bpf_perf_event_data *event)
{
	struct counts *here = counts_here();

	if (here)
		count(&here->references, event->sample_period);
	return 0;
}

SEC("perf_event")
int missed(struct bpf_perf_event_data *event)
{
	struct counts *here = counts_here();

	if (here)
		count(&here->misses, event->sample_period);
	return 0;
}

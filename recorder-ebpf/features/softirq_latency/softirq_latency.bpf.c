// SPDX-License-Identifier: GPL-2.0
/*
 * Softirqs: how long they waited from when they were raised until they ran, and
 * how long they ran. One that is raised again while it waits has waited since
 * the first time. All of it happens on one CPU.
 */
#include "histogram.h"

#define VECTORS 10

DENSE_HISTOGRAM(waits);
DENSE_HISTOGRAM(runs);

/* Since when a vector waits on a CPU, and since when it runs. */
struct pending {
	__u64 raised_ns;
	__u64 entered_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VECTORS);
	__type(key, __u32);
	__type(value, struct pending);
} pending SEC(".maps");

static __always_inline void add(void *histogram, __u32 vector, __u64 since_ns, __u64 now_ns)
{
	if (since_ns && now_ns > since_ns && now_ns - since_ns >= min_latency_ns)
		add_dense(histogram, VECTORS, vector, now_ns - since_ns);
}

SEC("tp_btf/softirq_raise")
int BPF_PROG(raised, unsigned int vector)
{
	struct pending *here = bpf_map_lookup_elem(&pending, &vector);

	if (here && !here->raised_ns)
		here->raised_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(entered, unsigned int vector)
{
	struct pending *here = bpf_map_lookup_elem(&pending, &vector);
	__u64 now_ns = bpf_ktime_get_ns();

	if (!here)
		return 0;
	add(&waits, vector, here->raised_ns, now_ns);
	here->raised_ns = 0;
	here->entered_ns = now_ns;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(left, unsigned int vector)
{
	struct pending *here = bpf_map_lookup_elem(&pending, &vector);

	if (!here)
		return 0;
	add(&runs, vector, here->entered_ns, bpf_ktime_get_ns());
	here->entered_ns = 0;
	return 0;
}

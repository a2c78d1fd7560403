// SPDX-License-Identifier: GPL-2.0
/*
 * How long tasks that wanted memory had to free some themselves, because the
 * machine or their control group had none left.
 */
#include "histogram.h"

/* Whose memory was short: the names are in the manifest. */
enum scope {
	MACHINE,
	GROUP,
	SCOPES,
};

DENSE_HISTOGRAM(latencies);

/* By task and scope. */
struct key {
	__u32 pid;
	__u32 scope;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, __u64);
} since SEC(".maps");

static __always_inline void begin(enum scope scope)
{
	struct key key = { .pid = bpf_get_current_pid_tgid(), .scope = scope };
	__u64 now_ns = bpf_ktime_get_ns();

	if (!is_wanted())
		return;
	if (bpf_map_update_elem(&since, &key, &now_ns, BPF_ANY))
		LOSE(map_full);
}

static __always_inline void end(enum scope scope)
{
	struct key key = { .pid = bpf_get_current_pid_tgid(), .scope = scope };
	__u64 *at = bpf_map_lookup_elem(&since, &key), took_ns;

	if (!at)
		return;
	took_ns = bpf_ktime_get_ns() - *at;
	bpf_map_delete_elem(&since, &key);
	if (took_ns >= min_latency_ns)
		add_dense(&latencies, SCOPES, scope, took_ns);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(began)
{
	begin(MACHINE);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(ended)
{
	end(MACHINE);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(began_in_group)
{
	begin(GROUP);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(ended_in_group)
{
	end(GROUP);
	return 0;
}

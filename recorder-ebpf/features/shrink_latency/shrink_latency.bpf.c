// SPDX-License-Identifier: GPL-2.0
/* How long caches of the kernel took to give memory back when they were asked to, by cache. */
#include "histogram.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct shrinker {
	void *scan_objects;
};

#pragma clang attribute pop

struct key {
	__u64 function;
	__u32 bucket;
};

KEYED_HISTOGRAM(buckets, struct key, 2048);

/* A task shrinks one cache at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} since SEC(".maps");

SEC("tp_btf/mm_shrink_slab_start")
int BPF_PROG(started, struct shrinker *shrinker)
{
	__u32 pid = bpf_get_current_pid_tgid();
	__u64 now_ns = bpf_ktime_get_ns();

	if (!is_wanted())
		return 0;
	if (bpf_map_update_elem(&since, &pid, &now_ns, BPF_ANY))
		LOSE(map_full);
	return 0;
}

SEC("tp_btf/mm_shrink_slab_end")
int BPF_PROG(ended, struct shrinker *shrinker)
{
	__u32 pid = bpf_get_current_pid_tgid();
	__u64 *at = bpf_map_lookup_elem(&since, &pid), took_ns;
	struct key key = {};

	if (!at)
		return 0;
	took_ns = bpf_ktime_get_ns() - *at;
	bpf_map_delete_elem(&since, &pid);
	if (took_ns < min_latency_ns)
		return 0;
	key.function = (__u64)shrinker->scan_objects;
	key.bucket = bucket_of(took_ns);
	add_keyed(&buckets, &key);
	return 0;
}

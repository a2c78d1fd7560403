/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since when the current task does something: in the storage of the task, in
 * kernels before 5.12 in a hash map, by its number. There are two programs for
 * each place then, of which a kernel takes one.
 */
#ifndef NODEMON_BPF_SINCE_H
#define NODEMON_BPF_SINCE_H

#include "feature.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} since SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} since_by_pid SEC(".maps");

static __always_inline void begin(void)
{
	__u64 *at = bpf_task_storage_get(&since, bpf_get_current_task_btf(), 0,
					 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (at)
		*at = bpf_ktime_get_ns();
	else
		LOSE(map_full);
}

static __always_inline void begin_by_pid(void)
{
	__u32 pid = bpf_get_current_pid_tgid();
	__u64 now_ns = bpf_ktime_get_ns();

	if (bpf_map_update_elem(&since_by_pid, &pid, &now_ns, BPF_ANY))
		LOSE(map_full);
}

/* How long ago it began, which it does not any more; 0 if it did not. */
static __always_inline __u64 took(__u64 *at)
{
	__u64 since_ns, now_ns;

	if (!at || !*at)
		return 0;
	since_ns = *at;
	*at = 0;
	now_ns = bpf_ktime_get_ns();
	return now_ns > since_ns ? now_ns - since_ns : 1;
}

static __always_inline __u64 end(void)
{
	return took(bpf_task_storage_get(&since, bpf_get_current_task_btf(), 0, 0));
}

static __always_inline __u64 end_by_pid(void)
{
	__u32 pid = bpf_get_current_pid_tgid();

	return took(bpf_map_lookup_elem(&since_by_pid, &pid));
}

#endif

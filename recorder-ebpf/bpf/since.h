/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since when a task does something: in its own storage, and where the kernel
 * has none for tasks (before 5.12) in a map, by its number. The object is
 * built twice; without storage it is the one that is loaded second.
 */
#ifndef NODEMON_BPF_SINCE_H
#define NODEMON_BPF_SINCE_H

#include "feature.h"

#ifdef WITHOUT_STORAGE

struct task_struct___number {
	int pid;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} since SEC(".maps");

#define CURRENT_TASK ((void *)bpf_get_current_task())

static __always_inline __u64 *since_of(void *task)
{
	struct task_struct___number *of = task;
	__u32 number = BPF_CORE_READ(of, pid);

	return bpf_map_lookup_elem(&since, &number);
}

static __always_inline __u64 *since_of_or_new(void *task)
{
	struct task_struct___number *of = task;
	__u32 number = BPF_CORE_READ(of, pid);
	__u64 zero = 0;

	return find_or_make(&since, &number, &zero);
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} since SEC(".maps");

#define CURRENT_TASK ((void *)bpf_get_current_task_btf())

static __always_inline __u64 *since_of(void *task)
{
	return bpf_task_storage_get(&since, task, 0, 0);
}

static __always_inline __u64 *since_of_or_new(void *task)
{
	__u64 *at = bpf_task_storage_get(&since, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!at)
		LOSE(map_full);
	return at;
}

#endif

static __always_inline void begin(void *task)
{
	__u64 *at = since_of_or_new(task);

	if (at)
		*at = bpf_ktime_get_ns();
}

/* How long ago it began, which it does not any more; 0 if it did not. */
static __always_inline __u64 end(void *task)
{
	__u64 *at = since_of(task), since_ns, now_ns;

	if (!at || !*at)
		return 0;
	since_ns = *at;
	*at = 0;
	now_ns = bpf_ktime_get_ns();
	return now_ns > since_ns ? now_ns - since_ns : 1;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since when a task does something: in its own storage, and where the kernel
 * has none for tasks (before 5.12) in a map, by its number. The object is
 * built twice; without storage it is the one that is loaded second.
 */
#ifndef NODEMON_BPF_SINCE_H
#define NODEMON_BPF_SINCE_H

#include "feature.h"

/* What is kept with a task. A program may keep more with it than the time. */
struct since {
	__u64 ns; /* 0 while it does not do it */
#ifdef KEPT_WITH_SINCE
	KEPT_WITH_SINCE
#endif
};

#ifdef WITHOUT_STORAGE

struct task_struct___life {
	int pid;
	__u64 start_time;
} __attribute__((preserve_access_index));

/* Numbers are given again, to tasks that have begun later. */
struct life {
	__u64 start_ns;
	__u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct life);
	__type(value, struct since);
} since SEC(".maps");

#define CURRENT_TASK ((void *)bpf_get_current_task())

static __always_inline struct life life_of(void *task)
{
	struct task_struct___life *of = task;
	struct life life = {
		.start_ns = BPF_CORE_READ(of, start_time),
		.number = BPF_CORE_READ(of, pid),
	};

	return life;
}

static __always_inline struct since *since_of(void *task)
{
	struct life life = life_of(task);

	return bpf_map_lookup_elem(&since, &life);
}

static __always_inline struct since *since_of_or_new(void *task)
{
	struct life life = life_of(task);
	struct since none = {};

	return find_or_make(&since, &life, &none);
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct since);
} since SEC(".maps");

#define CURRENT_TASK ((void *)bpf_get_current_task_btf())

static __always_inline struct since *since_of(void *task)
{
	return bpf_task_storage_get(&since, task, 0, 0);
}

static __always_inline struct since *since_of_or_new(void *task)
{
	struct since *at = bpf_task_storage_get(&since, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!at)
		LOSE(map_full);
	return at;
}

#endif

static __always_inline void begin(void *task)
{
	struct since *at = since_of_or_new(task);

	if (at)
		at->ns = bpf_ktime_get_ns();
}

/* How long ago it began, which it does not any more; 0 if it did not. */
static __always_inline __u64 end_of(struct since *at)
{
	__u64 since_ns, now_ns;

	if (!at || !at->ns)
		return 0;
	since_ns = at->ns;
	at->ns = 0;
	now_ns = bpf_ktime_get_ns();
	return now_ns > since_ns ? now_ns - since_ns : 1;
}

static __always_inline __u64 end(void *task)
{
	return end_of(since_of(task));
}

#endif

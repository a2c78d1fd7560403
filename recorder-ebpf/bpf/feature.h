/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of all features share: settings that the loader puts in,
 * filters, the budget of events, what is counted when something is lost, and
 * the buckets of histograms.
 */
#ifndef NODEMON_BPF_FEATURE_H
#define NODEMON_BPF_FEATURE_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define COMMAND_BYTES 16
#define NS_PER_S 1000000000ULL

char LICENSE[] SEC("license") = "GPL";

/*
 * Settings. They are constants to the verifier, which throws away what a
 * setting of 0 makes unreachable: a filter that is not used costs nothing.
 */

/* CPUs that may ever be there. */
volatile const __u32 cpus = 1;
/* What took less than this is not worth a row. */
volatile const __u64 min_latency_ns = 0;
/* The process, as user space counts them (tgid). */
volatile const __u32 only_pid = 0;
/* A control group (version 2) and how deep it is; those below it belong to it. */
volatile const __u64 only_cgroup = 0;
volatile const __u32 only_cgroup_level = 0;
/* The name of the program, its rest zero. */
volatile const char only_command[COMMAND_BYTES] = {};
/* The number of the network interface. */
volatile const __u32 only_interface = 0;
/* Events of this feature that may be sent in a second. */
volatile const __u64 events_per_s = 1000;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node___ids {
	__u64 id;
};

/* The ancestors are here up to 6.0. */
struct cgroup___ids {
	int level;
	__u64 ancestor_ids[1];
	struct kernfs_node___ids *kn;
};

struct css_set___ids {
	struct cgroup___ids *dfl_cgrp;
};

struct task_struct___ids {
	int pid;
	int tgid;
	char comm[COMMAND_BYTES];
	struct css_set___ids *cgroups;
};

#pragma clang attribute pop

/* Who is in a namespace of control groups does not see how deep they are. */
#define LEVEL_UNKNOWN (~0U)
#define DEEPEST_LEVEL 16

static __always_inline bool is_below_only_cgroup(void)
{
	int level;

#pragma unroll
	for (level = 1; level <= DEEPEST_LEVEL; level++) {
		if (bpf_get_current_ancestor_cgroup_id(level) == only_cgroup)
			return true;
	}
	return false;
}

/*
 * Whether the current task is in the control group that is looked at. Kernels
 * that have no helper for it here have what the helper would read.
 */
static __always_inline bool is_of_only_cgroup(void)
{
	struct task_struct___ids *task;
	struct cgroup___ids *cgroup = NULL;
	__u64 *ids, id = 0;

	if (only_cgroup_level == LEVEL_UNKNOWN)
		return is_below_only_cgroup();
	if (!bpf_core_field_exists(cgroup->ancestor_ids))
		return bpf_get_current_ancestor_cgroup_id(only_cgroup_level) == only_cgroup;
	task = (void *)bpf_get_current_task();
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	if (BPF_CORE_READ(cgroup, level) < (int)only_cgroup_level)
		return false;
	ids = __builtin_preserve_access_index(&cgroup->ancestor_ids[0]);
	bpf_probe_read_kernel(&id, sizeof(id), ids + only_cgroup_level);
	return id == only_cgroup;
}

static __always_inline bool is_only_command(const char *command)
{
	int i;

#pragma unroll
	for (i = 0; i < COMMAND_BYTES; i++) {
		if (command[i] != only_command[i])
			return false;
		if (!command[i])
			break;
	}
	return true;
}

/* Whether the process of the current task is, whatever its name. */
static __always_inline bool is_wanted_process(void)
{
	if (only_pid && bpf_get_current_pid_tgid() >> 32 != only_pid)
		return false;
	return !only_cgroup || is_of_only_cgroup();
}

/* Whether the current task is one of those that are looked at. */
static __always_inline bool is_wanted(void)
{
	char command[COMMAND_BYTES];

	if (!is_wanted_process())
		return false;
	if (!only_command[0])
		return true;
	bpf_get_current_comm(command, sizeof(command));
	return is_only_command(command);
}

/* What did not get to user space, and why. */
struct losses {
	__u64 suppressed; /* events beyond the budget */
	__u64 ring_full; /* events for which the ring had no room */
	__u64 map_full; /* what found no place in a map */
	__u64 suppressed_precious; /* events beyond the budget of those that may not be crowded out */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct losses);
} losses SEC(".maps");

static __always_inline void lose(__u64 offset)
{
	__u32 zero = 0;
	void *count = bpf_map_lookup_elem(&losses, &zero);

	if (count)
		__sync_fetch_and_add((__u64 *)(count + offset), 1);
}

#define LOSE(what) lose(offsetof(struct losses, what))
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

/* The value of a key, made with zeros where there is none yet. */
static __always_inline void *find_or_make(void *map, const void *key, const void *zeros)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	bpf_map_update_elem(map, key, zeros, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (!value)
		LOSE(map_full);
	return value;
}

static __always_inline void count(__u64 *counter, __u64 more)
{
	__sync_fetch_and_add(counter, more);
}

/* Who did it. Rows of events begin with it. */
struct task_id {
	__u64 cgroup; /* its number in the hierarchy of version 2 */
	__u32 pid;
	__u32 tid;
	char command[COMMAND_BYTES];
};

/* Copies the name of a task that the verifier knows to be one. */
static __always_inline void copy_command(char *to, const void *of)
{
	const struct task_struct___ids *task = of;
	const __u64 *from = __builtin_preserve_access_index((const void *)&task->comm);

	((__u32 *)to)[0] = (__u32)from[0];
	((__u32 *)to)[1] = from[0] >> 32;
	((__u32 *)to)[2] = (__u32)from[1];
	((__u32 *)to)[3] = from[1] >> 32;
}

/* Read in place where the kernel lets programs do so (5.11): a third of what the helpers take. */
static __always_inline void name_current(struct task_id *named)
{
	struct task_struct___ids *task;
	__u64 pid_tgid;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = (void *)bpf_get_current_task_btf();
		named->cgroup = task->cgroups->dfl_cgrp->kn->id;
		named->pid = task->tgid;
		named->tid = task->pid;
		copy_command(named->command, task);
		return;
	}
	pid_tgid = bpf_get_current_pid_tgid();
	named->cgroup = bpf_get_current_cgroup_id();
	named->pid = pid_tgid >> 32;
	named->tid = (__u32)pid_tgid;
	bpf_get_current_comm(named->command, sizeof(named->command));
}

#endif

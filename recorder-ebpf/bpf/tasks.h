/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks other than the current one, as rows of events name them. */
#ifndef NODEMON_BPF_TASKS_H
#define NODEMON_BPF_TASKS_H

#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node___id {
	__u64 id;
};

struct cgroup___kn {
	struct kernfs_node___id *kn;
};

struct css_set___cgroup {
	struct cgroup___kn *dfl_cgrp;
};

struct task_struct___cgroup {
	struct css_set___cgroup *cgroups;
};

#pragma clang attribute pop

/* The number of a task's control group in the hierarchy of version 2. */
static __always_inline __u64 cgroup_of(const void *task)
{
	const struct task_struct___cgroup *of = task;

	return BPF_CORE_READ(of, cgroups, dfl_cgrp, kn, id);
}

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Control groups of version 2 that are made and removed: what the numbers of
 * those are called that nobody saw while they were there.
 */
#include "events.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cgroup_root {
	int hierarchy_id;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct cgroup_root *root;
	struct kernfs_node *kn;
	int level;
};

#pragma clang attribute pop

/* The hierarchy of version 2. */
#define UNIFIED 0
#define PATH_BYTES 512

/* The names are in the manifest. */
enum kind {
	MADE,
	REMOVED,
};

struct event {
	__u64 time_ns;
	__u32 kind;
	struct task_id task __attribute__((aligned(8)));
	__u64 group;
	__u32 level;
	char path[PATH_BYTES];
};

static __always_inline void tell(enum kind kind, struct cgroup *group, const char *path)
{
	struct event *event;

	if (group->root->hierarchy_id != UNIFIED || !is_wanted())
		return;
	event = begin_event_of(kind == MADE ? PRECIOUS : ORDINARY, sizeof(*event));
	if (!event)
		return;
	event->kind = kind;
	name_current(&event->task);
	event->group = group->kn->id;
	event->level = group->level;
	event->path[0] = 0;
	bpf_probe_read_kernel_str(event->path, sizeof(event->path), path);
	send_event(event);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(made, struct cgroup *group, const char *path)
{
	tell(MADE, group, path);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(removed, struct cgroup *group, const char *path)
{
	tell(REMOVED, group, path);
	return 0;
}

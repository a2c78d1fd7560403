/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was seen at the last pass. Both passes walk through the same threads in
 * the same order, but for a few that came or went: so what is remembered is a
 * list in that order, read from front to back while the next one is written. A
 * thread is known again by where its structure is and by its run time, without
 * its number being looked at.
 */
#ifndef NODEMON_BPF_PROCESS_SEEN_H
#define NODEMON_BPF_PROCESS_SEEN_H

/* What changes without the process running is looked at this often. */
volatile const __u64 refresh_ns = 10000000000ULL;
/* Threads that are remembered. Those beyond write a row each time. */
volatile const __u32 slots = 1024;

#define NEVER (~0ULL)
/* Threads that ended which are passed over at once. */
#define STEPS 64

struct slot {
	__u64 task;
	__u64 cpu_ns;
	__u64 refresh_at_ns;
	__u32 number;
	__u32 kind;
};

/* Two lists, which take turns. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct slot);
} seen SEC(".maps");

static __always_inline struct slot *slot_at(__u32 half, __u32 place)
{
	__u32 at = half * slots + place;

	return bpf_map_lookup_elem(&seen, &at);
}

/* What was seen of a thread, or NULL. */
static __always_inline struct slot *find_last(struct task_struct *task, __u64 address)
{
	__u32 number = 0;
	int step;

	for (step = 0; step < STEPS; step++) {
		struct slot *slot;

		if (pass.last_at >= pass.last_count)
			return NULL;
		slot = slot_at(!pass.half, pass.last_at);
		if (!slot)
			return NULL;
		if (slot->task == address) {
			pass.last_at++;
			return slot;
		}
		/* It is new, or those in between have ended. */
		if (!number)
			number = task->pid;
		if (slot->number >= number)
			return NULL;
		pass.last_at++;
	}
	return NULL;
}

/*
 * What the buffer has no room for is asked for once more, finds nothing as it
 * stands here already, and so writes its whole row.
 */
static __always_inline void keep(struct slot *now)
{
	struct slot *slot;

	if (pass.count >= slots)
		return;
	slot = slot_at(pass.half, pass.count);
	if (!slot)
		return;
	*slot = *now;
	pass.count++;
}

/* Spread over time by pid. */
static __always_inline __u64 next_refresh(struct slot *last, __u32 number)
{
	__u64 spread_ns = last ? 0 : refresh_ns / 16 * (number & 15);

	return pass.now_ns + refresh_ns - spread_ns;
}

#endif

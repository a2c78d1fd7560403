// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that the kernel killed because memory ran out, on the machine or in
 * a control group: which one, what it had, and who asked for memory when none
 * was left.
 */
#include <asm/ptrace.h>
#include "events.h"
#include "tasks.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct percpu_counter {
	__s64 count;
};

struct mm_struct {
	unsigned long total_vm;
	struct percpu_counter rss_stat[4]; /* from 6.2 */
};

typedef struct {
	long counter;
} atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
};

/* Before 6.2. */
struct mm_struct___count {
	struct mm_rss_stat rss_stat;
};

struct signal_struct {
	short oom_score_adj;
};

struct task_struct {
	int pid;
	int tgid;
	struct mm_struct *mm;
	struct signal_struct *signal;
	char comm[COMMAND_BYTES];
};

#pragma clang attribute pop

/* What a counter of resident memory counts. */
enum kind {
	FILE,
	ANONYMOUS,
	SWAPPED,
	SHARED,
};

struct event {
	__u64 time_ns;
	struct task_id task;
	__u32 victim;
	char command[COMMAND_BYTES] __attribute__((aligned(4)));
	__s32 score_adj;
	__u64 cgroup;
	__u64 virtual_pages;
	__u64 anonymous_pages;
	__u64 file_pages;
	__u64 shared_pages;
	__u64 swapped_pages;
};

#define BYTES_WITHOUT_TASK offsetof(struct event, command)

/*
 * CPUs add to a counter in batches, so it may be a little off, and below zero.
 * The kernel's own may be larger than those here, so the index is not left to
 * the compiler. Each branch reads: what one kernel lacks is not to be computed
 * before it is known which this is.
 */
static __always_inline __u64 pages(struct mm_struct *mm, enum kind kind)
{
	struct mm_struct___count *before = (void *)mm;
	__s64 count = 0;

	if (bpf_core_type_exists(struct mm_rss_stat))
		bpf_probe_read_kernel(&count, sizeof(count),
				      (void *)&before->rss_stat.count + kind * sizeof(long));
	else
		bpf_probe_read_kernel(&count, sizeof(count),
				      (void *)&mm->rss_stat +
					      kind * bpf_core_type_size(struct percpu_counter) +
					      bpf_core_field_offset(struct percpu_counter, count));
	return count < 0 ? 0 : count;
}

static __always_inline void tell(struct task_struct *victim)
{
	struct event *event = begin_event(sizeof(*event));
	struct mm_struct *mm;

	if (!event)
		return;
	name_current(&event->task);
	mm = BPF_CORE_READ(victim, mm);
	event->victim = BPF_CORE_READ(victim, tgid);
	BPF_CORE_READ_INTO(&event->command, victim, comm);
	event->score_adj = BPF_CORE_READ(victim, signal, oom_score_adj);
	event->cgroup = cgroup_of(victim);
	event->virtual_pages = BPF_CORE_READ(mm, total_vm);
	event->anonymous_pages = pages(mm, ANONYMOUS);
	event->file_pages = pages(mm, FILE);
	event->shared_pages = pages(mm, SHARED);
	event->swapped_pages = pages(mm, SWAPPED);
	send_event(event);
}

SEC("tp_btf/mark_victim")
int BPF_PROG(marked, struct task_struct *victim)
{
	/* Refused where the tracepoint only has a number. */
	if (victim->tgid)
		tell(victim);
	return 0;
}

SEC("fentry/mark_oom_victim")
int BPF_PROG(marked_by_function, struct task_struct *victim)
{
	tell(victim);
	return 0;
}

SEC("kprobe/mark_oom_victim")
int BPF_KPROBE(marked_by_probe, struct task_struct *victim)
{
	tell(victim);
	return 0;
}

/* Of the victim only the number of its first thread is told. */
SEC("tp_btf/mark_victim")
int BPF_PROG(marked_by_pid, __u64 victim)
{
	struct event *event;

	/* What no verifier lets anybody do to a pointer. */
	asm volatile("%0 <<= 0" : "+r"(victim));
	event = begin_event(BYTES_WITHOUT_TASK);
	if (!event)
		return 0;
	name_current(&event->task);
	event->victim = victim;
	send_event(event);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * How long calls of functions took, from when they were called until they returned.
 *
 * Each thread has a stack of the calls that it is in, as the kernel has of those whose
 * return it waits for. A call is known by where the stack pointer was: what lies deeper
 * than a call that begins or returns has been left without a return (longjmp(3)), and
 * so has what lies there as well, unless that made this call as the last that it did. It
 * all goes when its thread ends.
 */
#include <asm/ptrace.h>
#include "histogram.h"

/* The kernel waits for no more returns of a thread (MAX_URETPROBE_DEPTH). A power of two. */
#define MOST_CALLS 64

/* What a return takes off the stack. */
#if defined(__TARGET_ARCH_x86)
#define RETURN_BYTES 8
#else
#define RETURN_BYTES 0
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xol_area___trampoline {
	unsigned long vaddr;
};

struct uprobes_state___trampoline {
	struct xol_area___trampoline *xol_area;
};

struct mm_struct___trampoline {
	struct uprobes_state___trampoline uprobes_state;
};

struct task_struct___trampoline {
	struct mm_struct___trampoline *mm;
};

#pragma clang attribute pop

struct key {
	__u32 function;
	__u32 pid;
	__u32 bucket;
};

KEYED_HISTOGRAM(buckets, struct key, 8192);

struct call {
	__u64 sp;
	__u64 begun_ns;
	__u64 function;
};

struct calls {
	__u64 depth;
	struct call of[MOST_CALLS];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct calls);
} calls_of_thread SEC(".maps");

/* The call that so many are around. */
static __always_inline struct call *call_at(struct calls *calls, __u64 depth)
{
	return &calls->of[depth & (MOST_CALLS - 1)];
}

/* How many calls are left of those that there were, without those that are deeper than `sp`. */
static __always_inline __u64 depth_at(struct calls *calls, __u64 sp)
{
	__u64 depth = calls->depth;
	int i;

	for (i = 0; i < MOST_CALLS; i++) {
		if (!depth || call_at(calls, depth - 1)->sp >= sp)
			break;
		depth--;
	}
	return depth;
}

/* Where the kernel has calls return to whose return it waits for; 0 where that is not known. */
static __always_inline __u64 trampoline(void)
{
	struct task_struct___trampoline *task = (void *)bpf_get_current_task();
	struct xol_area___trampoline *area = NULL;

	if (!bpf_core_field_exists(area->vaddr))
		return 0;
	area = BPF_CORE_READ(task, mm, uprobes_state.xol_area);
	return area ? BPF_CORE_READ(area, vaddr) : 0;
}

/* Whether a call that begins returns where another one will that is in progress. */
static __always_inline bool is_last_of_another(struct pt_regs *regs)
{
	__u64 returns_to = 0, at = trampoline();

#if defined(__TARGET_ARCH_x86)
	bpf_probe_read_user(&returns_to, sizeof(returns_to), (void *)PT_REGS_SP(regs));
#else
	returns_to = PT_REGS_RET(regs);
#endif
	return !at || returns_to == at;
}

SEC("uprobe")
int called(struct pt_regs *regs)
{
	__u64 sp = PT_REGS_SP(regs), depth;
	struct calls *calls;
	struct call *call;

	if (!is_wanted())
		return 0;
	calls = bpf_task_storage_get(&calls_of_thread, bpf_get_current_task_btf(), 0,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!calls) {
		LOSE(map_full);
		return 0;
	}
	depth = depth_at(calls, sp);
	if (depth && call_at(calls, depth - 1)->sp == sp && !is_last_of_another(regs))
		depth = depth_at(calls, sp + 1);
	if (depth >= MOST_CALLS) {
		LOSE(map_full);
		return 0;
	}
	call = call_at(calls, depth);
	call->sp = sp;
	call->function = bpf_get_attach_cookie(regs);
	calls->depth = depth + 1;
	call->begun_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("uretprobe")
int returned(struct pt_regs *regs)
{
	__u64 now_ns = bpf_ktime_get_ns(), sp = PT_REGS_SP(regs) - RETURN_BYTES, took_ns, depth;
	struct key key = {};
	struct calls *calls;
	struct call *call;

	calls = bpf_task_storage_get(&calls_of_thread, bpf_get_current_task_btf(), 0, 0);
	/* It is not looked at, or was forked within the call. */
	if (!calls)
		return 0;
	key.function = bpf_get_attach_cookie(regs);
	depth = depth_at(calls, sp);
	calls->depth = depth;
	if (!depth)
		goto unknown;
	call = call_at(calls, depth - 1);
	if (call->sp != sp || call->function != key.function)
		goto unknown;
	calls->depth = depth - 1;
	took_ns = now_ns > call->begun_ns ? now_ns - call->begun_ns : 1;
	if (took_ns < min_latency_ns)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.bucket = bucket_of(took_ns);
	add_keyed(&buckets, &key);
	return 0;
unknown:
	LOSE(map_full);
	return 0;
}

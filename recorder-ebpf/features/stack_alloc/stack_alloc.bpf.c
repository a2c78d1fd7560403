// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a process has allocated and not freed, some of it in proportion to its
 * size, with the calls that wanted it. What was chosen is sent at once, and stands in
 * `live` as long as it is not freed: user space tells it when it has stood there for
 * long enough.
 */
#include <asm/ptrace.h>
#include "events.h"
#include "sampling.h"
#include "stack.h"

/* A byte of so many is chosen, or of more where that is too often. */
#define LEAST_T_BYTES (512ULL << 10)

/* What a return takes off the stack. */
#if defined(__TARGET_ARCH_x86)
#define RETURN_BYTES 8
#else
#define RETURN_BYTES 0
#endif

/* What a thread has asked for; an allocator calls itself for that. */
struct wanted {
	__u64 sp; /* 0: nothing */
	__u64 bytes;
	__u64 weight; /* 0: it was not chosen */
	__u64 into; /* where the address will be, if it is not returned */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wanted);
} wanted_by SEC(".maps");

/* By address, the time of its row. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} live SEC(".maps");

struct row {
	__u64 time_ns;
	struct task_id task;
	__u64 address;
	__u64 size_bytes;
	__u64 weight_bytes;
	__u64 age_ns; /* user space knows */
	struct user_stack user;
};

static __always_inline void want(struct pt_regs *regs, __u64 bytes, __u64 into)
{
	__u64 sp = PT_REGS_SP(regs);
	struct wanted *wanted;

	if (!is_wanted())
		return;
	wanted = bpf_task_storage_get(&wanted_by, bpf_get_current_task_btf(), 0,
				      BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!wanted) {
		LOSE(map_full);
		return;
	}
	if (wanted->sp && sp < wanted->sp)
		return;
	wanted->sp = sp;
	wanted->bytes = bytes;
	wanted->into = into;
	wanted->weight = bytes ? weight_of(0, bytes, LEAST_T_BYTES) : 0;
}

SEC("uprobe")
int allocates(struct pt_regs *regs)
{
	want(regs, PT_REGS_PARM1(regs), 0);
	return 0;
}

SEC("uprobe")
int allocates_many(struct pt_regs *regs)
{
	want(regs, PT_REGS_PARM1(regs) * PT_REGS_PARM2(regs), 0);
	return 0;
}

SEC("uprobe")
int allocates_aligned(struct pt_regs *regs)
{
	want(regs, PT_REGS_PARM2(regs), 0);
	return 0;
}

SEC("uprobe")
int allocates_into(struct pt_regs *regs)
{
	want(regs, PT_REGS_PARM3(regs), PT_REGS_PARM1(regs));
	return 0;
}

static __always_inline void forget(__u64 address)
{
	if (address)
		bpf_map_delete_elem(&live, &address);
}

/* The old one goes now: another thread may have its address before this one returns. */
SEC("uprobe")
int allocates_again(struct pt_regs *regs)
{
	forget(PT_REGS_PARM1(regs));
	want(regs, PT_REGS_PARM2(regs), 0);
	return 0;
}

SEC("uprobe")
int frees(struct pt_regs *regs)
{
	forget(PT_REGS_PARM1(regs));
	return 0;
}

static __always_inline void tell(const struct wanted *wanted, __u64 address)
{
	struct row *row = begin_event(sizeof(*row));
	__u64 time_ns;

	if (!row)
		return;
	time_ns = row->time_ns;
	if (bpf_map_update_elem(&live, &address, &time_ns, BPF_ANY)) {
		LOSE(map_full);
		bpf_ringbuf_discard(row, BPF_RB_NO_WAKEUP);
		return;
	}
	name_current(&row->task);
	row->address = address;
	row->size_bytes = wanted->bytes;
	row->weight_bytes = wanted->weight;
	row->age_ns = 0;
	put_user(&row->user, NULL);
	send_event(row);
}

SEC("uretprobe")
int allocated(struct pt_regs *regs)
{
	__u64 sp = PT_REGS_SP(regs) - RETURN_BYTES, address = PT_REGS_RC(regs);
	struct wanted *wanted;
	bool is_it;

	wanted = bpf_task_storage_get(&wanted_by, bpf_get_current_task_btf(), 0, 0);
	if (!wanted || !wanted->sp || sp < wanted->sp)
		return 0;
	is_it = sp == wanted->sp;
	wanted->sp = 0;
	if (!is_it || !wanted->weight)
		return 0;
	if (wanted->into) {
		/* It returns why it failed. */
		if (address || bpf_probe_read_user(&address, sizeof(address), (void *)wanted->into))
			return 0;
	}
	if (address)
		tell(wanted, address);
	return 0;
}

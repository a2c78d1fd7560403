// SPDX-License-Identifier: GPL-2.0
/* How long system calls took, by number, from when they were called until they returned. */
#include "histogram.h"
#include "since.h"
#include "syscalls.h"

struct key {
	__u32 number;
	__u32 bucket;
};

KEYED_HISTOGRAM(buckets, struct key, 8192);

static __always_inline void returned_after(__u64 took_ns, struct pt_regs___kernel *regs)
{
	struct key key = {};

	if (!took_ns || took_ns < min_latency_ns)
		return;
	key.number = number_of(regs);
	key.bucket = bucket_of(took_ns);
	add_keyed(&buckets, &key);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(entered, struct pt_regs___kernel *regs, long number)
{
	if (is_wanted())
		begin(CURRENT_TASK);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	returned_after(end(CURRENT_TASK), regs);
	return 0;
}

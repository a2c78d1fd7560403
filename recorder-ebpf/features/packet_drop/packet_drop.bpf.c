// SPDX-License-Identifier: GPL-2.0
/* Packets that the kernel dropped, by its reason. */
#include "feature.h"

/* What kernels before 5.17 do not say. */
#define NOT_SPECIFIED 2

struct sk_buff;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

static __always_inline void drop(__u32 reason)
{
	__u64 zero = 0, *counter = find_or_make(&drops, &reason, &zero);

	if (counter)
		count(counter, 1);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped, struct sk_buff *packet, void *location, __u32 reason)
{
	drop(reason);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped_somehow, struct sk_buff *packet, void *location)
{
	drop(NOT_SPECIFIED);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* TCP segments that were sent again, by what state their connection was in. */
#include "socket.h"

enum version {
	VERSION_4,
	VERSION_6,
};

struct key {
	__u8 version;
	__u8 state;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, __u64);
} retransmits SEC(".maps");

static __always_inline void add(struct sock *socket, __u8 state)
{
	struct key key = { .state = state };
	__u64 zero = 0, *counter;

	if (!is_of_wanted_cgroup(socket))
		return;
	if (socket->__sk_common.skc_family == AF_INET6)
		key.version = VERSION_6;
	counter = find_or_make(&retransmits, &key, &zero);
	if (counter)
		count(counter, 1);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(segment, struct sock *socket)
{
	add(socket, socket->__sk_common.skc_state);
	return 0;
}

/* By the listener: there is no connection yet. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(syn_ack, struct sock *socket)
{
	add(socket, TCP_SYN_RECV);
	return 0;
}

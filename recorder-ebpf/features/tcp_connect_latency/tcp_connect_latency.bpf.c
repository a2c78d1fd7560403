// SPDX-License-Identifier: GPL-2.0
/*
 * How long it took to connect: from the SYN until the connection was
 * established, or until it was not to be.
 */
#include "histogram.h"
#include "socket.h"

/* The names are in the manifest. */
enum result {
	ESTABLISHED,
	FAILED,
	RESULTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} began SEC(".maps");

DENSE_HISTOGRAM(latencies);

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(changed, struct sock *socket, int from, int to)
{
	__u64 key = (__u64)socket, now_ns, *at;

	/* Everything else is no concern of this: it is the first thing that is found out. */
	if (to != TCP_SYN_SENT && from != TCP_SYN_SENT)
		return 0;
	if (socket->sk_protocol != IPPROTO_TCP)
		return 0;
	now_ns = bpf_ktime_get_ns();
	if (to == TCP_SYN_SENT) {
		if (is_wanted() && bpf_map_update_elem(&began, &key, &now_ns, BPF_ANY))
			LOSE(map_full);
		return 0;
	}
	at = bpf_map_lookup_elem(&began, &key);
	if (!at)
		return 0;
	now_ns -= *at;
	bpf_map_delete_elem(&began, &key);
	if (now_ns >= min_latency_ns)
		add_dense(&latencies, RESULTS, to == TCP_ESTABLISHED ? ESTABLISHED : FAILED,
			  now_ns);
	return 0;
}

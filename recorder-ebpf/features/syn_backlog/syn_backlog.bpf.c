// SPDX-License-Identifier: GPL-2.0
/*
 * How many connections wait in the queues of listeners whenever one more is
 * established: those that wait to be accepted, with the one that has come, and
 * those whose handshake is not over.
 */
#include "histogram.h"
#include "socket.h"

/* The names are in the manifest. */
enum queue {
	ACCEPT,
	SYN,
};

struct key {
	__u16 port;
	__u8 queue;
	__u8 unused;
	__u32 bucket;
};

KEYED_HISTOGRAM(waiting, struct key, 4096);

static __always_inline void add(__u16 port, __u8 queue, __u32 length)
{
	struct key key = { .port = port, .queue = queue, .bucket = bucket_of(length) };

	add_keyed(&waiting, &key);
}

/* Before the one that has come is counted. */
SEC("fentry/inet_csk_complete_hashdance")
int BPF_PROG(queued, struct sock *listener)
{
	struct inet_connection_sock *socket = (void *)listener;
	__u16 port = listener->__sk_common.skc_num;

	if (!is_of_wanted_cgroup(listener))
		return 0;
	add(port, ACCEPT, listener->sk_ack_backlog + 1);
	add(port, SYN, BPF_CORE_READ(socket, icsk_accept_queue.qlen.counter));
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(ready, struct sock *listener)
{
	struct inet_connection_sock *socket = (void *)listener;
	__u16 port;

	if (listener->__sk_common.skc_state != TCP_LISTEN || listener->sk_protocol != IPPROTO_TCP ||
	    !is_of_wanted_cgroup(listener))
		return 0;
	port = listener->__sk_common.skc_num;
	add(port, ACCEPT, listener->sk_ack_backlog);
	add(port, SYN, BPF_CORE_READ(socket, icsk_accept_queue.qlen.counter));
	return 0;
}

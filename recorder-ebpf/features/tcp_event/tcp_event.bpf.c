// SPDX-License-Identifier: GPL-2.0
/*
 * Every change of the state of a TCP connection. Those that somebody makes say
 * who; those that a packet makes say nobody, for whoever ran when it came has
 * nothing to do with it.
 */
#include "events.h"
#include "socket.h"

struct event {
	__u64 time_ns;
	struct task_id task;
	__u32 from;
	__u32 to;
	struct endpoint local;
	struct endpoint remote;
};

static __always_inline bool is_of_task(int from, int to)
{
	switch (to) {
	case TCP_SYN_SENT:
	case TCP_LISTEN:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		return true;
	default:
		return from == TCP_LISTEN;
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(changed, struct sock *socket, int from, int to)
{
	bool has_task = is_of_task(from, to);
	struct tcp_sock *tcp;
	struct event *event;

	if (socket->sk_protocol != IPPROTO_TCP || !is_of_wanted_cgroup(socket))
		return 0;
	if (has_task ? !is_wanted() : only_pid || only_command[0])
		return 0;
	tcp = bpf_skc_to_tcp_sock(socket);
	if (!tcp)
		return 0;
	event = begin_event(sizeof(*event));
	if (!event)
		return 0;
	if (has_task) {
		name_current(&event->task);
	} else {
		event->task.pid = event->task.tid = ~0U;
		__builtin_memset(event->task.command, 0, COMMAND_BYTES);
	}
	event->task.cgroup = cgroup_id_of(socket);
	event->from = from;
	event->to = to;
	put_local(&event->local, &socket->__sk_common,
		  bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport));
	put_remote(&event->remote, &socket->__sk_common);
	send_event(event);
	return 0;
}

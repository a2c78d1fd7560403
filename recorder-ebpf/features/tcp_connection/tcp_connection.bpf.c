// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections and listeners: what they are like whenever somebody looks,
 * and what became of those that have ended.
 *
 * A socket does not say whose it is. That is learnt when it connects or
 * listens, and of a connection that was accepted when somebody reads from it;
 * and once, at the start, of all that are open.
 */
#include "events.h"
#include "socket.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct task_struct {
	int pid;
	int tgid;
	char comm[COMMAND_BYTES];
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

#define ABSENT (~0ULL)
#define S_IFMT 0170000
#define S_IFSOCK 0140000
/* No threshold yet. */
#define TCP_INFINITE_SSTHRESH 0x7fffffff

/* The names are in the manifest. */
enum direction {
	CONNECTED,
	ACCEPTED,
	LISTENING,
	UNKNOWN,
};

struct owner {
	__u64 since_ns; /* CLOCK_BOOTTIME; 0 when it was there before */
	__u32 pid;
	__u32 tid;
	char command[COMMAND_BYTES];
	__u32 direction;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct owner);
} owners SEC(".maps");

/* Ports on which somebody listens, or did: connections of before tell by them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u16);
	__type(value, __u8);
} listened SEC(".maps");

struct connection {
	struct endpoint local;
	struct endpoint remote;
	__u64 inode;
	struct task_id task;
	__u32 direction;
	__u32 state;
	__u64 age_ns;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 retransmits;
	__u32 srtt_us;
	__u32 mdev_us;
	__u32 cwnd;
	__u32 ssthresh;
	__u32 snd_wnd;
	__u32 rcv_wnd;
	__u32 snd_buf;
	__u32 rcv_buf;
	__u32 queued;
	__u32 unread;
	__u32 mss;
	__u32 accept_queue;
	__u32 accept_limit;
	__u32 syn_queue;
};

struct closed {
	__u64 time_ns;
	__u32 direction;
	struct task_id task __attribute__((aligned(8)));
	struct endpoint local;
	struct endpoint remote;
	__u32 state;
	__s32 error;
	__u64 lived_ns;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 retransmits;
	__u32 srtt_us;
	__u32 mss;
};

static __always_inline bool is_of_wanted_task(const struct owner *owner)
{
	int i;

	if (only_pid && (!owner || owner->pid != only_pid))
		return false;
	if (only_command[0]) {
		if (!owner)
			return false;
#pragma unroll
		for (i = 0; i < COMMAND_BYTES; i++) {
			if (owner->command[i] != only_command[i])
				return false;
			if (!owner->command[i])
				break;
		}
	}
	return true;
}

static __always_inline void name_owner(struct task_id *task, const struct owner *owner,
				       struct sock *socket)
{
	task->cgroup = cgroup_id_of(socket);
	if (owner) {
		task->pid = owner->pid;
		task->tid = owner->tid;
		__builtin_memcpy(task->command, owner->command, COMMAND_BYTES);
	} else {
		task->pid = task->tid = ~0U;
		__builtin_memset(task->command, 0, COMMAND_BYTES);
	}
}

static __always_inline __u32 direction_of(const struct owner *owner, __u16 port)
{
	if (owner && owner->direction != UNKNOWN)
		return owner->direction;
	return bpf_map_lookup_elem(&listened, &port) ? ACCEPTED : CONNECTED;
}

static __always_inline void begin(struct sock *socket, __u32 direction)
{
	struct owner owner = { .since_ns = bpf_ktime_get_boot_ns(), .direction = direction };
	__u64 key = (__u64)socket;

	if (direction == ACCEPTED) {
		/* Whoever runs now has nothing to do with it. */
		owner.pid = owner.tid = ~0U;
	} else {
		owner.pid = bpf_get_current_pid_tgid() >> 32;
		owner.tid = (__u32)bpf_get_current_pid_tgid();
		bpf_get_current_comm(owner.command, sizeof(owner.command));
	}
	if (direction == LISTENING) {
		__u16 port = socket->__sk_common.skc_num;
		__u8 yes = 1;

		bpf_map_update_elem(&listened, &port, &yes, BPF_ANY);
	}
	bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
}

static __always_inline void end(struct sock *socket, int state)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);
	__u64 key = (__u64)socket;
	struct closed *closed;
	struct owner *owner;
	__u16 port;

	if (!tcp)
		return;
	owner = bpf_map_lookup_elem(&owners, &key);
	if (!is_of_wanted_task(owner) || !is_of_wanted_cgroup(socket))
		return;
	closed = begin_event(sizeof(*closed));
	if (!closed)
		return;
	port = bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport);
	closed->direction = direction_of(owner, port);
	name_owner(&closed->task, owner, socket);
	put_local(&closed->local, &socket->__sk_common, port);
	put_remote(&closed->remote, &socket->__sk_common);
	closed->state = state;
	closed->error = -socket->sk_err;
	closed->lived_ns = ABSENT;
	if (owner && owner->since_ns)
		closed->lived_ns = closed->time_ns - owner->since_ns;
	closed->bytes_acked = tcp->bytes_acked;
	closed->bytes_received = tcp->bytes_received;
	closed->retransmits = tcp->total_retrans;
	closed->srtt_us = tcp->srtt_us ? tcp->srtt_us >> 3 : ~0U;
	closed->mss = tcp->mss_cache;
	send_event(closed);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(changed, struct sock *socket, int from, int to)
{
	__u64 key = (__u64)socket;

	if (socket->sk_protocol != IPPROTO_TCP)
		return 0;
	switch (to) {
	case TCP_SYN_SENT:
		begin(socket, CONNECTED);
		break;
	case TCP_LISTEN:
		begin(socket, LISTENING);
		break;
	case TCP_ESTABLISHED:
		if (from == TCP_SYN_RECV)
			begin(socket, ACCEPTED);
		break;
	case TCP_CLOSE:
		if (from != TCP_LISTEN)
			end(socket, from);
		bpf_map_delete_elem(&owners, &key);
		break;
	}
	return 0;
}

/* Somebody has read from it. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(read_from, struct sock *socket)
{
	struct owner unknown = { .direction = UNKNOWN }, *owner;
	__u64 key = (__u64)socket;

	owner = bpf_map_lookup_elem(&owners, &key);
	if (owner && owner->pid != ~0U)
		return 0;
	if (!owner) {
		bpf_map_update_elem(&owners, &key, &unknown, BPF_NOEXIST);
		owner = bpf_map_lookup_elem(&owners, &key);
		if (!owner)
			return 0;
	}
	owner->pid = bpf_get_current_pid_tgid() >> 32;
	owner->tid = (__u32)bpf_get_current_pid_tgid();
	bpf_get_current_comm(owner->command, sizeof(owner->command));
	return 0;
}

SEC("iter/task_file")
int is_open(struct bpf_iter__task_file *at)
{
	struct owner owner = { .direction = UNKNOWN };
	struct task_struct *task = at->task;
	struct file *file = at->file;
	struct socket *socket;
	struct sock *sock;
	__u64 key;

	if (!task || !file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sock = socket ? BPF_CORE_READ(socket, sk) : NULL;
	if (!sock || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (BPF_CORE_READ(sock, __sk_common.skc_family) != AF_INET &&
	    BPF_CORE_READ(sock, __sk_common.skc_family) != AF_INET6)
		return 0;
	key = (__u64)sock;
	owner.pid = BPF_CORE_READ(task, tgid);
	owner.tid = BPF_CORE_READ(task, pid);
	BPF_CORE_READ_INTO(&owner.command, task, comm);
	if (BPF_CORE_READ(sock, __sk_common.skc_state) == TCP_LISTEN) {
		__u16 port = BPF_CORE_READ(sock, __sk_common.skc_num);
		__u8 yes = 1;

		owner.direction = LISTENING;
		bpf_map_update_elem(&listened, &port, &yes, BPF_ANY);
	}
	bpf_map_update_elem(&owners, &key, &owner, BPF_NOEXIST);
	return 0;
}

static __always_inline void put_listener(struct connection *row, struct tcp_sock *tcp)
{
	struct inet_connection_sock *socket = &tcp->inet_conn;

	row->accept_queue = socket->icsk_inet.sk.sk_ack_backlog;
	row->accept_limit = socket->icsk_inet.sk.sk_max_ack_backlog;
	row->syn_queue = socket->icsk_accept_queue.qlen.counter;
	row->bytes_acked = row->bytes_received = row->retransmits = ABSENT;
	row->srtt_us = row->mdev_us = row->cwnd = row->ssthresh = ~0U;
	row->snd_wnd = row->rcv_wnd = row->queued = row->unread = row->mss = ~0U;
}

static __always_inline void put_connection(struct connection *row, struct tcp_sock *tcp)
{
	row->accept_queue = row->accept_limit = row->syn_queue = ~0U;
	row->bytes_acked = tcp->bytes_acked;
	row->bytes_received = tcp->bytes_received;
	row->retransmits = tcp->total_retrans;
	row->srtt_us = row->mdev_us = ~0U;
	if (tcp->srtt_us) {
		row->srtt_us = tcp->srtt_us >> 3;
		row->mdev_us = tcp->mdev_us >> 2;
	}
	row->cwnd = tcp->snd_cwnd;
	row->ssthresh = tcp->snd_ssthresh;
	if (row->ssthresh >= TCP_INFINITE_SSTHRESH)
		row->ssthresh = ~0U;
	row->snd_wnd = tcp->snd_wnd;
	row->rcv_wnd = tcp->rcv_wnd;
	row->queued = tcp->inet_conn.icsk_inet.sk.sk_wmem_queued;
	row->unread = tcp->rcv_nxt - tcp->copied_seq;
	row->mss = tcp->mss_cache;
}

SEC("iter/tcp")
int each(struct bpf_iter__tcp *at)
{
	struct sock_common *common = at->sk_common;
	struct connection row;
	struct tcp_sock *tcp;
	struct owner *owner;
	struct sock *socket;
	__u64 key;

	/* Neither one that is not accepted yet, nor one that only waits for its time to be over. */
	tcp = common ? bpf_skc_to_tcp_sock(common) : NULL;
	if (!tcp)
		return 0;
	socket = &tcp->inet_conn.icsk_inet.sk;
	key = (__u64)tcp;
	owner = bpf_map_lookup_elem(&owners, &key);
	if (!is_of_wanted_task(owner) || !is_of_wanted_cgroup(socket))
		return 0;
	__builtin_memset(&row, 0, sizeof(row));
	put_local(&row.local, &socket->__sk_common, socket->__sk_common.skc_num);
	put_remote(&row.remote, &socket->__sk_common);
	/* Each of them may be NULL, which reads as 0. */
	row.inode = socket->sk_socket->file->f_inode->i_ino;
	name_owner(&row.task, owner, socket);
	row.state = socket->__sk_common.skc_state;
	row.age_ns = ABSENT;
	if (owner && owner->since_ns)
		row.age_ns = bpf_ktime_get_boot_ns() - owner->since_ns;
	row.snd_buf = socket->sk_sndbuf;
	row.rcv_buf = socket->sk_rcvbuf;
	if (row.state == TCP_LISTEN) {
		row.direction = LISTENING;
		put_listener(&row, tcp);
	} else {
		row.direction = direction_of(owner, row.local.port);
		put_connection(&row, tcp);
	}
	bpf_seq_write(at->meta->seq, &row, sizeof(row));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections and listeners: what they are like whenever somebody looks,
 * and what became of those that have ended.
 *
 * A socket does not say whose it is. That is learnt when it connects or
 * listens, and of a connection that was accepted when somebody reads from it;
 * and once, at the start, of all that are open. What is learnt stays with the
 * socket (owners.h), and who looks walks through that.
 */
#include "events.h"
#include "socket.h"
#include "owners.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
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
	__u32 net_ns;
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
	__u32 net_ns;
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
	if (only_pid && (!owner || owner->pid != only_pid))
		return false;
	return !only_command[0] || (owner && is_only_command(owner->command));
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

static __always_inline void name_owner_current(struct owner *owner)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	owner->tid = (__u32)pid_tgid;
	bpf_get_current_comm(owner->command, sizeof(owner->command));
	owner->pid = pid_tgid >> 32;
}

static __always_inline void listen(__u16 port)
{
	__u8 yes = 1;

	bpf_map_update_elem(&listened, &port, &yes, BPF_ANY);
}

static __always_inline void begin(struct sock *socket, __u32 direction)
{
	struct owner *owner = owner_of_or_new(socket);

	if (direction == LISTENING)
		listen(socket->__sk_common.skc_num);
	if (!owner)
		return;
	owner->since_ns = bpf_ktime_get_boot_ns();
	owner->direction = direction;
	/* Whoever runs now has nothing to do with a connection that came. */
	owner->pid = owner->tid = ~0U;
	if (direction != ACCEPTED)
		name_owner_current(owner);
}

static __always_inline void end(struct sock *socket, int state)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);
	struct closed *closed;
	struct owner *owner;
	__u16 port;

	if (!tcp)
		return;
	owner = owner_of(socket);
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
	closed->net_ns = net_ns_of(socket);
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
		forget_owner(socket);
		break;
	}
	return 0;
}

/* Somebody has read from it. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(read_from, struct sock *socket)
{
	struct owner *owner = owner_of(socket);

	if (owner && owner->pid != ~0U)
		return 0;
	if (!owner) {
		owner = owner_of_or_new(socket);
		if (!owner)
			return 0;
		owner->direction = UNKNOWN;
	}
	name_owner_current(owner);
	return 0;
}

/* The socket of an open file, or NULL. */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

#ifdef WITHOUT_STORAGE
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : NULL;
#else
	socket = bpf_sock_from_file((void *)file);
	return socket ? socket->sk : NULL;
#endif
}

SEC("iter/task_file")
int is_open(struct bpf_iter__task_file *at)
{
	struct task_struct *task = at->task;
	struct file *file = at->file;
	struct owner *owner;
	struct sock *sock;
	__u16 family;

	if (!task || !file)
		return 0;
	sock = sock_of(file);
	if (!sock || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	owner = owner_of(sock);
	/* Others that have it open too have been here, or it began just now. */
	if (owner)
		return 0;
	owner = owner_of_or_new(sock);
	if (!owner)
		return 0;
	owner->direction = UNKNOWN;
	owner->tid = task->pid;
	BPF_CORE_READ_INTO(&owner->command, task, comm);
	owner->pid = task->tgid;
	if (BPF_CORE_READ(sock, __sk_common.skc_state) == TCP_LISTEN) {
		owner->direction = LISTENING;
		listen(BPF_CORE_READ(sock, __sk_common.skc_num));
	}
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
	/* Somebody may read while this is read. */
	row->unread = tcp->rcv_nxt - tcp->copied_seq;
	if ((__s32)row->unread < 0)
		row->unread = 0;
	row->mss = tcp->mss_cache;
}

static __always_inline void put(struct seq_file *seq, struct tcp_sock *tcp, struct owner *owner)
{
	struct sock *socket = &tcp->inet_conn.icsk_inet.sk;
	struct connection row;

	if (!is_of_wanted_task(owner) || !is_of_wanted_cgroup(socket))
		return;
	__builtin_memset(&row, 0, sizeof(row));
	put_local(&row.local, &socket->__sk_common, socket->__sk_common.skc_num);
	put_remote(&row.remote, &socket->__sk_common);
	row.net_ns = net_ns_of(socket);
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
	bpf_seq_write(seq, &row, sizeof(row));
}

#ifdef WITHOUT_STORAGE

SEC("iter/tcp")
int each(struct bpf_iter__tcp *at)
{
	struct sock_common *common = at->sk_common;
	/* Neither one that is not accepted yet, nor one that only waits for its time to be over. */
	struct tcp_sock *tcp = common ? bpf_skc_to_tcp_sock(common) : NULL;

	if (tcp)
		put(at->meta->seq, tcp, owner_of((void *)tcp));
	return 0;
}

#else

/*
 * What is open and in no table of files: connections that nobody has accepted
 * yet, those that were closed and still have something to send, those in a
 * message from one process to another.
 */
SEC("iter/tcp")
int is_there(struct bpf_iter__tcp *at)
{
	struct sock_common *common = at->sk_common;
	struct tcp_sock *tcp = common ? bpf_skc_to_tcp_sock(common) : NULL;
	struct owner *owner;

	if (!tcp || owner_of((void *)tcp))
		return 0;
	owner = owner_of_or_new((void *)tcp);
	if (!owner)
		return 0;
	owner->direction = UNKNOWN;
	owner->pid = owner->tid = ~0U;
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int each(struct bpf_iter__bpf_sk_storage_map *at)
{
	struct sock *socket = at->sk;
	struct owner *owner = at->value;
	struct tcp_sock *tcp;

	if (!socket || !owner)
		return 0;
	tcp = bpf_skc_to_tcp_sock(socket);
	/* One that was closed, or never opened, and still is somebody's file. */
	if (tcp && socket->__sk_common.skc_state != TCP_CLOSE)
		put(at->meta->seq, tcp, owner);
	return 0;
}

#endif

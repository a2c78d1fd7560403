/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the features of the network read of the kernel's sockets, and how they
 * write addresses: 16 bytes, those of version 4 mapped into version 6, and a
 * port in the order of the machine.
 */
#ifndef NODEMON_BPF_SOCKET_H
#define NODEMON_BPF_SOCKET_H

#include "feature.h"
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	__u8 bytes[16];
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* from 5.15 */
};

/* Before 5.15: that pointer, unless a bit says that it is something else. */
struct sock_cgroup_data___val {
	__u64 val;
};

struct inode {
	unsigned long i_ino;
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_type;
	unsigned short sk_protocol;
	int sk_err;
	int sk_sndbuf;
	int sk_rcvbuf;
	int sk_wmem_queued;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
};

typedef struct {
	int counter;
} atomic_t;

struct request_sock_queue {
	atomic_t qlen;
	atomic_t young;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u16 advmss;
	__u32 snd_wnd;
	__u32 snd_cwnd;
	__u32 snd_ssthresh;
	__u32 mss_cache;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 rcv_wnd;
	__u32 rcv_ssthresh;
	__u32 srtt_us;
	__u32 mdev_us;
	__u32 total_retrans;
	__u64 bytes_acked;
	__u64 bytes_received;
};

#pragma clang attribute pop

struct endpoint {
	__u8 address[16];
	__u16 port;
};

static __always_inline void put_version_4(struct endpoint *to, __be32 address)
{
	__builtin_memset(to->address, 0, 10);
	to->address[10] = to->address[11] = 0xff;
	__builtin_memcpy(to->address + 12, &address, 4);
}

/* The port is asked for where it is still known: skc_num is 0 once a socket is closed. */
static __always_inline void put_local(struct endpoint *to, struct sock_common *socket, __u16 port)
{
	if (bpf_core_field_exists(socket->skc_v6_rcv_saddr) && socket->skc_family == AF_INET6)
		bpf_core_read(to->address, sizeof(to->address), &socket->skc_v6_rcv_saddr);
	else
		put_version_4(to, socket->skc_rcv_saddr);
	to->port = port;
}

static __always_inline void put_remote(struct endpoint *to, struct sock_common *socket)
{
	if (bpf_core_field_exists(socket->skc_v6_daddr) && socket->skc_family == AF_INET6)
		bpf_core_read(to->address, sizeof(to->address), &socket->skc_v6_daddr);
	else
		put_version_4(to, socket->skc_daddr);
	to->port = bpf_ntohs(socket->skc_dport);
}

/* The number of the network namespace, as a link of /proc/PID/ns shows it. */
static __always_inline __u32 net_ns_of(struct sock *socket)
{
	return socket->__sk_common.skc_net.net->ns.inum;
}

/*
 * The control group in which a socket was made. The socket has to be one that
 * the verifier knows: pointers are followed without a call.
 */
static __always_inline __u64 cgroup_id_of(struct sock *socket)
{
	struct sock_cgroup_data___val *before = (void *)&socket->sk_cgrp_data;

	if (bpf_core_field_exists(before->val)) {
		__u64 value = before->val;

		return value & 1 ? ~0ULL : BPF_CORE_READ((struct cgroup *)value, kn, id);
	}
	return socket->sk_cgrp_data.cgroup->kn->id;
}

/* Whether it was made in the control group that is looked at, or below it. */
#define LEVELS_AT_MOST 16

static __always_inline bool is_of_wanted_cgroup(struct sock *socket)
{
	struct sock_cgroup_data___val *before = (void *)&socket->sk_cgrp_data;
	struct cgroup *cgroup;
	int i;

	if (!only_cgroup)
		return true;
	if (bpf_core_field_exists(before->val))
		cgroup = before->val & 1 ? NULL : (struct cgroup *)before->val;
	else
		cgroup = socket->sk_cgrp_data.cgroup;
	for (i = 0; i < LEVELS_AT_MOST && cgroup; i++) {
		struct cgroup_subsys_state *parent;

		if (BPF_CORE_READ(cgroup, kn, id) == only_cgroup)
			return true;
		parent = BPF_CORE_READ(cgroup, self.parent);
		cgroup = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	}
	return false;
}

#endif

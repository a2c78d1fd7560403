// SPDX-License-Identifier: GPL-2.0
/*
 * How long connections waited to be accepted: from when they were established
 * until accept() returned them.
 */
#include "histogram.h"
#include "socket.h"
#include "syscalls.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} established SEC(".maps");

DENSE_HISTOGRAM(latencies);

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(changed, struct sock *socket, int from, int to)
{
	__u64 key = (__u64)socket, now_ns;

	if (socket->sk_protocol != IPPROTO_TCP)
		return 0;
	if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		now_ns = bpf_ktime_get_ns();
		bpf_map_update_elem(&established, &key, &now_ns, BPF_ANY);
	} else if (to == TCP_CLOSE) {
		/* Nobody has accepted it, or it is not one of these. */
		bpf_map_delete_elem(&established, &key);
	}
	return 0;
}

static __always_inline void accepted(__u64 socket)
{
	__u64 *at = bpf_map_lookup_elem(&established, &socket), took_ns;

	if (!at)
		return;
	took_ns = bpf_ktime_get_ns() - *at;
	bpf_map_delete_elem(&established, &socket);
	if (took_ns >= min_latency_ns && is_wanted())
		add_dense(&latencies, 1, 0, took_ns);
}

/* Before 6.10. */
SEC("fexit/inet_csk_accept")
int BPF_PROG(accepted_of_four, struct sock *listener, int flags, int *error, bool is_kernel,
	     struct sock *socket)
{
	accepted((__u64)socket);
	return 0;
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(accepted_of_two, struct sock *listener, void *arguments, struct sock *socket)
{
	accepted((__u64)socket);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	__u64 number = NUMBER_OF(regs);
	struct socket *socket;
	struct file *file;

	if (number != __NR_accept4
#ifdef __NR_accept
	    && number != __NR_accept
#endif
	)
		return 0;
	if (is_error(result) || is_compat())
		return 0;
	file = (void *)file_of(result);
	socket = file ? BPF_CORE_READ(file, private_data) : NULL;
	if (socket)
		accepted((__u64)BPF_CORE_READ(socket, sk));
	return 0;
}

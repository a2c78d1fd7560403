// SPDX-License-Identifier: GPL-2.0
/*
 * The smoothed round trip time of the connection of every TCP segment that
 * arrives.
 */
#include "histogram.h"
#include "socket.h"

DENSE_HISTOGRAM(times);

SEC("tp_btf/tcp_probe")
int BPF_PROG(arrived, struct sock *socket)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);
	__u32 srtt_us;

	if (!tcp)
		return 0;
	srtt_us = tcp->srtt_us;
	/* None was measured yet. */
	if (!srtt_us || !is_of_wanted_cgroup(socket))
		return 0;
	add_dense(&times, 1, 0, srtt_us >> 3);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * How often somebody read from a TCP connection whose window was clamped: when
 * what was received and not read takes more memory than there is for it, the
 * kernel lets the window that it offers be two segments at most.
 */
#include "socket.h"

struct reads {
	__u64 reads;
	__u64 clamped;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reads);
} windows SEC(".maps");

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(read_from, struct sock *socket)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(socket);
	__u32 cpu = bpf_get_smp_processor_id();
	struct reads *reads;

	if (!tcp || !is_wanted())
		return 0;
	reads = bpf_map_lookup_elem(&windows, &cpu);
	if (!reads)
		return 0;
	count(&reads->reads, 1);
	if (tcp->rcv_ssthresh <= 2 * tcp->advmss)
		count(&reads->clamped, 1);
	return 0;
}

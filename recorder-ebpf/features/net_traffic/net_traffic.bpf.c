// SPDX-License-Identifier: GPL-2.0
/*
 * Packets and bytes of every network interface, by direction, version of the
 * Internet Protocol and the protocol above it.
 *
 * What the kernel joins, or leaves to the hardware to split, is one packet here
 * and counts as the segments that it is.
 */
#include <linux/pkt_cls.h>
#include "feature.h"
#include <bpf/bpf_endian.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD

/* The names are in the manifest. */
enum direction {
	RECEIVED,
	SENT,
};

enum version {
	VERSION_4,
	VERSION_6,
	VERSION_OTHER,
};

enum protocol {
	TCP,
	UDP,
	ICMP,
	ICMPV6,
	SCTP,
	IGMP,
	GRE,
	ESP,
	OTHER,
};

/* User space takes the elements of interfaces that are gone out of the map. */
struct key {
	__u32 interface;
	__u8 direction;
	__u8 version;
	__u8 protocol;
	__u8 unused;
};

struct counts {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct counts);
} traffic SEC(".maps");

static __always_inline __u8 byte_at(struct __sk_buff *packet, __u32 offset)
{
	__u8 byte = 0xff;

	bpf_skb_load_bytes_relative(packet, offset, &byte, 1, BPF_HDR_START_NET);
	return byte;
}

/* Headers that may stand between IPv6 and what it carries. */
#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT 44
#define DESTINATION 60
#define HEADERS_AT_MOST 4
#define IPV6_BYTES 40

static __always_inline __u8 above_ipv6(struct __sk_buff *packet)
{
	__u8 next = byte_at(packet, 6);
	__u32 at = IPV6_BYTES;
	int i;

#pragma unroll
	for (i = 0; i < HEADERS_AT_MOST; i++) {
		__u32 length = 8;

		if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT &&
		    next != DESTINATION)
			break;
		if (next != FRAGMENT)
			length += byte_at(packet, at + 1) * 8;
		next = byte_at(packet, at);
		at += length;
	}
	return next;
}

static __always_inline __u8 protocol_of(__u8 number)
{
	switch (number) {
	case 6:
		return TCP;
	case 17:
		return UDP;
	case 1:
		return ICMP;
	case 58:
		return ICMPV6;
	case 132:
		return SCTP;
	case 2:
		return IGMP;
	case 47:
		return GRE;
	case 50:
		return ESP;
	default:
		return OTHER;
	}
}

static __always_inline int count_packet(struct __sk_buff *packet, __u8 direction)
{
	struct counts zeros = {}, *counts;
	struct key key = {
		.interface = packet->ifindex,
		.direction = direction,
		.version = VERSION_OTHER,
		.protocol = OTHER,
	};
	__u32 segments = packet->gso_segs;

	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		key.version = VERSION_4;
		key.protocol = protocol_of(byte_at(packet, 9));
	} else if (packet->protocol == bpf_htons(ETH_P_IPV6)) {
		key.version = VERSION_6;
		key.protocol = protocol_of(above_ipv6(packet));
	}
	counts = find_or_make(&traffic, &key, &zeros);
	if (counts) {
		/* Both directions run with soft interrupts off: nobody else on this CPU adds. */
		counts->packets += segments ? segments : 1;
		counts->bytes += packet->len;
	}
	return TC_ACT_UNSPEC;
}

/* They are known by these names where they survive who loaded them. */
SEC("classifier")
int nodemon_received(struct __sk_buff *packet)
{
	return count_packet(packet, RECEIVED);
}

SEC("classifier")
int nodemon_sent(struct __sk_buff *packet)
{
	return count_packet(packet, SENT);
}

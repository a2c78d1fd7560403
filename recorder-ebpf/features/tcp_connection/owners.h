/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose a socket is: in its own storage, which goes with it and is a list of
 * all sockets, of whatever network namespace. Where the kernel has none for
 * programs like these (before 5.11) in a map, by its address. The object is
 * built twice; without storage it is the one that is loaded second.
 */
#ifndef NODEMON_BPF_OWNERS_H
#define NODEMON_BPF_OWNERS_H

#include "feature.h"
#include "socket.h"

/* The names are in the manifest. */
enum direction {
	CONNECTED,
	ACCEPTED,
	LISTENING,
	UNKNOWN,
};

struct owner {
	__u64 since_ns; /* CLOCK_BOOTTIME; 0 when it was there before */
	__u32 pid; /* ~0 when it is not known */
	__u32 tid;
	char command[COMMAND_BYTES];
	__u32 direction;
	__u32 unused;
};

#ifdef WITHOUT_STORAGE

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct owner);
} owners SEC(".maps");

static __always_inline struct owner *owner_of(struct sock *socket)
{
	__u64 key = (__u64)socket;

	return bpf_map_lookup_elem(&owners, &key);
}

static __always_inline struct owner *owner_of_or_new(struct sock *socket)
{
	struct owner none = {};
	__u64 key = (__u64)socket;

	return find_or_make(&owners, &key, &none);
}

static __always_inline void forget_owner(struct sock *socket)
{
	__u64 key = (__u64)socket;

	bpf_map_delete_elem(&owners, &key);
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct owner);
} owners SEC(".maps");

static __always_inline struct owner *owner_of(struct sock *socket)
{
	return bpf_sk_storage_get(&owners, socket, 0, 0);
}

static __always_inline struct owner *owner_of_or_new(struct sock *socket)
{
	struct owner *owner = bpf_sk_storage_get(&owners, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!owner)
		LOSE(map_full);
	return owner;
}

static __always_inline void forget_owner(struct sock *socket)
{
	bpf_sk_storage_delete(&owners, socket);
}

#endif
#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses that sockets were bound to, or could not be. A port that the
 * kernel was to choose is the one that it chose.
 */
#include "events.h"
#include "socket.h"
#include "syscalls.h"

#define EBADF 9
#define ENOTSOCK 88

/* What user space passes. Of version 4 it has the first 8 bytes. */
#define BYTES_OF_VERSION_4 8

struct address {
	__u16 family;
	__be16 port;
	__u32 flow; /* where the address of version 4 is */
	__u8 address[16];
};

struct event {
	__u64 time_ns;
	struct task_id task;
	struct endpoint local;
	__u16 type;
	__u16 protocol;
	__s32 error;
};

static __always_inline struct sock *sock_of(int number)
{
	struct file *file = (void *)file_of(number);
	struct socket *socket = file ? BPF_CORE_READ(file, private_data) : NULL;

	return socket ? BPF_CORE_READ(socket, sk) : NULL;
}

static __always_inline void tell(int number, const void *address, __u32 length, long result)
{
	struct address to = {};
	struct sock *socket;
	struct event *event;

	if (length < BYTES_OF_VERSION_4 || !is_wanted())
		return;
	if (bpf_probe_read_user(&to, BYTES_OF_VERSION_4, address))
		return;
	if (to.family == AF_INET6)
		bpf_probe_read_user(&to, sizeof(to), address);
	else if (to.family != AF_INET)
		return;
	event = begin_event(sizeof(*event));
	if (!event)
		return;
	name_current(&event->task);
	if (to.family == AF_INET6) {
		__builtin_memcpy(event->local.address, to.address, sizeof(to.address));
	} else {
		put_version_4(&event->local, to.flow);
	}
	event->local.port = bpf_ntohs(to.port);
	event->error = is_error(result) ? result : 0;
	event->type = event->protocol = 0;
	/* A number that is no socket has failed, and is not looked into. */
	socket = result == -EBADF || result == -ENOTSOCK ? NULL : sock_of(number);
	if (socket) {
		event->type = BPF_CORE_READ(socket, sk_type);
		event->protocol = BPF_CORE_READ(socket, sk_protocol);
		if (!result)
			event->local.port = BPF_CORE_READ(socket, __sk_common.skc_num);
	}
	send_event(event);
}

SEC("fexit/__sys_bind")
int BPF_PROG(bound, int number, void *address, int length, int result)
{
	tell(number, address, length, result);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	if (NUMBER_OF(regs) == __NR_bind && !is_compat())
		tell(FIRST_OF(regs), (void *)SECOND_OF(regs), THIRD_OF(regs), result);
	return 0;
}

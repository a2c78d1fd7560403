// SPDX-License-Identifier: GPL-2.0
/*
 * System calls that took long and are not made to wait: a read from a disk, a
 * write that is throttled, an fsync, an open on a network file system.
 */
#include "events.h"
#include "since.h"
#include "syscalls.h"

/* From 6.7, the same everywhere. */
#define NR_FUTEX_WAIT 455

#define DEFAULT_MIN_LATENCY_NS 100000000ULL

struct event {
	__u64 time_ns;
	struct task_id task;
	__u32 syscall;
	__u64 took_ns;
	__s64 result;
	__s32 error;
};

/*
 * Calls that wait because their caller wants to wait: for time to pass, for
 * other processes, for whatever happens on descriptors, for a peer.
 */
static __always_inline bool is_made_to_wait(__u64 number)
{
	switch (number) {
#ifdef __NR_poll
	case __NR_poll:
	case __NR_select:
	case __NR_epoll_wait:
	case __NR_pause:
#endif
	case __NR_ppoll:
	case __NR_pselect6:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
	case __NR_io_getevents:
	case __NR_io_pgetevents:
	case __NR_io_uring_enter:
	case __NR_futex:
	case __NR_futex_waitv:
	case NR_FUTEX_WAIT:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_rt_sigsuspend:
	case __NR_rt_sigtimedwait:
	case __NR_restart_syscall:
	case __NR_semop:
	case __NR_semtimedop:
	case __NR_msgrcv:
	case __NR_mq_timedreceive:
	case __NR_accept:
	case __NR_accept4:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
		return true;
	}
	return false;
}

#define FORMAT_OF_MODE 0170000
#define DIRECTORY 0040000
#define BLOCK_DEVICE 0060000
#define REGULAR 0100000
#define ANON_INODE_FS_MAGIC 0x09041934

/* So do reads of what others write to: sockets, pipes, terminals, eventfds. */
static __always_inline bool is_read_of_events(struct pt_regs___kernel *regs, __u64 number)
{
	struct inode___mode *inode;
	unsigned short format;

	if (number != __NR_read && number != __NR_readv)
		return false;
	inode = BPF_CORE_READ(file_of(FIRST_OF(regs)), f_inode);
	format = BPF_CORE_READ(inode, i_mode) & FORMAT_OF_MODE;
	if (format != REGULAR && format != DIRECTORY && format != BLOCK_DEVICE)
		return true;
	return BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC;
}

static __always_inline void returned_after(__u64 took_ns, struct pt_regs___kernel *regs,
					   long result)
{
	__u64 number = number_of(regs);
	struct event *event;

	if (took_ns < (min_latency_ns ? min_latency_ns : DEFAULT_MIN_LATENCY_NS))
		return;
	if (is_read_of_events(regs, number))
		return;
	event = begin_event(sizeof(*event));
	if (!event)
		return;
	name_current(&event->task);
	event->syscall = number;
	event->took_ns = took_ns;
	event->result = is_error(result) ? 0 : result;
	event->error = is_error(result) ? result : 0;
	send_event(event);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(entered, struct pt_regs___kernel *regs, long number)
{
	if (!is_made_to_wait(number) && is_wanted())
		begin(CURRENT_TASK);
	else
		/* A program that runs already on this CPU is skipped, also at the end of a call. */
		end(CURRENT_TASK);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	returned_after(end(CURRENT_TASK), regs, result);
	return 0;
}

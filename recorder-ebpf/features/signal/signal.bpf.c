// SPDX-License-Identifier: GPL-2.0
/*
 * Signals: who sent which to whom, and whether it will arrive.
 *
 * Left out is what is no news: SIGCHLD, and what a process sends itself many
 * times a second, by timers or to preempt and to stop its own threads.
 */
#include "events.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernel_siginfo {
	int si_code;
};

struct task_struct {
	int pid;
	int tgid;
	char comm[COMMAND_BYTES];
};

#pragma clang attribute pop

/* Numbers of signals that no program may use for something else. */
#define SIGALRM 14
#define SIGCHLD 17
#define SIGURG 23
#define SIGVTALRM 26
#define SIGPROF 27
#define FIRST_OF_REAL_TIME 32

/* Instead of a pointer to what is known of the sender. */
#define SEND_SIG_NOINFO 0UL
#define SEND_SIG_PRIV 1UL

/* What sent it: the names are in the manifest. */
enum origin {
	PROCESS,
	KERNEL,
	THREAD,
	QUEUE,
	TIMER,
	MESSAGE_QUEUE,
	ASYNCHRONOUS_IO,
	FILE,
	OTHER,
};

#define SI_KERNEL 0x80
#define ABSENT (~0U)

struct event {
	__u64 time_ns;
	struct task_id task;
	__u32 signal;
	__u32 target_pid;
	__u32 target_tid;
	char target_command[COMMAND_BYTES] __attribute__((aligned(4)));
	__u32 origin;
	__u32 code;
	__u32 result;
	__u32 is_for_process;
};

static __always_inline __u32 origin_of(int code)
{
	switch (code) {
	case 0:
		return PROCESS;
	case -1:
		return QUEUE;
	case -2:
		return TIMER;
	case -3:
		return MESSAGE_QUEUE;
	case -4:
		return ASYNCHRONOUS_IO;
	case -5:
		return FILE;
	case -6:
		return THREAD;
	}
	return code > 0 ? KERNEL : OTHER;
}

static __always_inline bool is_noise(int signal, __u32 origin, __u32 target)
{
	if (signal == SIGCHLD)
		return true;
	if (signal != SIGALRM && signal != SIGURG && signal != SIGVTALRM && signal != SIGPROF &&
	    signal < FIRST_OF_REAL_TIME)
		return false;
	/* A timer expires in whatever runs at that time. */
	return origin == KERNEL || origin == TIMER || bpf_get_current_pid_tgid() >> 32 == target;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(generated, int signal, struct kernel_siginfo *info, struct task_struct *target,
	     int is_for_process, int result)
{
	__u32 pid = target->tgid, origin;
	struct event *event;
	int code = 0;

	if ((unsigned long)info == SEND_SIG_PRIV)
		code = SI_KERNEL;
	else if ((unsigned long)info != SEND_SIG_NOINFO)
		code = BPF_CORE_READ(info, si_code); /* to the verifiers of 6.14 on no pointer */
	origin = origin_of(code);
	if (is_noise(signal, origin, pid) || !is_wanted())
		return 0;
	event = begin_event(sizeof(*event));
	if (!event)
		return 0;
	name_current(&event->task);
	event->signal = signal;
	event->target_pid = pid;
	event->target_tid = target->pid;
	copy_command(event->target_command, target);
	event->origin = origin;
	event->code = code > 0 && code != SI_KERNEL ? code : ABSENT;
	event->result = result;
	event->is_for_process = !!is_for_process;
	send_event(event);
	return 0;
}

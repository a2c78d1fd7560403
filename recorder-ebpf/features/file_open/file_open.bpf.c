// SPDX-License-Identifier: GPL-2.0
/* Files that are opened, or could not be, as the caller named them. */
#include "events.h"
#include "syscalls.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct open_how {
	__u64 flags;
};

#pragma clang attribute pop

/* What creat(2) stands for: O_CREAT, O_WRONLY and O_TRUNC. */
#define FLAGS_OF_CREAT 01101
#define PATH_BYTES 256

struct event {
	__u64 time_ns;
	struct task_id task;
	__u64 flags;
	__s32 error;
	char path[PATH_BYTES];
};

static __always_inline void tell(const void *path, __u64 flags, long result)
{
	struct event *event;

	if (!is_wanted())
		return;
	event = begin_event(sizeof(*event));
	if (!event)
		return;
	name_current(&event->task);
	event->flags = flags & ~(__u64)FLAG_LARGEFILE;
	event->error = is_error(result) ? result : 0;
	event->path[0] = 0;
	bpf_probe_read_user_str(event->path, sizeof(event->path), path);
	send_event(event);
}

/* Behind open, openat, openat2 and creat. */
SEC("fexit/do_sys_openat2")
int BPF_PROG(opened, int directory, const char *path, struct open_how *how, long result)
{
	/* Some kernels have it return an int. */
	tell(path, how->flags, (int)result);
	return 0;
}

/* Calls of 32 bits have other numbers. */
static __always_inline void tell_call(__u64 path, __u64 flags, long result)
{
	if (!is_compat())
		tell((void *)path, flags, result);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	__u64 number = NUMBER_OF(regs), flags = 0;

	switch (number) {
	case __NR_openat:
		tell_call(SECOND_OF(regs), (__u32)THIRD_OF(regs), result);
		break;
	case __NR_openat2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)THIRD_OF(regs));
		tell_call(SECOND_OF(regs), flags, result);
		break;
#ifdef __NR_open
	case __NR_open:
		tell_call(FIRST_OF(regs), (__u32)SECOND_OF(regs), result);
		break;
	case __NR_creat:
		tell_call(FIRST_OF(regs), FLAGS_OF_CREAT, result);
		break;
#endif
	}
	return 0;
}

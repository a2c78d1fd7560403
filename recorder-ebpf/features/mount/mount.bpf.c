// SPDX-License-Identifier: GPL-2.0
/*
 * File systems that are mounted, moved and unmounted, by mount(2), by fsopen(2)
 * with its successors, and by umount(2); also those that could not be.
 */
#include "events.h"
#include "syscalls.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file_system_type {
	const char *name;
};

struct super_block {
	struct file_system_type *s_type;
};

struct vfsmount {
	struct super_block *mnt_sb;
};

struct mount {
	struct vfsmount mnt;
	const char *mnt_devname;
};

struct path {
	struct vfsmount *mnt;
};

struct file {
	struct path f_path;
};

#pragma clang attribute pop

enum kind {
	MOUNT,
	MOVE,
	UNMOUNT,
};

#define SOURCE_BYTES 128
#define TARGET_BYTES 128
#define TYPE_BYTES 32

/* The flags of umount(2) are above those of mount(2), which are of 32 bits. */
#define FLAGS_OF_UNMOUNT 32

struct event {
	__u64 time_ns;
	__u32 kind;
	struct task_id task __attribute__((aligned(8)));
	char target[TARGET_BYTES];
	char source[SOURCE_BYTES];
	char type[TYPE_BYTES];
	__u64 flags;
	__s32 error;
};

/* move_mount(2) mounts what fsmount(2) or open_tree(2) made, or moves a mount. */
static __always_inline void tell_moved(struct event *event, struct pt_regs___kernel *regs)
{
	struct file *file = (void *)file_of(FIRST_OF(regs));
	struct vfsmount *mount = BPF_CORE_READ(file, f_path.mnt);
	struct mount *whole = (void *)mount - bpf_core_field_offset(struct mount, mnt);

	event->flags = 0;
	bpf_probe_read_user_str(event->target, sizeof(event->target), (void *)FOURTH_OF(regs));
	bpf_probe_read_user_str(event->source, sizeof(event->source), (void *)SECOND_OF(regs));
	if (event->source[0]) {
		event->kind = MOVE;
		return;
	}
	event->kind = MOUNT;
	bpf_probe_read_kernel_str(event->source, sizeof(event->source),
				  BPF_CORE_READ(whole, mnt_devname));
	bpf_probe_read_kernel_str(event->type, sizeof(event->type),
				  BPF_CORE_READ(mount, mnt_sb, s_type, name));
}

static __always_inline void tell(struct pt_regs___kernel *regs, __u32 number, long result)
{
	struct event *event;

	if (!is_wanted())
		return;
	event = begin_event(sizeof(*event));
	if (!event)
		return;
	name_current(&event->task);
	event->error = is_error(result) ? result : 0;
	event->source[0] = event->target[0] = event->type[0] = 0;
	if (number == __NR_mount) {
		event->kind = MOUNT;
		event->flags = (__u32)FOURTH_OF(regs);
		bpf_probe_read_user_str(event->source, sizeof(event->source),
					(void *)FIRST_OF(regs));
		bpf_probe_read_user_str(event->target, sizeof(event->target),
					(void *)SECOND_OF(regs));
		bpf_probe_read_user_str(event->type, sizeof(event->type), (void *)THIRD_OF(regs));
	} else if (number == __NR_umount2) {
		event->kind = UNMOUNT;
		event->flags = SECOND_OF(regs) << FLAGS_OF_UNMOUNT;
		bpf_probe_read_user_str(event->target, sizeof(event->target),
					(void *)FIRST_OF(regs));
	} else {
		tell_moved(event, regs);
	}
	send_event(event);
}

SEC("fexit/sys_mount")
int BPF_PROG(mounted, struct pt_regs___kernel *regs, long result)
{
	tell(regs, __NR_mount, result);
	return 0;
}

SEC("fexit/sys_move_mount")
int BPF_PROG(moved, struct pt_regs___kernel *regs, long result)
{
	tell(regs, __NR_move_mount, result);
	return 0;
}

SEC("fexit/sys_umount")
int BPF_PROG(unmounted, struct pt_regs___kernel *regs, long result)
{
	tell(regs, __NR_umount2, result);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	__u64 number = NUMBER_OF(regs);

	if (number != __NR_mount && number != __NR_umount2 && number != __NR_move_mount)
		return 0;
	if (!is_compat())
		tell(regs, number, result);
	return 0;
}

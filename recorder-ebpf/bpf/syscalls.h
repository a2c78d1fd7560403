/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls as sys_enter, sys_exit and the functions behind them see them:
 * the registers with which user space called.
 */
#ifndef NODEMON_BPF_SYSCALLS_H
#define NODEMON_BPF_SYSCALLS_H

#include "feature.h"

/* More than any processor has. */
#define SYSCALLS 512
#define MAX_ERRNO 4095

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info___compat {
	unsigned long flags;
	__u32 status;
};

struct task_struct___compat {
	struct thread_info___compat thread_info;
};

#if defined(__TARGET_ARCH_x86)
#include <asm/unistd_64.h>

struct pt_regs___kernel {
	unsigned long r10;
	unsigned long r8;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};

#define NUMBER_MEMBER orig_ax
#define FIRST_MEMBER di
#define NUMBER_OF(regs) ((regs)->orig_ax)
#define FIRST_OF(regs) ((regs)->di)
#define SECOND_OF(regs) ((regs)->si)
#define THIRD_OF(regs) ((regs)->dx)
#define FOURTH_OF(regs) ((regs)->r10)
#define FIFTH_OF(regs) ((regs)->r8)
/* The kernel adds it to what user space says. */
#define FLAG_LARGEFILE 0100000
/* arch/x86/include/asm/thread_info.h: the call came by the way of 32 bits. */
#define TS_COMPAT 0x2
#define IS_COMPAT(task) ((task)->thread_info.status & TS_COMPAT)
#define IS_COMPAT_READ(task) (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)

#elif defined(__TARGET_ARCH_arm64)
#include <asm/unistd.h>

struct pt_regs___kernel {
	__u64 regs[31];
	__u64 orig_x0;
	int syscallno;
};

#define NUMBER_MEMBER syscallno
#define FIRST_MEMBER orig_x0
#define NUMBER_OF(regs) ((regs)->syscallno)
/* The first register has the result in the end. */
#define FIRST_OF(regs) ((regs)->orig_x0)
#define SECOND_OF(regs) ((regs)->regs[1])
#define THIRD_OF(regs) ((regs)->regs[2])
#define FOURTH_OF(regs) ((regs)->regs[3])
#define FIFTH_OF(regs) ((regs)->regs[4])
#define FLAG_LARGEFILE 0400000
#define TIF_32BIT 22
#define IS_COMPAT(task) ((task)->thread_info.flags & 1UL << TIF_32BIT)
#define IS_COMPAT_READ(task) (BPF_CORE_READ(task, thread_info.flags) & 1UL << TIF_32BIT)
#endif

/* What calls of 32 bits count as: their numbers are others. */
#define SYSCALL_OF_32_BITS (SYSCALLS - 1)

struct super_block___magic {
	unsigned long s_magic;
};

struct inode___mode {
	unsigned short i_mode;
	struct super_block___magic *i_sb;
};

struct file___inode {
	struct inode___mode *f_inode;
};

struct fdtable___files {
	unsigned int max_fds;
	struct file___inode **fd;
};

struct files_struct___table {
	struct fdtable___files *fdt;
};

struct task_struct___files {
	struct files_struct___table *files;
};

#pragma clang attribute pop

/* A thread of the kernel, which calls nothing. */
#define PF_KTHREAD 0x00200000

/*
 * The number and the first argument of the call that a task which does not run is in. Both stay as
 * they are where it is in none, or the kernel does not show (before 5.15).
 */
static __always_inline void call_of(void *task, unsigned int flags, __u64 *number, __u64 *argument)
{
	struct task_struct___compat *compat = task;
	struct pt_regs___kernel *regs;
	__u64 found;

	if (flags & PF_KTHREAD ||
	    !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return;
	regs = (void *)bpf_task_pt_regs(task);
	if (!regs)
		return;
	found = BPF_CORE_READ(regs, NUMBER_MEMBER);
	/* It faulted, or came by an interrupt: no call. */
	if (found >= SYSCALLS)
		return;
	if (IS_COMPAT_READ(compat)) {
		*number = SYSCALL_OF_32_BITS;
		return;
	}
	*number = found;
	*argument = BPF_CORE_READ(regs, FIRST_MEMBER);
}

/* Whether the current call is one of 32 bits. */
static __always_inline bool is_compat(void)
{
	struct task_struct___compat *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = (void *)bpf_get_current_task_btf();
		return IS_COMPAT(task);
	}
	task = (void *)bpf_get_current_task();
	return IS_COMPAT_READ(task);
}

static __always_inline __u64 number_of(struct pt_regs___kernel *regs)
{
	return is_compat() ? SYSCALL_OF_32_BITS : NUMBER_OF(regs);
}

/* The file that a number stands for in the current process, or NULL. */
static __always_inline struct file___inode *file_of(unsigned int number)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fdtable___files *table = BPF_CORE_READ(task, files, fdt);
	struct file___inode *file = NULL;

	if (number < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + number);
	return file;
}

static __always_inline bool is_error(long result)
{
	return result < 0 && result >= -MAX_ERRNO;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stacks of calls: those of the kernel as addresses, those of user space as the
 * registers and the memory of which the recorder finds who called whom.
 */
#ifndef NODEMON_BPF_STACK_H
#define NODEMON_BPF_STACK_H

#include <linux/bpf_perf_event.h>
#include "syscalls.h"

/* Innermost first, 0 behind the last. */
#define KERNEL_FRAMES 48

/* What is read at once; none of it is there when a part of it is not. */
#define PIECE_BYTES 1024
#define PIECES 8

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___leader {
	struct task_struct___leader *group_leader;
	__u64 start_boottime;
	unsigned int flags;
	int tgid;
};

/* Before 5.5. */
struct task_struct___real_start {
	__u64 real_start_time;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs___user {
	unsigned long bp;
	unsigned long ip;
	unsigned long sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___user {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
};
#endif

#pragma clang attribute pop

/* The memory begins at the multiple of PIECE_BYTES at or below sp. */
struct user_stack {
	__u64 start_ns; /* of the process, CLOCK_BOOTTIME */
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 lr; /* 0 where the processor has none */
	__u32 pid;
	__u32 bytes; /* of memory that could be read */
	__u8 memory[PIECES * PIECE_BYTES];
};

static __always_inline void put_registers(struct user_stack *stack, struct pt_regs___user *regs)
{
#if defined(__TARGET_ARCH_x86)
	stack->ip = BPF_CORE_READ(regs, ip);
	stack->sp = BPF_CORE_READ(regs, sp);
	stack->fp = BPF_CORE_READ(regs, bp);
	stack->lr = 0;
#elif defined(__TARGET_ARCH_arm64)
	stack->ip = BPF_CORE_READ(regs, pc);
	stack->sp = BPF_CORE_READ(regs, sp);
	stack->fp = BPF_CORE_READ(regs, regs[29]);
	stack->lr = BPF_CORE_READ(regs, regs[30]);
#endif
}

/* The same of what was interrupted, where that was user space. */
static __always_inline void put_interrupted(struct user_stack *stack,
					    struct bpf_perf_event_data *event)
{
#if defined(__TARGET_ARCH_x86)
	if (!(event->regs.cs & 3))
		return;
	stack->ip = event->regs.rip;
	stack->sp = event->regs.rsp;
	stack->fp = event->regs.rbp;
	stack->lr = 0;
#elif defined(__TARGET_ARCH_arm64)
	if (event->regs.pstate & 0xf)
		return;
	stack->ip = event->regs.pc;
	stack->sp = event->regs.sp;
	stack->fp = event->regs.regs[29];
	stack->lr = event->regs.regs[30];
#endif
}

/* The memory of the current thread from where its registers say that its stack is. */
static __always_inline void put_memory(struct user_stack *stack)
{
	const void *from = (const void *)(stack->sp & ~(PIECE_BYTES - 1ULL));
	__u32 bytes = 0;
	int i;

#pragma unroll
	for (i = 0; i < PIECES; i++) {
		if (bpf_probe_read_user(stack->memory + i * PIECE_BYTES, PIECE_BYTES,
					from + i * PIECE_BYTES))
			break;
		bytes += PIECE_BYTES;
	}
	stack->bytes = bytes;
}

/*
 * The kernel's part of the stack of the current thread, or of what was interrupted. `context` is
 * that of the program.
 */
static __always_inline void put_kernel(__u64 *frames, void *context)
{
	/* What is behind the last frame is zero, but not when there was no stack at all. */
	if (bpf_get_stack(context, frames, KERNEL_FRAMES * sizeof(*frames), 0) <= 0)
		frames[0] = 0;
}

/* In front of calls of which the innermost are those of the program itself; user space drops them. */
#define OF_TRACEPOINT 1

/* The same in a program of a tracepoint. */
static __always_inline void put_kernel_of_tracepoint(__u64 *frames, void *context)
{
	frames[0] = OF_TRACEPOINT;
	if (bpf_get_stack(context, frames + 1, (KERNEL_FRAMES - 1) * sizeof(*frames), 0) <= 0)
		frames[0] = 0;
}

/* Whether the current task has no user space. */
static __always_inline bool is_kernel_thread(void)
{
	struct task_struct___leader *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

/* When the process of the current thread began. */
static __always_inline __u64 start_of_process(struct task_struct___leader *task)
{
	struct task_struct___leader *leader = BPF_CORE_READ(task, group_leader);

	if (bpf_core_field_exists(task->start_boottime))
		return BPF_CORE_READ(leader, start_boottime);
	return BPF_CORE_READ((struct task_struct___real_start *)leader, real_start_time);
}

/*
 * What the current thread has in user space. Where the kernel was interrupted, or called, its
 * registers are on the kernel's stack; kernels before 5.15 do not say where. There it is known only
 * when user space was interrupted by the event.
 */
static __always_inline void put_user(struct user_stack *stack, struct bpf_perf_event_data *event)
{
	struct task_struct___leader *task = (void *)bpf_get_current_task();

	stack->start_ns = start_of_process(task);
	stack->pid = BPF_CORE_READ(task, tgid);
	stack->bytes = 0;
	stack->ip = 0;
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		put_registers(stack, (void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
	else if (event)
		put_interrupted(stack, event);
	if (stack->ip)
		put_memory(stack);
}

#endif

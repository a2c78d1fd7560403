// SPDX-License-Identifier: GPL-2.0
/* System calls by number, and those that returned an error. */
#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs___kernel {
	unsigned long orig_ax;
};
#define NUMBER_OF(regs) ((regs)->orig_ax)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___kernel {
	int syscallno;
};
#define NUMBER_OF(regs) ((regs)->syscallno)
#endif

#pragma clang attribute pop

/* More than any processor has. */
#define SYSCALLS 512
#define MAX_ERRNO 4095

struct calls {
	__u64 calls;
	__u64 errors;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct calls);
} calls SEC(".maps");

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	__u64 number = NUMBER_OF(regs);
	struct calls *of_number;
	__u32 at;

	if (number >= SYSCALLS || !is_wanted())
		return 0;
	at = bpf_get_smp_processor_id() * SYSCALLS + number;
	of_number = bpf_map_lookup_elem(&calls, &at);
	if (!of_number)
		return 0;
	count(&of_number->calls, 1);
	if (result < 0 && result >= -MAX_ERRNO)
		count(&of_number->errors, 1);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* System calls by number, and those that returned an error. */
#include "syscalls.h"

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

/* What has just been made returns from the call that made it, too: with 0, as no parent does. */
static __always_inline bool is_of_child(__u64 number, long result)
{
	if (result)
		return false;
	switch (number) {
	case __NR_clone:
	case __NR_clone3:
#ifdef __NR_fork
	case __NR_fork:
	case __NR_vfork:
#endif
		return true;
	}
	return false;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(returned, struct pt_regs___kernel *regs, long result)
{
	__u64 number = number_of(regs);
	struct calls *of_number;
	__u32 at;

	if (number >= SYSCALLS || is_of_child(number, result) || !is_wanted())
		return 0;
	at = bpf_get_smp_processor_id() * SYSCALLS + number;
	of_number = bpf_map_lookup_elem(&calls, &at);
	if (!of_number)
		return 0;
	count(&of_number->calls, 1);
	if (is_error(result))
		count(&of_number->errors, 1);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* What the process table is written as. src/process/rows.rs has the same. */
#ifndef NODEMON_BPF_PROCESS_ROWS_H
#define NODEMON_BPF_PROCESS_ROWS_H

/* This kernel does not have it. */
#define ABSENT (~0ULL)

enum kind {
	PROCESS,
	THREAD,
};

/* Begins each row, and alone says that the last row still holds. */
struct head {
	__u32 number; /* of the thread; the first one's is that of the process */
	__u16 bytes;
	__u16 kind;
};

/* What only grows. */
struct usage {
	__u64 cpu_ns;
	__u64 user_ns;
	__u64 system_ns;
	__u64 run_delay_ns;
	__u64 io_delay_ns;
	__u64 voluntary_switches;
	__u64 involuntary_switches;
	__u64 minor_faults;
	__u64 major_faults;
	__u64 read_bytes;
	__u64 write_bytes;
	__u64 cancelled_write_bytes;
	__u64 read_chars;
	__u64 write_chars;
	__u64 read_calls;
	__u64 write_calls;
};

/* A thread that is not the first of its process. */
struct thread {
	struct head head;
	struct usage usage;
	__u64 ended_cpu_ns; /* of threads of its process that had ended by now */
	__u64 process;
};

struct process {
	struct head head;
	struct usage usage; /* of its first thread and those that ended */
	__u64 ended_cpu_ns;
	__u64 told_user_ns; /* by /proc, last */
	__u64 told_system_ns;
	__u64 start_ns; /* CLOCK_BOOTTIME */
	__u64 group; /* its control group of version 2 */
	__u64 group_set; /* another one when it is in other groups, of whatever version */
	__u64 image; /* another one after an exec */
	__u64 vsize_pages;
	__u64 rss_file_pages;
	__u64 rss_anon_pages;
	__u64 rss_shmem_pages;
	__u64 swap_pages;
	__u32 parent;
	__u32 user;
	__u32 state; /* bits of __state and exit_state */
	__u32 flags; /* PF_* */
	__u32 threads;
	__u32 processor;
	__s32 priority;
	__s32 static_priority;
	char command[COMMAND_BYTES];
};

#endif

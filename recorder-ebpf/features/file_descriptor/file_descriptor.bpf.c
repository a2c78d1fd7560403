// SPDX-License-Identifier: GPL-2.0
/*
 * Open file descriptors of every process, by what they are.
 *
 * The iterator comes by one file after the other, those of a process together.
 * They are counted here, and a process's row is written when that of another
 * one comes by, or nothing more.
 */
#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
};

struct inode {
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	struct rlimit rlim[16];
};

struct task_struct {
	int pid;
	int tgid;
	__u64 start_boottime;
	char comm[COMMAND_BYTES];
	struct signal_struct *signal;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define S_IFSOCK 0140000
#define RLIMIT_NOFILE 7

struct row {
	__u32 pid;
	__u64 start_ns;
	char command[COMMAND_BYTES];
	__u64 open;
	__u64 limit;
	__u64 files;
	__u64 sockets;
	__u64 pipes;
	__u64 devices;
	__u64 anonymous;
	__u64 highest;
};

/* The process that the iterator is at. One walk at a time: only the recorder reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct row);
} current SEC(".maps");

static __always_inline void begin(struct row *row, struct task_struct *task)
{
	__builtin_memset(row, 0, sizeof(*row));
	row->pid = task->tgid;
	row->start_ns = task->start_boottime;
	BPF_CORE_READ_INTO(&row->command, task, comm);
	row->limit = task->signal->rlim[RLIMIT_NOFILE].rlim_cur;
}

static __always_inline void count_file(struct row *row, struct file *file, __u32 fd)
{
	row->open++;
	row->highest = fd;
	switch (file->f_inode->i_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
		row->files++;
		break;
	case S_IFSOCK:
		row->sockets++;
		break;
	case S_IFIFO:
		row->pipes++;
		break;
	case S_IFCHR:
	case S_IFBLK:
		row->devices++;
		break;
	default:
		row->anonymous++;
	}
}

SEC("iter/task_file")
int each(struct bpf_iter__task_file *at)
{
	struct task_struct *task = at->task;
	struct file *file = at->file;
	__u32 fd = at->fd;
	struct row *row;
	__u32 zero = 0;

	row = bpf_map_lookup_elem(&current, &zero);
	if (!row)
		return 0;
	/* What a walk left behind that nobody read to its end. */
	if (!at->meta->seq_num)
		row->pid = 0;
	/* A thread that has a table of its own is left out. */
	if (task && task->pid != task->tgid)
		return 0;
	if (row->pid && (!task || row->pid != (__u32)task->tgid)) {
		/* Where there is no room, the kernel comes by the same file again. */
		if (bpf_seq_write(at->meta->seq, row, sizeof(*row)))
			return 0;
		row->pid = 0;
	}
	if (!task || !file)
		return 0;
	if (!row->pid)
		begin(row, task);
	count_file(row, file, fd);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the machine code of BPF programs takes, of how much there may be:
 * of eBPF, and of the filters of sockets and of seccomp, which have no number
 * under which they could be listed. The kernel keeps both figures in variables;
 * the first program that an iterator comes by is the occasion to read them.
 */
#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	void *prog;
};

/* Before 5.18, when memory was counted in pages. */
struct bpf_binary_header___pages {
	__u32 pages;
};

#pragma clang attribute pop

/* Put in by the loader. */
volatile const __u64 page_bytes = 4096;
/* Where the variables are. */
volatile const __u64 bpf_jit_current = 0;
volatile const __u64 bpf_jit_limit = 0;

struct row {
	__u64 allocated_bytes;
	__u64 limit_bytes;
};

SEC("iter/bpf_prog")
int read_figures(struct bpf_iter__bpf_prog *at)
{
	struct bpf_binary_header___pages *header = NULL;
	struct row row = {};

	if (at->meta->seq_num || !at->prog)
		return 0;
	bpf_probe_read_kernel(&row.allocated_bytes, sizeof(__u64), (void *)bpf_jit_current);
	bpf_probe_read_kernel(&row.limit_bytes, sizeof(__u64), (void *)bpf_jit_limit);
	if (bpf_core_field_exists(header->pages))
		row.allocated_bytes *= page_bytes;
	bpf_seq_write(at->meta->seq, &row, sizeof(row));
	return 0;
}

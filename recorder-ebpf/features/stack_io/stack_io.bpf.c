// SPDX-License-Identifier: GPL-2.0
/*
 * Who reads from block devices and writes to them, some of it in proportion to its
 * size: the thread, and the calls that it is in when it hands the kernel's block
 * layer what it wants (a bio), before that is queued, merged or cut.
 */
#include "block.h"
#include "events.h"
#include "sampling.h"
#include "stack.h"

/* Less is told by chance, however little there is. */
#define LEAST_T_BYTES 4096
#define ABSENT (~0ULL)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node___io {
	__u64 id;
};

struct cgroup_root___io;

struct cgroup___io {
	struct kernfs_node___io *kn;
	struct cgroup_root___io *root;
};

struct cgroup_subsys_state___io {
	struct cgroup___io *cgroup;
};

struct blkcg___io {
	struct cgroup_subsys_state___io css;
};

struct blkcg_gq___io {
	struct blkcg___io *blkcg;
};

struct css_set___io {
	struct cgroup___io *dfl_cgrp;
};

struct task_struct___io {
	struct css_set___io *cgroups;
};

struct block_device___io {
	struct gendisk *bd_disk;
};

struct bvec_iter___io {
	__u64 bi_sector;
	unsigned int bi_size;
};

struct bio {
	struct block_device___io *bi_bdev; /* from 5.12 */
	unsigned int bi_opf;
	struct bvec_iter___io bi_iter;
	struct blkcg_gq___io *bi_blkg; /* with CONFIG_BLK_CGROUP */
};

/* Before 5.12. */
struct bio___disk {
	struct gendisk *bi_disk;
};

#pragma clang attribute pop

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 device;
	__u32 operation;
	__u64 sector;
	__u64 bytes;
	__u64 weight_bytes;
	__u64 charged_cgroup;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* Of a thread of the kernel, which has nothing else. */
#define KERNEL_ROW_BYTES __builtin_offsetof(struct row, user)

static __always_inline __u32 device_of_bio(struct bio *bio)
{
	struct gendisk *disk = bpf_core_field_exists(bio->bi_bdev)
				       ? BPF_CORE_READ(bio, bi_bdev, bd_disk)
				       : BPF_CORE_READ((struct bio___disk *)bio, bi_disk);

	return BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor);
}

/* The control group in whose account it is, where that is one of version 2. */
static __always_inline __u64 charged_cgroup_of(struct bio *bio)
{
	struct task_struct___io *task = (void *)bpf_get_current_task();
	struct cgroup___io *cgroup;

	if (!bpf_core_field_exists(bio->bi_blkg))
		return ABSENT;
	cgroup = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	if (!cgroup || BPF_CORE_READ(cgroup, root) != BPF_CORE_READ(task, cgroups, dfl_cgrp, root))
		return ABSENT;
	return BPF_CORE_READ(cgroup, kn, id);
}

static __always_inline void fill(struct row *row, struct bio *bio, __u64 bytes, __u64 weight_bytes,
				 void *context)
{
	name_current(&row->task);
	row->device = device_of_bio(bio);
	row->operation = bio->bi_opf & 0xff;
	row->sector = bio->bi_iter.bi_sector;
	row->bytes = bytes;
	row->weight_bytes = weight_bytes;
	row->charged_cgroup = charged_cgroup_of(bio);
	put_kernel_of_tracepoint(row->kernel, context);
}

static __always_inline int sample(struct bio *bio, void *context)
{
	__u64 bytes = bio->bi_iter.bi_size, weight_bytes;
	struct row *row;

	if (!bytes || !is_wanted())
		return 0;
	weight_bytes = weight_of(0, bytes, LEAST_T_BYTES);
	if (!weight_bytes)
		return 0;
	if (is_kernel_thread()) {
		row = begin_event(KERNEL_ROW_BYTES);
		if (!row)
			return 0;
		fill(row, bio, bytes, weight_bytes, context);
		send_event(row);
		return 0;
	}
	row = begin_event(sizeof(*row));
	if (!row)
		return 0;
	fill(row, bio, bytes, weight_bytes, context);
	put_user(&row->user, NULL);
	send_event(row);
	return 0;
}

SEC("tp_btf/block_bio_queue")
int BPF_PROG(queue_5_11, struct bio *bio)
{
	return sample(bio, ctx);
}

/* Before 5.11 the queue came first. */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(queue_5_10, struct request_queue *queue, struct bio *bio)
{
	return sample(bio, ctx);
}

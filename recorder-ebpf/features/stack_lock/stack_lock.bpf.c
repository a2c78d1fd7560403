// SPDX-License-Identifier: GPL-2.0
/*
 * Locks of the kernel for which threads had to wait, some of it in proportion to how
 * long that took: the lock, and the calls that wanted it, once they have it.
 *
 * Who spins does not leave the CPU, and what an interrupt waits for meanwhile it has
 * before: there is one place a CPU for that. Others sleep: their place is by their
 * thread. Of waits within a wait that spins the outer one is told. Nothing is allocated
 * here, for the allocator's locks are among those that are waited for.
 */
#include "events.h"
#include "sampling.h"
#include "stack.h"

/* Shorter waits are told by chance, however few there are. */
#define LEAST_T_NS 1000000ULL
#define NOBODY (~0U)

/* include/trace/events/lock.h */
#define LCB_F_SPIN 0x1
#define LCB_F_READ 0x2
#define LCB_F_WRITE 0x4
#define LCB_F_RT 0x8
#define LCB_F_PERCPU 0x10
#define LCB_F_MUTEX 0x20

/* What is in a pointer to the holder beside that. */
#define MUTEX_FLAGS 0x7
#define RWSEM_READER_OWNED 0x1
#define RWSEM_FLAGS 0x3

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct atomic_long___holder {
	long counter;
};

/* Neither has it so in a kernel with PREEMPT_RT. */
struct mutex___holder {
	struct atomic_long___holder owner;
};

struct rw_semaphore___holder {
	struct atomic_long___holder owner;
};

#pragma clang attribute pop

/* The names are in the manifest. */
enum kind {
	SPINLOCK,
	RWLOCK_READ,
	RWLOCK_WRITE,
	MUTEX,
	RWSEM_READ,
	RWSEM_WRITE,
	PERCPU_RWSEM_READ,
	PERCPU_RWSEM_WRITE,
	RTMUTEX,
	SEMAPHORE,
};

/* What a thread waits for. */
struct wait {
	__u64 lock; /* 0: nothing */
	__u64 since_ns;
	__u32 flags;
	__u32 holder_pid;
	__u32 holder_tid;
	char holder[COMMAND_BYTES];
};

/* Not a lock: this program works, and what it waits for is not told. */
#define ITSELF 1

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wait);
} spinning SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct wait);
} sleeping SEC(".maps");

struct row {
	__u64 time_ns;
	struct task_id task;
	__u32 kind;
	__u64 lock;
	__u32 holder_pid;
	__u32 holder_tid;
	char holder[COMMAND_BYTES];
	__u64 duration_ns;
	__u64 weight_ns;
	__u64 kernel[KERNEL_FRAMES];
	struct user_stack user;
};

/* Of a thread of the kernel, which has nothing else. */
#define KERNEL_ROW_BYTES __builtin_offsetof(struct row, user)

static __always_inline enum kind kind_of(__u32 flags)
{
	if (flags & LCB_F_MUTEX)
		return MUTEX;
	if (flags & LCB_F_RT)
		return RTMUTEX;
	if (flags & LCB_F_SPIN)
		return flags & LCB_F_READ    ? RWLOCK_READ
		       : flags & LCB_F_WRITE ? RWLOCK_WRITE
					     : SPINLOCK;
	if (flags & LCB_F_PERCPU)
		return flags & LCB_F_READ ? PERCPU_RWSEM_READ : PERCPU_RWSEM_WRITE;
	return flags & LCB_F_READ ? RWSEM_READ : flags & LCB_F_WRITE ? RWSEM_WRITE : SEMAPHORE;
}

/* Who has a lock that one thread alone has, and that says so; NULL where none is known. */
static __always_inline struct task_struct___ids *holder_of(void *lock, enum kind kind)
{
	struct rw_semaphore___holder *semaphore = lock;
	struct mutex___holder *mutex = lock;
	__u64 holder = 0;

	if (kind == MUTEX && bpf_core_field_exists(mutex->owner)) {
		holder = BPF_CORE_READ(mutex, owner.counter) & ~(__u64)MUTEX_FLAGS;
	} else if ((kind == RWSEM_READ || kind == RWSEM_WRITE) &&
		   bpf_core_field_exists(semaphore->owner)) {
		holder = BPF_CORE_READ(semaphore, owner.counter);
		if (holder & RWSEM_READER_OWNED)
			return NULL;
		holder &= ~(__u64)RWSEM_FLAGS;
	}
	return (struct task_struct___ids *)holder;
}

static __always_inline void put_wait(struct wait *wait, void *lock, __u32 flags)
{
	struct task_struct___ids *holder = holder_of(lock, kind_of(flags));

	wait->lock = (__u64)lock;
	wait->since_ns = bpf_ktime_get_boot_ns();
	wait->flags = flags;
	wait->holder_pid = wait->holder_tid = NOBODY;
	wait->holder[0] = 0;
	if (!holder)
		return;
	wait->holder_pid = BPF_CORE_READ(holder, tgid);
	wait->holder_tid = BPF_CORE_READ(holder, pid);
	BPF_CORE_READ_INTO(&wait->holder, holder, comm);
}

SEC("tp_btf/contention_begin")
int BPF_PROG(waits, void *lock, unsigned int flags)
{
	__u32 zero = 0, tid = (__u32)bpf_get_current_pid_tgid();
	struct wait *wait, new = {};

	if ((flags & (LCB_F_SPIN | LCB_F_MUTEX)) == LCB_F_SPIN) {
		wait = bpf_map_lookup_elem(&spinning, &zero);
		if (wait && !wait->lock)
			put_wait(wait, lock, flags);
		return 0;
	}
	/* Who waits for a mutex spins and sleeps by turns, and says so each time. */
	wait = bpf_map_lookup_elem(&sleeping, &tid);
	if (wait && flags & LCB_F_MUTEX && wait->lock == (__u64)lock)
		return 0;
	put_wait(&new, lock, flags);
	if (bpf_map_update_elem(&sleeping, &tid, &new, BPF_ANY))
		LOSE(map_full);
	return 0;
}

static __always_inline void fill(struct row *row, const struct wait *wait, __u64 duration_ns,
				 __u64 weight_ns, void *context)
{
	name_current(&row->task);
	row->kind = kind_of(wait->flags);
	row->lock = wait->lock;
	row->holder_pid = wait->holder_pid;
	row->holder_tid = wait->holder_tid;
	__builtin_memcpy(row->holder, wait->holder, sizeof(row->holder));
	row->duration_ns = duration_ns;
	row->weight_ns = weight_ns;
	put_kernel_of_tracepoint(row->kernel, context);
}

static __always_inline void report(const struct wait *wait, void *context)
{
	__u64 now_ns = bpf_ktime_get_boot_ns(), duration_ns, weight_ns;
	struct row *row;

	duration_ns = now_ns > wait->since_ns ? now_ns - wait->since_ns : 1;
	if (duration_ns < min_latency_ns || !is_wanted())
		return;
	weight_ns = weight_of(0, duration_ns, LEAST_T_NS);
	if (!weight_ns)
		return;
	if (is_kernel_thread()) {
		row = begin_event(KERNEL_ROW_BYTES);
		if (!row)
			return;
		fill(row, wait, duration_ns, weight_ns, context);
		send_event(row);
		return;
	}
	row = begin_event(sizeof(*row));
	if (!row)
		return;
	fill(row, wait, duration_ns, weight_ns, context);
	put_user(&row->user, NULL);
	send_event(row);
}

SEC("tp_btf/contention_end")
int BPF_PROG(has_it, void *lock)
{
	__u32 zero = 0, tid = (__u32)bpf_get_current_pid_tgid();
	struct wait *here = bpf_map_lookup_elem(&spinning, &zero), *at, wait;

	if (!here)
		return 0;
	if (here->lock == (__u64)lock) {
		wait = *here;
	} else {
		at = bpf_map_lookup_elem(&sleeping, &tid);
		if (!at || at->lock != (__u64)lock)
			return 0;
		wait = *at;
		bpf_map_delete_elem(&sleeping, &tid);
	}
	here->lock = ITSELF;
	report(&wait, ctx);
	here->lock = 0;
	return 0;
}

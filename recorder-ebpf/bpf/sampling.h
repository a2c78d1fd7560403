/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples in proportion to size: of time, of bytes, of what was counted. What has
 * the size s is told with the probability s / T and stands for T; what has T or more
 * is always told, and stands for itself. So sums of weights are right on average,
 * whatever T is, and T is such that about a fifth of the budget of events is used.
 */
#ifndef NODEMON_BPF_SAMPLING_H
#define NODEMON_BPF_SAMPLING_H

#include "feature.h"

#define MOST_T (1ULL << 40)
/* T grows by so much at once at most. */
#define MOST_GROWTH 16
/* Parts of one in which it grows. */
#define PARTS 16

/* One of so many has the clock looked at. */
#define LOOKS 16

/* A feature may have several, each for what is of one unit. */
#ifndef SAMPLINGS
#define SAMPLINGS 1
#endif

struct sampling {
	__u64 t;
	__u64 begun_ns;
	__u64 told; /* since then */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SAMPLINGS);
	__type(key, __u32);
	__type(value, struct sampling);
} samplings SEC(".maps");

/*
 * T for what comes now, by what came. A second ends before it has passed when it has had
 * its events. Several CPUs may do it at once, which takes T a little too far.
 */
static __always_inline void adapt(struct sampling *sampling, __u64 wanted, __u64 least_t)
{
	__u64 now_ns = bpf_ktime_get_boot_ns(), passed_ns = now_ns - sampling->begun_ns;
	__u64 told = sampling->told, t = sampling->t, passed_s = passed_ns / NS_PER_S, parts;

	if (!passed_s && told <= wanted)
		return;
	if (!passed_s) {
		parts = told * PARTS * NS_PER_S / (wanted * (passed_ns + 1));
		if (parts > MOST_GROWTH * PARTS)
			parts = MOST_GROWTH * PARTS;
		t = t * parts / PARTS + 1;
	} else if (told * 2 < wanted * passed_s) {
		t = passed_s < 40 ? t >> passed_s : 0;
	}
	if (t < least_t)
		t = least_t;
	sampling->t = t < MOST_T ? t : MOST_T;
	sampling->told = 0;
	sampling->begun_ns = now_ns;
}

/* What something of a size stands for, 0 if it is not told. T is never below `least_t`. */
static __always_inline __u64 weight_of(__u32 at, __u64 size, __u64 least_t)
{
	__u64 wanted = events_per_s < 5 ? 1 : events_per_s / 5, chance = bpf_get_prandom_u32(), t;
	struct sampling *sampling = bpf_map_lookup_elem(&samplings, &at);

	if (!sampling)
		return 0;
	/* To look at the clock takes longer than the rest. */
	if (!(chance % LOOKS) || !sampling->t || sampling->told > wanted)
		adapt(sampling, wanted, least_t);
	t = sampling->t;
	if (size >= t)
		t = size;
	/* A word has no room for more than 32 bits of T beside those of chance. */
	else if (t >> 32 ? chance * (t >> 16) >= size << 16 : chance * t >= size << 32)
		return 0;
	__sync_fetch_and_add(&sampling->told, 1);
	return t;
}

#endif

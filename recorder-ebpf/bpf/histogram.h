/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Log-linear histograms: values below 8 have a bucket each, and every power of
 * two from there on has eight. A value is at most an eighth of itself away from
 * the ends of its bucket. docs/format.md has the formula.
 */
#ifndef NODEMON_BPF_HISTOGRAM_H
#define NODEMON_BPF_HISTOGRAM_H

#include "feature.h"

/* Buckets, rounded up to whole pages of counters. */
#define HISTOGRAM_SLOTS 512

static __always_inline __u32 bucket_of(__u64 value)
{
	__u64 rest = value;
	__u32 log = 0;

	if (value < 8)
		return value;
	if (rest >> 32) {
		log += 32;
		rest >>= 32;
	}
	if (rest >> 16) {
		log += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		log += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		log += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		log += 2;
		rest >>= 2;
	}
	log += rest >> 1;
	return (log - 2) << 3 | ((value >> (log - 3)) & 7);
}

/*
 * Histograms of few keys that are small numbers: one array that user space
 * maps, in which every CPU has its own stretch of KEYS * HISTOGRAM_SLOTS. The
 * loader gives it its size.
 */
#define DENSE_HISTOGRAM(name)                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

static __always_inline void add_dense(void *map, __u32 keys, __u32 key, __u64 value)
{
	__u32 at = (bpf_get_smp_processor_id() * keys + key) * HISTOGRAM_SLOTS + bucket_of(value);
	__u64 *counter = bpf_map_lookup_elem(map, &at);

	if (counter)
		count(counter, 1);
}

/*
 * Histograms of keys that are not known beforehand: the bucket is the last
 * member of the key.
 */
#define KEYED_HISTOGRAM(name, key_type, entries)                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_HASH);                                            \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

static __always_inline void add_keyed(void *map, const void *key)
{
	__u64 zero = 0;
	__u64 *counter = find_or_make(map, key, &zero);

	if (counter)
		count(counter, 1);
}

#endif

// SPDX-License-Identifier: GPL-2.0
/* Pages of files in memory: those looked up, those put in, those written to. */
#include <asm/ptrace.h>
#include "feature.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* From 6.15. */
struct folio {
	unsigned int _nr_pages;
};

/* Before. */
struct folio___before {
	unsigned int _folio_nr_pages;
};

struct inode {
	unsigned long long i_size;
};

struct address_space {
	struct inode *host;
};

#pragma clang attribute pop

/* Put in by the loader. */
volatile const __u64 page_bytes = 4096;

/* The kernel's own value is put in. */
enum pageflags {
	PG_head = 1,
};

struct pages {
	__u64 accessed;
	__u64 added;
	__u64 dirtied;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pages);
} pages SEC(".maps");

/* What one look-up finds at most, where each page is a folio. */
#define FOLIOS_AT_ONCE 31

struct reading {
	__u64 tid;
	__u64 mapping;
	__u64 first;
	__u64 last;
};

#define READINGS 4096

/*
 * What threads read that takes more than one look-up. Threads that share a
 * place push each other out, and the rest of a read counts twice then: every
 * read of a page looks here, and a hash would cost it 60 ns.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, READINGS);
	__type(key, __u32);
	__type(value, struct reading);
} readings SEC(".maps");

static __always_inline void add(__u64 offset, __u64 more)
{
	__u32 at = bpf_get_smp_processor_id();
	void *here = bpf_map_lookup_elem(&pages, &at);

	if (here && is_wanted())
		count(here + offset, more);
}

#define ADD(what, more) add(offsetof(struct pages, what), more)

static __always_inline __u64 pages_of(struct folio *folio)
{
	struct folio___before *before = (void *)folio;
	/* Its flags, which are its first word, of one type or another. */
	unsigned long flags = *(unsigned long *)folio;

	if (!(flags & 1UL << bpf_core_enum_value(enum pageflags, PG_head)))
		return 1;
	if (bpf_core_field_exists(folio->_nr_pages))
		return folio->_nr_pages;
	if (bpf_core_field_exists(before->_folio_nr_pages))
		return before->_folio_nr_pages;
	return 1;
}

/*
 * A read that needs several look-ups asks each time for all that it still
 * wants. How much one of them found nobody says, but that the next one begins
 * further on.
 */
static __always_inline bool goes_on(struct address_space *mapping, __u64 first, __u64 last)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), at = tid % READINGS;
	struct reading *reading = bpf_map_lookup_elem(&readings, &at);

	if (!reading)
		return false;
	if (reading->tid == tid && reading->mapping == (__u64)mapping && reading->last == last &&
	    reading->first < first) {
		reading->first = first;
		return true;
	}
	/* One look-up finds all of it. */
	if (last - first < FOLIOS_AT_ONCE)
		return false;
	reading->tid = tid;
	reading->mapping = (__u64)mapping;
	reading->first = first;
	reading->last = last;
	return false;
}

SEC("tp_btf/mm_filemap_get_pages")
int BPF_PROG(looked_up, struct address_space *mapping, unsigned long first, unsigned long last)
{
	__u64 end = (mapping->host->i_size + page_bytes - 1) / page_bytes, more;

	/* A buffer may be larger than what is left of the file. */
	if (first >= end)
		return 0;
	more = (last < end ? last + 1 : end) - first;
	if (goes_on(mapping, first, last))
		return 0;
	ADD(accessed, more);
	return 0;
}

SEC("fentry/folio_mark_accessed")
int BPF_PROG(accessed)
{
	ADD(accessed, 1);
	return 0;
}

SEC("kprobe/folio_mark_accessed")
int BPF_KPROBE(accessed_by_probe)
{
	ADD(accessed, 1);
	return 0;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(added, struct folio *folio)
{
	ADD(added, pages_of(folio));
	return 0;
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(dirtied, struct folio *folio)
{
	ADD(dirtied, pages_of(folio));
	return 0;
}

/* Before 5.17 there are pages only. */
SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(added_page)
{
	ADD(added, 1);
	return 0;
}

SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(dirtied_page)
{
	ADD(dirtied, 1);
	return 0;
}

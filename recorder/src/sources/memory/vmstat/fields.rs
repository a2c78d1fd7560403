//! What the fields of `/proc/vmstat` are: levels or events, and of what.

use crate::kernel_files::keyed::Field;
use crate::kernel_files::text::{Fields, lines};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Semantics};

/// The fields to record on a kernel whose `/proc/vmstat` holds `text`.
pub fn fields(text: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in lines(text) {
        let Some(name) = Fields::new(line).word() else { continue };
        if fields.iter().all(|field| field.name != name) {
            fields.push(field(name));
        }
    }
    fields
}

/// The fields that are described here, whatever the kernel has.
pub fn described() -> Vec<Field> {
    DOCS.iter().map(|(name, _)| field(name.as_bytes())).collect()
}

fn field(kernel: &[u8]) -> Field {
    let name = String::from_utf8_lossy(kernel);
    let semantics = if is_level(&name) { Semantics::Gauge } else { Semantics::Counter };
    let column = Column::new(&name, ColumnType::U64, semantics, unit_of(&name), doc_of(&name));
    Field { name: kernel.to_vec(), column, scale: 1 }
}

/// Whether a field goes up and down. `nr_` stands before the number of pages in some state, but
/// also before these, which the kernel only ever adds to (`enum node_stat_item`).
fn is_level(name: &str) -> bool {
    const COUNTED: [&str; 9] = [
        "nr_vmscan_write",
        "nr_vmscan_immediate_reclaim",
        "nr_dirtied",
        "nr_written",
        "nr_throttled_written",
        "nr_foll_pin_acquired",
        "nr_foll_pin_released",
        "nr_tlb_remote_flush",
        "nr_tlb_remote_flush_received",
    ];
    const LEVELS: [&str; 1] = ["workingset_nodes"];
    let counted = COUNTED.contains(&name) || name.starts_with("nr_tlb_local_flush");
    name.starts_with("nr_") && !counted || LEVELS.contains(&name)
}

fn unit_of(name: &str) -> &'static str {
    const PAGES: &str = "pages";
    const KIB: &str = "KiB";
    // These are counted in huge pages.
    let huge = name.contains("hugepages") || name.contains("pmdmapped");
    match name {
        "pgpgin" | "pgpgout" | "nr_kernel_stack" | "nr_shadow_call_stack" => KIB,
        "workingset_nodes" => unit::COUNT,
        _ if name.starts_with("nr_tlb_") || huge => unit::COUNT,
        _ if name.starts_with("nr_") => PAGES,
        _ => unit::COUNT,
    }
}

fn doc_of(name: &str) -> String {
    match DOCS.iter().find(|(known, _)| *known == name) {
        Some((_, doc)) => (*doc).to_owned(),
        None if is_level(name) => "a level in the kernel's memory management".to_owned(),
        None => "events in the kernel's memory management since boot".to_owned(),
    }
}

/// What people look at.
const DOCS: &[(&str, &str)] = &[
    ("nr_free_pages", "unused pages"),
    ("nr_inactive_anon", "anonymous pages not used recently"),
    ("nr_active_anon", "anonymous pages used recently"),
    ("nr_inactive_file", "pages of files not used recently"),
    ("nr_active_file", "pages of files used recently"),
    ("nr_unevictable", "pages that cannot be reclaimed"),
    ("nr_mlock", "pages locked with mlock(2)"),
    ("nr_anon_pages", "anonymous pages mapped by processes"),
    ("nr_mapped", "pages of files mapped by processes"),
    ("nr_file_pages", "pages of the page cache"),
    ("nr_dirty", "pages to be written"),
    ("nr_writeback", "pages being written"),
    ("nr_dirtied", "pages made dirty"),
    ("nr_written", "pages written"),
    ("nr_dirty_threshold", "dirty pages from which on writers are held up"),
    ("nr_dirty_background_threshold", "dirty pages from which on the kernel starts writing"),
    ("nr_slab_reclaimable", "pages of kernel objects that can be reclaimed"),
    ("nr_slab_unreclaimable", "pages of kernel objects that cannot be reclaimed"),
    ("nr_page_table_pages", "pages of page tables"),
    ("nr_kernel_stack", "kernel stacks of tasks"),
    ("nr_shmem", "pages of shared memory and tmpfs"),
    ("nr_isolated_anon", "anonymous pages taken off the lists, to be reclaimed or moved"),
    ("nr_isolated_file", "pages of files taken off the lists, to be reclaimed or moved"),
    ("nr_vmscan_write", "pages written by reclaim"),
    ("nr_vmscan_immediate_reclaim", "pages to be reclaimed as soon as they are written"),
    ("nr_foll_pin_acquired", "pages pinned, as for direct I/O and RDMA"),
    ("nr_foll_pin_released", "pages that were pinned and are no longer"),
    ("numa_hit", "pages allocated on the node that was wanted"),
    ("numa_miss", "pages allocated on a node although another one was wanted"),
    ("numa_foreign", "pages wanted on a node and allocated on another one"),
    ("numa_local", "pages allocated on the node of the CPU"),
    ("numa_other", "pages allocated on another node than that of the CPU"),
    ("numa_hint_faults", "faults by which NUMA balancing sees who uses a page"),
    ("numa_hint_faults_local", "of these, by a CPU of the page's node"),
    ("numa_pages_migrated", "pages that NUMA balancing moved to another node"),
    ("workingset_nodes", "nodes of the page cache that remember evicted pages"),
    ("workingset_refault_anon", "anonymous pages that came back soon after they were evicted"),
    ("workingset_refault_file", "pages of files that came back soon after they were evicted"),
    ("workingset_activate_anon", "of workingset_refault_anon, active at once"),
    ("workingset_activate_file", "of workingset_refault_file, active at once"),
    ("pgpgin", "read from block devices"),
    ("pgpgout", "written to block devices"),
    ("pswpin", "pages read from swap"),
    ("pswpout", "pages written to swap"),
    ("pgfree", "pages freed"),
    ("pgfault", "page faults, major ones included"),
    ("pgmajfault", "page faults that had to read from a device"),
    ("pgactivate", "pages moved to the active list"),
    ("pgdeactivate", "pages moved to the inactive list"),
    ("pgscan_kswapd", "pages looked at by kswapd"),
    ("pgscan_direct", "pages looked at by tasks that had to reclaim for themselves"),
    ("pgscan_direct_throttle", "times that a task in direct reclaim was held up"),
    ("pgsteal_kswapd", "pages reclaimed by kswapd"),
    ("pgsteal_direct", "pages reclaimed by tasks that had to reclaim for themselves"),
    ("allocstall_dma", "direct reclaims for memory of zone DMA"),
    ("allocstall_dma32", "direct reclaims for memory of zone DMA32"),
    ("allocstall_normal", "direct reclaims for memory of zone Normal"),
    ("allocstall_movable", "direct reclaims for memory of zone Movable"),
    ("slabs_scanned", "kernel objects looked at by shrinkers"),
    ("kswapd_low_wmark_hit_quickly", "times that kswapd had to go on soon, low watermark"),
    ("kswapd_high_wmark_hit_quickly", "times that kswapd had to go on soon, high watermark"),
    ("pageoutrun", "runs of kswapd"),
    ("drop_pagecache", "times that someone dropped the page cache by sysctl"),
    ("drop_slab", "times that someone dropped kernel objects by sysctl"),
    ("oom_kill", "processes killed because memory had run out"),
    ("pgmigrate_success", "pages moved"),
    ("pgmigrate_fail", "pages that could not be moved"),
    ("compact_stall", "tasks held up while memory was compacted for them"),
    ("compact_fail", "of these compactions, in vain"),
    ("compact_success", "of these compactions, with success"),
    ("compact_daemon_wake", "runs of kcompactd"),
    ("thp_fault_alloc", "huge pages allocated at a fault"),
    ("thp_fault_fallback", "faults that got small pages as no huge page could be had"),
    ("thp_collapse_alloc", "huge pages that khugepaged put small ones together to"),
    ("thp_split_page", "huge pages split into small ones"),
    ("thp_split_pmd", "huge mappings split"),
    ("balloon_inflate", "pages given to the hypervisor"),
    ("balloon_deflate", "pages got back from the hypervisor"),
    ("swap_ra", "pages read ahead from swap"),
    ("swap_ra_hit", "of these, used"),
    ("zswpin", "pages taken out of zswap"),
    ("zswpout", "pages put into zswap"),
    ("zswpwb", "pages of zswap written to swap"),
    ("nr_tlb_remote_flush", "TLB flushes asked of other CPUs"),
    ("nr_tlb_remote_flush_received", "TLB flushes that other CPUs asked for"),
    ("nr_tlb_local_flush_all", "whole TLB flushes"),
    ("nr_tlb_local_flush_one", "single entries flushed"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{DOCS, fields};
    use nodemon_formats::Semantics::{Counter, Gauge};
    use std::collections::HashSet;

    #[test]
    fn levels_and_events_are_told_apart() {
        let text = b"nr_free_pages 1\nnr_dirtied 1\nnr_tlb_local_flush_one 2\npgfault 3\n\
                     workingset_nodes 4\nworkingset_refault_anon 5\nnr_kernel_stack 6\npgpgin 7\n\
                     nr_anon_transparent_hugepages 8\npgfault 9\n";
        let kinds: Vec<_> = fields(text)
            .into_iter()
            .map(|f| (f.column.name, f.column.semantics, f.column.unit))
            .collect();
        let expected = [
            ("nr_free_pages", Gauge, "pages"),
            ("nr_dirtied", Counter, "pages"),
            ("nr_tlb_local_flush_one", Counter, "count"),
            ("pgfault", Counter, "count"),
            ("workingset_nodes", Gauge, "count"),
            ("workingset_refault_anon", Counter, "count"),
            ("nr_kernel_stack", Gauge, "KiB"),
            ("pgpgin", Counter, "KiB"),
            ("nr_anon_transparent_hugepages", Gauge, "count"),
        ];
        assert_eq!(kinds, expected.map(|(n, s, u)| (n.to_owned(), s, u.into())));
    }

    #[test]
    fn no_field_is_explained_twice() {
        let names: HashSet<&str> = DOCS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), DOCS.len());
    }
}

//! The fields of `/proc/meminfo`: those of the kernels from 4.x to 7.x (`fs/proc/meminfo.c`,
//! `mm/hugetlb.c`, `mm/memtest.c` and the architectures), and whatever else a kernel has.

use crate::kernel_files::keyed::Field;
use crate::kernel_files::text::{Fields, lines, split_once};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Semantics};

/// The fields to record on a kernel whose `/proc/meminfo` holds `text`.
pub fn fields(text: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> =
        KNOWN.iter().map(|(name, column, doc)| field(name.as_bytes(), column, doc)).collect();
    for line in lines(text) {
        let Some((name, value)) = split_once(line, b':') else { continue };
        let (name, column) = (name.trim_ascii(), column_name(name, value));
        let new = |field: &Field| field.name != name && field.column.name != column;
        if fields.iter().all(new) {
            fields.push(field(name, &column, "a field that this kernel has besides"));
        }
    }
    fields
}

fn field(name: &[u8], column: &str, doc: &str) -> Field {
    let (unit, scale, quantum) = match column.ends_with("_bytes") {
        true => (unit::BYTES, 1024, 1024),
        false => (unit::COUNT, 1, 0),
    };
    let doc = format!("{doc} ({})", String::from_utf8_lossy(name));
    let mut column = Column::new(column, ColumnType::U64, Semantics::Gauge, unit, doc);
    column.quantum = quantum;
    Field { name: name.to_vec(), column, scale }
}

/// A name for the column of a field that is not among those known: `FooBar(baz)` in kB becomes
/// `foo_bar_baz_bytes`.
fn column_name(name: &[u8], value: &[u8]) -> String {
    let mut column = String::new();
    let mut after_lower = false;
    for &byte in name {
        if byte.is_ascii_uppercase() && after_lower
            || !byte.is_ascii_alphanumeric() && !column.ends_with('_')
        {
            column.push('_');
        }
        if byte.is_ascii_alphanumeric() {
            column.push(char::from(byte.to_ascii_lowercase()));
        }
        after_lower = byte.is_ascii_lowercase();
    }
    let column = column.trim_matches('_');
    let mut words = Fields::new(value);
    words.skip(1);
    match words.word() {
        Some(b"kB") => format!("{column}_bytes"),
        _ => column.to_owned(),
    }
}

/// The kernel's name, the column, what it is.
const KNOWN: &[(&str, &str, &str)] = &[
    ("MemTotal", "mem_total_bytes", "memory that the kernel manages"),
    ("MemFree", "mem_free_bytes", "unused memory"),
    ("MemAvailable", "mem_available_bytes", "memory that can be had without swapping, estimated"),
    ("Buffers", "buffers_bytes", "page cache of block devices"),
    ("Cached", "cached_bytes", "page cache of files, shared memory included"),
    ("SwapCached", "swap_cached_bytes", "memory that is in swap as well"),
    ("Active", "active_bytes", "memory used recently"),
    ("Inactive", "inactive_bytes", "memory not used recently, reclaimed first"),
    ("Active(anon)", "active_anon_bytes", "anonymous memory used recently"),
    ("Inactive(anon)", "inactive_anon_bytes", "anonymous memory not used recently"),
    ("Active(file)", "active_file_bytes", "page cache used recently"),
    ("Inactive(file)", "inactive_file_bytes", "page cache not used recently"),
    ("Unevictable", "unevictable_bytes", "memory that cannot be reclaimed"),
    ("Mlocked", "mlocked_bytes", "memory locked with mlock(2)"),
    ("HighTotal", "high_total_bytes", "memory beyond what the kernel maps, 32-bit"),
    ("HighFree", "high_free_bytes", "of that, unused"),
    ("LowTotal", "low_total_bytes", "memory that the kernel maps, 32-bit"),
    ("LowFree", "low_free_bytes", "of that, unused"),
    ("MmapCopy", "mmap_copy_bytes", "memory copied for mmap(2) without an MMU"),
    ("SwapTotal", "swap_total_bytes", "swap space"),
    ("SwapFree", "swap_free_bytes", "unused swap space"),
    ("Zswap", "zswap_bytes", "memory that holds compressed pages of zswap"),
    ("Zswapped", "zswapped_bytes", "what these pages are uncompressed"),
    ("Dirty", "dirty_bytes", "page cache to be written"),
    ("Writeback", "writeback_bytes", "page cache being written"),
    ("AnonPages", "anon_pages_bytes", "anonymous memory mapped by processes"),
    ("Mapped", "mapped_bytes", "files mapped by processes"),
    ("Shmem", "shmem_bytes", "shared memory and tmpfs"),
    ("KReclaimable", "kreclaimable_bytes", "kernel memory reclaimed under pressure"),
    ("Slab", "slab_bytes", "caches of kernel objects"),
    ("SReclaimable", "sreclaimable_bytes", "of these, reclaimable"),
    ("SUnreclaim", "sunreclaim_bytes", "of these, not reclaimable"),
    ("KernelStack", "kernel_stack_bytes", "kernel stacks of tasks"),
    ("ShadowCallStack", "shadow_call_stack_bytes", "shadow call stacks of tasks"),
    ("PageTables", "page_tables_bytes", "page tables of processes"),
    ("SecPageTables", "sec_page_tables_bytes", "page tables of virtual machines and IOMMUs"),
    ("Quicklists", "quicklists_bytes", "free page tables kept at hand"),
    ("NFS_Unstable", "nfs_unstable_bytes", "written to an NFS server, not yet committed there"),
    ("Bounce", "bounce_bytes", "bounce buffers of block devices"),
    ("WritebackTmp", "writeback_tmp_bytes", "buffers of FUSE for writing back"),
    ("CommitLimit", "commit_limit_bytes", "what may be promised under vm.overcommit_memory=2"),
    ("Committed_AS", "committed_as_bytes", "memory promised to processes"),
    ("VmallocTotal", "vmalloc_total_bytes", "address space for vmalloc"),
    ("VmallocUsed", "vmalloc_used_bytes", "memory in use by vmalloc"),
    ("VmallocChunk", "vmalloc_chunk_bytes", "largest free piece of it, 0 on newer kernels"),
    ("Percpu", "percpu_bytes", "memory of per-CPU allocations"),
    ("EarlyMemtestBad", "early_memtest_bad_bytes", "memory that failed the test at boot"),
    ("HardwareCorrupted", "hardware_corrupted_bytes", "memory set aside after hardware errors"),
    ("AnonHugePages", "anon_huge_pages_bytes", "anonymous memory in transparent huge pages"),
    ("ShmemHugePages", "shmem_huge_pages_bytes", "shared memory in huge pages"),
    ("ShmemPmdMapped", "shmem_pmd_mapped_bytes", "of that, mapped with huge pages"),
    ("FileHugePages", "file_huge_pages_bytes", "page cache in huge pages"),
    ("FilePmdMapped", "file_pmd_mapped_bytes", "of that, mapped with huge pages"),
    ("CmaTotal", "cma_total_bytes", "memory reserved for contiguous allocations"),
    ("CmaFree", "cma_free_bytes", "of that, unused"),
    ("Unaccepted", "unaccepted_bytes", "memory that this guest has not accepted yet"),
    ("Balloon", "balloon_bytes", "memory given back to the hypervisor"),
    ("GPUActive", "gpu_active_bytes", "system memory in use by GPU drivers"),
    ("GPUReclaim", "gpu_reclaim_bytes", "kept by GPU drivers, reclaimable"),
    ("HugePages_Total", "huge_pages_total", "huge pages of the default size"),
    ("HugePages_Free", "huge_pages_free", "of these, unused"),
    ("HugePages_Rsvd", "huge_pages_rsvd", "of these, promised and not yet used"),
    ("HugePages_Surp", "huge_pages_surp", "of these, beyond vm.nr_hugepages"),
    ("Hugepagesize", "hugepagesize_bytes", "the default size of a huge page"),
    ("Hugetlb", "hugetlb_bytes", "memory in huge pages of all sizes"),
    ("DirectMap4k", "direct_map_4k_bytes", "mapped by the kernel with pages of 4 KiB"),
    ("DirectMap64k", "direct_map_64k_bytes", "the same with 64 KiB"),
    ("DirectMap1M", "direct_map_1m_bytes", "the same with 1 MiB"),
    ("DirectMap2M", "direct_map_2m_bytes", "the same with 2 MiB"),
    ("DirectMap4M", "direct_map_4m_bytes", "the same with 4 MiB"),
    ("DirectMap1G", "direct_map_1g_bytes", "the same with 1 GiB"),
    ("DirectMap2G", "direct_map_2g_bytes", "the same with 2 GiB"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{KNOWN, fields};
    use std::collections::HashSet;

    #[test]
    fn every_field_of_this_kernel_has_a_column_of_its_own() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let fields = fields(text.as_bytes());
        for line in text.lines() {
            let name = line.split(':').next().unwrap();
            assert!(fields.iter().any(|field| field.name == name.as_bytes()), "{name} is lost");
        }
        let columns: HashSet<&str> = fields.iter().map(|f| f.column.name.as_str()).collect();
        assert_eq!(columns.len(), fields.len(), "no two fields share a column");
    }

    #[test]
    fn a_field_that_nobody_knew_gets_a_name_and_a_unit() {
        let text = b"TeaPots(green):  12 kB\nSpoons_Total:    3\nMemTotal: 1 kB\n";
        let fields = fields(text);
        let new: Vec<_> = fields[KNOWN.len()..]
            .iter()
            .map(|field| (field.column.name.as_str(), &*field.column.unit, field.scale))
            .collect();
        assert_eq!(new, [("tea_pots_green_bytes", "bytes", 1024), ("spoons_total", "count", 1)]);
    }
}

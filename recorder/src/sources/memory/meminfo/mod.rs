//! `/proc/meminfo`: what memory is used for.

mod fields;

use crate::kernel_files::file::Rendering;
use crate::kernel_files::keyed::{Field, with_fields};
use crate::source::{Context, Descriptor, Source, SourceError, SourceKind};
use crate::sources::keyed_file::KeyedFile;
use nodemon_formats::Schema;
use std::sync::LazyLock;
use std::time::Duration;

/// The source of the table `memory`.
pub const SOURCE: Descriptor = Descriptor {
    name: "meminfo",
    reads: "/proc/meminfo",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: Some(&described),
    open: &open,
};

/// What kernels are known to have, and what the running one has besides.
static FIELDS: LazyLock<Vec<Field>> =
    LazyLock::new(|| fields::fields(&std::fs::read("/proc/meminfo").unwrap_or_default()));

fn tables() -> Vec<Schema> {
    vec![schema(&FIELDS)]
}

/// The tables with the columns that are described, whatever the kernel has.
pub fn described() -> Vec<Schema> {
    vec![schema(&fields::fields(b""))]
}

fn schema(fields: &[Field]) -> Schema {
    let doc = "What memory is used for. Fields that the kernel does not have are absent; the \
               figures of one read are not taken at one instant.";
    with_fields(Schema::sample("memory", "/proc/meminfo", doc), fields)
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let path = context.proc.join("meminfo");
    Ok(Box::new(KeyedFile::open(path, Rendering::Whole, &FIELDS)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::Context;
    use crate::source::test_support::{
        assert_steady_state_allocates_nothing, context, sample, sample_of,
    };
    use nodemon_formats::Value;
    use procfs::Current;
    use std::collections::HashMap;

    #[test]
    fn levels_that_procfs_reads_alike_before_and_after_are_those_that_are_sampled() {
        let theirs = || -> HashMap<&'static str, Option<u64>> {
            let memory = procfs::Meminfo::current().unwrap();
            HashMap::from([
                ("mem_total_bytes", Some(memory.mem_total)),
                ("mem_free_bytes", Some(memory.mem_free)),
                ("mem_available_bytes", memory.mem_available),
                ("buffers_bytes", Some(memory.buffers)),
                ("cached_bytes", Some(memory.cached)),
                ("active_anon_bytes", memory.active_anon),
                ("inactive_file_bytes", memory.inactive_file),
                ("dirty_bytes", Some(memory.dirty)),
                ("slab_bytes", Some(memory.slab)),
                ("sreclaimable_bytes", memory.s_reclaimable),
                ("committed_as_bytes", Some(memory.committed_as)),
                ("vmalloc_total_bytes", Some(memory.vmalloc_total)),
                ("kernel_stack_bytes", memory.kernel_stack),
                ("huge_pages_total", memory.hugepages_total),
                ("hugepagesize_bytes", memory.hugepagesize),
                ("direct_map_2m_bytes", memory.direct_map_2M),
            ])
        };
        // A level may move and come back between two reads, so each has to agree once in a while.
        let mut left = theirs();
        for _ in 0..200 {
            let before = theirs();
            let table = sample_of(&SOURCE, &Context::default());
            let after = theirs();
            left.retain(|name, _| {
                let expected = before[name].map_or(Value::Absent, Value::U64);
                before[name] != after[name] || table.value(&[], name) != expected
            });
        }
        assert!(left.is_empty(), "never the same as procfs: {left:?}");
    }

    #[test]
    fn kilobytes_become_bytes_and_pages_stay_a_count() {
        let text = "MemTotal:       24684092 kB\nActive(anon):     1552 kB\nHugePages_Total:      \
                    12\nHugepagesize:       2048 kB\nDirectMap1G:    25165824 kB\n";
        let (_dir, context) = context(&[("meminfo", text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.u64(&[], "mem_total_bytes"), 24_684_092 * 1024);
        assert_eq!(table.u64(&[], "active_anon_bytes"), 1552 * 1024);
        assert_eq!(table.u64(&[], "huge_pages_total"), 12);
        assert_eq!(table.u64(&[], "hugepagesize_bytes"), 2 << 20);
        assert_eq!(table.u64(&[], "direct_map_1g_bytes"), 24 << 30);
        assert_eq!(table.value(&[], "mem_free_bytes"), Value::Absent);
    }

    #[test]
    fn a_field_that_appears_after_the_schema_was_made_is_told() {
        let (_dir, context) = context(&[("meminfo", "MemTotal: 1 kB\nTeapots: 3 kB\n")]);
        let mut source = (SOURCE.open)(&context).unwrap();
        let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
        assert_eq!(tables[0].u64(&[], "mem_total_bytes"), 1024);
        let limits = source.limits();
        assert!(
            limits[0].contains("Teapots") && limits[0].contains("meminfo came after"),
            "{limits:?}"
        );
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}

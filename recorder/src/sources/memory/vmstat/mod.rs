//! `/proc/vmstat`: what the memory management does.

mod fields;

use crate::kernel_files::file::Rendering;
use crate::kernel_files::keyed::{Field, with_fields};
use crate::source::{Context, Descriptor, Source, SourceError, SourceKind};
use crate::sources::keyed_file::KeyedFile;
use nodemon_formats::Schema;
use std::sync::LazyLock;
use std::time::Duration;

/// The source of the table `vmstat`.
pub const SOURCE: Descriptor = Descriptor {
    name: "vmstat",
    reads: "/proc/vmstat",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: Some(&described),
    open: &open,
};

/// What the running kernel has: no two versions have the same.
static FIELDS: LazyLock<Vec<Field>> =
    LazyLock::new(|| fields::fields(&std::fs::read("/proc/vmstat").unwrap_or_default()));

fn tables() -> Vec<Schema> {
    vec![schema(&FIELDS)]
}

/// The tables with the columns that are described, whatever the kernel has.
pub fn described() -> Vec<Schema> {
    vec![schema(&fields::described())]
}

fn schema(fields: &[Field]) -> Schema {
    let doc = "What the memory management does, in the kernel's own names: levels, and events \
               since boot. The columns are those of the kernel that was recorded.";
    with_fields(Schema::sample("vmstat", "/proc/vmstat", doc), fields)
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(open_with(context, &FIELDS)?))
}

fn open_with(context: &Context, fields: &[Field]) -> Result<KeyedFile, SourceError> {
    KeyedFile::open(context.proc.join("vmstat"), Rendering::Lines, fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, fields, open_with, schema};
    use crate::source::Context;
    use crate::source::test_support::{
        assert_steady_state_allocates_nothing, context, sample, sample_of,
    };
    use nodemon_formats::{Semantics, Value};

    #[test]
    fn each_counter_lies_between_what_procfs_reads_before_and_after() {
        let before = procfs::vmstat().unwrap();
        let table = sample_of(&SOURCE, &Context::default());
        let after = procfs::vmstat().unwrap();
        let counters = table.schema.values.iter().filter(|c| c.semantics == Semantics::Counter);
        let mut moved = 0;
        for name in counters.map(|column| &column.name) {
            let (a, b) = (before[name] as u64, after[name] as u64);
            let ours = table.u64(&[], name);
            assert!(a <= ours && ours <= b, "{name}: {a} <= {ours} <= {b}");
            moved += usize::from(ours > 0);
        }
        assert!(moved > 10, "only {moved} counters are not zero");
        assert_eq!(table.schema.values.len(), before.len(), "every field has a column");
    }

    #[test]
    fn another_kernel_has_other_columns() {
        let text = "nr_free_pages 12\nworkingset_refault 3\npgfault 99\nnr_dirtied x\n";
        let (dir, context) = context(&[("vmstat", text)]);
        let fields = fields::fields(text.as_bytes());
        let mut source = open_with(&context, &fields).unwrap();
        let schemas = [schema(&fields)];
        let table = sample(&mut source, &schemas).unwrap().remove(0);
        assert_eq!(table.u64(&[], "nr_free_pages"), 12);
        assert_eq!(table.u64(&[], "pgfault"), 99);
        assert_eq!(table.value(&[], "nr_dirtied"), Value::Absent, "not a number");
        std::fs::write(dir.path().join("vmstat"), "pgfault 100\nnr_free_pages 13\n").unwrap();
        let table = sample(&mut source, &schemas).unwrap().remove(0);
        assert_eq!(table.u64(&[], "nr_free_pages"), 13, "in whatever order they come");
        assert_eq!(table.u64(&[], "pgfault"), 100);
        assert_eq!(table.value(&[], "workingset_refault"), Value::Absent);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}

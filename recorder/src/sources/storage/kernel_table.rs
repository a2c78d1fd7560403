//! How full the kernel's tables are, which all processes share: open files, inodes, names of files,
//! terminals. What `sar -v` shows.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::Fields;
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `kernel_table`.
pub const SOURCE: Descriptor = Descriptor {
    name: "kernel_table",
    reads: "/proc/sys/fs/{file-nr,inode-nr,dentry-state}, /proc/sys/kernel/pty/nr",
    default_interval: Duration::from_secs(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// Of a file, which of its numbers are columns, and what they are called and mean.
type Columns = &'static [(usize, &'static str, &'static str)];

/// The files below `/proc/sys`, and their numbers by `fs/file_table.c`, `fs/inode.c`, `fs/dcache.c`
/// and `drivers/tty/pty.c` of the kernel.
const FILES: [(&str, Columns); 4] = [
    (
        "fs/file-nr",
        &[
            (0, "files", "open files of all processes, each once however many descriptors it has"),
            (2, "files_limit", "how many there may be (fs.file-max)"),
        ],
    ),
    (
        "fs/inode-nr",
        &[
            (0, "inodes", "inodes in memory"),
            (1, "inodes_unused", "those of them that nobody uses, which the kernel may drop"),
        ],
    ),
    (
        "fs/dentry-state",
        &[
            (0, "dentries", "names of files in memory"),
            (1, "dentries_unused", "those of them that nobody uses, which the kernel may drop"),
            (4, "dentries_negative", "unused names of files that do not exist (from 5.0 on)"),
        ],
    ),
    ("kernel/pty/nr", &[(0, "ptys", "pseudo terminals")]),
];

fn tables() -> Vec<Schema> {
    let schema = Schema::sample(
        "kernel_table",
        SOURCE.reads,
        "How full the kernel's tables are: open files, inodes, names of files, terminals",
    );
    let columns = FILES.iter().flat_map(|(_, columns)| columns.iter());
    vec![columns.fold(schema, |schema, (_, name, doc)| {
        schema.gauge(name, ColumnType::U64, unit::COUNT, *doc)
    })]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = |path: &str| ProcFile::open(context.proc.join("sys").join(path), Rendering::Whole);
    let [first, others @ ..] = FILES;
    let mut files = vec![(Some(file(first.0)?), first.1)];
    files.extend(others.map(|(path, columns)| (file(path).ok(), columns)));
    Ok(Box::new(KernelTable { files }))
}

/// The files; one of the later that this kernel does not have leaves its columns empty.
struct KernelTable {
    files: Vec<(Option<ProcFile>, Columns)>,
}

impl Source for KernelTable {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for (file, columns) in &mut self.files {
            let text = file.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
            put(text, columns, table);
        }
        table.end_sample();
        Ok(())
    }
}

fn put(text: &[u8], columns: Columns, table: &mut RecordBuilder) {
    let mut fields = Fields::new(text.trim_ascii_end());
    let mut next = 0;
    for (number, ..) in columns {
        for _ in next..*number {
            fields.word();
        }
        next = number + 1;
        table.opt_u64(fields.u64());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use nodemon_formats::Value;

    #[test]
    fn every_number_has_its_column_and_what_a_kernel_does_not_have_is_absent() {
        let (_dir, context) = context(&[
            ("sys/fs/file-nr", "1376\t0\t9223372036854775807\n"),
            ("sys/fs/inode-nr", "31415\t926\n"),
            ("sys/fs/dentry-state", "53589\t793\t45\t0\t238\t0\n"),
        ]);
        let table = sample_of(&SOURCE, &context);
        let expected = [
            ("files", Value::U64(1376)),
            ("files_limit", Value::U64(9_223_372_036_854_775_807)),
            ("inodes", Value::U64(31415)),
            ("inodes_unused", Value::U64(926)),
            ("dentries", Value::U64(53589)),
            ("dentries_unused", Value::U64(793)),
            ("dentries_negative", Value::U64(238)),
            ("ptys", Value::Absent),
        ];
        for (column, value) in expected {
            assert_eq!(table.value(&[], column), value, "{column}");
        }
    }

    #[test]
    fn files_that_are_opened_are_counted() {
        let count = || sample_of(&SOURCE, &Context::default()).u64(&[], "files");
        let before = count();
        // The kernel sums over its CPUs what is off by up to 64 on each.
        let held: Vec<_> =
            (0..500).map(|_| std::fs::File::open("/proc/self/maps").unwrap()).collect();
        let after = count();
        assert!(after > before + 100, "{} files more: {before}, {after}", held.len());
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}

//! A source of one row: of a file that names its own fields.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::keyed::{Field, Row, lost_fields};
use crate::kernel_files::text::lines;
use crate::source::{Sink, Source, SourceError};
use std::path::PathBuf;

/// A file of one field a line (`MemTotal: 1 kB`, `pgfault 2`), whose columns were settled when the
/// recorder started.
pub struct KeyedFile {
    file: ProcFile,
    row: Row,
}

impl KeyedFile {
    /// Opens `path`, of which `fields` have a column.
    ///
    /// # Errors
    /// When the kernel does not have it, or it cannot be opened.
    pub fn open(
        path: PathBuf,
        rendering: Rendering,
        fields: &[Field],
    ) -> Result<KeyedFile, SourceError> {
        Ok(KeyedFile { file: ProcFile::open(path, rendering)?, row: Row::new(fields) })
    }
}

impl Source for KeyedFile {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let text = self.file.read()?;
        self.row.clear();
        for line in lines(text) {
            self.row.take(line);
        }
        put_row(sink, &self.row);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        lost_fields(self.file.path(), self.row.without_column()).into_iter().collect()
    }
}

/// Puts `row` as a sample into the first table of `sink`, under the time of the read.
pub fn put_row(sink: &mut Sink, row: &Row) {
    let time_ns = sink.time_ns();
    let table = sink.table(0);
    table.begin_sample(time_ns);
    row.push(table);
    table.end_sample();
}

//! A source of a row a line: of a file that names a thing in each line, with numbers behind it.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, lines};
use crate::source::{Sink, Source, SourceError};
use nodemon_formats::record::RecordBuilder;
use std::path::PathBuf;

/// A file of a line for each instance, of a table with one key, its name.
pub struct LineFile {
    file: ProcFile,
    split: Split,
    put: Put,
}

/// Gives the name of a line and the fields behind it; `None` where the line has no row.
pub type Split = for<'a> fn(&'a [u8]) -> Option<(&'a [u8], Fields<'a>)>;

/// Puts the fields of a line into the row that is open.
pub type Put = fn(&mut Fields<'_>, &mut RecordBuilder);

impl LineFile {
    /// Opens `path`, whose lines are rendered one by one.
    ///
    /// # Errors
    /// When the kernel does not have it, or it cannot be opened.
    pub fn open(path: PathBuf, split: Split, put: Put) -> Result<LineFile, SourceError> {
        Ok(LineFile { file: ProcFile::open(path, Rendering::Lines)?, split, put })
    }
}

impl Source for LineFile {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let text = self.file.read()?;
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        let mut last: &[u8] = b"";
        for (name, mut fields) in lines(text).filter_map(self.split) {
            // What was added between two pieces of the file can shift the line before into the
            // second piece again.
            if name == last {
                continue;
            }
            last = name;
            table.instance(|key| key.bytes(name));
            (self.put)(&mut fields, table);
        }
        table.end_sample();
        Ok(())
    }
}

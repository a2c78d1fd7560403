//! Files in which a line of names is followed by a line of numbers:
//!
//! ```text
//! Tcp: RtoAlgorithm RtoMin RtoMax
//! Tcp: 1 200 120000
//! ```

use super::names;
use crate::kernel_files::file::ProcFile;
use crate::kernel_files::keyed::{Row, lost_fields};
use crate::kernel_files::text::{Fields, lines};
use crate::source::SourceError;

/// The lines of `text`, two by two, without pairs that do not begin alike.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut lines = lines(text);
    let group = |line| Fields::new(line).word();
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
        .filter(move |(header, values)| group(header) == group(values))
}

/// One such file, with what is known of it from the last time.
pub struct PairFile {
    file: ProcFile,
    groups: Vec<Group>,
}

/// A line of names, and where its numbers go.
struct Group {
    header: Vec<u8>,
    columns: Vec<Option<usize>>,
    /// Names that have no column.
    lost: Vec<String>,
}

impl PairFile {
    /// Nothing is known of the file yet.
    pub fn new(file: ProcFile) -> PairFile {
        PairFile { file, groups: Vec::new() }
    }

    /// Reads the file into `row`. The names are looked up only when they are not, byte for byte,
    /// those of the last time.
    pub fn read(&mut self, row: &mut Row) -> Result<(), SourceError> {
        let PairFile { file, groups } = self;
        let mut count = 0;
        for (header, values) in pairs(file.read()?) {
            if groups.get(count).is_none_or(|group| group.header != header) {
                groups.truncate(count);
                groups.push(Group::learn(header, row));
            }
            let columns = groups.get(count).map_or(&[][..], |group| &group.columns);
            let mut numbers = Fields::new(values);
            numbers.skip(1);
            for column in columns {
                // A negative number is stored as the word that an i64 column has for it.
                let number = match numbers.u64() {
                    None => numbers.i64().map(i64::cast_unsigned),
                    number => number,
                };
                match (number, column) {
                    (Some(number), Some(column)) => row.set(*column, number),
                    (Some(_), None) => {}
                    (None, _) => numbers.skip(1),
                }
            }
            count += 1;
        }
        groups.truncate(count);
        Ok(())
    }

    /// Tells of names that stood in the file at the last sample and have no column.
    pub fn limits(&self) -> Option<String> {
        let lost = self.groups.iter().flat_map(|group| &group.lost);
        lost_fields(self.file.path(), lost.cloned())
    }
}

impl Group {
    fn learn(header: &[u8], row: &Row) -> Group {
        let mut group = Group { header: header.to_vec(), columns: Vec::new(), lost: Vec::new() };
        for name in names::of_header(header) {
            let column = row.column(name.as_bytes());
            if column.is_none() && !names::is_message_by_number(&name) {
                group.lost.push(name.clone());
            }
            group.columns.push(column);
        }
        group
    }
}

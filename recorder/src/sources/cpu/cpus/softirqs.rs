//! `/proc/softirqs`.

use super::tables::VECTORS;
use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, leading_u64, lines};
use crate::source::{Context, SourceError};
use nodemon_formats::record::RecordBuilder;

/// The name of `IRQ_POLL` before 4.5.
const OLD_IRQ_POLL: &[u8] = b"BLOCK_IOPOLL";

/// The counts of one CPU, one a vector.
type Counts = [Option<u64>; VECTORS.len()];

/// The file, kept open.
pub struct Softirqs {
    file: ProcFile,
    /// The number of each CPU in the header, and its counts: the file has a line for each vector,
    /// the table a row for each CPU.
    rows: Vec<(u64, Counts)>,
    /// Vectors that have no column.
    unknown: Vec<Vec<u8>>,
}

impl Softirqs {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(context: &Context) -> Result<Softirqs, SourceError> {
        let file = ProcFile::open(context.proc.join("softirqs"), Rendering::Whole)?;
        Ok(Softirqs { file, rows: Vec::new(), unknown: Vec::new() })
    }

    /// Reads it, and puts a sample of every CPU into `table` under the time that `time_ns` gives
    /// after the read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sample(
        &mut self,
        table: &mut RecordBuilder,
        time_ns: impl FnOnce() -> u64,
    ) -> Result<(), SourceError> {
        let Softirqs { file, rows, unknown } = self;
        let text = file.read()?;
        table.begin_sample(time_ns());
        rows.clear();
        let mut lines = lines(text);
        let mut cpus = Fields::new(lines.next().unwrap_or_default());
        while let Some(word) = cpus.word() {
            let number = word.strip_prefix(b"CPU").and_then(leading_u64);
            // Without a number the place still counts: the columns below are counted by it.
            rows.push((number.map_or(rows.len() as u64, |(number, _)| number), Counts::default()));
        }
        for line in lines {
            let mut fields = Fields::new(line);
            let Some(name) = fields.word().and_then(|word| word.strip_suffix(b":")) else {
                continue;
            };
            let Some(vector) = vector(name) else {
                if unknown.iter().all(|known| known != name) {
                    unknown.push(name.to_vec());
                }
                continue;
            };
            for (_, counts) in rows.iter_mut() {
                let Some(count) = fields.u64() else { break };
                if let Some(place) = counts.get_mut(vector) {
                    *place = Some(count);
                }
            }
        }
        for (cpu, counts) in rows.iter() {
            if counts.iter().any(|count| count.is_some_and(|count| count > 0)) {
                table.instance(|key| key.u64(*cpu));
                counts.iter().for_each(|count| table.opt_u64(*count));
            }
        }
        table.end_sample();
        Ok(())
    }

    /// What it has that no column holds, a sentence each.
    pub fn limits(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().map(|name| {
            let name = String::from_utf8_lossy(name);
            format!("the softirq vector {name} in /proc/softirqs is not known and not recorded")
        })
    }
}

fn vector(name: &[u8]) -> Option<usize> {
    let name = if name == OLD_IRQ_POLL { b"IRQ_POLL" } else { name };
    VECTORS.iter().position(|(vector, _, _)| *vector == name)
}

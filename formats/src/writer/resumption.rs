//! Going on with a recording in the same run of a recorder, after its writer broke down.

use super::{RecordingWriter, WriteError, WriterOptions};
use crate::clock::ClockOffset;
use crate::narrow::count32;
use crate::schema::Schema;
use std::path::PathBuf;
use std::sync::Arc;

/// What it takes to go on with a recording whose writer was dropped half way.
pub struct Resumption {
    pub(super) dir: PathBuf,
    pub(super) options: WriterOptions,
    pub(super) clock: ClockOffset,
    pub(super) schemas: Vec<Arc<Schema>>,
}

impl Resumption {
    /// Opens the recording anew, with the same tables under the same numbers, and without a gap:
    /// whoever goes on knows what is lost.
    ///
    /// # Errors
    /// As [`RecordingWriter::open`].
    pub fn open(&self) -> Result<RecordingWriter, WriteError> {
        let clock = self.clock.renewed(ClockOffset::now());
        let mut writer = RecordingWriter::open_without_gap(&self.dir, self.options.clone(), clock)?;
        for schema in &self.schemas {
            writer.add_table(schema.clone());
        }
        Ok(writer)
    }

    /// Makes a table known, as [`RecordingWriter::add_table`].
    pub fn add_table(&mut self, schema: Schema) -> u32 {
        if let Some(number) = self.schemas.iter().rposition(|known| known.name == schema.name)
            && *self.schemas[number] == schema
        {
            return count32(number);
        }
        self.schemas.push(Arc::new(schema));
        count32(self.schemas.len()) - 1
    }
}

//! A schema that was written is small; what claims to be larger is damage.

use super::describe::take_schema;
use super::envelope::ChunkKind;
use super::error::SegmentError;
use crate::block::BlockError;
use crate::schema::Schema;

/// The longest archive of a schema that is read, and columns that one may have: a few KB and some
/// dozens are usual.
const MOST_SCHEMA_BYTES: usize = 1 << 20;
const MOST_COLUMNS: usize = 4096;

/// A schema out of its archive, where it is no larger than any that is written.
pub fn take(id: u64, archive: &[u8], left_bytes: &mut usize) -> Result<Schema, SegmentError> {
    let kind = ChunkKind::Schema;
    let too_large = |what| SegmentError::Inside { kind, id, why: BlockError::Layout(what) };
    if archive.len() > MOST_SCHEMA_BYTES.min(*left_bytes) {
        return Err(too_large("length of the schemas"));
    }
    *left_bytes -= archive.len();
    let schema = take_schema(archive).map_err(|why| SegmentError::Chunk { kind, id, why })?;
    if schema.keys.len().saturating_add(schema.values.len()) > MOST_COLUMNS {
        return Err(too_large("number of columns"));
    }
    Ok(schema)
}

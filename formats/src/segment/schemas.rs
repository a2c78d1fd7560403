//! What a segment says of itself and of its tables, from its chunks or, where they are damaged,
//! from their copies.

use super::bounded::take;
use super::copies::{Found, MOST_COPIES_BYTES};
use super::describe::take_description;
use super::envelope::ChunkKind;
use super::{SegmentDescription, SegmentError, SegmentView};
use crate::schema::Schema;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All archives of schemas that are read of a segment: those of 42 tables have 300 KB.
const MOST_BYTES: usize = MOST_COPIES_BYTES;

/// The schemas of tables, by number.
pub type Schemas = Vec<(u32, Arc<Schema>)>;

/// What the segment says of itself, and the damage in spite of which it was found.
///
/// # Errors
/// When the description is nowhere.
pub fn description(
    view: &SegmentView,
) -> Result<(SegmentDescription, Option<SegmentError>), SegmentError> {
    let (kind, id) = (ChunkKind::Description, 0);
    let damaged = |why| SegmentError::Chunk { kind, id, why };
    let own = view.whole(kind, id).and_then(|archive| take_description(&archive).map_err(damaged));
    match own {
        Ok(description) => Ok((description, None)),
        Err(error @ (SegmentError::Newer(_) | SegmentError::Io(_))) => Err(error),
        Err(damage) => match view.copies().0.get(kind, id).map(take_description) {
            Some(Ok(description)) => Ok((description, Some(damage))),
            _ => Err(damage),
        },
    }
}

/// The schemas, and the damage in spite of which they were found. Where the file `is_searched`, a
/// schema that is lost costs its table and no other.
///
/// # Errors
/// When one is nowhere.
pub fn read(
    view: &SegmentView,
    is_searched: bool,
) -> Result<(Schemas, Option<SegmentError>), SegmentError> {
    let kind = ChunkKind::Schema;
    let (mut damage, mut copies) = (None, None);
    let mut ids: BTreeSet<u64> = BTreeSet::new();
    match view.ids(kind) {
        Ok(found) => ids.extend(found),
        Err(error @ SegmentError::Io(_)) => return Err(error),
        Err(error) => damage = Some(error),
    }
    // A table without a schema is missed; one whose schema could not be listed has a copy.
    if damage.is_some() || is_searched {
        ids.extend(copies.get_or_insert_with(|| view.copies().0).ids(kind));
    }
    let mut left_bytes = MOST_BYTES;
    let mut schemas = Vec::new();
    for id in ids {
        let number = u32::try_from(id).ok();
        let own = view.whole(kind, id).and_then(|archive| take(id, &archive, &mut left_bytes));
        let schema = match own {
            Err(SegmentError::Newer(version)) => return Err(SegmentError::Newer(version)),
            Err(error) => {
                let copies: &Found = copies.get_or_insert_with(|| view.copies().0);
                match copies.get(kind, id).map(|archive| take(id, archive, &mut left_bytes)) {
                    Some(Ok(schema)) => {
                        damage.get_or_insert(error);
                        schema
                    }
                    _ if is_searched => continue,
                    _ => return Err(error),
                }
            }
            Ok(schema) => schema,
        };
        schemas.extend(number.map(|number| (number, Arc::new(schema))));
    }
    Ok((schemas, damage))
}

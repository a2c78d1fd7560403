//! The header of a file: which commit is the newest, and whether redb may be let at it.

use super::offset::{header, slot};
use super::page::{checksum_at, long};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use xxhash_rust::xxh3::xxh3_128;

/// So often a header that is torn is read.
const HEADER_TRIES: u32 = 4;

/// Tables of tables have a few entries, and are one page.
const MOST_ROOT_ORDER: u64 = 4;

/// Where a slot is in the header, and whether it is the one that the header names.
pub type Slot = (Range<usize>, bool);

/// The header, and where in it the slot is that is to be read, with whether that is the one it names.
/// A writer may be in the middle of writing it, so one that is torn is read again.
pub fn read_header(file: &File) -> io::Result<([u8; header::BYTES], Option<Slot>)> {
    let mut header = [0; header::BYTES];
    let mut tries = HEADER_TRIES;
    loop {
        file.read_exact_at(&mut header, 0)?;
        let slot = slot_of(&header);
        tries -= 1;
        if tries == 0 || slot.as_ref().is_some_and(|(_, is_named)| *is_named) {
            return Ok((header, slot));
        }
        std::thread::yield_now();
    }
}

/// The slot of the header that is to be read: the one that it names, or the other where that one is
/// damaged. What a commit that never ended left behind does not pass the checksums of its pages.
fn slot_of(header: &[u8; header::BYTES]) -> Option<Slot> {
    let primary = usize::from(header[header::FLAGS] & 1);
    [primary, 1 - primary].into_iter().find_map(|number| {
        let range = header::slot(number);
        let slot = &header[range.clone()];
        let is_whole = checksum_at(slot, slot::CHECKSUM)? == xxh3_128(&slot[..slot::CHECKSUM]);
        is_whole.then_some((range, number == primary))
    })
}

/// Whether redb may be let at the file: it reads the first pages of the trees, and asks for the
/// memory that their numbers say, before anything is verified.
///
/// # Errors
/// When the header cannot be read.
pub fn roots_are_small(file: &File) -> io::Result<bool> {
    let mut header = [0; header::BYTES];
    file.read_exact_at(&mut header, 0)?;
    let slots = [&header[header::slot(0)], &header[header::slot(1)]];
    let roots_of = |slot| [long(slot, slot::ROOT), long(slot, slot::SYSTEM_ROOT)];
    let mut roots = slots.into_iter().flat_map(roots_of);
    Ok(roots.all(|root| root.is_some_and(|page| page >> 59 <= MOST_ROOT_ORDER)))
}

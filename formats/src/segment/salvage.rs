//! Finds the chunks of a segment whose trees are lost: a torn copy, a truncated file, noise in the
//! wrong page. Every chunk says what it is and has a checksum, so the file is searched for them.

use super::bounded::take;
use super::copies::{Found, MOST_COPIES_BYTES};
use super::envelope::{
    ChunkKind, ENVELOPE_BYTES, Envelope, EnvelopeError, MAGIC, chunk_key, payload_bytes,
};
use super::index::IndexEntry;
use crate::block::{Block, Decompressor};
use crate::narrow::{count32, index};
use crate::schema::Schema;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Instant;

/// The chunks that were found, by key.
pub struct Salvage {
    file: File,
    /// Offset and length of envelope and payload.
    found: BTreeMap<u64, (u64, usize)>,
    index: BTreeMap<(u32, u64, u64), IndexEntry>,
    /// The format version of a chunk that is newer than this build.
    newer: Option<u8>,
    /// Where the chunk that was found last ends. What looks like a chunk within another is data: a
    /// command line may hold any bytes.
    found_until: u64,
    /// Bytes that may still be read for what looks like a chunk. A file of nothing but beginnings
    /// of chunks would otherwise be read once for each of them.
    budget_bytes: u64,
}

/// How much is done for a damaged segment.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Until when.
    pub until: Option<Instant>,
    /// The memory that a block may take to be looked at, bytes; a chunk may have a quarter of it.
    pub most_bytes: u64,
}

impl Default for Effort {
    /// Whatever it takes.
    fn default() -> Effort {
        Effort { until: None, most_bytes: 512 << 20 }
    }
}

impl Effort {
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What looks like chunks is read this many times over at most.
const MOST_READINGS: u64 = 8;

/// The most of a file that is searched: a segment is closed at 64 MiB. What a sparse file does not
/// have on disk is skipped and does not count.
const MOST_SEARCHED_BYTES: u64 = 1 << 30;

/// The largest chunk that is read; pieces of blocks are a few MiB.
const MOST_CHUNK_BYTES: u64 = 32 << 20;

/// Pieces of chunks that are found at most: a segment of 64 MiB has some thousand.
const MOST_PIECES_FOUND: usize = 1 << 18;

/// What all blocks together take that are opened to make the index anew: a segment has some
/// thousand of half a MiB. More is made to keep its reader busy.
const MOST_OPENED_BYTES: u64 = 32 << 30;

/// The file is searched in windows of this size.
const WINDOW_BYTES: usize = 1 << 20;

impl Salvage {
    /// Searches `file`.
    ///
    /// # Errors
    /// What the disk says, and when the effort is spent.
    pub fn search(file: File, effort: &Effort) -> io::Result<Salvage> {
        let length = file.metadata()?.len();
        let mut salvage = Salvage {
            file,
            found: BTreeMap::new(),
            index: BTreeMap::new(),
            newer: None,
            found_until: 0,
            budget_bytes: MOST_READINGS * MOST_SEARCHED_BYTES.min(length),
        };
        let mut window = vec![0; WINDOW_BYTES];
        let (mut at, mut searched_bytes) = (0, 0);
        while at < length && searched_bytes < MOST_SEARCHED_BYTES {
            // A chunk may begin three bytes before what is not a hole.
            let data = data_from(&salvage.file, at, length).saturating_sub(MAGIC.len() as u64 - 1);
            at = at.max(data);
            let size = index((length - at).min(WINDOW_BYTES as u64));
            salvage.file.read_exact_at(&mut window[..size], at)?;
            searched_bytes += size as u64;
            for hit in hits(&window[..size]) {
                salvage.take(at + hit as u64, length, effort)?;
            }
            if effort.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if size < WINDOW_BYTES {
                break;
            }
            at += (WINDOW_BYTES - MAGIC.len() + 1) as u64;
        }
        salvage.rebuild_index(effort);
        Ok(salvage)
    }

    /// The format version of a chunk that is newer than this build, if there is one.
    pub fn newer(&self) -> Option<u8> {
        self.newer
    }

    /// The payload of a chunk's piece.
    pub fn get(&self, key: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(&(offset, length)) = self.found.get(&key) else { return Ok(None) };
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Some(bytes))
    }

    /// The keys of all pieces between two keys.
    pub fn keys(&self, range: std::ops::Range<u64>) -> impl DoubleEndedIterator<Item = u64> {
        self.found.range(range).map(|(key, _)| *key)
    }

    /// The index, rebuilt from the blocks.
    pub fn index(&self) -> &BTreeMap<(u32, u64, u64), IndexEntry> {
        &self.index
    }

    fn take(&mut self, offset: u64, length: u64, effort: &Effort) -> io::Result<()> {
        let mut head = [0; ENVELOPE_BYTES];
        if offset < self.found_until
            || offset + ENVELOPE_BYTES as u64 > length
            || self.found.len() >= MOST_PIECES_FOUND
        {
            return Ok(());
        }
        self.file.read_exact_at(&mut head, offset)?;
        let size = (ENVELOPE_BYTES + payload_bytes(&head)) as u64;
        let most_bytes = MOST_CHUNK_BYTES.min(effort.most_bytes / 4);
        if offset + size > length || size > self.budget_bytes.min(most_bytes) {
            return Ok(());
        }
        self.budget_bytes -= size;
        let mut bytes = vec![0; index(size)];
        self.file.read_exact_at(&mut bytes, offset)?;
        match Envelope::take(&bytes) {
            Ok((envelope, _)) => {
                self.found.insert(envelope.key(), (offset, bytes.len()));
                self.found_until = offset + size;
            }
            Err(EnvelopeError::Newer(version)) => self.newer = Some(version),
            Err(_) => {}
        }
        Ok(())
    }

    /// The schemas of tables, from their chunks and from the copies of these.
    fn schemas(&self) -> BTreeMap<u32, Schema> {
        let mut copies = Found::default();
        for id in self.ids(ChunkKind::Copies) {
            if let Some((frame, _)) = self.whole(ChunkKind::Copies, id) {
                // What cannot be read of it is not needed where the chunks can.
                let _ = copies.read(&frame);
            }
        }
        let kind = ChunkKind::Schema;
        let mut left_bytes = MOST_COPIES_BYTES;
        let ids: BTreeSet<u64> = self.ids(kind).chain(copies.ids(kind)).collect();
        let schema = |id: u64| {
            let own = self.whole(kind, id).map(|(archive, _)| archive);
            let archives = [own.as_deref(), copies.get(kind, id)];
            let mut taken =
                archives.into_iter().flatten().map(|archive| take(id, archive, &mut left_bytes));
            Some((u32::try_from(id).ok()?, taken.find_map(Result::ok)?))
        };
        ids.into_iter().filter_map(schema).collect()
    }

    /// The numbers of the chunks of a kind whose first piece was found.
    fn ids(&self, kind: ChunkKind) -> impl Iterator<Item = u64> {
        let range = chunk_key(kind, 0, 0)..chunk_key(kind, u64::MAX, 3) + 1;
        self.keys(range).filter(|key| key & 3 == 0).map(|key| (key & 0x00ff_ffff_ffff_ffff) >> 2)
    }

    fn rebuild_index(&mut self, effort: &Effort) {
        let mut decompressor = Decompressor::default();
        let schemas = self.schemas();
        let mut opened_bytes = 0;
        let mut entries = BTreeMap::new();
        for id in self.ids(ChunkKind::Block) {
            let Some((bytes, pieces)) = self.whole(ChunkKind::Block, id) else { continue };
            let Ok(table) = Block::table_of(&bytes) else { continue };
            let Some(schema) = schemas.get(&table) else { continue };
            let memory_bytes = Block::memory_bytes(&bytes, 0);
            opened_bytes += memory_bytes;
            if opened_bytes > MOST_OPENED_BYTES || effort.is_over() {
                break;
            }
            if memory_bytes > effort.most_bytes {
                continue;
            }
            let Ok(block) = Block::open(&bytes, schema, &mut decompressor) else { continue };
            let entry = IndexEntry {
                table,
                id,
                first_ns: block.header().first_ns,
                last_ns: block.times().last().copied().unwrap_or(0),
                records: 0,
                rows: block.header().rows,
                size_bytes: count32(bytes.len()),
                pieces,
            };
            entries.insert(entry.key(), entry);
        }
        self.index = entries;
    }

    /// All pieces of a chunk put together, and how many they are.
    fn whole(&self, kind: ChunkKind, id: u64) -> Option<(Vec<u8>, u8)> {
        let mut whole = Vec::new();
        let mut piece = 0;
        loop {
            let bytes = self.get(chunk_key(kind, id, piece)).ok()??;
            let (envelope, payload) = Envelope::take(&bytes).ok()?;
            whole.extend_from_slice(payload);
            piece += 1;
            if piece >= envelope.pieces {
                return Some((whole, piece));
            }
        }
    }
}

/// Where the next bytes of a file of this length are that are on disk; its end where there are none.
fn data_from(file: &File, at: u64, length: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data,
        Err(rustix::io::Errno::NXIO) => length,
        // The file system does not tell.
        Err(_) => at,
    }
}

/// Where the magic stands in a window.
fn hits(window: &[u8]) -> impl Iterator<Item = usize> {
    window.windows(MAGIC.len()).enumerate().filter(|(_, at)| **at == MAGIC).map(|(at, _)| at)
}

//! Finds the chunks of a segment whose trees are lost: a torn copy, a truncated file, noise in the
//! wrong page. Every chunk says what it is and has a checksum, so the file is searched for them.

use super::envelope::{ChunkKind, ENVELOPE_BYTES, Envelope, EnvelopeError, MAGIC, chunk_key};
use super::index::IndexEntry;
use crate::block::{Block, Decompressor};
use crate::segment::describe::take_schema;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

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

/// What looks like chunks is read this many times over at most.
const MOST_READINGS: u64 = 8;

/// The most of a file that is searched: a segment is closed at 64 MiB. What a sparse file does not
/// have on disk is skipped and does not count.
const MOST_SEARCHED_BYTES: u64 = 1 << 30;

/// The largest chunk that is read; pieces of blocks are a few MiB.
const MOST_CHUNK_BYTES: u64 = 32 << 20;

/// Pieces of chunks that are found at most: a segment of 64 MiB has some thousand.
const MOST_PIECES_FOUND: usize = 1 << 18;

/// The file is searched in windows of this size.
const WINDOW_BYTES: usize = 1 << 20;

impl Salvage {
    /// Searches `file`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn search(file: File) -> io::Result<Salvage> {
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
            let size = (length - at).min(WINDOW_BYTES as u64) as usize;
            salvage.file.read_exact_at(&mut window[..size], at)?;
            searched_bytes += size as u64;
            for hit in hits(&window[..size]) {
                salvage.take(at + hit as u64, length)?;
            }
            if size < WINDOW_BYTES {
                break;
            }
            at += (WINDOW_BYTES - MAGIC.len() + 1) as u64;
        }
        salvage.rebuild_index();
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

    /// The index, made anew from the blocks.
    pub fn index(&self) -> &BTreeMap<(u32, u64, u64), IndexEntry> {
        &self.index
    }

    fn take(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let mut head = [0; ENVELOPE_BYTES];
        if offset < self.found_until
            || offset + ENVELOPE_BYTES as u64 > length
            || self.found.len() >= MOST_PIECES_FOUND
        {
            return Ok(());
        }
        self.file.read_exact_at(&mut head, offset)?;
        let payload = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
        let size = ENVELOPE_BYTES as u64 + u64::from(payload);
        if offset + size > length || size > self.budget_bytes.min(MOST_CHUNK_BYTES) {
            return Ok(());
        }
        self.budget_bytes -= size;
        let mut bytes = vec![0; size as usize];
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

    fn rebuild_index(&mut self) {
        let mut decompressor = Decompressor::default();
        let mut schemas = BTreeMap::new();
        let of_kind = |kind| chunk_key(kind, 0, 0)..chunk_key(kind, u64::MAX, 3) + 1;
        for key in self.keys(of_kind(ChunkKind::Schema)).filter(|key| key & 3 == 0) {
            let id = (key & 0x00ff_ffff_ffff_ffff) >> 2;
            if let Some(schema) = self.whole(ChunkKind::Schema, id)
                && let Ok(schema) = take_schema(&schema.0)
            {
                schemas.insert(id as u32, schema);
            }
        }
        let mut entries = BTreeMap::new();
        for key in self.keys(of_kind(ChunkKind::Block)).filter(|key| key & 3 == 0) {
            let id = (key & 0x00ff_ffff_ffff_ffff) >> 2;
            let Some((bytes, pieces)) = self.whole(ChunkKind::Block, id) else { continue };
            let Ok(table) = Block::table_of(&bytes) else { continue };
            let Some(schema) = schemas.get(&table) else { continue };
            let Ok(block) = Block::open(&bytes, schema, &mut decompressor) else { continue };
            let entry = IndexEntry {
                table,
                id,
                first_ns: block.header().first_ns,
                last_ns: block.times().last().copied().unwrap_or(0),
                records: 0,
                rows: block.header().rows,
                size_bytes: bytes.len() as u32,
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

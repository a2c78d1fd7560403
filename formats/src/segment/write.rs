//! Writes a segment.

use super::copies::Copies;
use super::describe::{put_description, put_schema};
use super::envelope::{ChunkKind, Envelope, chunk_key, pieces_of};
use super::index::IndexEntry;
use super::{CACHE_BYTES, CHUNKS, INDEX, SegmentDescription, file_name};
use crate::block::{BlockError, Compressor};
use crate::memory::clear_and_shrink;
use crate::schema::Schema;
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, StorageBackend};
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Everything that one commit brings.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    puts: Vec<(u64, Range<usize>)>,
    removes: Vec<u64>,
    index: Vec<IndexEntry>,
    /// Schemas that are to be there once more.
    copies: Copies,
}

impl Batch {
    /// Adds a chunk; returns in how many pieces.
    pub fn put(&mut self, kind: ChunkKind, id: u64, payload: &[u8]) -> u8 {
        let pieces = u8::try_from(pieces_of(payload.len()).count()).unwrap_or(u8::MAX);
        for (piece, range) in pieces_of(payload.len()).enumerate() {
            let envelope =
                Envelope { kind, id, piece: u8::try_from(piece).unwrap_or(u8::MAX), pieces };
            let start = self.bytes.len();
            envelope.put(&payload[range], &mut self.bytes);
            self.puts.push((envelope.key(), start..self.bytes.len()));
        }
        pieces
    }

    /// Adds the index entry of a block.
    pub fn index(&mut self, entry: IndexEntry) {
        self.index.push(entry);
    }

    /// Takes a journal entry, of `pieces` pieces, away.
    pub fn remove_journal(&mut self, id: u64, pieces: u8) {
        self.removes.extend((0..pieces).map(|piece| chunk_key(ChunkKind::Journal, id, piece)));
    }

    /// Adds a schema under the table's number.
    ///
    /// # Errors
    /// When memory cannot be had.
    pub fn put_schema(&mut self, table: u32, schema: &Schema) -> Result<(), rkyv::rancor::Error> {
        let archive = put_schema(schema)?;
        self.put(ChunkKind::Schema, u64::from(table), &archive);
        self.copies.add(ChunkKind::Schema, u64::from(table), &archive);
        Ok(())
    }

    /// Adds the schemas once more, as the list of copies of this number, where there are any;
    /// returns whether there were.
    ///
    /// # Errors
    /// When zstd cannot get memory.
    pub fn put_copies(&mut self, id: u64) -> Result<bool, BlockError> {
        if self.copies.is_empty() {
            return Ok(false);
        }
        let mut frame = Vec::new();
        // Once a segment, of all schemas: a compressor that is kept would keep a MiB for it.
        self.copies.frame(&mut Compressor::default(), &mut frame)?;
        self.put(ChunkKind::Copies, id, &frame);
        Ok(true)
    }

    /// Bytes of all chunks.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.removes.is_empty() && self.index.is_empty()
    }

    /// Forgets everything, keeps the memory that a like batch will need.
    pub fn clear(&mut self) {
        clear_and_shrink(&mut self.bytes);
        self.puts.clear();
        self.removes.clear();
        self.index.clear();
        self.copies.clear();
    }
}

/// A segment that is being written.
pub struct SegmentWriter {
    database: Database,
    path: PathBuf,
    /// The same file, to ask what it takes on disk.
    file: File,
    /// Its length after the last commit.
    length: u64,
}

impl SegmentWriter {
    /// Creates the segment in `dir`: under a temporary name, with its description durable, then
    /// renamed, so that a file of the final name is always a segment.
    ///
    /// # Errors
    /// What the disk or redb says.
    pub fn create(dir: &Path, description: &SegmentDescription) -> Result<Self, redb::Error> {
        SegmentWriter::create_over(dir, description, CACHE_BYTES, FileBackend::new)
    }

    /// The same, over what `backend` makes of the file, with so much for redb to cache.
    ///
    /// # Errors
    /// As [`SegmentWriter::create`].
    pub fn create_over<B: StorageBackend>(
        dir: &Path,
        description: &SegmentDescription,
        cache_bytes: usize,
        backend: impl FnOnce(File) -> Result<B, redb::DatabaseError>,
    ) -> Result<Self, redb::Error> {
        let path = dir.join(file_name(description.number));
        let temporary = path.with_extension("redb.tmp");
        let written = Self::create_at(&temporary, description, cache_bytes, backend);
        let written = written.and_then(|writer| {
            rename(&temporary, &path)?;
            Ok(SegmentWriter { path, ..writer })
        });
        if written.is_err() {
            // Nothing of it is worth keeping; a leftover is removed at the next start.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Creates a segment in the file at `path`, which no reader takes for one by its name.
    /// [`SegmentWriter::put_in_place`] gives it one.
    ///
    /// # Errors
    /// As [`SegmentWriter::create`].
    pub fn create_at<B: StorageBackend>(
        path: &Path,
        description: &SegmentDescription,
        cache_bytes: usize,
        backend: impl FnOnce(File) -> Result<B, redb::DatabaseError>,
    ) -> Result<Self, redb::Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        // A leftover is unlinked, and so is a link: what that names belongs to somebody else.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let file = options.open(path)?;
        let again = file.try_clone()?;
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .create_with_backend(backend(file)?)?;
        let mut batch = Batch::default();
        let archive = put_description(description).map_err(|_| out_of_memory())?;
        batch.put(ChunkKind::Description, 0, &archive);
        batch.copies.add(ChunkKind::Description, 0, &archive);
        batch.put_copies(0).map_err(|_| out_of_memory())?;
        commit(&database, &batch)?;
        let length = again.metadata()?.len();
        Ok(SegmentWriter { database, path: path.to_owned(), file: again, length })
    }

    /// Closes the segment and moves its file to `path`, in place of what is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn put_in_place(self, path: &Path) -> io::Result<()> {
        let SegmentWriter { database, path: temporary, .. } = self;
        drop(database);
        rename(&temporary, path)
    }

    /// Makes a batch durable, as a whole or not at all.
    ///
    /// # Errors
    /// What the disk or redb says; then nothing of it is there.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        commit(&self.database, batch)?;
        self.length = self.file.metadata()?.len();
        Ok(())
    }

    /// What happened to the file since the last commit that makes all it holds lost: what is written
    /// to a file that was deleted is written nowhere.
    pub fn lost_because(&self) -> Option<&'static str> {
        let Ok(open) = self.file.metadata() else { return None };
        let there = self.path.symlink_metadata();
        match there {
            Ok(there) if (there.dev(), there.ino()) != (open.dev(), open.ino()) => {
                Some("its segment was replaced while it was written")
            }
            _ if open.nlink() == 0 => Some("its segment was deleted while it was written"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("its segment was moved away while it was written")
            }
            _ if open.len() < self.length => Some("its segment was cut short while it was written"),
            _ => None,
        }
    }

    /// Bytes that the file takes on disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.blocks() * 512)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Moves a file, durably.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn commit(database: &Database, batch: &Batch) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut chunks = transaction.open_table(CHUNKS)?;
        for (key, range) in &batch.puts {
            chunks.insert(key, &batch.bytes[range.clone()])?;
        }
        for key in &batch.removes {
            chunks.remove(key)?;
        }
        let mut index = transaction.open_table(INDEX)?;
        for entry in &batch.index {
            index.insert(entry.key(), &entry.value()[..])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn out_of_memory() -> redb::Error {
    redb::Error::Io(io::ErrorKind::OutOfMemory.into())
}

//! Names of code that was made at run time, as its maker writes them down: `/tmp/perf-PID.map`, a
//! line for each piece with start and size in hexadecimal digits and a name.
//!
//! The names stay in the file. What is kept of a line are 16 bytes.

use super::asking::{Whom, is_local};
use super::bytes::Bytes;
use super::opening::{self, Identity};
use super::reading::Reading;
use nodemon_formats::narrow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// So much of the end of a file is read, and so many of its last lines are kept: 512 KiB. Newer code
/// lies where older was, so what is too much is what is oldest.
const MOST_BYTES: u64 = 8 << 20;
const MOST_LINES: usize = 32 << 10;
const READ_BYTES: usize = 64 << 10;
/// So many that begin before an address are looked at: code is made anew where older code was.
const MOST_TRIED: usize = 16;
const MOST_NAME_BYTES: usize = 512;

/// A piece of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    start: u64,
    /// Where its name is in the file: the later, the newer.
    name_at: u32,
    bytes: u32,
}

/// The list of one process.
pub(super) struct PerfMap {
    file: Bytes,
    identity: Identity,
    pieces: Vec<Piece>,
    read_bytes: u64,
}

impl PerfMap {
    /// [`PerfMap::read`], where only that waits.
    pub(super) fn ask(reading: &Reading<'_>, pid: u32, before: Option<PerfMap>) -> Option<PerfMap> {
        let proc = reading.proc.to_owned();
        let whom = Whom::Process(pid);
        let read = reading.asking.ask(whom, move || PerfMap::read(&proc, pid, before))?;
        read.map(|mut this| {
            if let Bytes::File(file) = this.file {
                let is_local = is_local(&file);
                this.file = Bytes::of(file, is_local, whom, reading.asking);
            }
            this
        })
    }

    /// The list of a process, with what was added to it since `before`. `None` where it has none, or
    /// somebody else wrote it.
    pub(super) fn read(proc: &Path, pid: u32, before: Option<PerfMap>) -> Option<PerfMap> {
        let of_process = proc.join(pid.to_string());
        let owner = std::fs::metadata(&of_process).ok()?.uid();
        let own_pid = innermost_pid(&of_process).unwrap_or(pid);
        let path = format!("/tmp/perf-{own_pid}.map");
        let (file, identity, writer) =
            opening::open_within(&of_process.join("root"), path.as_bytes()).ok()?;
        if writer != owner {
            return None;
        }
        let before = before.filter(|before| {
            before.identity.is_same_inode(&identity) && before.identity.size() <= identity.size()
        });
        let (pieces, read_bytes) =
            before.map_or((Vec::new(), 0), |before| (before.pieces, before.read_bytes));
        let mut this = PerfMap { file: Bytes::File(file), identity, pieces, read_bytes };
        this.read_on();
        Some(this)
    }

    #[cfg(test)]
    pub(super) fn of(text: Vec<u8>, identity: Identity) -> PerfMap {
        let (file, pieces) = (Bytes::Memory(text), Vec::new());
        let mut this = PerfMap { file, identity, pieces, read_bytes: 0 };
        this.read_on();
        this
    }

    /// Reads the lines behind those that were read. The last one may not be there as a whole yet.
    fn read_on(&mut self) {
        let mut has_more = false;
        let mut text = Vec::new();
        // The first line may not be there as a whole, and is no line of a name that is asked for.
        self.read_bytes = self.read_bytes.max(self.identity.size().saturating_sub(MOST_BYTES));
        loop {
            self.file.read_part(self.read_bytes, READ_BYTES, &mut text);
            let whole = match memchr::memrchr(b'\n', &text) {
                Some(end) => end + 1,
                // No line is as long: nobody meant this to be read.
                None if text.len() == READ_BYTES => READ_BYTES,
                None => break,
            };
            let mut at = 0;
            for line in text.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n')
            {
                self.pieces.extend(piece(line, self.read_bytes + at as u64));
                at += line.len();
            }
            has_more = true;
            if self.pieces.len() > 2 * MOST_LINES {
                self.keep_newest();
            }
            self.read_bytes += whole as u64;
        }
        if has_more {
            self.keep_newest();
            self.pieces.sort();
            self.pieces.shrink_to_fit();
        }
    }

    fn keep_newest(&mut self) {
        let Some(newest) = self.pieces.len().checked_sub(MOST_LINES).filter(|old| *old > 0) else {
            return;
        };
        self.pieces.select_nth_unstable_by_key(newest, |piece| piece.name_at);
        self.pieces.drain(..newest);
    }

    /// Puts the name of the newest code at an address behind `name`.
    pub(super) fn find(&self, address: u64, name: &mut Vec<u8>) -> bool {
        let behind = self.pieces.partition_point(|piece| piece.start <= address);
        let before = self.pieces.get(..behind).unwrap_or_default();
        let near = before.iter().rev().take(MOST_TRIED);
        let has = near.filter(|piece| address - piece.start < u64::from(piece.bytes));
        let Some(piece) = has.max_by_key(|piece| piece.name_at) else { return false };
        self.file.read_part(u64::from(piece.name_at), MOST_NAME_BYTES, name);
        let end = memchr::memchr(b'\n', name).unwrap_or(name.len());
        name.truncate(end);
        !name.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.pieces.capacity() * size_of::<Piece>()
    }
}

/// `start size name`, the numbers in hexadecimal digits.
fn piece(line: &[u8], at: u64) -> Option<Piece> {
    let mut fields = line.splitn(3, |byte| *byte == b' ');
    let mut number = || {
        let digits = std::str::from_utf8(fields.next()?).ok()?;
        u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
    };
    let (start, bytes) = (number()?, number()?);
    let name = fields.next().filter(|name| !name.trim_ascii().is_empty())?;
    let name_at = at + (line.len() - name.len()) as u64;
    let name_at = u32::try_from(name_at).ok()?;
    Some(Piece { start, name_at, bytes: narrow::count32_of(bytes) })
}

/// The number of a process in its own name space, by which it calls itself.
fn innermost_pid(of_process: &Path) -> Option<u32> {
    let status = std::fs::read_to_string(of_process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_ascii_whitespace().next_back()?.parse().ok()
}

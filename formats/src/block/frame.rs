//! zstd frames with a content checksum, level 1.

use super::BlockError;
use crate::chunk::{BufferPool, Slab};
use crate::narrow::{count32, index};
use rkyv::util::AlignedVec;
use zstd::zstd_safe::{
    self, CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective,
    zstd_sys::ZSTD_EndDirective,
};

/// The level that FACTS and the codec bench decided on: higher ones take 2.5 to 6 times the time
/// for 2-4 % fewer bytes.
const LEVEL: i32 = 1;

/// A section this long or longer gets entropy tables of its own; below it the tables would cost
/// more than they save.
const OWN_TABLES_BYTES: usize = 4096;

/// How far back a frame refers at most, 2^16 bytes: at this level zstd would take eight times that
/// for long ones, and keep it.
const WINDOW_LOG: u32 = 16;

/// Room that the compressor is given at least, bytes.
const LEAST_ROOM_BYTES: usize = 4096;

/// The most that a frame may hold. A second of 1 kHz on 128 CPUs is 20 MiB in many frames; what
/// claims to be more than this is damaged, or made to fill the memory of whoever opens it.
const MOST_FRAME_BYTES: usize = 64 << 20;

/// What is kept of the memory that a frame was opened into; few hold more.
const KEPT_BYTES: usize = 4 << 20;

/// Frames that are read as a stream refer back this far at most, 2^22 bytes; ours do 2^16, and did
/// 2^19.
const MOST_WINDOW_LOG: u32 = 22;

/// A stream is unpacked in portions of this size.
const PORTION_BYTES: usize = 256 << 10;

/// Makes frames.
pub struct Compressor {
    context: CCtx<'static>,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor { context: CCtx::create() }
    }
}

impl Compressor {
    /// Appends a frame of `sections`, one after the other, to `out` and returns its length. Byte
    /// planes of different significance have different statistics, so long sections are compressed
    /// with tables of their own.
    ///
    /// # Errors
    /// When zstd cannot get memory, or the sections are more than a frame may hold.
    pub fn frame(&mut self, sections: &[&[u8]], out: &mut Vec<u8>) -> Result<u32, BlockError> {
        let size: usize = sections.iter().map(|section| section.len()).sum();
        let start = out.len();
        let what = "block under construction";
        if size > MOST_FRAME_BYTES {
            return Err(BlockError::Frame { what, why: "it is larger than a frame may be" });
        }
        self.stream(sections, size, out).map_err(|code| {
            out.truncate(start);
            BlockError::Frame { what, why: zstd_safe::get_error_name(code) }
        })?;
        Ok(count32(out.len() - start))
    }

    fn stream(
        &mut self,
        sections: &[&[u8]],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), zstd_safe::ErrorCode> {
        self.context.reset(ResetDirective::SessionAndParameters)?;
        self.context.set_parameter(CParameter::CompressionLevel(LEVEL))?;
        self.context.set_parameter(CParameter::ChecksumFlag(true))?;
        self.context.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        self.context.set_pledged_src_size(Some(size as u64))?;
        for (at, section) in sections.iter().enumerate() {
            let own = section.len() >= OWN_TABLES_BYTES
                || sections.get(at + 1).is_some_and(|next| next.len() >= OWN_TABLES_BYTES);
            let directive = if own {
                ZSTD_EndDirective::ZSTD_e_flush
            } else {
                ZSTD_EndDirective::ZSTD_e_continue
            };
            let mut input = InBuffer::around(section);
            loop {
                let left = self.put(&mut input, directive, out)?;
                if input.pos() == section.len() && (left == 0 || !own) {
                    break;
                }
            }
        }
        let mut nothing = InBuffer::around(&[]);
        while self.put(&mut nothing, ZSTD_EndDirective::ZSTD_e_end, out)? != 0 {}
        Ok(())
    }

    /// Appends what of a frame comes out now, which may not be all. Room for what could come out at
    /// the most would be as much memory as went in.
    fn put(
        &mut self,
        input: &mut InBuffer<'_>,
        directive: ZSTD_EndDirective,
        out: &mut Vec<u8>,
    ) -> Result<usize, zstd_safe::ErrorCode> {
        out.reserve(LEAST_ROOM_BYTES);
        let filled = out.len();
        let mut output = OutBuffer::around_pos(out, filled);
        self.context.compress_stream2(&mut output, input, directive)
    }
}

/// Opens frames.
pub struct Decompressor {
    context: DCtx<'static>,
    /// Where the frame at hand goes.
    raw: Vec<u8>,
    /// Where memory for words comes from.
    pool: BufferPool,
}

impl Default for Decompressor {
    fn default() -> Decompressor {
        Decompressor { context: DCtx::create(), raw: Vec::new(), pool: BufferPool::default() }
    }
}

impl Decompressor {
    /// One that takes memory for words from a pool that others use too.
    pub(crate) fn with(pool: BufferPool) -> Decompressor {
        Decompressor { pool, ..Decompressor::default() }
    }

    /// Decompresses `frame` into memory that is kept.
    ///
    /// # Errors
    /// As [`Decompressor::open`].
    pub(super) fn opened(&mut self, frame: &[u8], what: &'static str) -> Result<&[u8], BlockError> {
        let mut raw = std::mem::take(&mut self.raw);
        let result = self.open(frame, what, &mut raw);
        self.raw = raw;
        result.map(|()| &self.raw[..])
    }

    /// Memory for `length` words.
    pub(super) fn slab(&self, length: usize) -> Slab {
        self.pool.take(length)
    }

    /// Decompresses `frame` into `out`, whose contents are replaced.
    ///
    /// # Errors
    /// When the frame or its checksum is not what was written.
    pub fn open(
        &mut self,
        frame: &[u8],
        what: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        self.open_at_most(MOST_FRAME_BYTES, frame, what, out)
    }

    /// The same, of a frame that may hold `most_bytes`.
    ///
    /// # Errors
    /// As [`Decompressor::open`].
    pub fn open_at_most(
        &mut self,
        most_bytes: usize,
        frame: &[u8],
        what: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let most_bytes = most_bytes.min(MOST_FRAME_BYTES);
        let size = match zstd_safe::get_frame_content_size(frame) {
            // The densest block that zstd makes is 128 KiB of one byte, in four bytes: a damaged
            // size is caught before memory is asked for.
            Ok(Some(size)) if size <= most_bytes as u64 && size / 32768 <= frame.len() as u64 => {
                index(size)
            }
            _ => return Err(BlockError::Layout(what)),
        };
        if out.capacity() > KEPT_BYTES && size <= KEPT_BYTES {
            *out = Vec::new();
        }
        out.clear();
        out.reserve(size);
        let why = |code| BlockError::Frame { what, why: zstd_safe::get_error_name(code) };
        let got = self.context.decompress(out, frame).map_err(why)?;
        if got == size { Ok(()) } else { Err(BlockError::Layout(what)) }
    }
}

/// The bytes that a frame says it holds.
pub(super) fn content_bytes(frame: &[u8]) -> u64 {
    match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) => size.min(MOST_FRAME_BYTES as u64),
        _ => 0,
    }
}

/// Opens frames portion by portion, in memory that does not grow with what a frame holds.
pub struct Unpacker {
    context: DCtx<'static>,
    /// How much of the frame was taken in.
    taken: usize,
    what: &'static str,
    ended: bool,
}

impl Default for Unpacker {
    fn default() -> Unpacker {
        Unpacker { context: DCtx::create(), taken: 0, what: "", ended: false }
    }
}

impl Unpacker {
    /// Begins with a frame, which holds the `what`.
    ///
    /// # Errors
    /// When zstd cannot get memory.
    pub fn start(&mut self, what: &'static str) -> Result<(), BlockError> {
        (self.taken, self.ended, self.what) = (0, false, what);
        let why = |code| BlockError::Frame { what, why: zstd_safe::get_error_name(code) };
        self.context.reset(ResetDirective::SessionOnly).map_err(why)?;
        let window = DParameter::WindowLogMax(MOST_WINDOW_LOG);
        self.context.set_parameter(window).map_err(why)?;
        Ok(())
    }

    /// Appends the next portion of `frame` to `out`; returns its length, 0 at the end.
    ///
    /// # Errors
    /// When the frame or its checksum is not what was written.
    pub fn more(&mut self, frame: &[u8], out: &mut AlignedVec) -> Result<usize, BlockError> {
        let what = self.what;
        let why = |code| BlockError::Frame { what, why: zstd_safe::get_error_name(code) };
        let filled = out.len();
        out.resize(filled + PORTION_BYTES, 0);
        let mut got = 0;
        while !self.ended && got < PORTION_BYTES {
            let mut input = InBuffer::around(frame.get(self.taken..).unwrap_or(&[]));
            let mut output = OutBuffer::around(&mut out[filled + got..]);
            let hint = self.context.decompress_stream(&mut output, &mut input).map_err(why)?;
            let (taken, made) = (input.pos(), output.pos());
            self.taken += taken;
            got += made;
            self.ended = hint == 0;
            if taken == 0 && made == 0 && !self.ended {
                // The frame is cut short.
                return Err(BlockError::Layout(what));
            }
        }
        if self.ended && self.taken != frame.len() {
            return Err(BlockError::Layout(what));
        }
        out.resize(filled + got, 0);
        Ok(got)
    }
}

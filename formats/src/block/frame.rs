//! zstd frames with a content checksum, level 1.

use super::BlockError;
use crate::reader::{Shelf, Slab};
use zstd::zstd_safe::{
    self, CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective, zstd_sys::ZSTD_EndDirective,
};

/// The level that FACTS and the codec bench decided on: higher ones take 2.5 to 6 times the time
/// for 2-4 % fewer bytes.
const LEVEL: i32 = 1;

/// A section this long or longer gets entropy tables of its own; below it the tables would cost
/// more than they save.
const OWN_TABLES_BYTES: usize = 4096;

/// The most that a frame may hold. A second of 1 kHz on 128 CPUs is 20 MiB in many frames; what
/// claims to be more than this is damaged, or made to fill the memory of whoever opens it.
const MOST_FRAME_BYTES: usize = 128 << 20;

/// Makes frames.
pub struct Compressor {
    context: CCtx<'static>,
    scratch: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor { context: CCtx::create(), scratch: Vec::new() }
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
        self.stream(sections, size, out)
            .map_err(|code| BlockError::Frame { what, why: zstd_safe::get_error_name(code) })?;
        Ok((out.len() - start) as u32)
    }

    fn stream(
        &mut self,
        sections: &[&[u8]],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), zstd_safe::ErrorCode> {
        let context = &mut self.context;
        context.reset(ResetDirective::SessionAndParameters)?;
        context.set_parameter(CParameter::CompressionLevel(LEVEL))?;
        context.set_parameter(CParameter::ChecksumFlag(true))?;
        context.set_pledged_src_size(Some(size as u64))?;
        self.scratch.clear();
        self.scratch.reserve(zstd_safe::compress_bound(size) + 64 * (sections.len() + 1));
        let mut output = OutBuffer::around(&mut self.scratch);
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
                let left = context.compress_stream2(&mut output, &mut input, directive)?;
                if input.pos() == section.len() && (left == 0 || !own) {
                    break;
                }
            }
        }
        let mut nothing = InBuffer::around(&[]);
        while context.compress_stream2(&mut output, &mut nothing, ZSTD_EndDirective::ZSTD_e_end)?
            != 0
        {}
        out.extend_from_slice(output.as_slice());
        Ok(())
    }
}

/// Opens frames.
pub struct Decompressor {
    context: DCtx<'static>,
    /// Where the frame at hand goes.
    raw: Vec<u8>,
    /// Where memory for words comes from.
    shelf: Shelf,
}

impl Default for Decompressor {
    fn default() -> Decompressor {
        Decompressor { context: DCtx::create(), raw: Vec::new(), shelf: Shelf::default() }
    }
}

impl Decompressor {
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
        self.shelf.take(length)
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
        let size = match zstd_safe::get_frame_content_size(frame) {
            // The densest block that zstd makes is 128 KiB of one byte, in four bytes: a damaged
            // size is caught before memory is asked for.
            Ok(Some(size))
                if size <= MOST_FRAME_BYTES as u64 && size / 32768 <= frame.len() as u64 =>
            {
                size as usize
            }
            _ => return Err(BlockError::Layout(what)),
        };
        out.clear();
        out.reserve(size);
        let why = |code| BlockError::Frame { what, why: zstd_safe::get_error_name(code) };
        let got = self.context.decompress(out, frame).map_err(why)?;
        if got == size { Ok(()) } else { Err(BlockError::Layout(what)) }
    }
}

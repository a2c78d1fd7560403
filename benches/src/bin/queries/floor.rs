//! The least that decoding can take: zstd undoes the frames of the blocks, and for every word of a
//! column that changes eight bytes are stored in memory that is used again. Read beside what decoding
//! takes it says what is ours, on any machine.

use nodemon_formats::Schema;
use nodemon_formats::block::{Block, Decompressor};
use nodemon_formats::reader::Words;
use std::error::Error;
use std::hint::black_box;
use zstd::bulk;

/// Blocks whose frames are undone.
pub struct Floor {
    blocks: Vec<Frames>,
    decompressor: bulk::Decompressor<'static>,
    raw: Vec<u8>,
    words: Vec<u64>,
}

struct Frames {
    frames: Vec<Vec<u8>>,
    /// Words of columns that change.
    words: usize,
}

impl Floor {
    /// No blocks.
    ///
    /// # Errors
    /// When zstd cannot be set up.
    pub fn new() -> Result<Floor, Box<dyn Error>> {
        let decompressor = bulk::Decompressor::new()?;
        Ok(Floor { blocks: Vec::new(), decompressor, raw: Vec::new(), words: Vec::new() })
    }

    /// Adds the block in `bytes`, which is one of `schema`'s table.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn add(&mut self, bytes: &[u8], schema: &Schema) -> Result<(), Box<dyn Error>> {
        let decompressor = &mut Decompressor::default();
        let block = Block::open(bytes, schema, decompressor)?;
        let all: Vec<usize> = (0..schema.row_width()).collect();
        let words_of = |words: &Words| match words {
            Words::Constant(_) => 0,
            Words::Each(words) => words.len(),
        };
        let cells = block.columns(&all, decompressor)?;
        let words = cells.iter().map(|cells| words_of(&cells.words)).sum();
        let sizes = block.header().groups.iter().map(|group| group.frame_bytes as usize);
        let mut at = bytes.len() - sizes.clone().sum::<usize>();
        let mut frames = Vec::new();
        for size in sizes {
            let frame = bytes[at..at + size].to_vec();
            let raw_bytes = zstd::zstd_safe::get_frame_content_size(&frame);
            let raw_bytes = raw_bytes.ok().flatten().ok_or("a frame without its size")? as usize;
            self.raw.reserve(raw_bytes.saturating_sub(self.raw.len()));
            frames.push(frame);
            at += size;
        }
        self.words.resize(self.words.len().max(words), 0);
        self.blocks.push(Frames { frames, words });
        Ok(())
    }

    /// Does it once.
    ///
    /// # Errors
    /// When a frame is damaged.
    pub fn run(&mut self) -> Result<(), Box<dyn Error>> {
        for block in &self.blocks {
            for frame in &block.frames {
                self.raw.clear();
                self.decompressor.decompress_to_buffer(frame, &mut self.raw)?;
                black_box(&self.raw);
            }
            self.words[..block.words].fill(black_box(1));
            black_box(&self.words);
        }
        Ok(())
    }
}

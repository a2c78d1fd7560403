//! Pages of one column chunk: compressed, with their headers, one after the other.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::errors::Result;
use parquet::file::metadata::OffsetIndexBuilder;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;

/// What encoders share that are used one after the other.
pub struct ThreadScratch {
    compressor: Compressor<'static>,
    /// The body of the page at hand.
    pub body: Vec<u8>,
    /// The words of the rows at hand that have a value.
    pub words: Vec<u64>,
}

impl ThreadScratch {
    /// A workbench with its compressor.
    ///
    /// # Errors
    /// When zstd cannot be set up.
    pub fn new() -> std::io::Result<ThreadScratch> {
        let compressor = Compressor::new(super::ZSTD_LEVEL)?;
        Ok(ThreadScratch { compressor, body: Vec::new(), words: Vec::new() })
    }

    fn compress(&mut self) -> Result<Bytes> {
        let mut compressed = Vec::with_capacity(zstd::zstd_safe::compress_bound(self.body.len()));
        self.compressor.compress_to_buffer(&self.body, &mut compressed)?;
        Ok(compressed.into())
    }
}

/// Takes pages and puts them behind each other in memory.
pub struct Pages {
    chunk: TrackedWrite<Vec<u8>>,
    /// Where data pages are, by their offset behind the dictionary.
    places: Vec<Place>,
    uncompressed_bytes: usize,
}

struct Place {
    rows: usize,
    offset: u64,
    size_bytes: usize,
}

/// All pages of a chunk.
pub struct Chunk {
    /// Headers and pages, the dictionary first.
    pub bytes: Bytes,
    /// What the pages would take without compression, with their headers.
    pub uncompressed_bytes: usize,
    /// Bytes of the dictionary, behind which the first data page starts.
    pub dictionary_bytes: usize,
    /// Where every data page is.
    pub offsets: OffsetIndexMetaData,
}

impl Pages {
    /// No pages.
    pub fn new() -> Pages {
        Pages { chunk: TrackedWrite::new(Vec::new()), places: Vec::new(), uncompressed_bytes: 0 }
    }

    /// Bytes of all pages so far.
    pub fn size_bytes(&self) -> usize {
        self.chunk.bytes_written()
    }

    /// Adds the body on the workbench as a page of `rows` rows.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn add(
        &mut self,
        rows: usize,
        encoding: Encoding,
        scratch: &mut ThreadScratch,
    ) -> Result<()> {
        let page = Page::DataPage {
            buf: scratch.compress()?,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = put(page, scratch.body.len(), &mut self.chunk)?;
        self.uncompressed_bytes += spec.uncompressed_size;
        self.places.push(Place { rows, offset: spec.offset, size_bytes: spec.compressed_size });
        Ok(())
    }

    /// All pages since the last call. The body on the workbench is that of a dictionary with that
    /// many entries, where there is one.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn finish(
        &mut self,
        dictionary: Option<usize>,
        scratch: &mut ThreadScratch,
    ) -> Result<Chunk> {
        let mut bytes = TrackedWrite::new(Vec::new());
        if let Some(entries) = dictionary {
            let page = Page::DictionaryPage {
                buf: scratch.compress()?,
                num_values: entries as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let spec = put(page, scratch.body.len(), &mut bytes)?;
            self.uncompressed_bytes += spec.uncompressed_size;
        }
        let mut bytes = bytes.into_inner()?;
        let dictionary_bytes = bytes.len();
        let pages = std::mem::replace(&mut self.chunk, TrackedWrite::new(Vec::new()));
        let mut pages = pages.into_inner()?;
        match dictionary {
            Some(_) => bytes.append(&mut pages),
            None => bytes = pages,
        }
        let mut offsets = OffsetIndexBuilder::new();
        for place in self.places.drain(..) {
            let offset = dictionary_bytes as u64 + place.offset;
            offsets.append_row_count(place.rows as i64);
            offsets.append_offset_and_size(offset as i64, place.size_bytes as i32);
        }
        Ok(Chunk {
            bytes: bytes.into(),
            uncompressed_bytes: std::mem::take(&mut self.uncompressed_bytes),
            dictionary_bytes,
            offsets: offsets.build(),
        })
    }
}

fn put(page: Page, body_bytes: usize, to: &mut TrackedWrite<Vec<u8>>) -> Result<PageWriteSpec> {
    SerializedPageWriter::new(to).write_page(CompressedPage::new(page, body_bytes))
}

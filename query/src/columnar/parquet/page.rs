//! Pages of one column chunk: compressed, with their headers, one after the other.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::errors::Result;
use parquet::file::metadata::OffsetIndexBuilder;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;

/// Takes pages and puts them behind each other in memory.
pub struct PageSink {
    compressor: Compressor<'static>,
    /// The page at hand, not compressed.
    raw: Vec<u8>,
    chunk: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    uncompressed_bytes: usize,
    data_offset: Option<u64>,
}

/// All pages of a chunk.
pub struct Chunk {
    /// Headers and pages.
    pub bytes: Bytes,
    /// What the pages would take without compression, with their headers.
    pub uncompressed_bytes: usize,
    /// Where the first data page starts.
    pub data_offset: u64,
    /// Where every data page is.
    pub offsets: OffsetIndexMetaData,
}

impl PageSink {
    /// A sink without pages.
    ///
    /// # Errors
    /// When zstd cannot be set up.
    pub fn new() -> std::io::Result<PageSink> {
        Ok(PageSink {
            compressor: Compressor::new(super::ZSTD_LEVEL)?,
            raw: Vec::new(),
            chunk: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            uncompressed_bytes: 0,
            data_offset: None,
        })
    }

    /// Where to put the body of the next page.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.raw.clear();
        &mut self.raw
    }

    /// The body is that of a dictionary of `entries` strings.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn end_dictionary(&mut self, entries: usize) -> Result<()> {
        let page = Page::DictionaryPage {
            buf: self.compress()?,
            num_values: entries as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.put(page).map(drop)
    }

    /// The body is that of `rows` rows.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn end(&mut self, rows: usize, encoding: Encoding) -> Result<()> {
        let page = Page::DataPage {
            buf: self.compress()?,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = self.put(page)?;
        self.offsets.append_row_count(rows as i64);
        self.offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        self.data_offset.get_or_insert(spec.offset);
        Ok(())
    }

    fn compress(&mut self) -> Result<Bytes> {
        let mut compressed = Vec::with_capacity(zstd::zstd_safe::compress_bound(self.raw.len()));
        self.compressor.compress_to_buffer(&self.raw, &mut compressed)?;
        Ok(compressed.into())
    }

    fn put(&mut self, page: Page) -> Result<PageWriteSpec> {
        let page = CompressedPage::new(page, self.raw.len());
        let spec = SerializedPageWriter::new(&mut self.chunk).write_page(page)?;
        self.uncompressed_bytes += spec.uncompressed_size;
        Ok(spec)
    }

    /// All pages since the last call.
    ///
    /// # Errors
    /// Never: writing to memory does not fail.
    pub fn finish(&mut self) -> Result<Chunk> {
        let chunk = std::mem::replace(&mut self.chunk, TrackedWrite::new(Vec::new()));
        Ok(Chunk {
            bytes: chunk.into_inner()?.into(),
            uncompressed_bytes: std::mem::take(&mut self.uncompressed_bytes),
            data_offset: self.data_offset.take().unwrap_or(0),
            offsets: std::mem::replace(&mut self.offsets, OffsetIndexBuilder::new()).build(),
        })
    }
}

//! One column of a row group, as bytes of a Parquet file.

use super::hybrid;
use super::order::Bounds;
use super::page::{Pages, ThreadScratch};
use super::values::Values;
use crate::rows::{Batch, BatchColumn, Bitmap};
use bytes::Bytes;
use nodemon_formats::ColumnType;
use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder};
use parquet::schema::types::ColumnDescPtr;

/// A page ends with the batch that brings it to so many rows: what a reader has to decode to get at
/// one of them.
const PAGE_ROWS: usize = 20_000;

/// Encodes a column as its rows come. What it holds are encoded bytes.
pub struct ColumnEncoder {
    descriptor: ColumnDescPtr,
    kind: ColumnType,
    /// Values of the page at hand.
    values: Values,
    /// Which rows of the page have a value; `None` while all have.
    present: Option<Bitmap>,
    /// Rows of the page.
    rows: usize,
    page: Bounds,
    pages: Pages,
    index: ColumnIndexBuilder,
    chunk: Bounds,
    chunk_rows: usize,
    encodings: Vec<Encoding>,
}

impl ColumnEncoder {
    /// An encoder of the column that `descriptor` describes, whose values are of type `kind`.
    pub fn new(descriptor: ColumnDescPtr, kind: ColumnType) -> ColumnEncoder {
        ColumnEncoder {
            values: Values::new(kind),
            present: None,
            rows: 0,
            page: Bounds::new(kind),
            pages: Pages::new(),
            index: ColumnIndexBuilder::new(descriptor.physical_type()),
            chunk: Bounds::new(kind),
            chunk_rows: 0,
            encodings: Vec::new(),
            descriptor,
            kind,
        }
    }

    /// Takes the rows of a column of `batch`.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn push(
        &mut self,
        batch: &Batch,
        column: &BatchColumn,
        scratch: &mut ThreadScratch,
    ) -> Result<()> {
        let rows = batch.len();
        match (&mut self.present, &column.present) {
            (None, None) => {}
            (Some(bits), None) => bits.extend_filled(rows, true),
            (bits, Some(more)) => {
                bits.get_or_insert_with(|| Bitmap::filled(self.rows, true)).extend(more);
                self.page.nulls += (rows - more.count_ones()) as u64;
            }
        }
        match (&mut self.values, &column.present) {
            (Values::Texts(encoder), _) => encoder.push(batch, column),
            (_, None) => self.push_words(&column.words),
            (_, Some(present)) => {
                let mut words = std::mem::take(&mut scratch.words);
                gather(&column.words, present, &mut words);
                self.push_words(&words);
                scratch.words = words;
            }
        }
        self.end_rows(rows, scratch)
    }

    /// Takes the times of rows, which are never absent.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn push_times(&mut self, times: &[i64], scratch: &mut ThreadScratch) -> Result<()> {
        let mut words = std::mem::take(&mut scratch.words);
        words.clear();
        words.extend(times.iter().map(|time| time.cast_unsigned()));
        self.push_words(&words);
        scratch.words = words;
        self.end_rows(times.len(), scratch)
    }

    fn push_words(&mut self, words: &[u64]) {
        self.page.add(words);
        self.values.push(words);
    }

    fn end_rows(&mut self, rows: usize, scratch: &mut ThreadScratch) -> Result<()> {
        self.rows += rows;
        if self.rows >= PAGE_ROWS { self.end_page(scratch) } else { Ok(()) }
    }

    /// Bytes that it holds.
    pub fn size_bytes(&self) -> usize {
        let strings = match &self.values {
            Values::Texts(encoder) => encoder.size_bytes(),
            _ => 0,
        };
        self.pages.size_bytes() + strings
    }

    fn is_required(&self) -> bool {
        self.descriptor.max_def_level() == 0
    }

    fn end_page(&mut self, scratch: &mut ThreadScratch) -> Result<()> {
        scratch.body.clear();
        if !self.is_required() {
            // Version 1 of the page has the length of the levels in front of them.
            scratch.body.extend_from_slice(&[0; 4]);
            hybrid::encode_presence(self.present.as_ref(), self.rows, &mut scratch.body);
            let length = scratch.body.len() as u32 - 4;
            scratch.body[..4].copy_from_slice(&length.to_le_bytes());
        }
        let encoding = self.values.flush(&mut scratch.body);
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        self.pages.add(self.rows, encoding, scratch)?;
        let is_empty = self.page.nulls == self.rows as u64;
        let page = std::mem::replace(&mut self.page, Bounds::new(self.kind));
        index_page(&mut self.index, &page, is_empty);
        self.chunk.merge(&page);
        self.chunk_rows += self.rows;
        (self.rows, self.present) = (0, None);
        Ok(())
    }

    /// The bytes of all rows since the last call, and what the footer says of them.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn finish(&mut self, scratch: &mut ThreadScratch) -> Result<(Bytes, ColumnCloseResult)> {
        if self.rows > 0 {
            self.end_page(scratch)?;
        }
        scratch.body.clear();
        let (statistics, dictionary) = match &mut self.values {
            Values::Texts(encoder) => {
                let statistics = encoder.statistics(self.chunk.nulls);
                let entries = encoder.dictionary(&mut scratch.body);
                encoder.clear();
                (statistics, Some(entries))
            }
            _ => (self.chunk.statistics(), None),
        };
        let chunk = self.pages.finish(dictionary, scratch)?;
        self.encodings.push(Encoding::RLE);
        if dictionary.is_some() {
            self.encodings.push(Encoding::PLAIN);
        }
        let metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(super::ZSTD_LEVEL)?))
            .set_encodings_mask(EncodingMask::new_from_encodings(self.encodings.iter()))
            .set_total_compressed_size(chunk.bytes.len() as i64)
            .set_total_uncompressed_size(chunk.uncompressed_bytes as i64)
            .set_num_values(self.chunk_rows as i64)
            .set_data_page_offset(chunk.dictionary_bytes as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_statistics(statistics)
            .build()?;
        let empty = ColumnIndexBuilder::new(self.descriptor.physical_type());
        let mut index = std::mem::replace(&mut self.index, empty);
        if self.is_required() {
            index.set_boundary_order(BoundaryOrder::ASCENDING);
        }
        let result = ColumnCloseResult {
            bytes_written: chunk.bytes.len() as u64,
            rows_written: self.chunk_rows as u64,
            metadata,
            bloom_filter: None,
            column_index: if index.valid() { Some(index.build()?) } else { None },
            offset_index: Some(chunk.offsets),
        };
        self.chunk = Bounds::new(self.kind);
        self.chunk_rows = 0;
        self.encodings.clear();
        Ok((chunk.bytes, result))
    }
}

/// The words of the rows that have a value.
fn gather(words: &[u64], present: &Bitmap, values: &mut Vec<u64>) {
    values.clear();
    for (lanes, &bits) in words.chunks(64).zip(present.words()) {
        if bits == u64::MAX {
            values.extend_from_slice(lanes);
        } else {
            let there = |(lane, word): (usize, &u64)| (bits >> lane & 1 == 1).then_some(*word);
            values.extend(lanes.iter().enumerate().filter_map(there));
        }
    }
}

/// Tells readers what is in a page, so that they can leave it out.
fn index_page(index: &mut ColumnIndexBuilder, page: &Bounds, is_empty: bool) {
    let nans = (page.kind() == ColumnType::F64).then_some(page.nans as i64);
    match page.plain() {
        _ if is_empty => index.append(true, Vec::new(), Vec::new(), page.nulls as i64, nans),
        Some((min, max)) => index.append(false, min, max, page.nulls as i64, nans),
        None => index.to_invalid(),
    }
}

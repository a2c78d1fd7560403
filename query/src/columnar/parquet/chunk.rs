//! One column of a row group, as bytes of a Parquet file.

use super::dictionary::Dictionary;
use super::group::GroupColumn;
use super::order::Bounds;
use super::pack::width_of;
use super::page::PageSink;
use super::{delta, hybrid};
use crate::rows::Bitmap;
use bytes::Bytes;
use nodemon_formats::ColumnType;
use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder};
use parquet::schema::types::ColumnDescPtr;

/// Rows in a page: what a reader has to decode to get at one row. A multiple of 64, so that pages
/// start on a word of the presence bits.
const PAGE_ROWS: usize = 20 << 10;

/// Encodes columns of row groups, one after the other.
pub struct ChunkEncoder {
    pages: PageSink,
    /// Values of a page without the rows that have none.
    values: Vec<u64>,
}

impl ChunkEncoder {
    /// An encoder, with its compressor.
    ///
    /// # Errors
    /// When zstd cannot be set up.
    pub fn new() -> std::io::Result<ChunkEncoder> {
        Ok(ChunkEncoder { pages: PageSink::new()?, values: Vec::new() })
    }

    /// The bytes of a column, which is described by `descriptor`, and what the footer says of them.
    ///
    /// # Errors
    /// What the `parquet` crate objects to.
    pub fn encode(
        &mut self,
        descriptor: &ColumnDescPtr,
        column: &GroupColumn,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let rows = column.words.len();
        let dictionary = column.dictionary.as_ref().filter(|dictionary| dictionary.pays(rows));
        if let Some(dictionary) = dictionary {
            dictionary.encode(self.pages.begin());
            self.pages.end_dictionary(dictionary.len())?;
        }
        let encoding = match column.kind {
            ColumnType::U64 | ColumnType::I64 => Encoding::DELTA_BINARY_PACKED,
            _ if dictionary.is_some() => Encoding::RLE_DICTIONARY,
            _ => Encoding::PLAIN,
        };
        let is_time = descriptor.max_def_level() == 0;
        let mut index = ColumnIndexBuilder::new(descriptor.physical_type());
        if is_time {
            index.set_boundary_order(BoundaryOrder::ASCENDING);
        }
        let mut total = Bounds::new(column.kind);
        for from in (0..rows).step_by(PAGE_ROWS) {
            let count = PAGE_ROWS.min(rows - from);
            let page = self.pages.begin();
            if !is_time {
                // Version 1 of the page has the length of the levels in front of them.
                page.extend_from_slice(&[0; 4]);
                hybrid::encode_presence(column.present.as_ref(), from, count, page);
                let length = page.len() as u32 - 4;
                page[..4].copy_from_slice(&length.to_le_bytes());
            }
            let words = &column.words[from..from + count];
            let values = match &column.present {
                None => words,
                Some(present) => gather(words, present, from, &mut self.values),
            };
            let mut bounds = Bounds::new(column.kind);
            bounds.add(values);
            bounds.nulls = (count - values.len()) as u64;
            match dictionary {
                Some(dictionary) => encode_numbers(values, dictionary, page),
                None => encode_values(values, column, page),
            }
            self.pages.end(count, encoding)?;
            index_page(&mut index, &bounds, values.is_empty());
            total.merge(&bounds);
        }
        let chunk = self.pages.finish()?;

        let statistics = match &column.dictionary {
            Some(dictionary) => dictionary.statistics(total.nulls),
            None => total.statistics(),
        };
        let encodings = [encoding, Encoding::RLE, Encoding::PLAIN];
        let used = if dictionary.is_some() { &encodings[..] } else { &encodings[..2] };
        let metadata = ColumnChunkMetaData::builder(descriptor.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(super::ZSTD_LEVEL)?))
            .set_encodings_mask(EncodingMask::new_from_encodings(used.iter()))
            .set_total_compressed_size(chunk.bytes.len() as i64)
            .set_total_uncompressed_size(chunk.uncompressed_bytes as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(chunk.data_offset as i64)
            .set_dictionary_page_offset(dictionary.is_some().then_some(0))
            .set_statistics(statistics)
            .build()?;
        let result = ColumnCloseResult {
            bytes_written: chunk.bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: if index.valid() { Some(index.build()?) } else { None },
            offset_index: Some(chunk.offsets),
        };
        Ok((chunk.bytes, result))
    }
}

/// The words of the rows that have a value.
fn gather<'a>(
    words: &'a [u64],
    present: &Bitmap,
    from: usize,
    values: &'a mut Vec<u64>,
) -> &'a [u64] {
    values.clear();
    for (lanes, &bits) in words.chunks(64).zip(&present.words()[from / 64..]) {
        if bits == u64::MAX {
            values.extend_from_slice(lanes);
        } else {
            let is_there = |(lane, word): (usize, &u64)| (bits >> lane & 1 == 1).then_some(*word);
            values.extend(lanes.iter().enumerate().filter_map(is_there));
        }
    }
    values
}

fn encode_numbers(numbers: &[u64], dictionary: &Dictionary, out: &mut Vec<u8>) {
    let width = width_of(dictionary.len().saturating_sub(1) as u64).max(1);
    out.push(width as u8);
    hybrid::encode(numbers, width, out);
}

fn encode_values(values: &[u64], column: &GroupColumn, out: &mut Vec<u8>) {
    match (column.kind, &column.dictionary) {
        (ColumnType::U64 | ColumnType::I64, _) => delta::encode(values, out),
        (ColumnType::F64, _) => values.iter().for_each(|word| out.extend(word.to_le_bytes())),
        (ColumnType::Bool, _) => out.extend(values.chunks(8).map(|eight| {
            eight.iter().enumerate().fold(0, |byte, (bit, word)| byte | (*word as u8 & 1) << bit)
        })),
        (_, Some(dictionary)) => values.iter().for_each(|n| dictionary.encode_entry(*n, out)),
        (_, None) => debug_assert!(false, "columns of strings have a dictionary"),
    }
}

/// Tells readers what is in a page, so that they can leave it out.
fn index_page(index: &mut ColumnIndexBuilder, bounds: &Bounds, is_empty: bool) {
    let nans = (bounds.kind() == ColumnType::F64).then_some(bounds.nans as i64);
    match bounds.plain() {
        _ if is_empty => index.append(true, Vec::new(), Vec::new(), bounds.nulls as i64, nans),
        Some((min, max)) => index.append(false, min, max, bounds.nulls as i64, nans),
        None => index.to_invalid(),
    }
}
